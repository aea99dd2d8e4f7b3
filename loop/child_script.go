// SPDX-License-Identifier: ISC

//go:build linux && (amd64 || arm64) && !loopforkexec

package loop

import (
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call is a system call that a child makes.
type call struct {
	number   uintptr
	args     [5]uintptr
	optional bool // it may fail
}

// add writes one more call into the script.
func (s *lean) add(name string, number uintptr, args ...uintptr) {
	k := call{number: number}
	copy(k.args[:], args)
	s.script = append(s.script, k)
	s.names = append(s.names, name)
}

// mayFail says so of the last call.
func (s *lean) mayFail() { s.script[len(s.script)-1].optional = true }

// begin begins a new script, with the child's own table of descriptors: a copy
// of all of ours if those that it is to have are spread.
func (s *lean) begin(spread bool) {
	s.script, s.names, s.groups, s.limits = s.script[:0], s.names[:0], s.groups[:0], s.limits[:0]
	s.number = nil
	b := s.birth
	b.clone = cloneArgs{
		cloneFlags:      unix.CLONE_VM | unix.CLONE_CHILD_CLEARTID | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND,
		clonePidfd:      uint64(uintptr(unsafe.Pointer(&b.pidfd))),
		cloneChildTID:   uint64(uintptr(unsafe.Pointer(&b.inside))),
		cloneExitSignal: uint64(unix.SIGCHLD),
	}
	if !spread {
		b.clone[cloneFlags] |= unix.CLONE_FILES
		s.add("close_range", unix.SYS_CLOSE_RANGE, uintptr(s.first), ^uintptr(0)>>32, unix.CLOSE_RANGE_UNSHARE)
	}
}

// write writes the whole script of c, and takes the slots that it needs. What
// the script points to stays as it is until the child is born.
func (s *lean) write(c *Cmd) error {
	spread := s.spread(c.Files)
	s.begin(spread)
	if c.PidEnv != "" {
		s.await(c.kept.words)
	}
	if c.Session {
		s.add("setsid", unix.SYS_SETSID)
	}
	if c.User != nil {
		// Who has only the real or saved id of root becomes it; who has
		// not, fails in what follows.
		s.add("setresuid", unix.SYS_SETRESUID, asItIs, 0, asItIs)
		s.mayFail()
	}
	s.confine(c) // while we may
	w := c.kept.words
	if c.Root != "" {
		s.add("chroot", unix.SYS_CHROOT, pointer(w.root.p))
	}
	if c.User != nil {
		s.become(c.User)
	}
	if c.NoNewPrivs {
		s.add("prctl", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	}
	if c.Dir != "" {
		s.add("chdir", unix.SYS_CHDIR, pointer(w.dir.p))
	}
	if err := s.arrange(c, spread); err != nil {
		return err
	}
	s.add("rt_sigprocmask", unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&noSignals)), 0, unsafe.Sizeof(noSignals))
	s.add("exec", unix.SYS_EXECVE, pointer(w.path.p), uintptr(unsafe.Pointer(&w.args.ptrs[0])), uintptr(unsafe.Pointer(&w.env.ptrs[0])))
	return nil
}

// await has the child wait until its number is in w, and not for ever: whoever
// would write it there may be gone.
func (s *lean) await(w *words) {
	s.gate, s.number = 1, w
	s.add("futex", unix.SYS_FUTEX, uintptr(unsafe.Pointer(&s.gate)), futexWait, 1, uintptr(unsafe.Pointer(&gateTime)))
	s.mayFail() // it may be open already
}

// admit tells the child its number, and opens the gate.
func (s *lean) admit(pid int) {
	s.number.setPid(pid)
	wake := func() { _, _, _ = unix.RawSyscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&s.gate)), futexWake, 1) }
	wake() // first this: the number is there before the gate is open, for any processor
	s.gate = 0
	wake()
}

const (
	futexWait = 0
	futexWake = 1
)

// gateTime is how long a child waits for its number.
var gateTime = unix.Timespec{Sec: 10}

// noSignals is a mask.
var noSignals uint64

// asItIs leaves an id as it is.
const asItIs = ^uintptr(0)

func pointer(p *byte) uintptr { return uintptr(unsafe.Pointer(p)) }

