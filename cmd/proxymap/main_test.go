// SPDX-License-Identifier: ISC

package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"postloop/services/proxymap/proxytest"
	"postloop/services/skeleton/mastertest"
)

// TestMain runs the tests, or proxymap when the test's executable is started
// under that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "proxymap" {
		main()
	}
	os.Exit(m.Run())
}

// start starts a rootless proxymap.
func start(t *testing.T, o mastertest.Options, args ...string) *mastertest.Daemon {
	t.Helper()
	o.Name = "proxymap"
	o.Args = append(o.Args, args...)
	return mastertest.Start(t, o)
}

// conversation is a client of it.
type conversation struct {
	*proxytest.Client
	t *testing.T
}

func talk(t *testing.T, conn net.Conn) *conversation {
	t.Helper()
	return &conversation{proxytest.Talk(t, conn), t}
}

func (c *conversation) ask(words ...string) string { return c.Ask(words...) }

// send sends a list, whose answer is to be read with list.
func (c *conversation) send(words ...string) {
	c.t.Helper()
	if err := c.Send(words...); err != nil {
		c.t.Fatal(err)
	}
}

// lookup asks for a key in the older dialect.
func (c *conversation) lookup(ref, key string) string {
	c.t.Helper()
	return c.ask("request=lookup", "table="+ref, "flags=524352", "key="+key)
}

func (c *conversation) list() string { return c.List() }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
