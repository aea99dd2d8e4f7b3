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
