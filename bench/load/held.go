// SPDX-License-Identifier: ISC

//go:build linux

package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// Held is a number of connections that are open at the same time.
type Held struct {
	conns []net.Conn
	Took  time.Duration // to open all and hear an echo from each
}

// heldWait is how long one connection may take to be served.
const heldWait = 20 * time.Second

// Hold opens n connections, one after the other, sends a line on each and
// waits for its echo: who answers is there.
func Hold(ctx context.Context, addr netip.AddrPort, n int) (*Held, error) {
	h := &Held{}
	began := time.Now()
	for i := range n {
		if err := ctx.Err(); err != nil {
			return nil, errors.Join(err, h.Close())
		}
		conn, err := net.DialTimeout("tcp", addr.String(), heldWait)
		if err == nil {
			h.conns = append(h.conns, conn)
			err = echo(conn, fmt.Sprintf("line %d\n", i))
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("connection %d: %w", i+1, err), h.Close())
		}
	}
	h.Took = time.Since(began)
	return h, nil
}

// Echo has a line echoed by every connection, and returns how many did.
func (h *Held) Echo(line string) (n int, err error) {
	for _, conn := range h.conns {
		if err := echo(conn, line); err != nil {
			return n, fmt.Errorf("connection %d: %w", n+1, err)
		}
		n++
	}
	return n, nil
}

// Close closes all connections.
func (h *Held) Close() (err error) {
	for _, conn := range h.conns {
		err = errors.Join(err, conn.Close())
	}
	h.conns = nil
	return err
}

func echo(conn net.Conn, line string) error {
	if err := conn.SetDeadline(time.Now().Add(heldWait)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, line); err != nil {
		return err
	}
	got := make([]byte, len(line))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if string(got) != line {
		return fmt.Errorf("echoed %q, want %q", got, line)
	}
	return nil
}
