// SPDX-License-Identifier: ISC

//go:build interop && linux

package packaging

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// system is a copy of this machine's files that takes writes into memory, with
// namespaces of mounts, processes and networks around it: a machine to install
// packages on, with a real dpkg and a real Postfix, which is gone at the end.
type system struct {
	t   *testing.T
	dir string
	pid int // process 1 in there, which does nothing
}

// made is the way into it. The overlay's upper folder has what has changed.
const made = `set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/run"
mount -t tmpfs tmpfs "$1/root/tmp"
mkdir -p "$1/root/run/lock"
ip link set lo up
echo ready
exec sleep infinity
`

func newSystem(t *testing.T) *system {
	t.Helper()
	s := &system{t: t, dir: shortDir(t)}
	c := exec.Command("unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child", "sh", "-c", made, "sh", s.dir)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill() // and with it process 1, and with that all others
		_ = c.Wait()
	})
	ready := make([]byte, len("ready"))
	if _, err := out.Read(ready); err != nil {
		t.Fatalf("no system to install in: %v", err)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", c.Process.Pid, c.Process.Pid))
	must(t, err)
	_, err = fmt.Sscan(string(children), &s.pid)
	must(t, err)
	// An overlay cannot rename over what dpkg has linked to from the machine's own layer:
	// the files that dpkg is to give back are in the upper one.
	s.sh("cp -a " + sbin + " " + sbin + ".new && rm -r " + sbin + " && mv " + sbin + ".new " + sbin)
	// What services may do when they are installed is for policy-rc.d to say: here, all.
	// And nothing runs services here, but for init's scripts by themselves.
	s.sh("rm -f /usr/sbin/policy-rc.d /var/lib/man-db/auto-update /sbin/runlevel; printf '#!/bin/sh\necho N 2\n' >/sbin/runlevel; chmod 755 /sbin/runlevel")
	return s
}

// try runs a script in the system.
func (s *system) try(script string) (string, int) {
	s.t.Helper()
	return status(s.t, []string{"DEBIAN_FRONTEND=noninteractive", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"},
		"nsenter", "-t", fmt.Sprint(s.pid), "-m", "-p", "-n", "-i", "-u", "chroot", s.dir+"/root", "sh", "-c", script)
}

// sh is try for what has to succeed.
func (s *system) sh(script string) string {
	s.t.Helper()
	out, code := s.try(script)
	if code != 0 {
		s.t.Fatalf("%s: status %d\n%s", script, code, out)
	}
	return out
}

// path is where a file of the system is, seen from here.
func (s *system) path(p string) string { return fmt.Sprintf("/proc/%d/root%s/root%s", s.pid, s.dir, p) }

// put copies a file into the system.
func (s *system) put(from, to string) {
	s.t.Helper()
	text, err := os.ReadFile(from)
	must(s.t, err)
	must(s.t, os.WriteFile(s.path(to), text, 0o644))
}

// forgotten are places that dpkg and Postfix write whatever is installed.
var forgotten = []string{
	"/var/lib/dpkg/", "/var/log/", "/var/cache/", "/var/lib/postfix/", "/var/spool/postfix/", "/etc/ld.so.cache", "/etc/.pwd.lock",
	"/usr/sbin/policy-rc.d", "/sbin/runlevel", "/usr/sbin/runlevel", "/var/lib/man-db/", "/run/", "/tmp/", "/dev/", "/proc/", "/var/lib/systemd/",
}

// changes are the files that are not as they are on this machine: new ones, those
// that are gone, and those with other bytes, modes or owners.
func (s *system) changes() (list []string) {
	s.t.Helper()
	upper := fmt.Sprintf("/proc/%d/root%s/upper", s.pid, s.dir)
	err := filepath.WalkDir(upper, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, upper)
		for _, f := range forgotten {
			if strings.HasPrefix(name+"/", f) || name == f {
				if d.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
		}
		if name != "" && !same(path, name) {
			list = append(list, name)
		}
		return nil
	})
	must(s.t, err)
	return list
}

// same compares a file with this machine's.
func same(path, name string) bool {
	var a, b unix.Stat_t
	errA, errB := unix.Lstat(path, &a), unix.Lstat(name, &b)
	if errA == nil && a.Mode&unix.S_IFMT == unix.S_IFCHR && a.Rdev == 0 { // how an overlay says: gone
		return errB != nil
	}
	if errA != nil || errB != nil || a.Mode != b.Mode || a.Uid != b.Uid || a.Gid != b.Gid {
		return false
	}
	switch a.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		textA, errA := os.ReadFile(path)
		textB, errB := os.ReadFile(name)
		return errA == nil && errB == nil && string(textA) == string(textB)
	case unix.S_IFLNK:
		textA, errA := os.Readlink(path)
		textB, errB := os.Readlink(name)
		return errA == nil && errB == nil && textA == textB
	}
	return true
}

// untilSaid waits until a script succeeds.
func (s *system) untilSaid(what, script string) {
	s.t.Helper()
	end := time.Now().Add(patience)
	for {
		out, code := s.try(script)
		if code == 0 {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("waited in vain: %s\n%s", what, out)
		}
	}
}
