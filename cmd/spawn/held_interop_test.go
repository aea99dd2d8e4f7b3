// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"postloop/cmd/internal/pftest"
)

// TestThousandConnectionsHeld holds a thousand connections to a hosted cat
// open at once, again and again. Each is answered, and costs the master next
// to nothing; when they are gone all is as before. The garbage of the first
// rounds stays, up to the four megabytes at which Go begins to collect: the
// first round tells what a connection costs, the last that no more is lost.
func TestThousandConnectionsHeld(t *testing.T) {
	const n, rounds, perConnection = 1000, 4, 8 << 10
	addr := pftest.FreeAddr(t)
	p := hosted.instance(t, pftest.Options{
		Main:     map[string]string{"default_process_limit": strconv.Itoa(n)}, // and so the length of the queue, where all come at once
		Services: addr + " inet n n n - 0 spawn user=nobody argv=/bin/cat\n" + pftest.PostlogService,
	})
	start(p)
	master := p.Pid()

	noCommand := func() bool { return len(pftest.Children(master)) == 1 } // the log daemon
	hold(t, p, addr, 10)                                                  // whatever comes with the first use of a thing
	p.Until("the commands are gone", noCommand)
	before, descriptors := pftest.Resident(master), pftest.Descriptors(master)
	for round := range rounds {
		held := hold(t, p, addr, n) - before
		p.Until("the commands are gone", noCommand)
		pftest.HoldsSteady(t, master, descriptors)
		if left := p.Processes(); len(left) != 2 {
			t.Errorf("processes %v are left, besides the master and the log daemon", left)
		}
		left := pftest.Resident(master) - before
		t.Logf("round %d: %d bytes per connection while held, %d afterwards", round+1, held<<10/n, left<<10/n)
		if held<<10 > n*perConnection {
			t.Errorf("%d connections cost the master %d kB", n, held)
		}
	}
	if bad := p.Complaints(); len(bad) > 0 {
		t.Errorf("complaints: %q", bad)
	}
	end(t, p)
}

// hold opens n connections, has a word with each, twice, and closes them. It
// returns the resident size of the master while they were open.
func hold(t *testing.T, p *pftest.Instance, addr string, n int) (kilobytes int) {
	t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := endpoint{addr: addr}.dial()
		noError(t, err)
		conns[i] = c
	}
	for round := range 2 {
		word := func(i int) string { return fmt.Sprintf("round %d of connection %d\n", round, i) }
		for i, c := range conns {
			_, err := io.WriteString(c, word(i))
			noError(t, err)
		}
		for i, c := range conns {
			got := make([]byte, len(word(i)))
			_, err := io.ReadFull(c, got)
			noError(t, err)
			if string(got) != word(i) {
				t.Fatalf("%q, want %q", got, word(i))
			}
		}
	}
	if got := len(p.Running("cat")); got != n {
		t.Errorf("%d commands run for %d connections", got, n)
	}
	kilobytes = pftest.Resident(p.Pid())
	for i, c := range conns {
		noError(t, c.(*net.TCPConn).CloseWrite())
		noError(t, c.SetReadDeadline(time.Now().Add(pftest.Patience)))
		if rest := read(c); rest != `"" end` {
			t.Errorf("connection %d ends with %s", i, rest)
		}
		noError(t, c.Close())
	}
	return kilobytes
}
