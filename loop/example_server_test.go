// SPDX-License-Identifier: ISC

package loop_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"time"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// reverser answers each line with its letters turned round.
type reverser struct {
	loop     *loop.Loop
	clients  int
	listener *loop.Listener
}

// accepted is called for each client. Its descriptor is the connection's from
// here on.
func (r *reverser) accepted(fd int, p loop.Peer) {
	if _, err := r.loop.Conn(fd, r, loop.Limits{Idle: time.Minute, Input: 512}); err != nil {
		_ = unix.Close(fd) // nobody has it
		return
	}
	r.clients++
	fmt.Println("client from", p)
}

// Data uses whole lines, one a call; it is called again as long as it uses any.
func (r *reverser) Data(c *loop.Conn, in []byte) (used int) {
	line, _, whole := bytes.Cut(in, []byte("\n"))
	if !whole {
		return 0
	}
	for i := len(line) - 1; i >= 0; i-- {
		c.Write(line[i : i+1])
	}
	c.Write([]byte("\n"))
	return len(line) + 1
}

// Closed is the end of a client. Here it is the end of the program as well.
func (r *reverser) Closed(_ *loop.Conn, err error) {
	fmt.Println("client has gone:", err)
	if r.clients--; r.clients == 0 {
		r.listener.Stop() // first this, then the descriptor
		r.loop.Stop()
	}
}

// A whole server, and a client of it in the same process.
func Example() {
	l, err := loop.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = l.Close() }()

	socket, port := listenLoopback()
	defer func() { _ = unix.Close(socket) }()
	server := &reverser{loop: l}
	if server.listener, err = l.Listen(socket, server.accepted); err != nil {
		fmt.Println(err)
		return
	}

	client := dialLoopback(port)
	defer func() { _ = unix.Close(client) }()
	_, _ = unix.Write(client, []byte("stressed\ndrawer\n"))
	_ = unix.Shutdown(client, unix.SHUT_WR)

	if err := l.Run(); err != nil {
		fmt.Println(err)
		return
	}
	answer := make([]byte, 100)
	n, _ := unix.Read(client, answer)
	fmt.Printf("%s", answer[:n])
	// Output:
	// client from 127.0.0.1
	// client has gone: <nil>
	// desserts
	// reward
}

// listenLoopback makes a socket on some port of the loopback interface. A program gets
// its sockets in this way, or from whoever has started it.
func listenLoopback() (fd, port int) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = unix.Listen(fd, 128)
	}
	if err != nil {
		panic(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		panic(err)
	}
	return fd, sa.(*unix.SockaddrInet4).Port
}

func dialLoopback(port int) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: netip.MustParseAddr("127.0.0.1").As4()})
	}
	if err != nil {
		panic(err)
	}
	return fd
}
