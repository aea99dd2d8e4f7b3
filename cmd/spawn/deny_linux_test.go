// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"postloop/services/skeleton/mastertest"
)

// deny has one system call fail in all threads from now on, as the filters of
// containers do.
func deny(what string) {
	var number, errno uint32
	if _, err := fmt.Sscan(what, &number, &errno); err != nil {
		return
	}
	const nr = 0 // where seccomp_data has it
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: nr},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: number, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | errno},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread() // for the first call; the other one takes all threads along
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog))); errno != 0 {
		panic(errno)
	}
}

// TestDenied: a container that does not let the leaner start of processes be
// used costs no client.
func TestDenied(t *testing.T) {
	t.Parallel()
	for _, no := range []struct {
		call  int
		errno syscall.Errno
	}{
		{unix.SYS_CLONE3, unix.ENOSYS}, // not EPERM: the C library, which these tests have, would make no threads then
		{unix.SYS_CLOSE_RANGE, unix.ENOSYS},
		{unix.SYS_CLOSE_RANGE, unix.EPERM},
	} {
		env := []string{fmt.Sprintf("%s=%d %d", denied, no.call, no.errno)}
		for name, o := range map[string]mastertest.Options{
			"rootless": {Env: env},
			"root":     {Env: env, Privileged: true, Main: "mail_owner = daemon\n"},
		} {
			t.Run(fmt.Sprintf("%s/%d/%s", name, no.call, no.errno), func(t *testing.T) {
				args := []string{"argv=/bin/sh", "-c", "id -u"}
				want := fmt.Sprintln(unix.Getuid())
				if o.Privileged {
					needRoot(t)
					args, want = append([]string{"user=nobody"}, args...), "65534\n"
				}
				d := start(t, o, args...)
				for range 3 {
					if got := all(d.Dial()); got != want {
						t.Fatalf("got %q, want %q", got, want)
					}
					d.Says(taken, available)
				}
				if log := d.Log(); log != "" {
					t.Errorf("the log has %q", log)
				}
			})
		}
	}
}

// TestOpenFiles: a command gets the limit that the process was started with,
// also where that starts it as another user, and also the first.
func TestOpenFiles(t *testing.T) {
	var was syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was))
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 200, Max: was.Max}))
	o, args := mastertest.Options{}, []string{"argv=/bin/sh", "-c", "ulimit -S -n; ulimit -H -n"}
	if unix.Getuid() == 0 {
		o.Privileged, o.Main = true, "mail_owner = daemon\n"
		args = append([]string{"user=nobody"}, args...)
	}
	d := start(t, o, args...)
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was))
	want := fmt.Sprintf("200\n%d\n", was.Max)
	for range 3 {
		if got := strings.ReplaceAll(all(d.Dial()), "unlimited", fmt.Sprint(uint64(unix.RLIM_INFINITY))); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		d.Says(taken, available)
	}
}
