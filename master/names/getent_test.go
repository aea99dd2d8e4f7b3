// SPDX-License-Identifier: ISC

package names

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// fakeGetent knows a few names, and misbehaves for others. The gate is a named
// pipe: whoever waits there reads one line.
const fakeGetent = `#!/bin/sh
dir=${0%/*}
case "$1 $2" in
"passwd ldap") echo "ldap:*:5001:5002:L:/home/ldap:/bin/sh" ;;
"passwd 5001") echo "ldap:*:5001:5002:L:/home/ldap:/bin/sh" ;;
"passwd other") echo "another:*:5001:5002:L:/home/ldap:/bin/sh" ;;
"passwd environment") echo "environment:x:1:2::$PWD $LANG $HOME:$PATH" ;;
"group staff") echo "staff:*:5003:a,b"; yes a,b,c | head -c 1000000 ;;
"ahosts far.example")
	echo "192.0.2.7     STREAM far.example"
	echo "192.0.2.7     DGRAM"
	echo "2001:db8::7   STREAM"
	echo "2001:db8::7   DGRAM" ;;
"services svc/tcp") echo "svc                   4711/tcp alias" ;;
"passwd broken") exit 1 ;;
"passwd killed") kill -KILL $$ ;;
"passwd hangs") exec tail -f /dev/null ;;
"passwd holder") tail -f /dev/null & echo $! > "$dir/pid"; echo "holder:x:1:2:::" ;;
"passwd closes") echo "closes:x:1:2:::"; exec >&-; read line < "$dir/gate" ;;
"passwd gate"*) read line < "$dir/gate"; echo "$2:x:1:2:::" ;;
*) exit 2 ;;
esac
`

// newAsking returns names with the fake getent, and a loop to ask it on.
func newAsking(t *testing.T) (n *Resolver, l *loop.Loop, dir string) {
	t.Helper()
	l = looptest.New(t)
	dir = t.TempDir()
	path := filepath.Join(dir, "getent")
	if err := os.WriteFile(path, []byte(fakeGetent), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "gate"), 0o600); err != nil {
		t.Fatal(err)
	}
	return newTestNames(t, path), l, dir
}

// resolve has everything missing looked up.
func resolve(t *testing.T, n *Resolver, l *loop.Loop) {
	t.Helper()
	times := 0
	n.Resolve(l, func() { times++ })
	if times > 0 {
		t.Error("done was called before Resolve returned")
	}
	looptest.Until(t, l, func() bool { return times > 0 })
	if times != 1 || len(n.missing) > 0 || len(n.running) > 0 {
		t.Errorf("done was called %d times, %d missing, %d running", times, len(n.missing), len(n.running))
	}
}

func TestResolve(t *testing.T) {
	n, l, _ := newAsking(t)
	var user User
	var group Group
	var hosts []netip.Addr
	var port int
	pass := func() error {
		var err [5]error
		user, err[0] = n.User("ldap")
		_, err[1] = n.User("5001") // getent answers, with another name
		group, err[2] = n.Group("staff")
		hosts, err[3] = n.Host("far.example", false, true)
		port, err[4] = n.Port("svc", "tcp", nil)
		return errors.Join(err[:]...)
	}
	if err := pass(); !errors.Is(err, ErrPending) || len(n.missing) != 5 {
		t.Fatalf("first pass: %v, %d missing", err, len(n.missing))
	}
	resolve(t, n, l)
	if err := pass(); !errors.Is(err, ErrUnknown) || err.Error() != ErrUnknown.Error() {
		t.Fatalf("second pass: %v, want that the number is unknown", err)
	}
	if want := (User{"ldap", 5001, 5002, "/home/ldap", "/bin/sh"}); user != want {
		t.Errorf("user: got %+v", user)
	}
	if want := (Group{"staff", 5003}); group != want {
		t.Errorf("group: got %+v", group)
	}
	if join(hosts) != "2001:db8::7" || port != 4711 {
		t.Errorf("host: got %v, port: got %d", hosts, port)
	}
}

func TestResolveFailures(t *testing.T) {
	n, l, _ := newAsking(t)
	failures := map[string]string{
		"nobody": ErrUnknown.Error(),
		"other":  ErrUnknown.Error(),
		"broken": "getent passwd broken: exit status 1",
		"killed": "getent passwd killed: killed by signal 9",
	}
	for name := range failures {
		_, _ = n.User(name)
	}
	resolve(t, n, l)
	for name, want := range failures {
		if got, err := n.User(name); err == nil || err.Error() != want {
			t.Errorf("%s: got %+v, %v, want %s", name, got, err, want)
		}
	}
}

func TestResolveNothing(t *testing.T) {
	n, l, _ := newAsking(t)
	resolve(t, n, l)
}

