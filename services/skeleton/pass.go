// SPDX-License-Identifier: ISC

package skeleton

import (
	"errors"
	"time"

	"postloop/loop"
	"postloop/master/maillog"
	"postloop/services/attr"

	"golang.org/x/sys/unix"
)

// Limits on what comes over a connection to a pass service.
const (
	passTime  = 100 * time.Second
	passInput = 64 << 10
)

// errDescriptors says that more than one client, or none, came at once.
var errDescriptors = errors.New("not one descriptor, with one byte")

// delivery is a connection to a pass service, over which comes a descriptor
// with one byte, and then a list of attributes. That descriptor is the client.
type delivery struct {
	d      *Daemon
	fd     int
	watch  *loop.Watch
	timer  *loop.Timer
	client int // -1: it has not come
	in     []byte
}

// receive waits for a client to come over fd. Meanwhile the process is taken:
// whoever is slow to send keeps nobody else waiting.
func (d *Daemon) receive(fd int) {
	p := &delivery{d: d, fd: fd, client: -1}
	var err error
	if p.watch, err = d.Loop.Watch(fd, loop.Readable, p.readable); err != nil {
		_ = unix.Close(fd)
		d.Log.Errorf("accept connection: %s", maillog.Strerror(err))
		d.released()
		return
	}
	p.timer = d.Loop.After(passTime, p.expired)
	d.delivery = p
}

// stop ends the waiting. A client that has come already is lost.
func (p *delivery) stop() {
	if p == nil {
		return
	}
	p.watch.Stop()
	p.timer.Stop()
	_ = unix.Close(p.fd)
	if p.client >= 0 {
		_ = unix.Close(p.client)
	}
	p.d.delivery = nil
}

// readable takes in what there is, up to the end of the attributes.
func (p *delivery) readable(loop.Ready) {
	for {
		var buf [4096]byte
		n, err := p.read(buf[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return
		case err == nil && n == 0: // somebody has changed his mind
			err = unix.ECONNRESET
		}
		if err != nil {
			p.failed(err)
			return
		}
		p.in = append(p.in, buf[:n]...)
		_, used, err := attr.Scan(p.in)
		switch {
		case err == nil && used == 0 && len(p.in) > passInput:
			err = unix.EMSGSIZE
		case err == nil && used == 0:
			continue
		}
		if err != nil {
			p.failed(err)
			return
		}
		p.finish()
		return
	}
}

// read reads once. The first byte has a descriptor with it and means nothing
// itself.
func (p *delivery) read(buf []byte) (int, error) {
	if p.client >= 0 {
		return unix.Read(p.fd, buf)
	}
	oob := make([]byte, unix.CmsgSpace(4*8))
	n, oobn, flags, _, err := unix.Recvmsg(p.fd, buf[:1], oob, 0)
	if err != nil || n == 0 {
		return n, err
	}
	list := descriptors(oob[:oobn])
	if len(list) != 1 || flags&unix.MSG_CTRUNC != 0 {
		for _, fd := range list {
			_ = unix.Close(fd)
		}
		return 0, errDescriptors
	}
	p.client = list[0]
	return p.read(buf)
}

// descriptors returns the descriptors that came along, close-on-exec.
func descriptors(oob []byte) (list []int) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			list = append(list, fd)
		}
	}
	return list
}

// finish gives the service the client that has come.
func (p *delivery) finish() {
	fd := p.client
	p.client = -1
	p.stop()
	if err := unix.SetNonblock(fd, false); err != nil { // as programs expect it
		_ = unix.Close(fd)
		p.d.Log.Errorf("accept connection: %s", maillog.Strerror(err))
		p.d.released()
		return
	}
	p.d.take(fd, loop.PeerOf(fd))
}

func (p *delivery) expired() { p.failed(unix.ETIMEDOUT) }

// failed gives a connection up.
func (p *delivery) failed(err error) {
	what := "file descriptor"
	if p.client >= 0 {
		what = "connection attributes"
	}
	p.stop()
	p.d.Log.Warnf("pass_accept_attr: cannot receive %s: %s", what, maillog.Strerror(err))
	p.d.released()
}
