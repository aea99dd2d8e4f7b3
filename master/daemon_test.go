// SPDX-License-Identifier: ISC

package master

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"testing"

	"postloop/master/proto"

	"golang.org/x/sys/unix"
)

// daemons are what the test binary is when it is started under another name,
// as master starts its processes.
var daemons = map[string]func() int{
	"echod":    echod,
	"crashd":   func() int { return 7 },
	"stubborn": stubborn,
	"gossip":   gossip,
	"pokedd":   pokedd,
}

func TestMain(m *testing.M) {
	if daemon := daemons[filepath.Base(os.Args[0])]; daemon != nil {
		os.Exit(daemon())
	}
	os.Exit(m.Run())
}

// tell tells master whether this process is free.
func tell(avail int32) {
	g, ok := proto.ParseGeneration(os.Getenv(proto.GenerationEnv))
	if !ok {
		os.Exit(90)
	}
	s := proto.Status{Pid: int32(os.Getpid()), Generation: g, Avail: avail}
	if _, err := unix.Write(proto.StatusFD, s.Append(nil)); err != nil {
		os.Exit(0) // master does not want this process any more
	}
}

// next waits for a client, and ends the process when master has closed the
// status channel.
func next() int {
	for {
		p := []unix.PollFd{{Fd: proto.StatusFD, Events: unix.POLLIN}, {Fd: proto.ListenFD, Events: unix.POLLIN}}
		if _, err := unix.Poll(p, -1); err != nil {
			continue
		}
		if p[0].Revents != 0 {
			os.Exit(0)
		}
		if fd, _, err := unix.Accept(proto.ListenFD); err == nil {
			_ = unix.SetNonblock(fd, false)
			return fd
		}
	}
}

// echod sends each client its process number and then what the client sends,
// until the client ends.
func echod() int {
	for {
		fd := next()
		tell(proto.Taken)
		fmt.Fprintf(fdWriter(fd), "%d\n", os.Getpid())
		var buf [512]byte
		for {
			n, err := unix.Read(fd, buf[:])
			if n <= 0 || err != nil {
				break
			}
			_, _ = unix.Write(fd, buf[:n])
		}
		unix.Close(fd)
		tell(proto.Available)
	}
}

// stubborn is echod for one client, does not listen to TERM, and stays.
func stubborn() int {
	signal.Ignore(unix.SIGTERM)
	fd := next()
	tell(proto.Taken)
	fmt.Fprintf(fdWriter(fd), "%d\n", os.Getpid())
	for {
		_, _ = unix.Poll(nil, -1)
	}
}

// gossip sends nonsense over the status channel, then behaves.
func gossip() int {
	for range 100 {
		_, _ = unix.Write(proto.StatusFD, []byte("nonsense"))
		_, _ = unix.Write(proto.StatusFD, []byte("much more than a status"))
		for _, s := range []proto.Status{
			{Pid: 1, Generation: 1, Avail: proto.Taken},
			{Pid: int32(os.Getpid()), Generation: 4711, Avail: proto.Taken},
			{Pid: int32(os.Getpid()), Generation: 1, Avail: 99},
		} {
			_, _ = unix.Write(proto.StatusFD, s.Append(nil))
		}
	}
	return echod()
}

// pokedd appends what a wake-up brings to the file "poked".
func pokedd() int {
	for {
		fd := next()
		tell(proto.Taken)
		var buf [512]byte
		n, _ := unix.Read(fd, buf[:])
		if f, err := os.OpenFile("poked", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
			_, _ = f.Write(buf[:max(n, 0)])
			_ = f.Close()
		}
		unix.Close(fd)
		tell(proto.Available)
	}
}

type fdWriter int

func (fd fdWriter) Write(b []byte) (int, error) { return unix.Write(int(fd), b) }