// become makes the child u, the groups first.
func (s *lean) become(u *User) {
	for _, g := range u.Groups {
		s.groups = append(s.groups, uint32(g))
	}
	s.add("setgroups", unix.SYS_SETGROUPS, uintptr(len(s.groups)), uintptr(unsafe.Pointer(unsafe.SliceData(s.groups))))
	gid, uid := uintptr(uint32(u.GID)), uintptr(uint32(u.UID))
	s.add("setresgid", unix.SYS_SETRESGID, gid, gid, gid)
	s.add("setresuid", unix.SYS_SETRESUID, uid, uid, uid)
}

// confine takes from the child what takes root to be taken.
func (s *lean) confine(c *Cmd) {
	if c.Nice != 0 {
		now, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
		if err == nil { // 20 - nice, from the kernel
			s.add("setpriority", unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, uintptr(20-now+c.Nice))
		}
	}
	if s.files >= 0 && s.raised() {
		s.limits = append(s.limits, unix.Rlimit{Cur: uint64(s.files), Max: s.limit.Max})
	}
	restored := len(s.limits)
	for _, r := range c.Rlimits {
		s.limits = append(s.limits, unix.Rlimit{Cur: r.Cur, Max: r.Max})
	}
	for i := range s.limits { // the list has its place now
		resource := unix.RLIMIT_NOFILE
		if i >= restored {
			resource = c.Rlimits[i-restored].Resource
		}
		s.add("prlimit", unix.SYS_PRLIMIT64, 0, uintptr(resource), uintptr(unsafe.Pointer(&s.limits[i])))
	}
	if c.Caps == nil {
		return
	}
	s.add("prctl", unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL)
	s.disinherit(*c.Caps)
	for n := range 64 {
		has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0)
		if err != nil { // there are no more
			return
		}
		if has == 1 && !c.Caps.Has(n) {
			s.add("prctl", unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(n))
		}
	}
}

// disinherit takes from the child the inheritable capabilities that it is not
// to have: the bounding set does not hold for them.
func (s *lean) disinherit(keep Caps) {
	s.capHead.Version = unix.LINUX_CAPABILITY_VERSION_3
	if unix.Capget(&s.capHead, &s.capData[0]) != nil {
		s.capData = [2]unix.CapUserData{} // rather too much than too little
	}
	for i := range s.capData {
		d := &s.capData[i]
		d.Effective = d.Permitted // which it has by now, if it is to become a user
		d.Inheritable &= uint32(keep >> (32 * i))
	}
	s.add("capset", unix.SYS_CAPSET, uintptr(unsafe.Pointer(&s.capHead)), uintptr(unsafe.Pointer(&s.capData[0])))
}

// spread reports whether the child's files cannot all be brought below
// s.first.
func (s *lean) spread(files []int) bool {
	need := 0
	for i, fd := range files {
		if fd >= s.first && !slices.Contains(files[:i], fd) {
			need++
		}
	}
	return need > len(s.slots)
}

// arrange gives the child its files. In its own table every number from base
// on is free to use.
func (s *lean) arrange(c *Cmd, spread bool) error {
	base := max(s.first, len(c.Files))
	from := make([]int, 0, 16) // stays on the stack
	for i, fd := range c.Files {
		switch {
		case fd >= s.first && spread:
			base = max(base, fd+1)
		case fd >= s.first:
			if at := slices.Index(c.Files[:i], fd); at >= 0 {
				fd = from[at]
				break
			}
			slot := s.slots[s.taken]
			if err := dup3(fd, slot); err != nil {
				return &ExecError{Path: c.Path, Step: "dup3", Err: err}
			}
			s.taken++
			fd = slot
		}
		from = append(from, fd)
	}
	// What stands where another belongs steps aside first.
	for i, fd := range from {
		if fd >= 0 && fd < len(from) && fd != i {
			s.add("dup3", unix.SYS_DUP3, uintptr(fd), uintptr(base+i), unix.O_CLOEXEC)
			from[i] = base + i
		}
	}
	for i, fd := range from {
		switch {
		case fd < 0:
			s.add("close", unix.SYS_CLOSE, uintptr(i))
			s.mayFail()
		case fd == i:
			s.add("fcntl", unix.SYS_FCNTL, uintptr(i), unix.F_SETFD, 0)
		default:
			s.add("dup3", unix.SYS_DUP3, uintptr(fd), uintptr(i), 0)
		}
	}
	return nil
}

// release makes the slots hold nothing again: the other side of a connection
// must not wait for us to close our copy.
func (s *lean) release() {
	for s.taken > 0 {
		s.taken--
		_ = dup3(s.idle, s.slots[s.taken])
	}
}

func dup3(fd, to int) error { return os.NewSyscallError("dup3", unix.Dup3(fd, to, unix.O_CLOEXEC)) }
