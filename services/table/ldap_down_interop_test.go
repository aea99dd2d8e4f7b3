// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"postloop/internal/dbtest"
	"postloop/loop/looptest"
)

// ldapTraffic is a table that many ask at once, and its server.
type ldapTraffic struct {
	*netWorld
	Table
	server *dbtest.Slapd
	limit  int
	most   int // connections to the server that were seen at once
	n      int
}

func newLdapTraffic(t *testing.T, settings ...string) *ldapTraffic {
	t.Helper()
	w := &ldapTraffic{netWorld: newWorkerWorld(t, "table-ldap"), limit: 3}
	w.Limits = func(string) Limits { return Limits{Connections: w.limit, Queue: 1000, Deadline: 30 * time.Second} }
	ldif := ldapTop + ldapUnit("keys")
	for i := range 400 {
		ldif += ldapEntry(fmt.Sprint("e", i), "ou=keys,dc=example", "k", fmt.Sprint("key", i), "v", fmt.Sprint("value", i))
	}
	w.server = dbtest.StartSlapd(t, ldapSchema, "index k eq", ldif, nil)
	w.Table = w.open(ldapFile(w.netWorld, w.server, settings...))
	return w
}

// ask asks for so many keys, every third of which is not there.
func (w *ldapTraffic) askMany(n int) (list []*reply, want []Answer) {
	for range n {
		w.n++
		if i := w.n % 400; w.n%3 == 0 {
			list, want = append(list, w.get(w.Table, fmt.Sprint("none", i))), append(want, Answer{Status: NoKey})
		} else {
			list, want = append(list, w.get(w.Table, fmt.Sprint("key", i))), append(want, Answer{Value: fmt.Sprint("value", i)})
		}
	}
	return list, want
}

// wait waits for the answers, which are right, or "not now" where that is
// allowed, and returns how many are right.
func (w *ldapTraffic) wait(list []*reply, want []Answer, mayFail bool) (right int) {
	w.t.Helper()
	for i, r := range list {
		w.until(func() bool {
			w.most = max(w.most, w.server.Clients())
			return r.here
		})
		switch {
		case r.Answer == want[i]:
			right++
		case !mayFail || r.Answer != tryAgain:
			w.t.Fatalf("got %+v, want %+v\n%s", r.Answer, want[i], strings.Join(w.log, "\n"))
		}
	}
	if w.most > w.limit {
		w.t.Errorf("%d connections at once", w.most)
	}
	return right
}

// recovers asks until all is well again.
func (w *ldapTraffic) recovers() {
	w.t.Helper()
	for {
		list, want := w.askMany(10)
		if w.wait(list, want, true) == len(list) {
			break
		}
		looptest.Advance(w.Loop, time.Second)
	}
	list, want := w.askMany(100)
	w.wait(list, want, false)
}

// TestLdapStopped: a server that ends, crashes or stands still while it is asked
// costs no wrong answer, and nobody has to help.
func TestLdapStopped(t *testing.T) {
	w := newLdapTraffic(t, "timeout = 1")
	list, want := w.askMany(300)
	w.wait(list, want, false)
	if n := w.server.Connections(); n != w.limit || w.most != n {
		t.Errorf("%d connections, %d seen", n, w.most)
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		list, want = w.askMany(100)
		w.until(func() bool { return list[20].here })
		w.server.Stop(sig)
		w.wait(list, want, true)
		list, want = w.askMany(10)
		if n := w.wait(list, want, true); n != 0 {
			t.Errorf("%d answers without a server", n)
		}
		if text := w.logged(); !strings.Contains(text, "-1 (Can't contact LDAP server)") {
			t.Error(text)
		}
		w.server.Start()
		w.recovers()
	}
	// One that has come back while nobody has asked: nobody notices.
	w.log = nil
	w.server.Stop(syscall.SIGTERM)
	w.server.Start()
	list, want = w.askMany(100)
	w.wait(list, want, false)
	if text := w.logged(); text != "" {
		t.Error(text)
	}
	// Standing still.
	w.server.Signal(syscall.SIGSTOP)
	list, want = w.askMany(6)
	if n := w.wait(list, want, true); n != 0 {
		t.Errorf("%d answers of a server that stands still", n)
	}
	if text := w.logged(); !strings.Contains(text, "Timed out") {
		t.Error(text)
	}
	w.server.Signal(syscall.SIGCONT)
	w.recovers()
	// In the middle of traffic.
	list, want = w.askMany(200)
	w.until(func() bool { return list[30].here })
	w.server.Signal(syscall.SIGSTOP)
	w.until(func() bool { return list[36].here })
	w.server.Signal(syscall.SIGCONT)
	w.wait(list, want, true)
	w.recovers()
	if n := w.server.Connections(); n > w.limit {
		t.Errorf("%d connections", n)
	}
	w.Close()
	w.until(func() bool { return w.server.Clients() == 0 && w.Loop.Children() == 0 })
}

// TestLdapDeadline: who asks a server that stands still waits no longer than the
// table's deadline, whatever its timeout is.
func TestLdapDeadline(t *testing.T) {
	w := newLdapTraffic(t, "timeout = 1000")
	w.recovers()
	w.server.Signal(syscall.SIGSTOP)
	list, want := w.askMany(5)
	looptest.Advance(w.Loop, 0)
	looptest.Advance(w.Loop, 31*time.Second)
	if n := w.wait(list, want, true); n != 0 {
		t.Errorf("%d answers", n)
	}
	w.server.Signal(syscall.SIGCONT)
	w.recovers()
}

