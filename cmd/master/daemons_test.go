// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"postloop/master/proto"
)

// daemonProcess is a small daemon that speaks the protocol, as a process that
// waits in plain system calls. Clients talk to it in lines; see answer.
type daemonProcess struct {
	stubborn   bool // neither SIGTERM nor the end of its master is a reason to leave
	typ        string
	sockets    []unix.PollFd
	generation uint32
	inherited  string // the descriptors that this process began with
}

// serve waits for work until the status channel ends.
func (d *daemonProcess) serve() int {
	d.inherited = descriptors()                          // first this: the runtime opens some for a timer
	time.AfterFunc(time.Minute, func() { unix.Exit(9) }) // whatever happens to the test
	d.typ = option("-t", "")
	d.generation, _ = proto.ParseGeneration(os.Getenv(proto.GenerationEnv))
	n, _ := strconv.Atoi(option("-s", "1"))
	for i := range n {
		d.sockets = append(d.sockets, unix.PollFd{Fd: int32(proto.ListenFD + i), Events: unix.POLLIN})
	}
	if d.stubborn {
		signal.Ignore(unix.SIGTERM)
	} else {
		d.sockets = append(d.sockets, unix.PollFd{Fd: proto.StatusFD, Events: unix.POLLIN})
	}
	for {
		if _, err := unix.Poll(d.sockets, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return say("poll: %v", err)
		}
		for _, p := range d.sockets {
			switch {
			case p.Revents == 0:
			case p.Fd == proto.StatusFD:
				return 0
			default:
				d.work(int(p.Fd))
			}
		}
	}
}

// work takes what waits at the endpoint fd, if nobody else was faster.
func (d *daemonProcess) work(fd int) {
	var buf [512]byte
	switch d.typ {
	case "fifo":
		if n, err := unix.Read(fd, buf[:]); err == nil {
			d.report(proto.Taken)
			say("fifo: %q", buf[:n])
			d.report(proto.Available)
		}
	case "unix-dgram":
		if n, _, err := unix.Recvfrom(fd, buf[:], 0); err == nil {
			d.report(proto.Taken)
			say("datagram: %q", buf[:n])
			d.report(proto.Available)
		}
	default:
		client, _, err := unix.Accept(fd)
		if err != nil {
			return
		}
		d.report(proto.Taken)
		if d.typ == "pass" {
			passed := receive(client)
			unix.Close(client)
			client = passed
		}
		_ = unix.SetNonblock(client, false)
		d.talk(os.NewFile(uintptr(client), "client"))
		d.report(proto.Available)
	}
}

// report tells the master how busy this process is.
func (d *daemonProcess) report(avail int32) {
	r := proto.Status{Pid: int32(os.Getpid()), Generation: d.generation, Avail: avail}
	if _, err := unix.Write(proto.StatusFD, r.Append(nil)); err != nil && !d.stubborn {
		unix.Exit(0)
	}
}

// talk answers a client line by line. Master's wake-up is no line.
func (d *daemonProcess) talk(client *os.File) {
	defer client.Close()
	in := bufio.NewReader(client)
	if first, err := in.Peek(1); err == nil && first[0] == 'W' {
		say("woken")
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		fmt.Fprintln(client, d.answer(strings.Fields(line)))
	}
}

// answer does what a client asks for.
func (d *daemonProcess) answer(words []string) string {
	switch words[0] {
	case "args":
		return strings.Join(os.Args, " ")
	case "env":
		value, set := os.LookupEnv(words[1])
		return fmt.Sprintf("%s=%s %v", words[1], value, set)
	case "open":
		return "open " + d.inherited
	case "fork": // somebody whom the master does not know, and who writes where it does
		sleep := exec.Command("/bin/sleep", "60")
		sleep.Stderr = os.Stderr
		if err := sleep.Start(); err != nil {
			return err.Error()
		}
		return "forked"
	case "exit":
		status, _ := strconv.Atoi(words[1])
		unix.Exit(status)
	}
	return fmt.Sprintf("%d says %s", os.Getpid(), strings.Join(words, " "))
}

// descriptors lists the open ones, of as many as anybody could have meant.
func descriptors() string {
	var open []string
	for fd := range 256 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			open = append(open, strconv.Itoa(fd))
		}
	}
	return strings.Join(open, " ")
}

// receive returns the descriptor that somebody passes over socket, or -1.
func receive(socket int) int {
	_ = unix.SetNonblock(socket, false)
	var data [1]byte
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, data[:], control, 0)
	if err != nil {
		return -1
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) == 0 {
		return -1
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return -1
	}
	return fds[0]
}

// moody is a daemon that only works where there is a file named cheer.
func moody() int {
	if _, err := os.Stat("cheer"); err != nil {
		return 1
	}
	return (&daemonProcess{}).serve()
}

// gossip is a daemon whose reports make no sense.
func gossip() int {
	_, _ = unix.Write(proto.StatusFD, []byte("short"))
	for _, r := range []proto.Status{
		{Pid: int32(os.Getpid()), Generation: 99, Avail: proto.Available}, // of a predecessor
		{Pid: int32(os.Getpid()), Generation: 1, Avail: 7},
		{Pid: 1, Generation: 1, Avail: proto.Taken}, // of somebody else
	} {
		_, _ = unix.Write(proto.StatusFD, r.Append(nil))
	}
	return (&daemonProcess{}).serve()
}

// say writes a line to where the master's log goes in these tests.
func say(format string, args ...any) int {
	fmt.Fprintf(os.Stderr, "daemon %s: %s\n", option("-n", os.Args[0]), fmt.Sprintf(format, args...))
	return 1
}

// option returns the value of an option that the master gave this daemon.
func option(name, def string) string {
	if i := slices.Index(os.Args, name); i >= 0 && i+1 < len(os.Args) {
		return os.Args[i+1]
	}
	return def
}
