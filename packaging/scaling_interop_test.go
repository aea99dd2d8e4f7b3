// SPDX-License-Identifier: ISC

//go:build interop && linux

package packaging

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"postloop/internal/dbtest"
)

// node is one machine of several, as far as this goes on one: a master with a
// state of its own, which shares a database with others.
type node struct {
	t   *testing.T
	dir string
	bin string
}

// startNode has a rootless master serve a table of databases by itself.
func startNode(t *testing.T, hosts string) *node {
	t.Helper()
	n := &node{t: t, dir: shortDir(t), bin: repository(t) + "/bin/"}
	must(t, os.WriteFile(n.dir+"/users.cf", []byte("hosts = "+hosts+`
user = mail
password = secret
dbname = mail
query = SELECT place FROM users WHERE name = '%s'
retry_interval = 1
`), 0o644))
	must(t, os.WriteFile(n.dir+"/postloop.toml", []byte(fmt.Sprintf(`rootless = true
state = "run"

[log]
to = "stderr"

[parameters]
builtin_services = ["spawn", "proxymap"]
proxy_read_maps = ["proxy:mysql:%s/users.cf"]
proxymap_worker_directory = %q

[[service]]
listen = "unix:private/proxymap"
command = "proxymap"
`, n.dir, repository(t)+"/bin")), 0o644))
	log, err := os.Create(n.dir + "/log")
	must(t, err)
	c := exec.Command(n.bin+"master", "-d", "-c", n.dir)
	c.Stderr = log
	c.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	must(t, c.Start())
	must(t, log.Close())
	t.Cleanup(func() {
		_ = unix.Kill(c.Process.Pid, unix.SIGTERM)
		_ = c.Wait()
		if t.Failed() {
			t.Logf("the log of %s:\n%s", n.dir, read(t, n.dir+"/log"))
		}
	})
	until(t, "a master", func() bool {
		_, code := status(t, nil, n.bin+"postloop", "-c", n.dir, "status")
		return code == 0
	})
	return n
}

// lookup asks proxymap. An empty answer is none.
func (n *node) lookup(key string) string {
	n.t.Helper()
	out, code := status(n.t, nil, n.bin+"postloop", "-c", n.dir, "query", "proxy:mysql:"+n.dir+"/users.cf", key)
	if code != 0 {
		return ""
	}
	return strings.TrimSpace(out)
}

// TestManyMachines has two masters share a MariaDB and its replica, and kills the
// first of these.
func TestManyMachines(t *testing.T) {
	primary := dbtest.StartMariaDB(t, "--log-bin=log", "--server-id=1")
	replica := dbtest.StartMariaDB(t, "--server-id=2", "--read-only=1", "--slave-net-timeout=5",
		"--innodb-flush-log-at-trx-commit=1") // it has to keep what it said it has
	primary.SQL(`CREATE USER 'copy'@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT REPLICATION SLAVE ON *.* TO 'copy'@'127.0.0.1';
CREATE USER 'mail'@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT SELECT ON *.* TO 'mail'@'127.0.0.1';
CREATE DATABASE mail; CREATE TABLE mail.users (name VARCHAR(64) PRIMARY KEY, place VARCHAR(64));
INSERT INTO mail.users VALUES ('anna', 'one');`)
	replica.SQL(fmt.Sprintf(`CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='copy', MASTER_PASSWORD='secret',
MASTER_USE_GTID=slave_pos; START SLAVE;`, primary.Port))
	until(t, "a replica", func() bool {
		return strings.Contains(replica.SQL("SHOW DATABASES"), "mail") && replica.SQL("SELECT place FROM mail.users") == "one\n"
	})

	hosts := fmt.Sprintf("inet:127.0.0.1:%d inet:127.0.0.1:%d", primary.Port, replica.Port)
	nodes := []*node{startNode(t, hosts), startNode(t, hosts)}
	for _, n := range nodes {
		if got := n.lookup("anna"); got != "one" {
			t.Fatalf("%s: %q", n.dir, got)
		}
	}
	primary.Signal(unix.SIGKILL)
	for _, n := range nodes {
		for i := range 20 {
			if got := n.lookup("anna"); got != "one" {
				t.Errorf("%s, lookup %d without the primary: %q", n.dir, i, got)
			}
		}
	}
	// The replica is made the primary: what is written there is what everybody sees.
	replica.SQL("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = 0; UPDATE mail.users SET place = 'two';")
	for _, n := range nodes {
		if got := n.lookup("anna"); got != "two" {
			t.Errorf("%s, with another primary: %q", n.dir, got)
		}
	}
	if most := replica.Connections("mail"); most < 1 || most > 8 {
		t.Errorf("%d connections of two masters with four each at the most", most)
	}

	// Without any database nobody is told that there is no such user.
	replica.Signal(unix.SIGKILL)
	for _, n := range nodes {
		out, code := status(t, nil, n.bin+"postloop", "-c", n.dir, "query", "proxy:mysql:"+n.dir+"/users.cf", "anna")
		if code != 1 || !strings.Contains(out, "cannot answer now") {
			t.Errorf("%s without a database: %d\n%s", n.dir, code, out)
		}
	}
	replica.Start()
	for _, n := range nodes {
		until(t, "an answer again", func() bool { return n.lookup("anna") == "two" })
	}
}
