// SPDX-License-Identifier: ISC

package loop_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// run runs a command to its end.
func run(t testing.TB, l *loop.Loop, c *loop.Cmd) (status unix.WaitStatus) {
	t.Helper()
	done := false
	pid, err := l.Spawn(c, func(e loop.Exit) { done, status = true, e.Status })
	if err != nil || pid <= 0 {
		t.Fatalf("pid %d, %v", pid, err)
	}
	looptest.Until(t, l, func() bool { return done })
	return status
}

// output runs a command and returns what it writes.
func output(t testing.TB, l *loop.Loop, c *loop.Cmd) string {
	t.Helper()
	r, w := pipe(t)
	defer closeFd(t, r)
	for len(c.Files) < 3 {
		c.Files = append(c.Files, -1)
	}
	c.Files[1], c.Files[2] = w, w
	if err := unix.SetNonblock(w, false); err != nil {
		t.Fatal(err)
	}
	var text string
	watched := watch(t, l, r, readable, func(loop.Ready) { text += drain(t, r) })
	_ = run(t, l, c)
	closeFd(t, w)
	looptest.Until(t, l, func() bool { return strings.HasSuffix(text, "EOF") })
	watched.Stop()
	return strings.TrimSuffix(text, "EOF")
}

// TestExit: every way to end, with its status.
func TestExit(t *testing.T) {
	l := looptest.New(t)
	checkExits(t, l)
}

// TestExitBySignal is TestExit where there are no pidfds.
func TestExitBySignal(t *testing.T) {
	l := looptest.New(t)
	l.NoPidfds()
	checkExits(t, l)
}

func checkExits(t *testing.T, l *loop.Loop) {
	t.Helper()
	for _, test := range []struct {
		line   string
		code   int
		signal unix.Signal
	}{
		{"exit 0", 0, -1},
		{"exit 75", 75, -1},
		{"kill -KILL $$", -1, unix.SIGKILL},
		{"kill -TERM $$", -1, unix.SIGTERM},
	} {
		status := run(t, l, sh(test.line))
		if status.ExitStatus() != test.code || status.Signal() != test.signal {
			t.Errorf("%s: status %#x", test.line, status)
		}
	}
	if n := l.Children(); n != 0 {
		t.Errorf("%d children", n)
	}
}

// TestExitUsage: what the child has used is the child's.
func TestExitUsage(t *testing.T) {
	l := looptest.New(t)
	var got loop.Exit
	pid, err := l.Spawn(sh("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"), func(e loop.Exit) { got = e })
	if err != nil {
		t.Fatal(err)
	}
	looptest.Until(t, l, func() bool { return got.Pid != 0 })
	if got.Pid != pid || got.Usage.Utime.Nano()+got.Usage.Stime.Nano() <= 0 || got.Usage.Maxrss <= 0 {
		t.Errorf("%+v", got)
	}
}

// TestExitAfterSpawn: a child that ends at once, and one whose end nobody
// wants to know, started from a callback.
func TestExitAfterSpawn(t *testing.T) {
	t.Run("pidfds", func(t *testing.T) { exitAfterSpawn(t, looptest.New(t)) })
	t.Run("SIGCHLD", func(t *testing.T) {
		l := looptest.New(t)
		l.NoPidfds()
		exitAfterSpawn(t, l)
	})
}

func exitAfterSpawn(t *testing.T, l *loop.Loop) {
	t.Helper()
	returned, exited := 0, 0
	var spawned uint64
	l.Later(func() {
		spawned = l.Stats().Turns
		for i := range 20 {
			exit := func(loop.Exit) {
				if exited++; returned != 20 || l.Stats().Turns == spawned {
					t.Error("exited before Spawn's caller was through")
				}
			}
			if i%2 == 1 {
				exit = nil
			}
			pid, err := l.Spawn(sh("exit 0"), exit)
			if err != nil {
				t.Fatal(err)
			}
			if err := waitid(pid); err != nil {
				t.Fatal(err)
			}
			returned++
		}
	})
	looptest.Until(t, l, func() bool { return returned == 20 && l.Children() == 0 })
	if exited != 10 {
		t.Errorf("%d exits were reported", exited)
	}
}

