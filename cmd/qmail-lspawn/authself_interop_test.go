// SPDX-License-Identifier: ISC

//go:build interop && linux

package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postloop/internal/dbtest"
	"postloop/services/lspawn/lspawntest"
)

const (
	noDatabase = "Zqmail-spawn temporary MySQL error. (#4.3.0)\n"
	noLibrary  = "Zqmail-spawn error loading indimail library. (#4.3.0)\n"
)

// newVirtualRig is a rig with two virtual domains, whose mail a script delivers
// that says what it was told, and the programs that know their users.
func newVirtualRig(t *testing.T, programs ...string) *lspawntest.Rig {
	t.Helper()
	r := newRig(t, `case $6 in wait-*) echo begun >DIR/out/begun; read x <DIR/out/gate;; esac; printf '%s|%s|%s' "$3" "$4" "${PWSTRUCT-none}"`)
	must(t, os.Mkdir(r.Dir+"/control", 0o755))
	setFile(t, r.Dir+"/control/virtualdomains", "virt.example:virt.example\nother.example:acct\nalias.example:alias.example\ngone.example:gone.example\n")
	must(t, os.MkdirAll(r.Dir+"/domains/real.example", 0o755))
	must(t, os.Symlink("real.example", r.Dir+"/domains/alias.example"))
	lines := "=joe:joe:UID:GID:/home/joe:::\n+joe-:joe:UID:GID:/home/joe:-::\n=box:box:UID:GID:/home/box:::\n"
	for prefix, dir := range map[string]string{
		"virt.example": "/", "acct": "/", "alias.example": r.Dir + "/domains/alias.example", "gone.example": r.Dir + "/domains/gone.example",
	} {
		lines += fmt.Sprintf("+%s-:indimail:UID:GID:%s:-::\n", prefix, dir)
	}
	r.Assign(lines)
	for _, program := range programs {
		c := exec.Command("go", "build", "-trimpath", "-o", r.Dir+"/bin/"+program, "postloop/cmd/"+program)
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := c.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, text)
		}
	}
	return r
}

func setFile(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path+".tmp", []byte(text), 0o644))
	must(t, os.Rename(path+".tmp", path))
}

// startVirtual starts the program with AUTHSELF.
func startVirtual(t *testing.T, r *lspawntest.Rig, env ...string) *lspawntest.Spawner {
	t.Helper()
	return start(t, r, lspawntest.Options{Env: append([]string{"AUTHSELF=1", "CONTROLDIR=" + r.Dir + "/control", "QMAIL_LSPAWN_WORKERS=" + r.Dir + "/bin"}, env...)})
}

// says asks for a delivery and compares what is reported.
func says(t *testing.T, s *lspawntest.Spawner, recipient, want string) {
	t.Helper()
	s.Command(to(7, recipient))
	if got := s.Report(); got.Number != 7 || got.Text != want {
		t.Errorf("%s: %q, want %q", recipient, got.Text, want)
	}
}

// ends ends the program, and looks that it leaves nobody behind.
func ends(t *testing.T, s *lspawntest.Spawner) {
	t.Helper()
	children := lspawntest.Children(t, s.Pid)
	s.CloseInput()
	s.Exits(0)
	lspawntest.Until(t, "the end of all children", func() bool {
		for _, pid := range children {
			if syscall.Kill(pid, 0) == nil {
				return false
			}
		}
		return true
	})
}

// columns are those of IndiMail's two tables, but for what does not matter.
const columns = `(pw_name char(40) NOT NULL, pw_domain char(67) NOT NULL, pw_passwd char(128) NOT NULL, pw_uid int, pw_gid int,
	pw_gecos char(48) NOT NULL, pw_dir char(156), pw_shell char(30), scram char(255),
	timestamp timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (pw_name, pw_domain)) CHARACTER SET latin1;`

