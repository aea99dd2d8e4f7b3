// SPDX-License-Identifier: ISC

// Package notify tells the manager that has started this process how it is:
// sd_notify(3), without a library.
//
// A Notifier belongs to the process whose environment it was made from. Its
// messages are datagrams and are never waited for: what the manager has no
// room for now is the caller's, to be sent again.
//
// A nil Notifier is for a process that nobody wants to hear from. All its
// methods do nothing.
//
// # See also
//
// sd_notify(3), systemd.service(5), sd_watchdog_enabled(3)
package notify

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Messages that have no value of their own.
const (
	Ready     = "READY=1"
	Reloading = "RELOADING=1"
	Stopping  = "STOPPING=1"
	Watchdog  = "WATCHDOG=1"
)

// Notifier sends messages to one manager.
type Notifier struct {
	fd       int
	to       unix.Sockaddr
	watchdog time.Duration
}

// variables are what a manager says to its service, and to nobody that the
// service starts.
var variables = [...]string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}

// Take makes a Notifier of what is in the environment, and removes it from
// there: what is started later must not speak for this process. It is nil where
// nobody wants to hear anything. With an error, which is about an address that
// nothing can be sent to, it is nil, too.
func Take() (*Notifier, error) {
	n, err := New(os.Getenv, os.Getpid())
	for _, name := range variables {
		_ = os.Unsetenv(name) // fails for a bad name only
	}
	return n, err
}

// New is Take for the process number pid in the environment that getenv reads,
// which stays as it is.
func New(getenv func(string) string, pid int) (*Notifier, error) {
	name := getenv(variables[0])
	if name == "" {
		return nil, nil
	}
	if name[0] != '/' && name[0] != '@' || len(name) < 2 {
		return nil, fmt.Errorf("%s=%s: neither an absolute path nor an abstract name", variables[0], name)
	}
	if len(name) > len(unix.RawSockaddrUnix{}.Path)-1 {
		return nil, fmt.Errorf("%s=%s: too long", variables[0], name)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return &Notifier{
		fd: fd, to: &unix.SockaddrUnix{Name: name},
		watchdog: watchdogTime(getenv(variables[1]), getenv(variables[2]), pid),
	}, nil
}

// watchdogTime reads how long the manager waits for a sign of life; 0 is for
// ever. Without a process number it waits for whoever there is.
func watchdogTime(usec, owner string, pid int) time.Duration {
	n, err := strconv.ParseUint(usec, 10, 53)
	if err != nil || n == 0 || owner != "" && owner != strconv.Itoa(pid) {
		return 0
	}
	return time.Duration(min(n, uint64(24*time.Hour/time.Microsecond))) * time.Microsecond
}

// WatchdogTime is how long the manager waits for one Watchdog after the other
// before it takes this process for dead, at most a day; 0: it does not. Half of
// it is a good time between two.
func (n *Notifier) WatchdogTime() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog
}

// Send sends one message of so many lines. ErrFull says that there is no room
// now; every other error, that nobody listens.
func (n *Notifier) Send(lines ...string) error {
	if n == nil {
		return nil
	}
	for {
		err := unix.Sendto(n.fd, []byte(strings.Join(lines, "\n")), 0, n.to)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS):
			return ErrFull
		}
		return os.NewSyscallError("sendto", err)
	}
}

// ErrFull is Send's error for a manager that has not read what was sent before.
var ErrFull = errors.New("the manager has no room for a message")

// Close ends n. No message can be sent any more.
func (n *Notifier) Close() {
	if n != nil {
		unix.Close(n.fd)
	}
}

// statusLimit is how long a status may be, in bytes. A manager has room for 4 KiB
// (systemd's PIPE_BUF), and throws a longer message away in whole: a READY would be
// lost for the words beside it.
const statusLimit = 2 << 10

// Status is the line that says in words how the process is.
func Status(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' ' // a message has one line for each of its parts
		}
		return r
	}, text)
	if len(text) > statusLimit {
		const more = "..."
		end := statusLimit - len(more)
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + more
	}
	return "STATUS=" + text
}

// Errno is the line that says why the process ends.
func Errno(n unix.Errno) string { return fmt.Sprintf("ERRNO=%d", int(n)) }

// MainPID is the line that has the manager take another process for the main
// one of the service.
func MainPID(pid int) string { return fmt.Sprintf("MAINPID=%d", pid) }
