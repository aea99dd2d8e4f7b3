// SPDX-License-Identifier: ISC

package skeleton

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/cfg"
	"postloop/loop"

	"golang.org/x/sys/unix"
)

// TestMain runs the tests, or a daemon when the test's executable is started
// under another name.
func TestMain(m *testing.M) {
	if strings.Contains(filepath.Base(os.Args[0]), "test") {
		os.Exit(m.Run())
	}
	os.Exit(Run(testProgram()))
}

// testProgram understands all transports, and what it requires is in its
// environment.
func testProgram() Options {
	requires := strings.Fields(os.Getenv("REQUIRES"))
	if slices.Contains(requires, "many") {
		return Options{
			Transports: []cfg.Type{cfg.Inet, cfg.Unix},
			Serve:      func(d *Daemon) (Server, error) { return &talk{d: d}, nil },
		}
	}
	return Options{
		Transports: []cfg.Type{cfg.Inet, cfg.Unix, cfg.Pass},
		Privileged: slices.Contains(requires, "privileged"),
		LimitZero:  slices.Contains(requires, "zero"),
		LimitOne:   slices.Contains(requires, "one"),
		Check: func(d *Daemon) error {
			if slices.Contains(requires, "nonsense") {
				return errors.New("nonsense is not to be had")
			}
			return nil
		},
		Start: func(d *Daemon) (Service, error) {
			if slices.Contains(requires, "start") {
				return nil, &cfg.Error{File: "file", Line: 7, Text: "no start"}
			}
			return &script{d: d}, nil
		},
	}
}

// script is a service that does what its client tells it, a line at a time.
type script struct {
	d  *Daemon
	fd int
	w  *loop.Watch
	in []byte
}

func (s *script) Accepted(fd int, p loop.Peer) {
	s.fd = fd
	s.in = nil
	if slices.Contains(s.d.Args, "refuse") {
		s.close()
		return
	}
	s.say("hello %s %s", s.d.Name, p)
	var err error
	if s.w, err = s.d.Loop.Watch(fd, loop.Readable, s.readable); err != nil {
		s.d.Fatalf("watch: %v", err)
	}
}

func (s *script) readable(loop.Ready) {
	buf := make([]byte, 512)
	n, err := unix.Read(s.fd, buf)
	if n <= 0 || err != nil {
		s.close()
		return
	}
	s.in = append(s.in, buf[:n]...)
	for {
		line, rest, ok := bytes.Cut(s.in, []byte("\n"))
		if !ok {
			return
		}
		s.in = rest
		s.obey(strings.Fields(string(line)))
	}
}

func (s *script) close() {
	s.w.Stop()
	_ = unix.Close(s.fd)
	s.d.Done()
}

func (s *script) say(format string, args ...any) {
	_, _ = unix.Write(s.fd, fmt.Appendf(nil, format+"\n", args...))
}

func (s *script) obey(words []string) {
	d := s.d
	switch words[0] {
	case "fatal":
		d.Fatalf("%s", strings.Join(words[1:], " "))
	case "error":
		d.Log.Errorf("%s", strings.Join(words[1:], " "))
		s.say("logged")
	case "hang":
		time.Sleep(time.Hour)
	case "pid":
		s.say("%d", os.Getpid())
	case "turns":
		s.say("%d", d.Loop.Stats().Turns)
	case "param":
		value, err := d.Main.Value(words[1])
		s.say("%s %v", value, err)
	case "user": // look up, which must work wherever the root directory is
		u, err := d.Names.User(words[1])
		s.say("%d %v", u.UID, err)
	case "ids":
		groups, _ := os.Getgroups()
		s.say("%d/%d %d/%d %v", os.Getuid(), os.Geteuid(), os.Getgid(), os.Getegid(), groups)
	case "dir":
		dir, err := os.Getwd()
		_, err2 := os.Stat("/mark")
		s.say("%s %v %v", dir, err, err2 == nil)
	case "log":
		d.Log.Infof("%s", strings.Join(words[1:], " "))
		s.say("logged")
	case "descriptor": // how the client's, or another one, is set
		fd := s.fd
		if len(words) > 1 {
			if _, err := fmt.Sscan(words[1], &fd); err != nil {
				panic(err)
			}
		}
		flags, err1 := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		mode, err2 := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		alive, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE)
		s.say("close-on-exec %v, non-blocking %v, keepalive %v, %v", flags&unix.FD_CLOEXEC != 0, mode&unix.O_NONBLOCK != 0, alive != 0, errors.Join(err1, err2))
	default:
		s.say("%s", strings.Join(words, " "))
	}
}
