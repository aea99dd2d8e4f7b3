// SPDX-License-Identifier: ISC

//go:build linux && (amd64 || arm64) && !loopforkexec

package loop

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// lean starts processes at a cost that depends neither on our memory nor on
// how many descriptors we have open, as the standard library's way does.
//
// The child is born by clone3(2) with our memory and our descriptors, and we
// wait until it has left both. All it does is a list of system calls that was
// written before, down to execve (child_script.go, child_lean_*.s). The first
// of them gives it a table of descriptors of its own, with nothing in it but
// those below a certain number; what the child is to have has been put there.
// Our signal handlers are gone at birth.
type lean struct {
	birth  *birth
	script []call
	names  []string // of the script's calls, for errors
	groups []uint32
	gate   uint32 // 1 until a child that waits may go on
	number *words // that the child waits to have its number in; nil: it does not
	limits []unix.Rlimit
	limit  unix.Rlimit

	capHead unix.CapUserHeader
	capData [2]unix.CapUserData

	idle  int            // an eventfd that means nothing
	slots [slotCount]int // low descriptors, which hold the same when they are free
	taken int            // of them
	first int            // above all of them

	files int64 // the soft limit of open files for children; ours: the one that we have
	tried bool  // it is known whether this works; see try
	plain bool  // it does not
}

// slotCount is how many descriptors with high numbers a child may have before
// its birth gets as dear as it is with fork. A connection is one.
const slotCount = 8

// birth is what the assembly works on. It lives where the kernel can write.
type birth struct {
	clone  cloneArgs
	all    uint64 // every signal
	mask   uint64 // this thread's, meanwhile
	script *call
	failed *call // the call that ended the child, and why
	errno  uintptr
	pidfd  int32
	inside uint32 // 1 until the child has left our memory, when the kernel makes it 0
}

// cloneArgs is clone3's struct clone_args: eleven numbers, of which these are
// not zero here.
type cloneArgs [cloneSize / 8]uint64

const (
	cloneFlags      = 0
	clonePidfd      = 1
	cloneChildTID   = 2
	cloneExitSignal = 4
	cloneSize       = 88
)

// bear makes a child that does what b.script says, and returns its number or,
// negative, an errno. It does not wait for the child.
//
//go:noescape
func bear(b *birth) (pid int)

// newStarter returns the leaner start where the kernel has what it takes.
func newStarter() (starter, error) {
	// Nothing is closed by this, but only a kernel that knows the call says so.
	if err := unix.CloseRange(1, 0, unix.CLOSE_RANGE_UNSHARE); !errors.Is(err, unix.EINVAL) {
		return forkExec{}, nil
	}
	s := &lean{birth: &birth{all: ^uint64(0), mask: 0}, files: ours}
	var err error
	if s.idle, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	for i := range s.slots {
		if s.slots[i], err = unix.FcntlInt(uintptr(s.idle), unix.F_DUPFD_CLOEXEC, 3); err != nil {
			closeAll(append(s.slots[:i:i], s.idle))
			return nil, os.NewSyscallError("fcntl", err)
		}
		s.first = max(s.first, s.slots[i]+1)
	}
	return s, nil
}

func (s *lean) close() { closeAll(append(s.slots[:], s.idle)) }

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// confines: the script can make any call there is.
func (s *lean) confines() bool {
	s.try()
	return !s.plain
}

func (s *lean) start(c *Cmd) (pid, pidfd int, err error) {
	if s.try(); s.plain {
		return forkExec{}.start(c)
	}
	if c.kept.words == nil {
		c.kept.words = &words{}
	}
	if err := c.kept.words.take(c); err != nil {
		return 0, -1, &ExecError{Path: c.Path, Err: err}
	}
	defer s.release()
	if err := s.write(c); err != nil {
		return 0, -1, err
	}
	pid, err = s.bear()
	runtime.KeepAlive(c)
	if err != nil {
		return 0, -1, os.NewSyscallError("clone3", err)
	}
	b := s.birth
	if b.failed == nil {
		return pid, int(b.pidfd), nil
	}
	_ = unix.Close(int(b.pidfd))
	bury(pid)
	at := (uintptr(unsafe.Pointer(b.failed)) - uintptr(unsafe.Pointer(&s.script[0]))) / unsafe.Sizeof(call{})
	return 0, -1, stillborn(c, s.names[at], pid, unix.Errno(b.errno))
}

