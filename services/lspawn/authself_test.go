// SPDX-License-Identifier: ISC

package lspawn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"postloop/loop"
	"postloop/loop/looptest"
	"postloop/services/table"
	"postloop/services/table/worker"
)

// directory is an asker that answers at once.
type directory map[string]any // by key: a record, or a status

func (d directory) Close() {}

func (d directory) Ask(key string, done func([]string, table.Status)) {
	switch v := d[key].(type) {
	case string:
		done([]string{v}, table.OK)
	case table.Status:
		done(nil, v)
	default:
		done(nil, table.NoKey)
	}
}

// domainsFile writes a control/virtualdomains.
func domainsFile(t *testing.T) *virtualDomains {
	t.Helper()
	v := &virtualDomains{path: t.TempDir() + "/virtualdomains"}
	must(t, os.WriteFile(v.path, []byte("virt.example:virt.example\nother.example:acct\n"), 0o644))
	return v
}

// TestLookupRules is the table of what becomes of a recipient.
func TestLookupRules(t *testing.T) {
	users := directory{
		"user@virt.example": "the user", "user@VIRT.example": "THE user", "user@other.example": "another", "box@other.example": "the box",
		"down@virt.example": table.Retry, "bad@virt.example": table.Config, "long@virt.example": strings.Repeat("x", maxRecord+1),
		"virt.example": "", "library.example": "", "box@library.example": "the library's", "down.example": table.Retry, "bad.example": table.Config,
	}
	const none = "unset"
	record := func(text string) Found { return Found{Env: []string{"PWSTRUCT=" + text}} }
	for _, test := range []struct {
		recipient, null string
		want            Found
	}{
		{"joe@h", none, Found{}},
		{"user@h", none, Found{}},
		{"virt.example-user@virt.example", none, record("the user")},
		{"virt.example-user@VIRT.example", none, record("THE user")},
		{"user@virt.example", none, record("the user")},
		{"acct-user@other.example", none, record("another")},
		{"acct-nobody@other.example", none, record("No such user nobody@other.example")},
		{"virt.example-a@b@virt.example", none, record("No such user a@b@virt.example")},
		{"virt.example-down@virt.example", none, Found{Report: noDatabase}},
		{"virt.example-bad@virt.example", none, Found{Report: noLibrary}},
		{"virt.example-long@virt.example", none, Found{Report: noDatabase}},

		// Mail for no mailbox of a virtual domain, and ROUTE_NULL_USER.
		{"@h", none, Found{}},
		{"@h", "joe", Found{}},
		{"@virt.example", none, Found{}},              // what nobody wants
		{"virt.example-@virt.example", none, Found{}}, // who is behind the domain
		{"@virt.example", "", Found{Report: success}},
		{"virt.example-@virt.example", "", Found{Report: success}},
		{"@virt.example", "@", Found{Report: success}},
		{"@virt.example", "@other.example", Found{Report: success}},
		{"@virt.example", "joe", Found{Recipient: "joe@virt.example"}},
		{"virt.example-@virt.example", "joe", Found{Recipient: "joe@virt.example"}},
		{"virt.example-@virt.example", "joe@", Found{Recipient: "joe@virt.example"}},
		{"@virt.example", "joe@h.example", Found{Recipient: "joe@h.example"}},
		{"virt.example-@virt.example", "joe@h.example", Found{Recipient: "joe@h.example"}},
		{"@virt.example", "box@other.example", Found{Recipient: "acct-box@other.example", Env: []string{"PWSTRUCT=the box"}}},
		{"acct-@other.example", "box@other.example", Found{Recipient: "acct-box@other.example", Env: []string{"PWSTRUCT=the box"}}},
		{"@virt.example", "nobody@virt.example", Found{Recipient: "virt.example-nobody@virt.example", Env: []string{"PWSTRUCT=No such user nobody@virt.example"}}},
		{"@virt.example", "down@virt.example", Found{Report: noDatabase}},
	} {
		a := &authself{domains: domainsFile(t), users: users, warnf: t.Logf}
		if test.null != none {
			a.nullUser = &test.null
		}
		looksUp(t, a, test.recipient, test.want, "ROUTE_NULL_USER "+test.null)
		// A database that cannot be asked is no reason to wait, if so wished.
		if a.deliver = true; test.want.Report == noDatabase && !strings.Contains(test.recipient, "long") {
			want := Found{}
			if test.null != none {
				want.Recipient = "virt.example-down@virt.example"
			}
			looksUp(t, a, test.recipient, want, "deliver")
		}
	}
	box := "box@library.example"
	for _, test := range []struct {
		recipient string
		deliver   bool
		want      Found
	}{
		{"library.example-box@library.example", false, record("the library's")}, // which the file does not have
		{"acct-user@other.example", false, Found{}},                             // and this only the file
		{"virt.example-user@virt.example", false, record("the user")},
		{"@virt.example", false, Found{Recipient: "library.example-box@library.example", Env: []string{"PWSTRUCT=the library's"}}},
		{"joe@down.example", false, Found{Report: noDatabase}},
		{"joe@down.example", true, Found{}},
		{"joe@bad.example", false, Found{Report: noLibrary}},
		{"joe@bad.example", true, Found{Report: noLibrary}},
	} {
		a := &authself{domains: domainsFile(t), users: users, warnf: t.Logf, asksDomains: true, deliver: test.deliver, nullUser: &box}
		looksUp(t, a, test.recipient, test.want, "library")
	}
	users["other.example"] = table.Retry
	a := &authself{domains: domainsFile(t), users: users, warnf: t.Logf, asksDomains: true, deliver: true}
	looksUp(t, a, "acct-user@other.example", record("another"), "the file for want of a library")
	a.asksDomains = false
	a.domains.path = t.TempDir()
	looksUp(t, a, "joe@h", Found{Report: noSystem}, "no virtualdomains")
}