// TestFiles: Files[i] is descriptor i in the child, -1 is closed, and there
// are no others, whatever is open here.
func TestFiles(t *testing.T) {
	l := looptest.New(t)
	dir := t.TempDir()
	var files []int
	for _, name := range []string{"a", "b", "c", "d"} {
		fd, err := unix.Open(filepath.Join(dir, name), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer closeFd(t, fd)
		files = append(files, fd)
	}
	// Backwards, so that numbers collide, one twice, one not at all.
	c := sh("for i in 3 4 5 6 7 8 9; do readlink /proc/self/fd/$i || echo none; done",
		-1, -1, -1, files[3], files[2], -1, files[0], files[0])
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("no /proc")
	}
	got := strings.Fields(strings.ReplaceAll(output(t, l, c), dir+"/", ""))
	if want := []string{"d", "c", "none", "a", "a", "none", "none"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestDirEnvArgs: the rest of what a Cmd says.
func TestDirEnvArgs(t *testing.T) {
	l := looptest.New(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := &loop.Cmd{
		Path: "/bin/sh", Args: []string{"name", "-c", `echo "$0 $1"; pwd; echo "$X"; env | grep -c .`, "zero", "one two"},
		Dir: dir, Env: []string{"X=y z"},
	}
	lines := strings.Split(output(t, l, c), "\n")
	if len(lines) < 3 || lines[0] != "zero one two" || lines[1] != dir || lines[2] != "y z" {
		t.Errorf("%q", lines)
	}
}

// TestExecError tells what could not be executed from what could not be
// forked.
func TestExecError(t *testing.T) {
	l := looptest.New(t)
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("data"), 0o700); err != nil {
		t.Fatal(err)
	}
	exited := func(loop.Exit) { t.Error("exited was called for a child that never ran") }
	for _, test := range []struct {
		cmd *loop.Cmd
		err error
	}{
		{&loop.Cmd{Path: "/nonexistent/program"}, unix.ENOENT},
		{&loop.Cmd{Path: plain}, unix.ENOEXEC},
		{&loop.Cmd{Path: "/"}, unix.EACCES},
		{&loop.Cmd{Path: "/bin/sh", Dir: "/nonexistent"}, unix.ENOENT},
		{&loop.Cmd{Path: "/bin/sh", Files: []int{1 << 18}}, unix.EBADF},
		{&loop.Cmd{Path: "/bin/\x00sh"}, unix.EINVAL},
		{&loop.Cmd{Path: "/bin/sh", Root: "/nonexistent"}, unix.ENOENT},
	} {
		if test.cmd.Root != "" && os.Geteuid() != 0 && runtime.GOOS != "linux" {
			test.err = unix.EPERM // Linux looks for the directory first
		}
		_, err := l.Spawn(test.cmd, exited)
		var exec *loop.ExecError
		if !errors.As(err, &exec) || exec.Path != test.cmd.Path || !errors.Is(err, test.err) {
			t.Errorf("%+v: %v", test.cmd, err)
		}
	}
	turn(t, l)

	// No descriptor for the pipe that syscall needs: nothing to do with exec.
	release := exhaust(t)
	_, err := l.Spawn(sh("exit 0"), exited)
	release()
	var exec *loop.ExecError
	if err == nil || errors.As(err, &exec) || !errors.Is(err, unix.EMFILE) {
		t.Errorf("without descriptors: %v", err)
	}
	if n := l.Children(); n != 0 {
		t.Errorf("%d children", n)
	}
}

// assign is for a field whose type differs between systems.
func assign[T int64 | uint64](to *T, n int) { *to = T(n) }

// exhaust uses up all descriptors until release is called.
func exhaust(t testing.TB) (release func()) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	low := old
	top, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	assign(&low.Cur, top+20)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	used := []int{top}
	for {
		fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			break
		}
		used = append(used, fd)
	}
	return func() {
		for _, fd := range used {
			closeFd(t, fd)
		}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Fatal(err)
		}
	}
}

// TestManyChildren: each exit is told to the right callback, with its status,
// and no descriptor gets another's event.
func TestManyChildren(t *testing.T) {
	for name, set := range map[string]func(*loop.Loop){
		"pidfds":  func(*loop.Loop) {},
		"SIGCHLD": (*loop.Loop).NoPidfds,
	} {
		t.Run(name, func(t *testing.T) {
			l := looptest.New(t)
			set(l)
			manyChildren(t, l)
		})
	}
}

func manyChildren(t *testing.T, l *loop.Loop) {
	t.Helper()
	const n = 200
	want := make(map[int]int)
	bad := 0
	for i := range n {
		code := i % 100
		pid, err := l.Spawn(sh(fmt.Sprintf("exit %d", code)), func(e loop.Exit) {
			if want[e.Pid] != e.Status.ExitStatus() {
				bad++
			}
			delete(want, e.Pid)
		})
		if err != nil {
			t.Fatal(err)
		}
		want[pid] = code
		// Meanwhile descriptors come and go that have the numbers of dead
		// children's pidfds.
		a, b := looptest.Pair(t)
		w := watch(t, l, a, readable, func(loop.Ready) { t.Error("nobody has written") })
		turn(t, l)
		w.Stop()
		closeFd(t, a)
		closeFd(t, b)
	}
	looptest.Until(t, l, func() bool { return l.Children() == 0 })
	if bad != 0 || len(want) != 0 {
		t.Errorf("%d exits were wrong, %d missing", bad, len(want))
	}
}

// TestOrphans: a subreaper learns of grandchildren, and of its own children as
// before, also of those started before it asked.
func TestOrphans(t *testing.T) {
	l := looptest.New(t)
	if got := output(t, l, self(t, "subreaper")); got != "own 5\nown 6\norphan 7\n" {
		t.Errorf("got %q", got)
	}
}

// TestChildLimit: the child has the soft limit of open files that this process
// was started with, not the one that the Go runtime has raised it to.
func TestChildLimit(t *testing.T) {
	l := looptest.New(t)
	c := self(t, "limit")
	c.Path, c.Args = "/bin/sh", []string{"sh", "-c", `ulimit -S -n 200; exec "$0"`, c.Path}
	if got := strings.TrimSpace(output(t, l, c)); got != "200" {
		t.Errorf("the limit is %q", got)
	}
}

// TestPidEnv: the child finds its own number, and the next one of the same Cmd
// its own again; a Cmd that has none does not wait for one.
func TestPidEnv(t *testing.T) {
	l := looptest.New(t)
	c := sh(`echo "$NUMBER" "$$" "$OTHER" "$*"`)
	c.Args = append(c.Args, "name", "a b", "")
	c.Env, c.PidEnv = []string{"OTHER=x"}, "NUMBER"
	for range 20 {
		text := output(t, l, c)
		if pid, rest, _ := strings.Cut(text, " "); rest != pid+" x a b \n" || pid == "" {
			t.Fatalf("got %q", text)
		}
	}
	c.PidEnv = "SECOND"
	c.Args[2] = `echo "$NUMBER" "$SECOND" "$$"`
	if text := strings.Fields(output(t, l, c)); len(text) != 2 || text[0] != text[1] {
		t.Errorf("with another name: %q", text)
	}
	c.PidEnv = ""
	if text := strings.Fields(output(t, l, c)); len(text) != 1 {
		t.Errorf("without: %q", text)
	}
}