// bear makes a child that does what the script says, and waits until it
// executes its program or has ended. One that waits for its number gets it.
//
// This is vfork(2) but for who waits: there it is the kernel, for ever. Whoever
// has another process of the child's new user may stop the child before it has
// come to its program, and would stop us.
func (s *lean) bear() (pid int, err error) {
	b := s.birth
	b.script, b.failed, b.errno, b.pidfd, b.inside = &s.script[0], nil, 0, -1, 1
	if pid = bear(b); pid < 0 {
		return 0, unix.Errno(-pid)
	}
	if s.number != nil {
		s.admit(pid)
	}
	for {
		// Raw: the runtime need not be told of a wait that is short and bounded,
		// and telling it costs more than the wait.
		_, _, errno := unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&b.inside)), futexWait, 1, uintptr(unsafe.Pointer(&birthTime)), 0, 0)
		if errno == unix.EAGAIN { // it is not 1
			return pid, nil
		}
		if errno == unix.ETIMEDOUT {
			wake(pid)
		}
	}
}

// birthTime is how long a birth may take before a look is taken at the child.
var birthTime = unix.Timespec{Nsec: int64(10 * time.Millisecond)}

// wake has a child go on that was stopped. If it is stopped over and over it
// still makes one call each time. A child that is merely slow does not notice.
func wake(pid int) {
	if unix.Kill(pid, unix.SIGCONT) != unix.EPERM {
		return
	}
	// It is another user's already, and we have root in reserve only.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	uid := uintptr(unix.Geteuid())
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, asItIs, 0, asItIs); errno != 0 {
		return
	}
	_ = unix.Kill(pid, unix.SIGCONT)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, asItIs, uid, asItIs); errno != 0 {
		panic("loop: cannot give up root again: " + errno.Error())
	}
}

// try finds out, once, whether children can be had in this way. A filter of
// system calls or a kernel that knows less says so only when one is made; it
// must be known before anything depends on it.
func (s *lean) try() {
	if s.tried {
		return
	}
	s.begin(false)
	s.add("exit_group", unix.SYS_EXIT_GROUP, 0)
	pid, err := s.bear()
	switch {
	case err == nil:
		_ = unix.Close(int(s.birth.pidfd))
		bury(pid)
		s.learnFiles()
	case isShortage(err) || errors.Is(err, unix.EAGAIN):
		return // ask again
	default:
		s.plain = true
	}
	s.tried = true
}

// bury reaps a child that has ended.
func bury(pid int) {
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// learnFiles finds out which limit of open files this process was started with:
// children get the same. The Go runtime raises it for itself, to one less than
// it could be, and programs that use select(2) can do nothing with the rest.
//
// The runtime does not tell what the limit was. It puts it back for a program
// that is to take our place, and so it is back after an attempt that must fail.
// From then on the standard library would give children the higher one.
func (s *lean) learnFiles() {
	s.files = ours
	if !s.raised() {
		return
	}
	_ = syscall.Exec("", nil, nil)
	var was unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &was) != nil || was == s.limit {
		return
	}
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &s.limit) == nil {
		s.files = int64(was.Cur)
	}
}

// ours is for children that have our limit.
const ours = -1

// raised reports whether our limit, which it leaves in s.limit, is the
// runtime's doing still.
func (s *lean) raised() bool {
	return unix.Getrlimit(unix.RLIMIT_NOFILE, &s.limit) == nil && s.limit.Cur+1 == s.limit.Max
}