func looksUp(t *testing.T, a *authself, recipient string, want Found, why string) {
	t.Helper()
	n := 0
	a.lookup(recipient, func(got Found) {
		if n++; !reflect.DeepEqual(got, want) {
			t.Errorf("%s, %s: %+v, want %+v", recipient, why, got, want)
		}
	})
	if n != 1 {
		t.Errorf("%s, %s: %d answers", recipient, why, n)
	}
}

// FuzzLookup: whatever the recipient, there is one answer, and it can be
// delivered to.
func FuzzLookup(f *testing.F) {
	f.Add("virt.example-user@virt.example", "box@other.example")
	f.Add("@virt.example", "box")
	f.Add("acct-@other.example", "@")
	f.Fuzz(func(t *testing.T, recipient, null string) {
		if !strings.Contains(recipient, "@") || strings.Contains(recipient+null, "\x00") {
			return
		}
		a := &authself{domains: domainsFile(t), users: directory{}, warnf: t.Logf, nullUser: &null}
		n := 0
		a.lookup(recipient, func(got Found) {
			n++
			if got.Recipient != "" && check(&Command{Messid: "7/1", Recipient: got.Recipient}) != "" {
				t.Errorf("%q, %q: %+v", recipient, null, got)
			}
		})
		if n != 1 {
			t.Errorf("%q, %q: %d answers", recipient, null, n)
		}
	})
}

// fakeUsers does what its keys say.
type fakeUsers struct{ s *worker.Settings }

func openFake(s *worker.Settings) (worker.Table, error) { return fakeUsers{s}, nil }

func (fakeUsers) Close() {}

