// SPDX-License-Identifier: ISC

package docs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const played = true

// apart runs the player with a network of its own and, as root, on files of its
// own, too: what a page does to the machine is undone. Without the right to
// that, as in most containers, a page has what there is; but a machine must be.
func apart(self, below string, set func(*exec.Cmd)) ([]byte, error) {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	command := []string{self}
	if os.Getuid() == 0 {
		attr.Cloneflags |= syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
		// The shell is process 1 there, and reaps who is left behind.
		command = []string{"/bin/sh", "-c", `"$0"; exit $?`, self}
	} else {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
		attr.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN}
		below = ""
	}
	run := func(attr *syscall.SysProcAttr, place string) ([]byte, error) {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.SysProcAttr = attr
		set(cmd)
		cmd.Env = append(cmd.Env, placeVariable+"="+place)
		cmd.WaitDelay = time.Second
		return cmd.CombinedOutput()
	}
	out, err := run(attr, "apart:"+below)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !machine {
		return run(nil, "")
	}
	return out, err
}

// prepare makes the place what it is to be.
func prepare(place string) error {
	below, alone := strings.CutPrefix(place, "apart:")
	if alone {
		if err := loopbackUp(); err != nil {
			return fmt.Errorf("loopback: %w", err)
		}
	}
	if below != "" {
		return copyOfTheMachine(below)
	}
	return errors.Join(
		os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)),
		os.NewSyscallError("prctl", unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)),
	)
}

// loopbackUp is ip link set lo up.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, req); err != nil {
		return err
	}
	req.SetUint16(req.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}

// real are the kinds of file systems that files of a machine are on.
var real = []string{"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "tmpfs", "overlay", "9p", "virtiofs"}

// copyOfTheMachine puts every file system under a layer in memory, which is gone
// with the last process here, and goes there. below is an empty directory.
func copyOfTheMachine(below string) error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount private", err)
	}
	if err := unix.Mount("tmpfs", below, "tmpfs", 0, "size=4g,mode=755"); err != nil {
		return os.NewSyscallError("mount tmpfs", err)
	}
	root := below + "/root"
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	for n, line := range strings.Split(strings.TrimSpace(string(table)), "\n") {
		// ... root mount-point options - type source super-options
		before, after, _ := strings.Cut(line, " - ")
		kind, _, _ := strings.Cut(after, " ")
		point := strings.Fields(before)[4]
		if !slices.Contains(real, kind) || isOrBelow(point, "/dev") || isOrBelow(point, "/sys") || isOrBelow(point, "/proc") {
			continue
		}
		var st unix.Stat_t
		if unix.Stat(root+point, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
			continue // hidden by another one, or a single file
		}
		upper, work := fmt.Sprintf("%s/upper%d", below, n), fmt.Sprintf("%s/work%d", below, n)
		if err := errors.Join(os.Mkdir(upper, 0o755), os.Mkdir(work, 0o755)); err != nil {
			return err
		}
		if unix.Stat(point, &st) == nil { // that of the root, at least, has to be the same
			if err := errors.Join(os.Chown(upper, int(st.Uid), int(st.Gid)), unix.Chmod(upper, st.Mode&0o7777)); err != nil {
				return err
			}
		}
		options := "lowerdir=" + point + ",upperdir=" + upper + ",workdir=" + work
		if err := unix.Mount("overlay", root+point, "overlay", 0, options); err != nil {
			return fmt.Errorf("mount overlay over %s: %w", point, err)
		}
	}
	for _, dir := range []string{"/dev", "/sys"} {
		if err := unix.Mount(dir, root+dir, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("mount %s: %w", dir, err)
		}
	}
	if err := unix.Mount("proc", root+"/proc", "proc", 0, ""); err != nil {
		return os.NewSyscallError("mount proc", err)
	}
	if err := unix.Chroot(root); err != nil {
		return os.NewSyscallError("chroot", err)
	}
	return unix.Chdir(here)
}

func isOrBelow(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, dir+"/")
}

// leaveNobody ends what is left of a page, which is an error of the page.
func leaveNobody() error {
	left := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		pids, err := leftOver()
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			break
		}
		for _, pid := range pids {
			name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if line := strings.ReplaceAll(string(name), "\x00", " "); line != "" && !strings.Contains(left, line) {
				left += line + "\n"
			}
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	if left != "" {
		return fmt.Errorf("the page leaves these running:\n%s", left)
	}
	return nil
}

// leftOver lists the processes that the page has left: all that there are but the
// first one and this, or those that have become our children.
func leftOver() (pids []int, err error) {
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != nil || pid <= 0 {
			break
		}
	}
	words := ""
	if os.Getppid() == 1 {
		entries, err := os.ReadDir("/proc")
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			words += e.Name() + " "
		}
	} else {
		children, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", unix.Gettid()))
		if err != nil {
			return nil, err
		}
		words = string(children)
	}
	for _, word := range strings.Fields(words) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 1 && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
