// SPDX-License-Identifier: ISC

//go:build interop && linux

// The interop tests of spawn compare five ways of running a command for a
// client: Postfix's master and ours, each with Postfix's spawn and with ours,
// and our master without any, as it does by itself. What Postfix does with
// both of its own programs is what a test expects of the others, unless the
// test says what else, and why.
package main_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// combination is one of the five.
type combination struct {
	name                  string
	ourMaster, ourProgram bool
	hosted                bool // by our master; a program is only for what that does not want
}

// reference is what the others are measured by.
var reference = combination{name: "real master, real spawn"}

// hosted is our master as it is by itself.
var hosted = combination{name: "our master, hosted", ourMaster: true, ourProgram: true, hosted: true}

var combinations = []combination{
	reference,
	{name: "real master, our spawn", ourProgram: true},
	{name: "our master, real spawn", ourMaster: true},
	{name: "our master, our spawn", ourMaster: true, ourProgram: true},
	hosted,
}

// ours reports whether a command is run by code of ours.
func (c combination) ours() bool { return c.ourProgram || c.hosted }

// instance makes an instance of the combination, without starting it.
func (c combination) instance(t testing.TB, o pftest.Options) *pftest.Instance {
	t.Helper()
	builtin := ""
	if c.hosted {
		builtin = "spawn"
	}
	main := map[string]string{"builtin_services": builtin}
	for name, value := range o.Main {
		main[name] = value
	}
	o.Main = main
	if c.ourMaster {
		o.Master = pftest.Ours(t, "master")
	}
	p := pftest.New(t, o)
	if c.ourProgram {
		p.Install(pftest.Ours(t, "spawn"), "spawn")
	}
	return p
}

// start starts the master and the log daemon. Postfix's master waits for the
// log daemon where that is behind, and must not have to start it then.
func start(p *pftest.Instance) {
	p.StartMaster()
	p.WaitLog(`postfix/master\[\d+\]: daemon started`)
	p.Until("the log daemon runs", func() bool { return len(p.Running("postlogd")) == 1 })
}

// end ends the master, and waits until nothing of the instance is left, with
// no more force than that takes.
func end(t testing.TB, p *pftest.Instance) {
	t.Helper()
	noError(t, unix.Kill(p.Pid(), unix.SIGTERM))
	p.AllGone()
}

// endpoint is where a service can be reached: an address, or the path of a
// local one, of a pass service if pass.
type endpoint struct {
	addr string
	pass bool
}

func (e endpoint) dial() (net.Conn, error) {
	if e.pass {
		return pftest.HandOver(e.addr)
	}
	network := "tcp"
	if strings.HasPrefix(e.addr, "/") {
		network = "unix"
	}
	c, err := net.DialTimeout(network, e.addr, pftest.Patience)
	if err != nil {
		return nil, err
	}
	return c, c.SetDeadline(time.Now().Add(pftest.Patience))
}

// ask connects, says what there is to say, and returns what it sees.
func ask(e endpoint, text string) string {
	c, err := e.dial()
	if err != nil {
		return err.Error()
	}
	defer func() { _ = c.Close() }()
	return talk(c, text)
}

// talk sends text and the end of it, while it reads until the connection ends.
func talk(c net.Conn, text string) string {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		// Who does not want to hear it resets: the reader will see that.
		_, _ = c.Write([]byte(text))
		_ = c.(interface{ CloseWrite() error }).CloseWrite()
	}()
	defer func() { <-sent }()
	return read(c)
}

// read reads until the connection ends, and returns what came and how it ended.
func read(c net.Conn) string {
	var got bytes.Buffer
	_, err := io.Copy(&got, onlyReader{c})
	text := fmt.Sprintf("%q", got.String())
	if got.Len() > 4000 {
		text = digest(got.String())
	}
	switch {
	case err == nil:
		return text + " end"
	case errors.Is(err, unix.ECONNRESET):
		return text + " reset"
	}
	return text + " " + err.Error()
}

// digest stands for a text that is too long to be shown.
func digest(text string) string {
	return fmt.Sprintf("%d bytes, sha256 %x", len(text), sha256.Sum256([]byte(text)))
}

// onlyReader keeps io.Copy from tricks of the other side.
type onlyReader struct{ io.Reader }

// waiting reports whether a connection is there and nothing has come.
func waiting(c net.Conn) bool {
	raw, err := c.(interface {
		SyscallConn() (syscall.RawConn, error)
	}).SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = raw.Control(func(fd uintptr) {
		set := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(set, 0)
		quiet = n == 0 && err == nil
	})
	return quiet && err == nil
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// script writes an executable file into the instance and returns its path.
func script(t testing.TB, p *pftest.Instance, name, text string, mode os.FileMode) string {
	t.Helper()
	path := p.Dir + "/" + name
	noError(t, os.WriteFile(path, []byte(text), mode))
	noError(t, os.Chmod(path, mode))
	return path
}
