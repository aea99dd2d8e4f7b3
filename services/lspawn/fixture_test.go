// SPDX-License-Identifier: ISC

package lspawn

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"postloop/loop"
	"postloop/loop/looptest"
	"postloop/services/lspawn/lspawntest"
	"postloop/services/table/worker"

	"golang.org/x/sys/unix"
)

// TestMain runs the tests, or a fake one of the processes that know users of
// virtual domains when the test's executable is started under the name of one.
func TestMain(m *testing.M) {
	if strings.HasPrefix(filepath.Base(os.Args[0]), "vuser-") {
		worker.Main(openFake)
	}
	// As a program does that uses the loop: what we were given is not for children.
	if err := loop.CloseOnExecFrom(3); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// fixture is a service on a loop whose time the test moves, with the test as
// its qmail-send.
type fixture struct {
	*lspawntest.Rig
	t        testing.TB
	l        *loop.Loop
	c        *Config
	s        *Service
	in, out  int // our ends; in -1: closed
	watch    *loop.Watch
	unread   []byte
	list     []lspawntest.Report // all that have come
	finished bool
}

// newFixture makes a service with a message 7/1 and a user joe, whose mail a
// shell script delivers. set may change its configuration before it begins.
func newFixture(t testing.TB, script string, set func(*fixture)) *fixture {
	t.Helper()
	f := &fixture{Rig: lspawntest.New(t), t: t, l: looptest.New(t)}
	f.Message("7/1", "Subject: hello\n\nhello\n")
	f.Assign("+joe-:joe:UID:GID:/home/joe:-::\n=joe:joe:UID:GID:/home/joe:::\n")
	f.c = &Config{
		Protocol: IndiMail, Limit: 500, Default: "./Mailbox", Owner: os.Geteuid(), Env: []string{"PATH=/usr/bin:/bin"},
		Dir: "/", LocalName: "/usr/sbin/qmail-local", Local: f.Script("local", script), Assign: f.Dir + "/users/cdb",
		Getpw: f.Dir + "/bin/qmail-getpw", Passwd: f.Dir + "/passwd", Break: '-', Alias: "alias",
	}
	if os.Geteuid() != 0 {
		f.c.Self = &loop.User{UID: os.Geteuid(), GID: os.Getegid()}
	} else {
		f.c.GetpwUser = &loop.User{UID: 4003, GID: 4004, Groups: []int{4004}}
	}
	if set != nil {
		set(f)
	}
	t.Chdir(f.Dir + "/queue/mess")
	f.serve()
	return f
}

func (f *fixture) serve() {
	f.t.Helper()
	var commands, reports [2]int
	for _, p := range []*[2]int{&commands, &reports} {
		must(f.t, unix.Pipe(p[:]))
		unix.CloseOnExec(p[0])
		unix.CloseOnExec(p[1])
	}
	f.in, f.out = commands[1], reports[0]
	must(f.t, unix.SetNonblock(f.out, true))
	var err error
	f.s, err = Serve(f.l, f.c, commands[0], reports[1], func() { f.finished = true })
	must(f.t, err)
	f.watch, err = f.l.Watch(f.out, loop.Readable, f.readable)
	must(f.t, err)
	f.t.Cleanup(func() { // before that of the loop
		f.end()
		f.watch.Stop()
		for _, fd := range []int{commands[0], reports[1], f.out} {
			_ = unix.Close(fd)
		}
	})
	f.until(func() bool { return len(f.unread) >= f.c.Protocol.width() })
	if got := string(f.unread); got != f.c.Protocol.number(f.c.Limit) {
		f.t.Fatalf("announced %q", got)
	}
	f.unread = f.unread[f.c.Protocol.width():]
}

func (f *fixture) readable(loop.Ready) {
	var buf [65536]byte
	n, err := unix.Read(f.out, buf[:])
	if n == 0 && err == nil {
		f.watch.Want(0)
	}
	f.unread = append(f.unread, buf[:max(n, 0)]...)
	for {
		r, rest, ok := lspawntest.Cut(f.c.Protocol.String(), f.unread)
		if !ok {
			return
		}
		f.unread = rest
		f.list = append(f.list, r)
	}
}

func (f *fixture) until(cond func() bool) {
	f.t.Helper()
	looptest.Until(f.t, f.l, cond)
}

// send writes bytes where commands come from.
func (f *fixture) send(b []byte) {
	f.t.Helper()
	for len(b) > 0 {
		n, err := unix.Write(f.in, b[:min(len(b), 32<<10)]) // a pipe has room for 64K
		must(f.t, err)
		b = b[n:]
		must(f.t, f.l.Turn(0))
	}
}

// to is a command with the usual message and sender.
func to(number int, recipient string) lspawntest.Command {
	return lspawntest.Command{Number: number, Messid: "7/1", Sender: "s@b.example", Recipient: recipient}
}

// ask sends a command and waits for one more report.
func (f *fixture) ask(c lspawntest.Command) lspawntest.Report {
	f.t.Helper()
	n := len(f.list)
	f.send(c.Encode(f.c.Protocol.String()))
	f.until(func() bool { return len(f.list) > n })
	return f.list[n]
}

// reports asks for a delivery and compares what is said of it.
func (f *fixture) reports(c lspawntest.Command, want string) {
	f.t.Helper()
	if got := f.ask(c); got.Text != want || got.Number != c.Number {
		f.t.Errorf("%s: report %d %q, want %d %q", c.Recipient, got.Number, got.Text, c.Number, want)
	}
}

// end closes the commands and waits until the service has left.
func (f *fixture) end() {
	f.t.Helper()
	if f.in >= 0 {
		must(f.t, unix.Close(f.in))
		f.in = -1
	}
	f.until(func() bool { return f.finished })
}

// file returns what is in a file of the rig's.
func (f *fixture) file(name string) string {
	f.t.Helper()
	text, err := os.ReadFile(f.Dir + "/" + name)
	must(f.t, err)
	return string(text)
}

// passwd writes the rig's passwd(5), in which UID, GID and DIR stand for the
// rig's.
func (f *fixture) passwd(text string) {
	f.t.Helper()
	text = strings.NewReplacer("UID", strconv.Itoa(f.UID), "GID", strconv.Itoa(f.GID), "DIR", f.Dir).Replace(text)
	must(f.t, os.WriteFile(f.Dir+"/passwd.tmp", []byte(text), 0o644))
	must(f.t, os.Rename(f.Dir+"/passwd.tmp", f.Dir+"/passwd"))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
}