func TestResolveWithoutGetent(t *testing.T) {
	n, l := newTestNames(t, "/nonexistent/getent"), looptest.New(t)
	_, _ = n.User("ldap")
	resolve(t, n, l)
	if _, err := n.User("ldap"); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

func TestResolveGivesNothingAway(t *testing.T) {
	n, l, _ := newAsking(t)
	t.Setenv("HOME", "/home/secret")
	_, _ = n.User("environment")
	resolve(t, n, l)
	u, err := n.User("environment")
	if err != nil || u.Home != "/ C " || u.Shell != "/bin" {
		t.Errorf("got %+v, %v", u, err)
	}
}

// A server that does not answer must not hold up a reload for ever.
func TestResolveGivesUp(t *testing.T) {
	n, l, dir := newAsking(t)
	_, _ = n.User("hangs")
	_, _ = n.User("holder")
	_, _ = n.User("ldap")
	ended := false
	n.Resolve(l, func() { ended = true })
	looptest.Until(t, l, func() bool { return l.Children() == 1 }) // the holder's parent has gone
	looptest.Advance(l, queryTime-time.Nanosecond)
	if ended {
		t.Fatal("given up too early")
	}
	looptest.Advance(l, time.Nanosecond)
	looptest.Until(t, l, func() bool { return ended })
	for _, name := range []string{"hangs", "holder"} {
		want := "getent passwd " + name + ": no answer within 10s"
		if _, err := n.User(name); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	if _, err := n.User("ldap"); err != nil {
		t.Errorf("the others: got %v", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// The end of the output may come before the exit; after it is tested above.
func TestResolveEndOfOutputFirst(t *testing.T) {
	n, l, dir := newAsking(t)
	_, _ = n.User("closes")
	ended := false
	n.Resolve(l, func() { ended = true })
	k := n.running[0]
	looptest.Until(t, l, func() bool { return k.fd < 0 })
	if ended || k.exit != nil {
		t.Fatal("it has ended though it waits at the gate")
	}
	openGate(t, dir, 1)
	looptest.Until(t, l, func() bool { return ended })
	if _, err := n.User("closes"); err != nil {
		t.Error(err)
	}
}

func TestResolveAFewAtOnce(t *testing.T) {
	n, l, dir := newAsking(t)
	const all = 11
	for i := range all {
		_, _ = n.User(fmt.Sprintf("gate%d", i))
	}
	ended := false
	n.Resolve(l, func() { ended = true })
	if len(n.running) != maxQueries || l.Children() != maxQueries {
		t.Errorf("%d running, %d children", len(n.running), l.Children())
	}
	openGate(t, dir, all)
	looptest.Until(t, l, func() bool {
		if l.Children() > maxQueries {
			t.Errorf("%d children", l.Children())
		}
		return ended
	})
	for i := range all {
		if _, err := n.User(fmt.Sprintf("gate%d", i)); err != nil {
			t.Error(err)
		}
	}
}

func TestAbandon(t *testing.T) {
	n, l, _ := newAsking(t)
	for i := range 2 * maxQueries {
		_, _ = n.User(fmt.Sprintf("gate%d", i))
	}
	n.Resolve(l, func() { t.Error("done was called") })
	n.Abandon()
	looptest.Until(t, l, func() bool { return l.Children() == 0 && len(n.running) == 0 })
}

// openGate lets that many processes pass.
func openGate(t *testing.T, dir string, passes int) {
	t.Helper()
	gate, err := os.OpenFile(filepath.Join(dir, "gate"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = gate.Close() })
	if _, err := gate.WriteString(strings.Repeat("\n", passes)); err != nil {
		t.Fatal(err)
	}
}

// The system's own getent must understand the questions and be understood.
func TestResolveWithTheSystems(t *testing.T) {
	n, l := New(), looptest.New(t)
	if !slices.ContainsFunc(n.Getent, func(p string) bool { return unix.Access(p, unix.X_OK) == nil }) {
		t.Skip("no getent on this system")
	}
	n.Etc = t.TempDir() // knows nothing
	pass := func() (User, Group, []netip.Addr, error) {
		u, err1 := n.User("root")
		g, err2 := n.Group("daemon")
		h, err3 := n.Host("localhost", true, true)
		return u, g, h, errors.Join(err1, err2, err3)
	}
	if _, _, _, err := pass(); !errors.Is(err, ErrPending) {
		t.Fatal(err)
	}
	resolve(t, n, l)
	u, g, h, err := pass()
	if err != nil || u.UID != 0 || u.Name != "root" || g.Name != "daemon" || g.GID == 0 || len(h) == 0 || !h[0].IsLoopback() {
		t.Errorf("got %+v, %+v, %v, %v", u, g, h, err)
	}
	if _, err := n.User("no-such-user-at-all"); !errors.Is(err, ErrPending) {
		t.Fatal(err)
	}
	resolve(t, n, l)
	if _, err := n.User("no-such-user-at-all"); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
}
