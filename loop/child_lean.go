// SPDX-License-Identifier: ISC

//go:build linux && (amd64 || arm64) && !loopforkexec

package loop

import (
	"errors"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// lean starts processes at a cost that depends neither on our memory nor on
// how many descriptors we have open, as the standard library's way does.
//
// The child is born by clone3(2) with our memory and our descriptors, while
// this thread sleeps. All it does is a list of system calls that was written
// before, down to execve (child_script.go, child_lean_*.s). The first of them
// gives it a table of descriptors of its own, with nothing in it but those
// below a certain number; what the child is to have has been put there. Our
// signal handlers are gone at birth.
type lean struct {
	birth  *birth
	script []call
	names  []string // of the script's calls, for errors
	groups []uint32
	limits []unix.Rlimit
	limit  unix.Rlimit

	idle  int            // an eventfd that means nothing
	slots [slotCount]int // low descriptors, which hold the same when they are free
	taken int            // of them
	first int            // above all of them

	files int64 // the soft limit of open files for children; see learn
	tried bool  // clone3 has worked
	plain bool  // it is not to be had
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
}

// cloneArgs is clone3's struct clone_args: eleven numbers, of which these are
// not zero here.
type cloneArgs [cloneSize / 8]uint64

const (
	cloneFlags      = 0
	clonePidfd      = 1
	cloneExitSignal = 4
	cloneSize       = 88
)

// bear makes a child that does what b.script says, and returns its number or,
// negative, an errno.
//
//go:noescape
func bear(b *birth) (pid int)

// newStarter returns the leaner start where the kernel has what it takes.
func newStarter() (starter, error) {
	// Nothing is closed by this, but only a kernel that knows the call says so.
	if err := unix.CloseRange(1, 0, unix.CLOSE_RANGE_UNSHARE); !errors.Is(err, unix.EINVAL) {
		return forkExec{}, nil
	}
	s := &lean{birth: &birth{all: ^uint64(0), mask: 0}, files: unknown}
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
func (s *lean) confines() bool { return !s.plain }

func (s *lean) start(c *Cmd) (pid, pidfd int, err error) {
	if s.plain || s.files == unknown && s.learn() && s.ordinary(c) {
		pid, pidfd, err = forkExec{}.start(c)
		if err == nil && s.files == unknown {
			s.files = softFiles(pid)
		}
		return pid, pidfd, err
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
	b := s.birth
	b.script, b.failed, b.errno, b.pidfd = &s.script[0], nil, 0, -1
	pid = bear(b)
	runtime.KeepAlive(c)
	switch errno := unix.Errno(-min(pid, 0)); {
	case pid < 0 && !s.tried && (errno == unix.ENOSYS || errno == unix.EPERM || errno == unix.EINVAL):
		s.plain = true // an old kernel, or a filter of system calls
		if c.confined() {
			return 0, -1, errConfine(c)
		}
		return forkExec{}.start(c)
	case pid < 0:
		return 0, -1, os.NewSyscallError("clone3", errno)
	}
	s.tried = true
	if b.failed == nil {
		return pid, int(b.pidfd), nil
	}
	_ = unix.Close(int(b.pidfd))
	bury(pid)
	at := (uintptr(unsafe.Pointer(b.failed)) - uintptr(unsafe.Pointer(&s.script[0]))) / unsafe.Sizeof(call{})
	return 0, -1, stillborn(c, s.names[at], pid, unix.Errno(b.errno))
}

// bury reaps a child that has ended.
func bury(pid int) {
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// The limit of open files that children get is the one that this process was
// started with: the Go runtime raises it for itself, and programs that use
// select(2) can do nothing with the rest. The runtime does not tell what it was
// but to children that it starts.
const (
	unknown = -2 // what the runtime has found
	ours    = -1 // children have our limit
)

// learn reports whether the limit has to be learnt from a child: it is what the
// runtime leaves, one less than it could be.
func (s *lean) learn() bool {
	if s.raised() {
		return true
	}
	s.files = ours
	return false
}

// ordinary reports whether the standard library can start c.
func (s *lean) ordinary(c *Cmd) bool {
	return !c.confined() && (c.User == nil || unix.Geteuid() == 0)
}

// raised reports whether our limit, which it leaves in s.limit, is the
// runtime's doing still.
func (s *lean) raised() bool {
	return unix.Getrlimit(unix.RLIMIT_NOFILE, &s.limit) == nil && s.limit.Cur+1 == s.limit.Max
}

// softFiles returns the limit of a child that the runtime has just started.
func softFiles(pid int) int64 {
	var lim unix.Rlimit
	if unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &lim) != nil || lim.Cur+1 == lim.Max {
		return ours
	}
	return int64(lim.Cur)
}
