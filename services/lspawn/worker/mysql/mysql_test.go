// SPDX-License-Identifier: ISC

package mysql

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"postloop/services/lspawn/lspawntest"
	"postloop/services/table/worker"
)

// environment is a getenv.
func environment(list ...string) func(string) string {
	return func(name string) string {
		for _, entry := range list {
			if value, ok := strings.CutPrefix(entry, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// TestReadServer is the table of who is asked.
func TestReadServer(t *testing.T) {
	control := t.TempDir()
	for _, test := range []struct {
		line string // of host.mysql
		env  string
		want string // network, address, host, user, password, TLS
	}{
		{"localhost:u:p:/s", "", "unix /s localhost u p false"},
		{"localhost:u:p:/s:ssl", "", "unix /s localhost u p true"},
		{"127.0.0.1:u:p:./s", "", "unix ./s localhost u p false"},
		{"127.0.0.1:u:p:3307:ssl", "", "tcp 127.0.0.1:3307 127.0.0.1 u p true"},
		{"db.example:u:p:3307:nossl", "", "tcp db.example:3307 db.example u p false"},
		{"db.example:u:p:/s", "", "tcp db.example:3306 db.example u p false"}, // the socket is on this machine, the server is not
		{"db.example", "MYSQL_USER=eu MYSQL_PASSWD=ep MYSQL_VPORT=3308", "tcp db.example:3308 db.example eu ep false"},
		{"db.example::p", "MYSQL_SOCKET=/s", "tcp db.example:3306 db.example indimail p false"},
		{"localhost:u:p", "MYSQL_SOCKET=/s", "unix /s localhost u p false"},
		{"localhost:u:p:3307", "MYSQL_SOCKET=/s", "tcp localhost:3307 localhost u p false"},
		{"localhost:u:p", "MYSQL_VPORT=3309", "tcp localhost:3309 localhost u p false"},
		{"ignored:u:p:/s\nmore", "MYSQL_HOST=127.0.0.1:e:q:/e", "unix /e localhost e q false"},
		{"", "MYSQL_SOCKET=/s", "unix /s localhost indimail  false"},
		{"localhost:u:p:door", "", "not a port, nor the path of a socket: door"},
		{"localhost:u:p:/s:tls", "", "host.mysql: neither ssl nor nossl: tls"},
		{"localhost:u:p:/s", "MYSQL_OPT_READ_TIMEOUT=soon", "MYSQL_OPT_READ_TIMEOUT: not a number of seconds: soon"},
	} {
		must(t, os.WriteFile(control+"/host.mysql", []byte(test.line+" \n"), 0o600))
		s, err := readServer(environment(strings.Fields(test.env)...), control)
		var got string
		if err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprintf("%s %s %s %s %s %v", s.network, s.addr, s.host, s.user, s.password, s.secret)
		}
		if got != test.want {
			t.Errorf("%q, %q: %q, want %q", test.line, test.env, got, test.want)
		}
	}
	s, err := readServer(environment("MYSQL_DATABASE=d", "MYSQL_TABLE=t", "MYSQL_INACTIVE_TABLE=i", "MYSQL_OPT_CONNECT_TIMEOUT=3", "MYSQL_SOCKET=/s"), t.TempDir())
	must(t, err)
	if s.database != "d" || s.active != "t" || s.inactive != "i" || s.connect != 3*time.Second || s.read != 20*time.Second || s.write != 20*time.Second {
		t.Errorf("%+v", s)
	}
	if _, err := readServer(environment(), "/dev/null"); err == nil {
		t.Error("a host.mysql that cannot be read is none")
	}
}

func TestStatement(t *testing.T) {
	const want = "SELECT pw_name, pw_passwd, pw_uid, pw_gid, pw_gecos, pw_dir, pw_shell, scram FROM `a``b` WHERE pw_name = ? AND pw_domain = ?"
	if got := statement("a`b", true); got != want {
		t.Errorf("%s", got)
	}
}

func TestNumber(t *testing.T) {
	for text, want := range map[string]uint32{"0": 0, "8": 8, "4294967295": 1<<32 - 1, "-1": 1<<32 - 1, "-2147483648": 1 << 31} {
		if got, err := number("n", text); got != want || err != nil {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "abc", "8x", " 8", "4294967296", "-2147483649", "1e3"} {
		if got, err := number("n", text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}

// TestDomains: a domain whose directory is a link stands for another one.
func TestDomains(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(dir+"/real.example", 0o755))
	must(t, os.Symlink("../x/Real.example", dir+"/alias.example"))
	must(t, os.WriteFile(dir+"/cdb", lspawntest.Newu(t, fmt.Sprintf(
		"+real.example-:u:1:1:%[1]s/real.example:-::\n+alias.example-:u:1:1:%[1]s/alias.example/:-::\n+gone.example-:u:1:1:%[1]s/gone.example:-::\n"+
			"+odd.example-:u:1:1:%[1]s/cdb/x:-::\n", dir)), 0o600))
	d := domains{cdb: dir + "/cdb", aliases: aliases("one.example::two.example", "Uno.Example:x:dos.example:tres.example")}
	for name, want := range map[string]string{
		"real.example": "real.example", "REAL.example": "real.example", "alias.example": "real.example", "gone.example": "none", "other.example": "other.example",
		"uno.example": "one.example", "DOS.example": "two.example", "tres.example": "tres.example", "x": "x",
	} {
		got, ok, err := d.find(name)
		if !ok {
			got = "none"
		}
		if got != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", name, got, err, want)
		}
	}
	if real, ok, err := d.find("odd.example"); err == nil {
		t.Errorf("a directory that there is no telling about: %s, %v", real, ok)
	}
	d.cdb = dir + "/none"
	if real, ok, err := d.find("alias.example"); real != "alias.example" || !ok || err != nil {
		t.Errorf("without users/cdb: %s, %v, %v", real, ok, err)
	}
	must(t, os.WriteFile(dir+"/damaged", []byte("no cdb"), 0o600))
	d.cdb = dir + "/damaged"
	if _, _, err := d.find("real.example"); err == nil {
		t.Error("no error from a damaged users/cdb")
	}
}

// TestNoServer: an error is no answer, and nothing is left of the attempt.
func TestNoServer(t *testing.T) {
	dir := t.TempDir()
	table, err := Open(environment("MYSQL_HOST=localhost:u:p:" + dir + "/none"))(worker.NewSettings("control", dir, "assign", dir+"/cdb"))
	must(t, err)
	defer table.Close()
	for _, key := range []string{"user@virt.example", "virt.example"} {
		if values, err := table.Lookup(context.Background(), key); err == nil || values != nil {
			t.Errorf("%s: %q, %v", key, values, err)
		}
	}
	if u := table.(*users); u.db != nil {
		t.Error("there is a connection")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
