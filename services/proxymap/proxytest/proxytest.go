// SPDX-License-Identifier: ISC

// Package proxytest plays a client of proxymap by hand, for tests of those who
// serve it.
package proxytest

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"postloop/services/attr"
)

// Client is a connection with one list of attributes after the other. Lists are
// written as name=value, with blanks in between.
type Client struct {
	net.Conn
	t  testing.TB
	in []byte
}

// New returns the client at conn. A goroutine of a test's uses no more of it than
// what returns an error.
func New(t testing.TB, conn net.Conn) *Client { return &Client{Conn: conn, t: t} }

// Talk returns the client at conn, once it has been greeted.
func Talk(t testing.TB, conn net.Conn) *Client {
	t.Helper()
	c := New(t, conn)
	if got := c.List(); got != "protocol=proxymap_protocol" {
		t.Errorf("the greeting is %q", got)
	}
	return c
}

// Ask sends a list of name=value, and returns the one that comes back.
func (c *Client) Ask(words ...string) string {
	c.t.Helper()
	if err := c.Send(words...); err != nil {
		c.t.Fatal(err)
	}
	return c.List()
}

// Send sends a list.
func (c *Client) Send(words ...string) error {
	var list []attr.Attr
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		list = append(list, attr.Attr{Name: name, Value: value})
	}
	_, err := c.Write(attr.Append(nil, list...))
	return err
}

// List returns the next list that comes.
func (c *Client) List() string {
	c.t.Helper()
	list, err := c.Next()
	if err != nil {
		c.t.Fatal(err)
	}
	return list
}

// Next is List where the end of the connection is no failure.
func (c *Client) Next() (string, error) {
	for {
		list, used, err := attr.Scan(c.in)
		if err != nil {
			return "", err
		}
		if used > 0 {
			c.in = c.in[used:]
			var words []string
			for _, a := range list {
				words = append(words, a.Name+"="+a.Value)
			}
			return strings.Join(words, " "), nil
		}
		buf := make([]byte, 64<<10)
		n, err := c.Read(buf)
		if err != nil {
			return "", fmt.Errorf("after %q: %w", c.in, err)
		}
		c.in = append(c.in, buf[:n]...)
	}
}
