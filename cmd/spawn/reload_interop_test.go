// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// greeted is a connection to a command that has said its first line, and
// repeats what it hears.
type greeted struct {
	net.Conn
	in       *bufio.Reader
	greeting string
}

func greet(t *testing.T, addr string) *greeted {
	t.Helper()
	c, err := endpoint{addr: addr}.dial()
	noError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	g := &greeted{Conn: c, in: bufio.NewReader(c)}
	g.greeting = g.line(t)
	return g
}

func (g *greeted) line(t *testing.T) string {
	t.Helper()
	text, err := g.in.ReadString('\n')
	noError(t, err)
	return strings.TrimSuffix(text, "\n")
}

// answers says something and has it repeated.
func (g *greeted) answers(t *testing.T, text string) {
	t.Helper()
	_, err := io.WriteString(g, text+"\n")
	noError(t, err)
	if got := g.line(t); got != text {
		t.Errorf("%q comes back as %q", text, got)
	}
}

// leave ends the conversation, which the command takes as its end.
func (g *greeted) leave(t *testing.T) {
	t.Helper()
	noError(t, g.Conn.(interface{ CloseWrite() error }).CloseWrite())
	if rest, err := io.ReadAll(g.in); err != nil || len(rest) > 0 {
		t.Errorf("at the end there is %q, %v", rest, err)
	}
}

// TestReloadKeepsCommands: whatever a reload does to a service, a command that
// runs goes on with its client, and who comes afterwards finds the new one.
func TestReloadKeepsCommands(t *testing.T) {
	inet, kept := pftest.FreeAddr(t), pftest.FreeAddr(t)
	p := hosted.instance(t, pftest.Options{})
	local := p.Queue + "/public/local"
	lines := func(inetLine, localLine string) string {
		text := kept + " inet n n n - 3 spawn user=nobody argv=/bin/sh -c { echo kept; exec cat }\n" + pftest.PostlogService
		if inetLine != "" {
			text += inet + " inet n n n - " + inetLine + "\n"
		}
		if localLine != "" {
			text += "local unix n n n - " + localLine + "\n"
		}
		return text
	}
	saying := func(word string) string {
		return "3 spawn user=nobody argv=/bin/sh -c { echo " + word + "; exec cat }"
	}
	p.SetServices(lines(saying("first"), saying("first")))
	start(p)
	before := pftest.Descriptors(p.Pid())
	var all []*greeted
	meet := func(addr, want string) *greeted {
		t.Helper()
		// The log tells of a reload when that begins.
		var g *greeted
		p.Until(addr+" says "+want, func() bool {
			g = greet(t, addr)
			if g.greeting == want {
				return true
			}
			g.leave(t)
			return false
		})
		all = append(all, g)
		return g
	}
	goOn := func() {
		t.Helper()
		for _, g := range all {
			g.answers(t, "still here?")
		}
	}
	for _, addr := range []string{inet, local, kept} {
		meet(addr, map[bool]string{true: "kept", false: "first"}[addr == kept])
	}

	// Another command.
	p.SetServices(lines(saying("second"), saying("second")))
	p.Reload()
	goOn()
	for _, addr := range []string{inet, local} {
		meet(addr, "second")
	}

	// Another user, environment and command, and a limit of one: those who are
	// there count.
	p.SetServices(lines("3 spawn -o export_environment=WORD=third user=daemon argv=/bin/sh -c { echo $WORD $(id -un); exec cat }",
		"1 spawn user=nobody argv=/bin/sh -c { echo third; exec cat }"))
	p.Reload()
	goOn()
	meet(inet, "third daemon")
	early, err := endpoint{addr: local}.dial()
	noError(t, err)
	defer func() { _ = early.Close() }()
	all[1].leave(t) // the first
	if !waiting(early) {
		t.Error("a client beyond the new limit has been answered")
	}
	all[4].leave(t) // the second, and last
	line, err := bufio.NewReader(early).ReadString('\n')
	if err != nil || line != "third\n" {
		t.Errorf("a client that waited for its turn is told %q, %v", line, err)
	}
	noError(t, early.Close())
	all = []*greeted{all[0], all[2], all[3], all[5]}
	goOn()

	// What cannot be taken changes nothing.
	p.SetServices(lines(saying("fourth"), "3 spawn user=nosuch argv=/bin/cat"))
	noError(t, unix.Kill(p.Pid(), unix.SIGHUP))
	p.WaitLog(`postfix/master\[\d+\]: error: .*/master\.cf, line \d+: service "local": unknown user name: nosuch$`)
	goOn()
	meet(local, "third").leave(t)
	all = all[:len(all)-1]

	// No service at all.
	p.SetServices(lines("", ""))
	p.Reload()
	for _, addr := range []string{inet, local} {
		p.Until(addr+" refuses", func() bool {
			c, err := endpoint{addr: addr}.dial()
			if err != nil {
				return errors.Is(err, unix.ECONNREFUSED)
			}
			_ = c.Close()
			return false
		})
	}
	goOn()

	// The same service again, by a process now, and then again without.
	p.SetServices(lines(saying("fifth"), saying("fifth")))
	p.SetMain(map[string]string{"builtin_services": ""})
	p.Reload()
	goOn()
	meet(inet, "fifth")
	meet(local, "fifth")
	p.Until("processes serve", func() bool { return len(p.Running("spawn")) == 2 })
	p.SetMain(map[string]string{"builtin_services": "spawn"})
	p.Reload()
	meet(inet, "fifth")
	meet(local, "fifth")
	goOn()
	for _, g := range all {
		g.leave(t)
	}
	p.Until("no command is left", func() bool { return len(commands(p)) == 0 })
	p.Until("no process serves", func() bool { return len(p.Running("spawn")) == 0 })
	pftest.HoldsSteady(t, p.Pid(), before)
	end(t, p)
}