// TestLdapHosts: of several servers the first that works is asked.
func TestLdapHosts(t *testing.T) {
	w := newLdapTraffic(t)
	second := dbtest.StartSlapd(t, ldapSchema, "", ldapTop+ldapEntry("e", "dc=example", "k", "key", "v", "of the second"), nil)
	w.server.Modify("dn: cn=e0,ou=keys,dc=example\nchangetype: modify\nreplace: k\nk: key\n-\nreplace: v\nv: of the first\n")
	tab := w.open(ldapFile(w.netWorld, w.server, "server_host = ldap://127.0.0.1:1 "+w.server.URL()+" "+second.URL(), "timeout = 1"))
	w.expect(w.ask(tab, "key"), Answer{Value: "of the first"})
	w.server.Stop(syscall.SIGKILL)
	w.expect(w.ask(tab, "key"), Answer{Value: "of the second"}) // at once
	w.server.Start()
	w.expect(w.ask(tab, "key"), Answer{Value: "of the second"}) // that connection is fine
	second.Stop(syscall.SIGKILL)
	w.expect(w.ask(tab, "key"), Answer{Value: "of the first"})
	second.Start()
	if text := w.logged(); text != "" {
		t.Error(text)
	}
	w.server.Signal(syscall.SIGSTOP) // it takes connections, and says nothing
	w.expect(w.ask(tab, "key"), tryAgain)
	w.expect(w.ask(tab, "key"), Answer{Value: "of the second"})
	w.server.Signal(syscall.SIGCONT)
	// A server that does not want us is no reason to ask another.
	tab = w.open(ldapFile(w.netWorld, w.server, "server_host = "+w.server.URL()+" "+second.URL(), "bind_dn = "+w.server.Root, "bind_pw = wrong"))
	w.log = nil
	w.expect(w.ask(tab, "key"), tryAgain)
	if text := w.logged(); !strings.Contains(text, "49 (Invalid credentials)") {
		t.Error(text)
	}
}

// TestLdapReferrals: where a server sends one on.
func TestLdapReferrals(t *testing.T) {
	w := newWorkerWorld(t, "table-ldap")
	p := newNetPostmap(w)
	other := dbtest.StartSlapd(t, ldapSchema, "", ldapTop+ldapUnit("b")+ldapEntry("far", "ou=b,dc=example", "k", "far", "v", "far@x"), nil)
	ldif := ldapTop + ldapUnit("b") + ldapEntry("near", "ou=b,dc=example", "k", "near", "v", "near@x")
	for _, unit := range []string{"away", "here", "dead", "gone", "loop"} {
		ldif += ldapUnit(unit) + ldapEntry("near", "ou="+unit+",dc=example", "k", unit, "v", "near@x")
	}
	s := dbtest.StartSlapd(t, ldapSchema, "", ldif, nil)
	for unit, to := range map[string]string{
		"away": other.URL() + "/ou=b", "here": s.URL() + "/ou=b", "dead": "ldap://127.0.0.1:1/ou=b", "gone": s.URL() + "/ou=nosuch", "loop": "ldap://localhost:" + s.Port + "/ou=loop",
	} {
		s.Modify("dn: cn=on,ou=" + unit + ",dc=example\nchangetype: add\nobjectClass: referral\nobjectClass: extensibleObject\ncn: on\nref: " + to + ",dc=example\n")
	}
	var list []*ldapQuestion
	for _, chase := range []string{"no", "yes"} {
		for _, q := range []struct{ base, key string }{
			{"ou=away,dc=example", "far"},
			{"cn=on,ou=away,dc=example", "far"},
			{"ou=here,dc=example", "near"},
			{"cn=on,ou=here,dc=example", "near"},
			{"cn=on,ou=dead,dc=example", "near"},
			{"cn=on,ou=gone,dc=example", "x"},
			{"ou=loop,dc=example", "loop"},
			{"cn=on,ou=loop,dc=example", "loop"},
		} {
			list = append(list, &ldapQuestion{ref: ldapFile(w, s, "search_base = "+q.base, "chase_referrals = "+chase), key: q.key, what: chase + " " + q.base})
		}
	}
	ldapSame(p, list)
	// What a server has that is down may be anything: nobody is told that it is
	// not there, nor a part of it. (postmap passes over the first of these, and now
	// and then over the second.)
	for unit, want := range map[string]string{
		"dead": "Search error 10: Referral: to ldap://127.0.0.1:1/ou=b,dc=example",
		"gone": "Search base 'ou=gone,dc=example' not found: 32: No such object",
	} {
		tab := w.open(ldapFile(w, s, "search_base = ou="+unit+",dc=example", "chase_referrals = yes"))
		w.log = nil
		w.expect(w.ask(tab, unit), tryAgain)
		if text := w.logged(); !strings.Contains(text, want) {
			t.Error(text)
		}
	}
	if n := other.Connections(); n != 0 { // they do not stay
		t.Errorf("%d connections", n)
	}
}
