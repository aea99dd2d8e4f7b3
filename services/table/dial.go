// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"time"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// fullBacklog is how long a unix-domain server that has too many clients
// waiting is left alone, until it is tried again: its socket, unlike one of
// TCP, does not queue those who would wait.
const fullBacklog = 20 * time.Millisecond

// dialing is a connection in the making: a name to be looked up, then one
// address after the other.
type dialing struct {
	e    *Env
	to   endpoint
	done func(fd int, err error)

	left  []unix.Sockaddr // still to be tried
	err   error           // of the last that was
	until time.Time       // for all of it

	fd    int // -1: none
	watch *loop.Watch
	timer *loop.Timer
	over  bool
	quiet bool // nothing is logged
}

// dial connects to an endpoint. done is called once, in another turn, with a
// descriptor that is its to close, or with an error.
func (e *Env) dial(to endpoint, limit time.Duration, done func(fd int, err error)) *dialing {
	d := &dialing{e: e, to: to, done: done, fd: -1, until: e.Loop.Now().Add(limit)}
	d.timer = e.Loop.After(0, d.begin)
	return d
}

// cancel makes sure that done is not called.
func (d *dialing) cancel() {
	d.over = true
	d.timer.Stop()
	d.drop()
}

// drop gives up the socket that is being connected.
func (d *dialing) drop() {
	if d.fd >= 0 {
		d.watch.Stop() // first this, then close
		d.watch = nil
		_ = unix.Close(d.fd)
		d.fd = -1
	}
}

func (d *dialing) fail(err error) {
	d.cancel()
	d.done(-1, err)
}

func (d *dialing) begin() {
	if d.to.path != "" {
		d.left = []unix.Sockaddr{&unix.SockaddrUnix{Name: d.to.path}}
		d.next()
		return
	}
	a := d.e.host(d.to.host, d.resolved)
	if a.Status != Later {
		d.resolved(a)
		return
	}
	d.timer = d.e.Loop.After(d.until.Sub(d.e.Loop.Now()), func() { d.fail(unix.ETIMEDOUT) })
}

// Why there is no address to connect to, in the C library's words.
const (
	noHost = "Name or service not known"
	noPort = "Servname not supported for ai_socktype"
	notNow = "Temporary failure in name resolution"
)

// host returns the addresses of a host: see Env.Host.
func (e *Env) host(name string, later func(Answer)) Answer {
	if addr, err := netip.ParseAddr(name); err == nil {
		return Answer{Value: addr.String()}
	}
	switch {
	case e.Host != nil:
		return e.Host(name, later)
	case strings.EqualFold(name, "localhost"):
		return Answer{Value: "::1 127.0.0.1"}
	}
	return Answer{Status: NoKey}
}

// resolved goes on with the addresses of the host.
func (d *dialing) resolved(a Answer) {
	if d.over {
		return
	}
	d.timer.Stop()
	port, ok := portNumber(d.to.port)
	switch {
	case !ok:
		d.unknown(noPort)
		return
	case a.Status == NoKey:
		d.unknown(noHost)
		return
	case a.Status != OK:
		d.unknown(notNow)
		return
	}
	v4, v6 := d.e.families()
	for word := range strings.FieldsSeq(a.Value) {
		addr, err := netip.ParseAddr(word)
		switch {
		case err != nil:
		case addr.Is4() && v4:
			d.left = append(d.left, &unix.SockaddrInet4{Port: port, Addr: addr.As4()})
		case addr.Is6() && v6:
			d.left = append(d.left, &unix.SockaddrInet6{Port: port, Addr: addr.As16()})
		}
	}
	if len(d.left) == 0 {
		d.unknown(noHost)
		return
	}
	d.next()
}

// unknown fails for want of an address, and says why in a line of its own, as
// Postfix does.
func (d *dialing) unknown(why string) {
	if !d.quiet {
		d.e.Log.Warnf("host or service %s not found: %s", d.to.name, why)
	}
	d.fail(unix.EADDRNOTAVAIL)
}

// families are the address families that inet_protocols asks for.
func (e *Env) families() (v4, v6 bool) {
	if e.Main == nil {
		return true, true
	}
	text, err := e.Main.Value("inet_protocols")
	if err != nil {
		return true, true
	}
	for _, word := range hostWords(text) {
		switch word {
		case "all":
			v4, v6 = true, true
		case "ipv4":
			v4 = true
		case "ipv6":
			v6 = true
		}
	}
	return v4, v6
}

// next tries the next address, or gives up. The time is shared among those
// that are left: one that swallows everything is not to keep us from the others.
func (d *dialing) next() {
	for len(d.left) > 0 {
		now := d.e.Loop.Now()
		share := d.until.Sub(now) / time.Duration(len(d.left))
		if share <= 0 {
			d.fail(unix.ETIMEDOUT)
			return
		}
		to := d.left[0]
		d.left = d.left[1:]
		switch err := d.connect(to); {
		case err == nil:
			d.succeed()
			return
		case errors.Is(err, unix.EINPROGRESS), errors.Is(err, unix.EINTR), errors.Is(err, unix.EALREADY):
			if d.watch, err = d.e.Loop.Watch(d.fd, loop.Writable, d.writable); err != nil {
				_ = unix.Close(d.fd)
				d.fd = -1
				d.fail(err)
				return
			}
			d.timer.Stop()
			d.timer = d.e.Loop.After(share, func() {
				d.drop()
				d.err = unix.ETIMEDOUT
				d.next()
			})
			return
		case errors.Is(err, unix.EAGAIN):
			d.drop()
			d.left = append([]unix.Sockaddr{to}, d.left...)
			d.timer.Stop()
			d.timer = d.e.Loop.After(min(fullBacklog, share), d.next)
			return
		default:
			d.drop()
			d.err = err
		}
	}
	d.fail(d.err)
}

// connect begins a connection, on d.fd.
func (d *dialing) connect(to unix.Sockaddr) error {
	family := unix.AF_UNIX
	switch to.(type) {
	case *unix.SockaddrInet4:
		family = unix.AF_INET
	case *unix.SockaddrInet6:
		family = unix.AF_INET6
	}
	fd, err := loop.Socket(family, unix.SOCK_STREAM)
	if err != nil {
		return err
	}
	d.fd = fd
	return unix.Connect(fd, to)
}

// writable is called when the outcome of a connect is known.
func (d *dialing) writable(loop.Ready) {
	code, err := unix.GetsockoptInt(d.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err != nil {
		d.drop()
		d.err = os.NewSyscallError("connect", err)
		d.next()
		return
	}
	d.succeed()
}

func (d *dialing) succeed() {
	fd := d.fd
	d.watch.Stop()
	d.fd, d.watch = -1, nil
	d.cancel()
	d.done(fd, nil)
}
