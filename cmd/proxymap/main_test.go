// SPDX-License-Identifier: ISC

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postloop/services/attr"
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

// conversation is a connection with one list of attributes after the other.
type conversation struct {
	net.Conn
	t  *testing.T
	in []byte
}

func talk(t *testing.T, conn net.Conn) *conversation {
	t.Helper()
	c := &conversation{Conn: conn, t: t}
	if got := c.list(); got != "protocol=proxymap_protocol" {
		t.Errorf("the greeting is %q", got)
	}
	return c
}

// ask sends a list of name=value, and returns the one that comes back.
func (c *conversation) ask(words ...string) string {
	c.t.Helper()
	c.send(words...)
	return c.list()
}

// send sends a list, whose answer is to be read with list.
func (c *conversation) send(words ...string) {
	c.t.Helper()
	var list []attr.Attr
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		list = append(list, attr.Attr{Name: name, Value: value})
	}
	_, err := c.Write(attr.Append(nil, list...))
	must(c.t, err)
}

// lookup asks for a key in the older dialect.
func (c *conversation) lookup(ref, key string) string {
	c.t.Helper()
	return c.ask("request=lookup", "table="+ref, "flags=524352", "key="+key)
}

func (c *conversation) list() string {
	c.t.Helper()
	for {
		list, used, err := attr.Scan(c.in)
		must(c.t, err)
		if used > 0 {
			c.in = c.in[used:]
			var words []string
			for _, a := range list {
				words = append(words, a.Name+"="+a.Value)
			}
			return strings.Join(words, " ")
		}
		buf := make([]byte, 64<<10)
		n, err := c.Read(buf)
		if err != nil {
			c.t.Fatalf("after %q: %v", c.in, err)
		}
		c.in = append(c.in, buf[:n]...)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