func (u fakeUsers) Lookup(_ context.Context, key string) ([]string, error) {
	user, _, _ := strings.Cut(key, "@")
	switch user {
	case "none":
		return nil, nil
	case "down":
		return nil, errors.New("the server is down")
	case "bad":
		return nil, worker.ConfigError{Err: errors.New("no such library")}
	case "crash":
		os.Exit(111)
	case "hang":
		time.Sleep(time.Hour)
	case "two":
		return []string{"one", "two"}, nil
	case "env":
		return []string{fmt.Sprintf("%q %q %q", os.Getenv("PWSTRUCT"), os.Getenv("MYSQL_HOST"), u.s.String("control"))}, nil
	case "user":
		return []string{strconv.Itoa(os.Getuid())}, nil
	case "wait": // until a file is there
		for { // nothing tells a process of a file
			if _, err := os.Stat(u.s.String("control") + "/go"); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	return []string{"record of " + key}, nil
}

// newVirtual is a fixture whose virtual domain's users a process knows.
func newVirtual(t *testing.T, environ ...string) (*fixture, *virtualSettings) {
	t.Helper()
	var v *virtualSettings
	f := newFixture(t, `echo "${PWSTRUCT-none}"`, func(f *fixture) {
		must(t, os.Mkdir(f.Dir+"/control", 0o755))
		must(t, os.WriteFile(f.Dir+"/control/virtualdomains", []byte("v.example:v.example\n"), 0o644))
		exe, err := os.Executable()
		must(t, err)
		s, err := parseEnviron(append(environ, "AUTHSELF=", "CONTROLDIR="+f.Dir+"/control", "PWSTRUCT=old", ours+"WORKERS="+f.Dir+"/bin"))
		must(t, err)
		v = s.virtual
		if v.user == "" {
			must(t, os.Symlink(exe, f.Dir+"/bin/"+v.program))
		} else { // who may not be able to get there
			must(t, exec.Command("cp", exe, f.Dir+"/bin/"+v.program).Run())
			v.as = &loop.User{UID: f.UID, GID: f.GID, Groups: []int{f.GID}}
		}
		a, err := v.open(f.l)
		must(t, err)
		f.c.Lookup, f.c.Env = a.lookup, append(f.c.Env, s.c.Env...)
		t.Cleanup(func() { // before the loop's, and after the service's
			a.close()
			f.until(func() bool { return f.l.Children() == 0 && f.l.Stats().Conns == 0 })
		})
	})
	f.Assign("+joe-:joe:UID:GID:/home/joe:-::\n=joe:joe:UID:GID:/home/joe:::\n+v.example-:joe:UID:GID:/home/v:-::\n")
	return f, v
}

// TestVirtual: what a process says is one delivery's, whatever happens to the
// process.
func TestVirtual(t *testing.T) {
	f, _ := newVirtual(t, "MYSQL_HOST=h:u:p", "QUERY_CACHE=")
	f.reports(to(1, "v.example-joe@v.example"), "Krecord of joe@v.example\n")
	f.reports(to(2, "joe@h"), "Knone\n") // and nobody else's
	for recipient, want := range map[string]string{"v.example-joe@v.example": "record of joe@v.example", "joe@h": "none"} {
		c := to(2, recipient) // nor does a message say who the user is
		c.EnvH = "PWSTRUCT: forged\nMYSQL_HOST: evil\n"
		f.reports(c, "K"+want+"\n")
	}
	f.reports(to(3, "v.example-none@v.example"), "KNo such user none@v.example\n")
	f.reports(to(4, "v.example-env@v.example"), fmt.Sprintf("K%q %q %q\n", "", "h:u:p", f.Dir+"/control"))
	f.reports(to(5, "v.example-down@v.example"), noDatabase)
	n := len(f.list)
	f.send(to(6, "v.example-crash@v.example").Encode("indimail"))
	for len(f.list) == n {
		f.until(func() bool { return f.l.Children() == 0 || len(f.list) > n })
		looptest.Advance(f.l, 100*time.Millisecond) // until it is tried again
	}
	if r := f.list[n]; r.Number != 6 || r.Text != noDatabase {
		t.Errorf("%+v", r)
	}
	f.reports(to(7, "v.example-two@v.example"), noDatabase)
	f.reports(to(8, "v.example-bad@v.example"), noLibrary)
	f.reports(to(9, "v.example-joe@v.example"), "Krecord of joe@v.example\n")
	f.reports(to(10, "v.example-@v.example"), "Knone\n")
}

// TestVirtualWaits: a look-up that takes its time holds up its own delivery; ten
// for one user are one question; and one that does not end is given up.
func TestVirtualWaits(t *testing.T) {
	f, _ := newVirtual(t, ours+"VIRTUAL_TIME=20", ours+"VIRTUAL_PROCESSES=2")
	for i := range 10 {
		f.send(to(100+i, "v.example-wait@v.example").Encode("indimail"))
	}
	f.reports(to(1, "v.example-joe@v.example"), "Krecord of joe@v.example\n")
	f.reports(to(2, "joe@h"), "Knone\n")
	if n := f.l.Children(); n != 2 {
		t.Errorf("%d processes", n)
	}
	must(t, os.WriteFile(f.Dir+"/control/go", nil, 0o644))
	f.until(func() bool { return len(f.list) == 12 })
	for _, r := range f.list[2:] {
		if r.Text != "Krecord of wait@v.example\n" {
			t.Errorf("%+v", r)
		}
	}
	f.send(to(3, "v.example-hang@v.example").Encode("indimail"))
	f.reports(to(4, "v.example-joe@v.example"), "Krecord of joe@v.example\n")
	n := len(f.list)
	looptest.Advance(f.l, 22*time.Second)
	f.until(func() bool { return len(f.list) > n })
	if r := f.list[n]; r.Number != 3 || r.Text != noDatabase {
		t.Errorf("%+v", r)
	}
	f.reports(to(5, "v.example-joe@v.example"), "Krecord of joe@v.example\n")
}

// TestVirtualEnds: a service whose last deliveries wait for a look-up ends when
// they have been reported.
func TestVirtualEnds(t *testing.T) {
	f, _ := newVirtual(t)
	f.send(to(1, "v.example-wait@v.example").Encode("indimail"))
	f.until(func() bool { return f.l.Children() == 1 })
	must(t, os.WriteFile(f.Dir+"/control/go", nil, 0o644))
	f.end()
	f.until(func() bool { return len(f.list) > 0 })
	if len(f.list) != 1 || f.list[0].Text != "Krecord of wait@v.example\n" {
		t.Errorf("%+v", f.list)
	}
}

func TestVirtualUser(t *testing.T) {
	needRoot(t)
	f, _ := newVirtual(t)
	f.reports(to(1, "v.example-user@v.example"), "K0\n")
	f, _ = newVirtual(t, ours+"VIRTUAL_USER=somebody")
	f.reports(to(1, "v.example-user@v.example"), fmt.Sprintf("K%d\n", f.UID))
}

// TestNoVirtual: where the program is not, mail waits.
func TestNoVirtual(t *testing.T) {
	f, v := newVirtual(t)
	must(t, os.Remove(f.Dir+"/bin/"+v.program))
	f.reports(to(1, "v.example-joe@v.example"), noDatabase)
	f.reports(to(2, "joe@h"), "Knone\n")
}

func TestVirtualSettings(t *testing.T) {
	dir := t.TempDir()
	parse := func(env ...string) *virtualSettings {
		t.Helper()
		s, err := parseEnviron(append(env, "AUTHSELF=1"))
		must(t, err)
		return s.virtual
	}
	for env, want := range map[string]string{
		"":                      "vuser-mysql",
		"QUERY_CACHE=":          "vuser-inlookup",
		"VIRTUAL_PKG_LIB=/x.so": "vuser-library",
		"VIRTUAL_PKG_LIB=/x.so QMAIL_LSPAWN_VIRTUAL=mysql": "vuser-mysql",
		"QMAIL_LSPAWN_VIRTUAL=library QUERY_CACHE=1":       "vuser-library",
		"CONTROLDIR=" + dir:                                "vuser-library",
		"QMAIL_LSPAWN_VIRTUAL=mysql CONTROLDIR=" + dir:     "vuser-mysql",
	} {
		must(t, os.WriteFile(dir+"/libindimail", []byte("/x.so\n"), 0o644))
		if v := parse(strings.Fields(env)...); v.program != want || v.library != (want == "vuser-library") {
			t.Errorf("%s: %s, %v", env, v.program, v.library)
		}
	}
	v := parse("A=1", "A=2", "PWSTRUCT=x", "ROUTE_NULL_USER=", ours+"VIRTUAL_DOWN=deliver", ours+"VIRTUAL_TIME=0", ours+"WORKERS=/w", "MYSQL_HOST=h")
	if v.environ["A"] != "1" || v.environ["MYSQL_HOST"] != "h" || len(v.environ) != 4 || v.nullUser == nil || *v.nullUser != "" || !v.deliver ||
		v.limits.Deadline != time.Second || v.limits.Connections != 4 || v.workers != "/w" || v.control != "/etc/indimail/control" || v.assign != "/etc/indimail/users/cdb" {
		t.Errorf("%+v", v)
	}
	if v := parse("QMAIL_LSPAWN_PROTOCOL=classic"); v.nullUser != nil || v.deliver || v.control != "/var/qmail/control" || v.assign != "/var/qmail/users/cdb" || v.as != nil {
		t.Errorf("%+v", v)
	}
	if s, err := parseEnviron([]string{"ROUTE_NULL_USER=x", ours + "VIRTUAL=nonsense"}); err != nil || s.virtual != nil {
		t.Errorf("without AUTHSELF: %+v, %v", s, err)
	}
}
