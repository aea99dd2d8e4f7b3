// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// client is a connection, and what came over it that nobody has looked at.
type client struct {
	net.Conn
	unread []byte
}

// connect opens host:port, or a path below the stage's directory behind one of
// unix:, pass:, dgram: and fifo:.
func (s *stage) connect(addr string) (net.Conn, error) {
	kind, path, _ := strings.Cut(addr, ":")
	path = filepath.Join(s.dir, path)
	dialer := net.Dialer{Deadline: s.deadline}
	switch kind {
	case "unix":
		return dialer.Dial("unix", path)
	case "dgram":
		return dialer.Dial("unixgram", path)
	case "pass":
		return s.pass(path)
	}
	return dialer.Dial("tcp", addr)
}

// pass makes a connection and passes its other end to the service at path.
func (s *stage) pass(path string) (net.Conn, error) {
	service, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	defer service.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	ours := os.NewFile(uintptr(pair[0]), "ours")
	defer ours.Close()
	_, _, err = service.(*net.UnixConn).WriteMsgUnix([]byte{0}, unix.UnixRights(pair[1]), nil)
	unix.Close(pair[1])
	if err != nil {
		return nil, err
	}
	return net.FileConn(ours)
}

// expect waits for text from the other end that re matches, or for the end of
// it if re is nil.
func (c *client) expect(deadline time.Time, re *regexp.Regexp) error {
	if err := c.SetReadDeadline(deadline); err != nil {
		return err
	}
	for {
		if re != nil {
			if at := re.FindIndex(c.unread); at != nil {
				c.unread = c.unread[at[1]:]
				return nil
			}
		}
		var buf [4096]byte
		n, err := c.Read(buf[:])
		c.unread = append(c.unread, buf[:n]...)
		switch {
		case err == nil:
		case re == nil && (errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET)):
			return nil
		default:
			return fmt.Errorf("%w, after %q", err, c.unread)
		}
	}
}
