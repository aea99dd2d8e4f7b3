// SPDX-License-Identifier: ISC

//go:build linux

package load

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Gapped is one client that lets a server rest: it connects, reads to the end,
// closes, and waits before it begins anew.
type Gapped struct {
	Addr netip.AddrPort // IPv4, on loopback
	Path string         // of a unix-domain socket, instead
	Gap  time.Duration  // that it waits
	Want []byte         // what every connection must be answered with
	Time time.Duration  // at least one connection is made
	Mark Mark
}

// Run makes the load. The latency in the Result is that of each connection
// from before connect to the first byte. An error is about the load itself, or
// ctx is done; what is wrong with answers is in the Result, and ends it.
func (g *Gapped) Run(ctx context.Context) (*Result, error) {
	to, family, err := sockaddr(g.Addr, g.Path)
	if err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := &Result{}
	g.Mark.now()
	began, used := time.Now(), threadCPU()
	for len(r.Latency) == 0 || time.Since(began) < g.Time {
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(g.Gap):
		}
		first, err := visit(to, family, g.Want)
		if err != nil {
			r.Failed, r.Failure = 1, err
			break
		}
		r.Latency = append(r.Latency, first)
	}
	r.Took, r.CPU = time.Since(began), threadCPU()-used
	g.Mark.now()
	slices.Sort(r.Latency)
	return r, nil
}

// visit makes a connection and returns how long its first byte took.
func visit(to unix.Sockaddr, family int, want []byte) (first time.Duration, err error) {
	began := time.Now()
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer func() { _ = unix.Close(fd) }()
	limit := unix.NsecToTimeval(drainTime.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return 0, os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Connect(fd, to); err != nil {
		return 0, os.NewSyscallError("connect", err)
	}
	var buf [512]byte
	for got := 0; ; {
		n, err := unix.Read(fd, buf[:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0 && got < len(want):
			return 0, fmt.Errorf("the answer ends after %d of %d bytes", got, len(want))
		case n == 0:
			return first, nil
		case !bytes.HasPrefix(want[min(got, len(want)):], buf[:n]):
			return 0, fmt.Errorf("answered with %q at byte %d", buf[:n], got)
		case got == 0:
			first = time.Since(began)
		}
		got += n
	}
}