// startTables starts a server with IndiMail's tables, and tells the rig of it.
func startTables(t *testing.T, r *lspawntest.Rig, options ...string) *dbtest.MariaDB {
	t.Helper()
	m := dbtest.StartMariaDB(t, options...)
	m.SQL("CREATE DATABASE indimail; USE indimail; CREATE TABLE indimail " + columns + "CREATE TABLE indibak " + columns + `
		CREATE USER 'indimail'@'localhost' IDENTIFIED BY 'secret'; GRANT SELECT ON indimail.* TO 'indimail'@'localhost';
		CREATE USER 'indimail'@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT SELECT ON indimail.* TO 'indimail'@'127.0.0.1';
		INSERT INTO indimail (pw_name, pw_domain, pw_passwd, pw_uid, pw_gid, pw_gecos, pw_dir, pw_shell, scram) VALUES
			('user1', 'virt.example', '$1$salt$hash', 0, 8, 'Real Name', '/home/mail/x', '5000000S', NULL),
			('scram', 'virt.example', 'pw', 1, 0, '', '/d', 'NOQUOTA', '{SCRAM-SHA-1}x'),
			('minus', 'virt.example', 'pw', -1, 16, 'g', '/d', 'NOQUOTA', NULL),
			('odd', 'virt.example', 'a:b', 0, 0, CONCAT('J', _latin1 0xf6, 'rg'), '/d', '', NULL),
			('user', 'other.example', 'pw', 0, 0, 'g', '/d', '', NULL),
			('user', 'real.example', 'pw', 0, 0, 'real', '/d', '', NULL),
			('user', 'gone.example', 'pw', 0, 0, 'gone', '/d', '', NULL),
			('wait-1', 'virt.example', 'pw', 0, 0, 'g', '/d', '', NULL);
		INSERT INTO indibak (pw_name, pw_domain, pw_passwd, pw_uid, pw_gid, pw_gecos, pw_dir, pw_shell) VALUES
			('old', 'virt.example', 'pw', 0, 0, 'g', '/d', '');`)
	setFile(t, r.Dir+"/control/host.mysql", "localhost:indimail:secret:"+m.Socket+"\n")
	return m
}

const (
	user1 = "user1@virt.example:$1$salt$hash:0:8:Real Name:/home/mail/x:5000000S:0"
	to1   = "virt.example-user1@virt.example"
)

