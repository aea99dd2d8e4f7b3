// SPDX-License-Identifier: ISC

//go:build linux

package echo

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/panjf2000/gnet/v2"
	"github.com/tidwall/evio"
	"golang.org/x/sys/unix"

	"postloop/loop"
)

// Servers are the loops, by the names that the report has for them.
var Servers = []Server{
	{"postloop", "loop.Conn, with its buffers and limits", serveLoop},
	{"gnet", "one event loop", serveGnet},
	{"evio", "one event loop", serveEvio},
	{"Go net", "a goroutine per connection", serveNet},
}

// Server is an echo server that runs until it fails or its process is ended.
type Server struct {
	Name string
	Is   string
	// Serve listens on an address, tcp or unix.
	Serve func(network, addr string) error
}

// Serve runs the server of that name.
func Serve(name, network, addr string) error {
	for _, s := range Servers {
		if s.Name == name {
			return s.Serve(network, addr)
		}
	}
	return fmt.Errorf("no echo server is called %s", name)
}

// echo is a client of postloop's.
type echo struct{}

func (echo) Data(c *loop.Conn, in []byte) int {
	c.Write(in)
	return len(in)
}

func (echo) Closed(*loop.Conn, error) {}

func serveLoop(network, addr string) error {
	l, err := loop.New()
	if err != nil {
		return err
	}
	fd, err := listen(network, addr)
	if err != nil {
		return err
	}
	_, err = l.Listen(fd, func(fd int, _ loop.Peer) {
		if _, err := l.Conn(fd, echo{}, loop.Limits{Idle: time.Minute}); err != nil {
			_ = unix.Close(fd)
		}
	})
	if err != nil {
		return err
	}
	return l.Run()
}

// listen makes a socket that listens.
func listen(network, addr string) (fd int, err error) {
	var to unix.Sockaddr = &unix.SockaddrUnix{Name: addr}
	family := unix.AF_UNIX
	if network == "tcp" {
		a, err := net.ResolveTCPAddr("tcp4", addr)
		if err != nil {
			return -1, err
		}
		to, family = &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(a.IP.To4())}, unix.AF_INET
	}
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return -1, err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err := errors.Join(unix.Bind(fd, to), unix.Listen(fd, unix.SOMAXCONN)); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// gnetEcho is a server of gnet's.
type gnetEcho struct{ gnet.BuiltinEventEngine }

func (*gnetEcho) OnTraffic(c gnet.Conn) gnet.Action {
	in, err := c.Next(-1)
	if err == nil {
		_, err = c.Write(in)
	}
	if err != nil {
		return gnet.Close
	}
	return gnet.None
}

func serveGnet(network, addr string) error {
	return gnet.Run(&gnetEcho{}, network+"://"+addr, gnet.WithNumEventLoop(1), gnet.WithTCPNoDelay(gnet.TCPNoDelay))
}

func serveEvio(network, addr string) error {
	return evio.Serve(evio.Events{
		NumLoops: 1,
		Data: func(_ evio.Conn, in []byte) ([]byte, evio.Action) {
			return in, evio.None
		},
	}, network+"://"+addr)
}

func serveNet(network, addr string) error {
	ln, err := net.Listen(network, addr)
	if err != nil {
		return err
	}
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer func() { _ = conn.Close() }()
			buf := make([]byte, 4096)
			for {
				n, err := conn.Read(buf)
				if err == nil {
					_, err = conn.Write(buf[:n])
				}
				if err != nil {
					return
				}
			}
		}()
	}
}
