// SPDX-License-Identifier: ISC

package names

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// etcFiles are the files of a small system, and of a careless administrator.
var etcFiles = map[string]string{
	"passwd": `root:x:0:0:root:/root:/bin/bash
# postfix:x:1:1::/:/bin/false
postfix:x:101:103::/var/spool/postfix:/usr/sbin/nologin
short:x:7:7
postfix:x:666:666:the first one counts:/:/bin/sh
+nis:x:5:5::/:/bin/sh
huge:x:4294967296:1::/:/bin/sh
reserved:x:4294967295:1::/:/bin/sh
negative:x:-2:1::/:/bin/sh
empty:x::1::/:/bin/sh
1001:x:2002:2003::/:/bin/sh
number:x:1001:1002::/home/number:/bin/sh
last:x:65534:65533::/nonexistent:/bin/false`,
	"group":    "root:x:0:\npostdrop:x:105:\nbig:x:106:a,b,c\nnogid:x::\n-minus:x:9:\n77:x:78:\n",
	"hosts":    "127.0.0.1\tlocalhost Loopback # comment evil\n::1 localhost ip6-localhost\n192.0.2.1 mx mx.example.com\n192.0.2.1 mx\nnonsense mx\n#192.0.2.9 mx\n::ffff:192.0.2.7 mapped\n",
	"services": "smtp\t\t25/tcp\t\tmail\nsmtp 2525/udp\nsubmission 587/tcp # comment\n#smtps 465/tcp\nbad x/tcp\nbig 65536/tcp\nnone\n",
}

