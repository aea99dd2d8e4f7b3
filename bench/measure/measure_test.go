// SPDX-License-Identifier: ISC

//go:build linux

package measure

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseCPUStat(t *testing.T) {
	c, err := parseCPUStat("usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnice_usec 0\n")
	if want := (CPU{time.Millisecond, 500 * time.Microsecond}); err != nil || c != want || c.Total() != 1500*time.Microsecond {
		t.Errorf("%v, %v", c, err)
	}
	for _, text := range []string{"", "user_usec 1\n", "user_usec x\nsystem_usec 1\n"} {
		if c, err := parseCPUStat(text); err == nil {
			t.Errorf("%q: %v", text, c)
		}
	}
}

func TestFindHierarchies(t *testing.T) {
	const (
		mounts = `24 1 0:22 / /proc rw - proc proc rw
30 24 0:26 / /sys/fs/cgroup ro shared:9 - tmpfs tmpfs ro
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/unified rw shared:11 - cgroup2 cgroup2 rw
33 30 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
`
		only2 = "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	)
	for _, test := range []struct {
		name, mounts, groups string
		want                 []hierarchy
	}{
		{"both", mounts, "4:cpu,cpuacct:/\n3:cpuset:/\n0::/\n", []hierarchy{{"/sys/fs/cgroup/unified", true}, {"/sys/fs/cgroup/cpu,cpuacct", false}}},
		{"in a group", only2, "0::/user.slice/a.scope\n", []hierarchy{{"/sys/fs/cgroup/user.slice/a.scope", true}}},
		{"not mounted", "", "4:cpuacct:/\n0::/\n", nil},
		{"nothing", "", "", nil},
	} {
		if got := findHierarchies(test.mounts, test.groups); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestParseRollup(t *testing.T) {
	rss, pss, err := parseRollup("00400000-7ffd [rollup]\nRss:                1648 kB\nPss:                 350 kB\nPss_Dirty:            88 kB\n")
	if err != nil || rss != 1648<<10 || pss != 350<<10 {
		t.Errorf("%d, %d, %v", rss, pss, err)
	}
	for _, text := range []string{"", "Rss: 1 kB\n", "Rss: 1 kB\nPss: x kB\n"} {
		if _, _, err := parseRollup(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestParseBusy(t *testing.T) {
	busy, stolen, err := parseBusy("cpu  100 1 200 9999 50 3 4 7 60 0\ncpu0 1 2\n")
	if err != nil || busy != 308*tick || stolen != 7*tick {
		t.Errorf("%v, %v, %v", busy, stolen, err)
	}
	for _, text := range []string{"", "intr 1 2 3 4 5 6 7 8\n", "cpu 1 2\n", "cpu a 2 3 4 5 6 7 8\n"} {
		if _, _, err := parseBusy(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// started starts a shell in the tree and waits until it is there.
func started(t *testing.T, tree *Tree, script string) *exec.Cmd {
	t.Helper()
	c := exec.Command("/bin/sh", "-c", `[ -z "$0" ] || echo $$ >"$0"; echo in; `+script, tree.Entrance())
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	tree.SetRoot(c.Process.Pid)
	if _, err := out.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTree: the account has the dead, and Kill leaves nobody.
func TestTree(t *testing.T) {
	for _, tree := range []*Tree{NewTree("test"), {}} {
		t.Run(tree.Method(), func(t *testing.T) {
			// A child that works and dies, two that stay.
			c := started(t, tree, `(i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done); sleep 1000 & sleep 1000 & wait`)
			for end := time.Now().Add(20 * time.Second); tree.Runs(sleepPath(t)) < 2 && time.Now().Before(end); {
				_, _ = unix.Poll(nil, 1)
			}
			cpu, err := tree.CPU()
			if err != nil || cpu.Total() < 2*time.Millisecond {
				t.Errorf("processor time %+v, %v", cpu, err)
			}
			if n := len(tree.Processes()); n != 3 {
				t.Errorf("%d processes, want 3", n)
			}
			m, err := tree.Memory(sleepPath(t))
			if err != nil || m.Processes != 1 || m.RSS < m.PSS || m.PSS < 10<<10 {
				t.Errorf("memory without the sleepers: %+v, %v", m, err)
			}
			ended := make(chan struct{})
			go func() {
				_ = c.Wait() // killed, and that is an error
				close(ended)
			}()
			if err := tree.Kill(); err != nil {
				t.Error(err)
			}
			<-ended
			if left := tree.Processes(); len(left) > 0 {
				t.Errorf("processes %v are left", left)
			}
		})
	}
}

// sleepPath is the executable of a process that sleeps.
func sleepPath(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("sleep")
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestStartOn: a child is where it was put, and we are where we were.
func TestStartOn(t *testing.T) {
	before, err := Processors()
	if err != nil {
		t.Fatal(err)
	}
	err = StartOn(before[:1], func() error {
		now, err := Processors()
		if err == nil && !slices.Equal(now, before[:1]) {
			t.Errorf("inside: on %v, want %v", now, before[:1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	after, err := Processors()
	if err != nil || !slices.Equal(before, after) {
		t.Errorf("on %v, %v; before on %v", after, err, before)
	}
}

func TestDescriptors(t *testing.T) {
	before := Descriptors(os.Getpid())
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	with := Descriptors(os.Getpid())
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if before <= 0 || with <= before {
		t.Errorf("%d descriptors, %d with one more", before, with)
	}
	if n := Descriptors(1 << 30); n != -1 {
		t.Errorf("%d descriptors of nobody", n)
	}
}

// TestListening: the kernel's lists of sockets are understood, as they are here
// and in their own words.
func TestListening(t *testing.T) {
	tcp := ListeningTCP(`  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 01004D7F:4E20 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:4E21 0100007F:8000 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0
   2: x:4E21 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1
`)
	if len(tcp) != 1 || tcp["127.77.0.1:20000"] != "4711" {
		t.Errorf("%v", tcp)
	}
	unix := ListeningUnix(`Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 4711 /tmp/x
0000000000000000: 00000002 00000000 00000000 0001 03 4712 /tmp/y
0000000000000000: 00000002 00000000 00010000 0001 01 4713
`)
	if len(unix) != 1 || unix["/tmp/x"] != "4711" {
		t.Errorf("%v", unix)
	}
	path := t.TempDir() + "/s"
	for network, addr := range map[string]string{"tcp4": "127.0.0.1:0", "unix": path} {
		ln, err := net.Listen(network, addr)
		if err != nil {
			t.Fatal(err)
		}
		file, parse := "/proc/net/tcp", ListeningTCP
		if network == "unix" {
			file, parse = "/proc/net/unix", ListeningUnix
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if parse(string(text))[ln.Addr().String()] == "" {
			t.Errorf("%s has not %s", file, ln.Addr())
		}
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSwitches: a process that sleeps and wakes up has switched, and is stopped
// when it is.
func TestSwitches(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err == nil {
		sleep, err = filepath.EvalSymlinks(sleep)
	}
	if err != nil {
		t.Skip(err)
	}
	c := exec.Command(sleep, "1000")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	tree := &Tree{root: c.Process.Pid}
	for n, threads := 0, 0; n == 0 || threads != 1; n, threads = tree.Switches(sleep) {
		if t.Context().Err() != nil {
			t.Fatalf("%d switches of %d threads", n, threads)
		}
	}
	if n, threads := tree.Switches("/no/such/program"); n != 0 || threads != 0 {
		t.Errorf("%d switches of %d threads of nobody", n, threads)
	}
	if m, err := tree.MemoryOf(sleep); err != nil || m.Processes != 1 || m.RSS <= 0 {
		t.Errorf("%+v, %v", m, err)
	}
	if Stopped(c.Process.Pid) {
		t.Error("it is stopped")
	}
	if err := c.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for !Stopped(c.Process.Pid) {
		if t.Context().Err() != nil {
			t.Fatal("it is not stopped")
		}
	}
}