// TestMySQL: what the tables have is what qmail-local is told, and of its own user
// only.
func TestMySQL(t *testing.T) {
	t.Parallel()
	r := newVirtualRig(t, "vuser-mysql")
	m := startTables(t, r)
	s := startVirtual(t, r, "PWSTRUCT=stale")
	for _, test := range []struct{ user, want string }{
		{"user1", user1},
		{"USER1", user1},
		{"scram", "scram@virt.example:{SCRAM-SHA-1}x,pw:1:0::/d:NOQUOTA:0"},
		{"minus", "minus@virt.example:pw:4294967295:16:g:/d:NOQUOTA:0"},
		{"odd", "odd@virt.example:a:b:0:0:J\xf6rg:/d::0"},
		{"old", "old@virt.example:pw:0:0:g:/d::1"},
		{"nobody", "No such user nobody@virt.example"},
		{"Nobody@x", "No such user Nobody@x@virt.example"},
	} {
		says(t, s, "virt.example-"+test.user+"@virt.example", fmt.Sprintf("K/|%s|%s", "virt.example-"+test.user, test.want))
		says(t, s, "joe@h", "K/home/joe|joe|none") // and nothing is left for him
	}
	says(t, s, "virt.example-user1@VIRT.example", "K/|virt.example-user1|"+strings.Replace(user1, "virt", "VIRT", 1))
	says(t, s, "acct-user@other.example", "K/|acct-user|user@other.example:pw:0:0:g:/d::0")
	says(t, s, "virt.example-@virt.example", "K/|virt.example-|none")
	says(t, s, "@virt.example", "K")
	says(t, s, "alias.example-user@alias.example", "K"+r.Dir+"/domains/alias.example|alias.example-user|user@alias.example:pw:0:0:real:/d::0")
	says(t, s, "gone.example-user@gone.example", "K"+r.Dir+"/domains/gone.example|gone.example-user|No such user user@gone.example")

	// What is a name stays one.
	for _, user := range []string{
		`x" OR "1"="1`, `x' OR '1'='1`, `x'; DROP TABLE indimail; -- `, `x"; DROP TABLE indimail; -- `, `\`, `\"`, `\'`, "%", "user_", "`", "user1' -- ",
		"\xff", "user1\xff", "\xc3", "\xf0\x9f\x98\x80", "\xbf'", "\x1a", "?", ":1", strings.Repeat("u", 900), strings.Repeat("é", 600),
	} {
		says(t, s, "virt.example-"+user+"@virt.example", fmt.Sprintf("K/|virt.example-%s|No such user %s@virt.example", user, user))
	}
	says(t, s, to1, "K/|virt.example-user1|"+user1)

	// Domains come and go without a restart.
	setFile(t, r.Dir+"/control/virtualdomains", "h:joe\n")
	says(t, s, to1, "K/|virt.example-user1|none")
	m.SQL("INSERT INTO indimail.indimail SELECT 'new', 'h', pw_passwd, 0, 0, pw_gecos, pw_dir, pw_shell, NULL, NULL FROM indimail.indimail WHERE pw_name = 'user1'")
	says(t, s, "joe-new@h", "K/home/joe|joe-new|new@h:$1$salt$hash:0:0:Real Name:/home/mail/x:5000000S:0")
	ends(t, s)
}

// TestMySQLOldTables: without the column scram, which is there since 2022, and
// with a group that is no number, which is not taken for one that may do anything.
func TestMySQLOldTables(t *testing.T) {
	t.Parallel()
	r := newVirtualRig(t, "vuser-mysql")
	m := startTables(t, r)
	m.SQL("USE indimail; ALTER TABLE indimail DROP COLUMN scram; ALTER TABLE indibak DROP COLUMN scram; ALTER TABLE indimail MODIFY pw_gid varchar(20);" +
		"UPDATE indimail SET pw_gid = 'abc' WHERE pw_name = 'odd'; UPDATE indimail SET pw_gid = NULL WHERE pw_name = 'minus'")
	s := startVirtual(t, r)
	says(t, s, to1, "K/|virt.example-user1|"+user1)
	says(t, s, "virt.example-old@virt.example", "K/|virt.example-old|old@virt.example:pw:0:0:g:/d::1")
	says(t, s, "virt.example-odd@virt.example", noDatabase)
	says(t, s, "virt.example-minus@virt.example", noDatabase)
	says(t, s, to1, "K/|virt.example-user1|"+user1)
	// The columns come, and the tables go, while a connection is there.
	m.SQL("USE indimail; ALTER TABLE indimail ADD COLUMN scram char(255); UPDATE indimail SET scram = '{SCRAM-SHA-1}y'; DROP TABLE indibak")
	says(t, s, "virt.example-nobody@virt.example", "K/|virt.example-nobody|No such user nobody@virt.example")
	m.SQL("USE indimail; CREATE TABLE indibak " + columns)
	says(t, s, to1, "K/|virt.example-user1|user1@virt.example:{SCRAM-SHA-1}y,$1$salt$hash:0:8:Real Name:/home/mail/x:5000000S:0")
	m.SQL("USE indimail; INSERT INTO indibak (pw_name, pw_domain, pw_passwd, pw_uid, pw_gid, pw_gecos, pw_dir, pw_shell) VALUES ('late', 'virt.example', 'pw', 0, 0, 'g', '/d', '')")
	says(t, s, "virt.example-late@virt.example", "K/|virt.example-late|late@virt.example:pw:0:0:g:/d::1")
	m.SQL("USE indimail; DROP TABLE indimail")
	says(t, s, to1, noDatabase)
	ends(t, s)
}

// TestMySQLFails: whatever becomes of the server, only those deliveries wait that
// would have to ask it, and those that run come to their end.
func TestMySQLFails(t *testing.T) {
	t.Parallel()
	r := newVirtualRig(t, "vuser-mysql")
	m := startTables(t, r)
	gate := fifo(t, r, "gate")
	begun := fifo(t, r, "begun")
	s := startVirtual(t, r, "QMAIL_LSPAWN_VIRTUAL_TIME=2", "QMAIL_LSPAWN_VIRTUAL_PROCESSES=3")
	works := func(after string) {
		t.Helper()
		lspawntest.Until(t, after, func() bool {
			s.Command(to(8, to1))
			got := s.Report().Text
			if got != noDatabase && got != "K/|virt.example-user1|"+user1 {
				t.Fatalf("%s: %q", after, got)
			}
			return got != noDatabase
		})
	}
	works("the start")
	lines := bufio.NewReader(begun)
	for i, fail := range []struct {
		how         string
		stop, start func()
	}{
		{"stopped", m.Stop, m.Start},
		{"SIGSTOP", func() { freeze(t, m) }, func() { m.Signal(syscall.SIGCONT) }},
		{"slow", nil, nil},
	} {
		if fail.stop == nil {
			held := lockTables(t, m)
			fail.stop, fail.start = func() {}, held
		}
		s.Command(to(20, "virt.example-wait-1@virt.example"))
		s.Command(to(21, "joe-wait-2@h"))
		if i == 2 { // the first is one that has to wait for the tables
			if got := s.Report(); got.Number != 20 || got.Text != noDatabase {
				t.Errorf("%s: %+v", fail.how, got)
			}
		} else {
			_, err := lines.ReadString('\n')
			must(t, err)
		}
		_, err := lines.ReadString('\n')
		must(t, err)
		fail.stop()
		for n := range 5 {
			s.Command(to(n, fmt.Sprintf("virt.example-user%d@virt.example", n)))
		}
		s.Command(to(10, "joe@h"))
		if got := s.Report(); got.Number != 10 && got.Text != noDatabase || got.Number == 10 && got.Text != "K/home/joe|joe|none" {
			t.Errorf("%s: %+v", fail.how, got)
		}
		for range 5 {
			if got := s.Report(); got.Number < 10 && got.Text != noDatabase {
				t.Errorf("%s: %+v", fail.how, got)
			}
		}
		running := 2
		if i == 2 {
			running = 1
		}
		_, err = gate.WriteString(strings.Repeat("\n", running))
		must(t, err)
		for range running {
			if got := s.Report(); got.Number < 20 || !strings.HasPrefix(got.Text, "K") {
				t.Errorf("%s: %+v", fail.how, got)
			}
		}
		fail.start()
		works(fail.how)
		if n := m.Connections("indimail"); n > 3 {
			t.Errorf("%s: %d connections", fail.how, n)
		}
	}
	if !s.Runs() {
		t.Error("it has ended")
	}
	ends(t, s)
}

// freeze stops a server in the middle of what it does, and waits until that has
// reached all its threads.
func freeze(t *testing.T, m *dbtest.MariaDB) {
	t.Helper()
	pid, err := os.ReadFile(filepath.Dir(m.Socket) + "/pid")
	must(t, err)
	m.Signal(syscall.SIGSTOP)
	lspawntest.Until(t, "a server that is stopped", func() bool {
		threads, err := filepath.Glob("/proc/" + strings.TrimSpace(string(pid)) + "/task/*/stat")
		must(t, err)
		for _, name := range threads {
			text, err := os.ReadFile(name)
			must(t, err)
			if _, state, _ := strings.Cut(string(text), ") "); !strings.HasPrefix(state, "T") {
				return false
			}
		}
		return len(threads) > 0
	})
}

// TestMySQLLate: an answer that comes late, but in time, is one; and others do not
// wait for it. As many connections are made as are allowed.
func TestMySQLLate(t *testing.T) {
	t.Parallel()
	r := newVirtualRig(t, "vuser-mysql")
	m := startTables(t, r)
	s := startVirtual(t, r, "QMAIL_LSPAWN_VIRTUAL_PROCESSES=3")
	says(t, s, to1, "K/|virt.example-user1|"+user1)
	release := lockTables(t, m)
	const n = 50
	for i := range n {
		s.Command(to(100+i, fmt.Sprintf("virt.example-nobody%d@virt.example", i)))
	}
	lspawntest.Until(t, "three connections", func() bool {
		if n := m.Connections("indimail"); n != 3 {
			return n > 3
		}
		return true
	})
	says(t, s, "joe@h", "K/home/joe|joe|none")
	if n := m.Connections("indimail"); n != 3 {
		t.Errorf("%d connections", n)
	}
	release()
	for range n {
		got := s.Report()
		i := got.Number - 100
		if want := fmt.Sprintf("K/|virt.example-nobody%d|No such user nobody%d@virt.example", i, i); got.Text != want {
			t.Errorf("%+v, want %q", got, want)
		}
	}
	ends(t, s)
}

// lockTables has all who ask for a user wait until it is called what is returned.
func lockTables(t *testing.T, m *dbtest.MariaDB) (release func()) {
	t.Helper()
	c := exec.Command("mariadb", "--no-defaults", "--batch", "--unbuffered", "--skip-column-names", "--socket="+m.Socket, "--user=root")
	in, err := c.StdinPipe()
	must(t, err)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	released := false
	release = func() {
		if !released {
			released = true
			_ = in.Close()
			_ = c.Wait()
		}
	}
	t.Cleanup(release)
	_, err = io.WriteString(in, "LOCK TABLES indimail.indimail WRITE; SELECT 'held';\n")
	must(t, err)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return release
}

// TestMySQLDeliver: the switch for who would rather deliver than wait.
func TestMySQLDeliver(t *testing.T) {
	t.Parallel()
	r := newVirtualRig(t, "vuser-mysql")
	m := startTables(t, r)
	m.Stop()
	null := "ROUTE_NULL_USER=user1@virt.example"
	s := startVirtual(t, r, "QMAIL_LSPAWN_VIRTUAL_DOWN=deliver", null)
	says(t, s, to1, "K/|virt.example-user1|none")
	says(t, s, "@virt.example", "K/|virt.example-user1|none")
	ends(t, s)
	s = startVirtual(t, r, null)
	says(t, s, to1, noDatabase)
	says(t, s, "@virt.example", noDatabase)
	m.Start()
	lspawntest.Until(t, "the database", func() bool {
		s.Command(to(1, to1))
		return s.Report().Text != noDatabase
	})
	says(t, s, "@virt.example", "K/|virt.example-user1|"+user1)
	says(t, s, "acct-@other.example", "K/|virt.example-user1|"+user1)
	ends(t, s)
	for null, want := range map[string]string{
		"":                   "K",
		"box":                "K/home/box|box|none", // not a name that the original reads beyond its end
		"box@h":              "K/home/box|box|none",
		"user@other.example": "K/|acct-user|user@other.example:pw:0:0:g:/d::0",
	} {
		s := startVirtual(t, r, "ROUTE_NULL_USER="+null)
		says(t, s, "@virt.example", want)
		says(t, s, "virt.example-@virt.example", want)
		says(t, s, "@h", "K")
		ends(t, s)
	}
}

// TestMySQLSecret: over TCP, in secret, to a server that is who it should be.
func TestMySQLSecret(t *testing.T) {
	t.Parallel()
	r := newVirtualRig(t, "vuser-mysql")
	certificate(t, r.Dir+"/cert", r.Dir+"/key")
	certificate(t, r.Dir+"/other", r.Dir+"/otherkey")
	m := startTables(t, r, "--ssl-cert="+r.Dir+"/cert", "--ssl-key="+r.Dir+"/key")
	m.SQL("ALTER USER 'indimail'@'127.0.0.1' REQUIRE SSL")
	for _, test := range []struct {
		word, ca string
		ok       bool
	}{{":ssl", "cert", true}, {":ssl", "", true}, {":ssl", "other", false}, {":nossl", "", false}, {"", "cert", false}} {
		setFile(t, r.Dir+"/control/host.mysql", fmt.Sprintf("127.0.0.1:indimail:secret:%d%s\n", m.Port, test.word))
		var env []string
		if test.ca != "" {
			env = append(env, "MYSQL_OPT_SSL_CA="+r.Dir+"/"+test.ca)
		}
		s := startVirtual(t, r, env...)
		want := noDatabase
		if test.ok {
			want = "K/|virt.example-user1|" + user1
		}
		says(t, s, to1, want)
		ends(t, s)
	}
}

// certificate makes one for 127.0.0.1, which vouches for itself.
func certificate(t *testing.T, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	must(t, err)
	text, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	setFile(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	setFile(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})))
}