// newTestNames returns names of that system, with getent at path.
func newTestNames(t *testing.T, getent string) *Resolver {
	t.Helper()
	n := New()
	n.Etc, n.Getent = t.TempDir(), []string{getent}
	for name, text := range etcFiles {
		if err := os.WriteFile(filepath.Join(n.Etc, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func TestUserFromFile(t *testing.T) {
	n := newTestNames(t, "")
	for name, want := range map[string]User{
		"root":    {"root", 0, 0, "/root", "/bin/bash"},
		"postfix": {"postfix", 101, 103, "/var/spool/postfix", "/usr/sbin/nologin"},
		"last":    {"last", 65534, 65533, "/nonexistent", "/bin/false"},
		"1001":    {"1001", 2002, 2003, "/", "/bin/sh"}, // the name goes before the number
	} {
		if got, err := n.User(name); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	for _, name := range []string{"short", "+nis", "huge", "reserved", "negative", "empty", "Root", "nobody", "4294967295"} {
		if got, err := n.User(name); !errors.Is(err, ErrPending) {
			t.Errorf("%s: got %+v, %v, want to be asked for", name, got, err)
		}
	}
	for _, name := range []string{"", "-s", "a:b", "a b", "a\nb", "a\x00b"} {
		if got, err := n.User(name); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: got %+v, %v, want never to be asked for", name, got, err)
		}
	}
}

func TestGroupFromFile(t *testing.T) {
	n := newTestNames(t, "")
	for name, gid := range map[string]int{"root": 0, "postdrop": 105, "big": 106, "77": 78} {
		if got, err := n.Group(name); err != nil || got != (Group{name, gid}) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	for _, name := range []string{"nogid", "wheel", "4294967295"} {
		if got, err := n.Group(name); !errors.Is(err, ErrPending) {
			t.Errorf("%s: got %+v, %v, want to be asked for", name, got, err)
		}
	}
}

func TestGroupsOfAUser(t *testing.T) {
	n := newTestNames(t, "")
	if err := os.WriteFile(filepath.Join(n.Etc, "group"), []byte("a:x:1:b,postfix\nown:x:103:postfix\nc:x:3:postfixes\n-d:x:4:postfix\nbad:x:y:postfix\na2:x:1:postfix\ne:x:5:postfix\nshort:x:6\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := n.User("postfix")
	if err != nil {
		t.Fatal(err)
	}
	if list, err := n.Groups(u); err != nil || !slices.Equal(list, []int{103, 1, 5}) {
		t.Errorf("got %v, %v", list, err)
	}
	if list, err := n.Groups(User{Name: "far", GID: 7}); !errors.Is(err, ErrPending) {
		t.Errorf("a user of another database: got %v, %v", list, err)
	}
	for text, want := range map[string][]int{
		"far                   7 8 9\n": {7, 8, 9},
		"far\n":                         {7},
		"":                              {7},
		"other 1 2\n":                   {7},
		"far x 8 -1 4294967295\nfar 9":  {7, 8},
	} {
		if list := parseInitgroups(text, User{Name: "far", GID: 7}); !slices.Equal(list, want) {
			t.Errorf("%q: got %v, want %v", text, list, want)
		}
	}
}

// TestReadFiles: what was read before counts, whatever becomes of the files.
func TestReadFiles(t *testing.T) {
	n := newTestNames(t, "")
	n.ReadFiles()
	n.Etc = "/nonexistent"
	if u, err := n.User("postfix"); err != nil || u.UID != 101 {
		t.Errorf("got %+v, %v", u, err)
	}
	if g, err := n.Group("postdrop"); err != nil || g.GID != 105 {
		t.Errorf("got %+v, %v", g, err)
	}
}

func TestHostFromFile(t *testing.T) {
	n := newTestNames(t, "")
	for _, c := range []struct {
		name   string
		v4, v6 bool
		want   string
	}{
		{"localhost", true, true, "127.0.0.1 ::1"},
		{"LOCALHOST", true, false, "127.0.0.1"},
		{"localhost", false, true, "::1"},
		{"loopback", true, true, "127.0.0.1"},
		{"mx", true, true, "192.0.2.1"},
		{"mapped", true, true, "192.0.2.7"},
		{"192.0.2.5", true, true, "192.0.2.5"},
		{"192.0.2.5", false, true, ""},
		{"2001:db8::1", true, true, "2001:db8::1"},
		{"fe80::1%eth0", true, true, "fe80::1%eth0"},
	} {
		got, err := n.Host(c.name, c.v4, c.v6)
		if text := join(got); err != nil || text != c.want {
			t.Errorf("%s %v %v: got %q, %v, want %q", c.name, c.v4, c.v6, text, err, c.want)
		}
	}
	// A name server may know what the file does not say.
	for _, c := range []struct {
		name   string
		v4, v6 bool
	}{{"mx", false, true}, {"evil", true, true}, {"mx.example", true, true}} {
		if got, err := n.Host(c.name, c.v4, c.v6); !errors.Is(err, ErrPending) {
			t.Errorf("%s: got %v, %v, want to be asked for", c.name, got, err)
		}
	}
}

func join(list []netip.Addr) string {
	var text []string
	for _, addr := range list {
		text = append(text, addr.String())
	}
	return strings.Join(text, " ")
}

func TestPort(t *testing.T) {
	n := newTestNames(t, "")
	known := map[string]uint16{"smtp": 26, "lmtp": 24}
	for _, c := range []struct {
		name, proto string
		known       map[string]uint16
		want        int
	}{
		{"0", "tcp", nil, 0},
		{"65535", "tcp", nil, 65535},
		{"smtp", "tcp", nil, 25},
		{"smtp", "udp", nil, 2525},
		{"mail", "tcp", nil, 25},
		{"smtp", "tcp", known, 26},
		{"lmtp", "tcp", known, 24},
		{"submission", "tcp", known, 587},
	} {
		if got, err := n.Port(c.name, c.proto, c.known); err != nil || got != c.want {
			t.Errorf("%s/%s: got %d, %v, want %d", c.name, c.proto, got, err, c.want)
		}
	}
	for _, name := range []string{"65536", "99999999999999999999", ""} {
		if got, err := n.Port(name, "tcp", nil); err == nil || name != "" && !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: got %d, %v", name, got, err)
		}
	}
	for _, name := range []string{"smtps", "bad", "big", "none", "comment", "SMTP"} {
		if got, err := n.Port(name, "tcp", nil); !errors.Is(err, ErrPending) {
			t.Errorf("%s: got %d, %v, want to be asked for", name, got, err)
		}
	}
}

func TestQuestionsAreNotedOnce(t *testing.T) {
	n := newTestNames(t, "")
	for range 3 {
		_, _ = n.User("ldap")
		_, _ = n.Group("ldap")
		_, _ = n.Port("ldap", "tcp", nil)
	}
	want := []question{{"passwd", "ldap"}, {"group", "ldap"}, {"services", "ldap/tcp"}}
	if !slices.Equal(n.missing, want) {
		t.Errorf("got %v, want %v", n.missing, want)
	}
}

// FuzzNameFiles has the parsers read anything: what they return must stand in
// a line for the name that was asked for.
func FuzzNameFiles(f *testing.F) {
	for _, text := range etcFiles {
		f.Add(text, "postfix")
		f.Add(text, "1001")
		f.Add(text, "smtp")
	}
	f.Add("192.0.2.1 STREAM mx\n192.0.2.1 DGRAM\n", "mx")
	f.Fuzz(func(t *testing.T, text, name string) {
		if u, ok := findUser(text, name); ok {
			if number, numeric := parseID(name); u.Name != name && (!numeric || u.UID != number) {
				t.Errorf("%q: got %+v", name, u)
			}
			if u.UID < 0 || u.GID < 0 || !strings.Contains(text, u.Name+":") {
				t.Errorf("%q: got %+v from %q", name, u, text)
			}
		}
		if g, ok := findGroup(text, name); ok && (g.Name != name || g.GID < 0) {
			t.Errorf("%q: got %+v", name, g)
		}
		if port, ok := findService(text, name+"/tcp"); ok && (port < 0 || port > 65535 || !strings.Contains(text, "/tcp")) {
			t.Errorf("%q: got %d", name, port)
		}
		for _, addr := range append(findHost(text, name), parseAhosts(text)...) {
			if !addr.IsValid() {
				t.Errorf("%q: got %v", name, addr)
			}
		}
	})
}
