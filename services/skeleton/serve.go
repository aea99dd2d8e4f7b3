// SPDX-License-Identifier: ISC

package skeleton

import (
	"fmt"
	"os"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"
	"postloop/master/proto"

	"golang.org/x/sys/unix"
)

// begin opens the service to clients: those of the sockets, or the one on
// standard input.
func (d *Daemon) begin(status error) error {
	d.watchLoop()
	if d.f.standAlone {
		d.Loop.Later(func() { d.take(0, loop.PeerOf(0)) })
		return nil
	}
	if status != nil {
		return fmt.Errorf("status channel: %s", maillog.Strerror(status))
	}
	var err error
	if d.status, err = d.openStatus(); err != nil {
		return err
	}
	for i := range d.f.sockets {
		ln, err := d.Loop.Listen(d.listenFD+i, d.accepted)
		if err != nil {
			return err
		}
		// What comes over a pass service is the client; one of many is on the loop.
		if d.transport != cfg.Pass && d.many == nil {
			ln.Blocking()
		}
		ln.Exclusive()
		ln.OnTrouble(d.trouble)
		d.listeners = append(d.listeners, ln)
	}
	if d.Params.MaxIdle > 0 {
		d.idle = d.Loop.After(d.Params.MaxIdle, d.idled)
	}
	if d.f.retire > 0 {
		d.retire = d.Loop.After(d.f.retire, d.retired)
	}
	return nil
}

// watchLoop guards the loop: a callback that never returns ends the process.
func (d *Daemon) watchLoop() {
	log := d.Log.Clone() // the watchdog lives outside the loop
	d.Loop.Watchdog(d.Params.DaemonTimeout, func(name string) {
		log.Fatalf("watchdog timeout: %s does not return", name)
		log.Drain(pause)
		time.Sleep(pause)
		os.Exit(1)
	})
}

// accepted takes a client. Unless it is one of many, the others are for the
// other processes, or wait.
func (d *Daemon) accepted(fd int, p loop.Peer) {
	if d.many == nil {
		for _, ln := range d.listeners {
			ln.Pause()
		}
	}
	d.idle.Stop()
	if d.Log.Verbose > 0 {
		d.Log.Debugf("connection established fd %d", fd)
	}
	if d.transport == cfg.Inet {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	}
	d.busy = true
	if d.many == nil {
		d.status.say(proto.Taken) // if nobody hears that, the client is served all the same
	}
	if d.transport == cfg.Pass {
		d.receive(fd)
		return
	}
	d.take(fd, p)
}

// take gives the service its client.
func (d *Daemon) take(fd int, p loop.Peer) {
	if d.ended() {
		return
	}
	d.busy = true
	d.service.Accepted(fd, p)
}

// Done says that the client of Accepted is finished with.
func (d *Daemon) Done() {
	if d.ended() {
		return
	}
	d.uses++
	d.released()
}

// released makes the process available again, or ends it.
func (d *Daemon) released() {
	d.busy = false
	switch {
	case d.f.standAlone:
		d.end(0)
	case !d.status.say(proto.Available):
		d.leave("master disconnect")
	case d.over, d.last:
		d.end(0)
	case d.Params.MaxUse > 0 && d.uses >= d.Params.MaxUse:
		d.end(0)
	default:
		d.resume()
	}
}

// resume waits for the next client.
func (d *Daemon) resume() {
	if d.busy || d.ended() {
		return
	}
	for _, ln := range d.listeners {
		ln.Resume()
	}
	if d.idle != nil {
		d.idle.Reset(d.Params.MaxIdle)
	}
}

// leave ends the process, after its client if there is one.
func (d *Daemon) leave(why string) {
	d.over = true
	if d.busy {
		if d.many != nil {
			d.many.leave()
		}
		return
	}
	if d.Log.Verbose > 0 {
		d.Log.Debugf("%s -- exiting", why)
	}
	d.end(0)
}

// idled ends a process that nobody needs. If it was woken for a client in
// this very moment, no other process was: then it asks for clients anew, and
// is told of that one.
func (d *Daemon) idled() {
	if !d.knocked() {
		d.leave("idle timeout")
		return
	}
	if d.many != nil { // which asks all the time
		d.idle.Reset(d.Params.MaxIdle)
		return
	}
	for _, ln := range d.listeners {
		ln.Pause()
	}
	d.Loop.After(0, d.resume)
}

// retired ends a process that has lived for so long, after its client if there
// is one.
func (d *Daemon) retired() {
	d.last = true
	if d.many != nil {
		d.many.usedUp()
		return
	}
	if !d.busy {
		d.idled()
	}
	if !d.busy && !d.ended() {
		d.retire.Reset(time.Second) // somebody else may be quicker for that client
	}
}

// knocked reports whether a client waits in front of a socket.
func (d *Daemon) knocked() bool {
	fds := make([]unix.PollFd, len(d.listeners))
	for i := range fds {
		fds[i] = unix.PollFd{Fd: int32(d.listenFD + i), Events: unix.POLLIN}
	}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

// trouble reports that no client can be accepted for now; the loop tries again
// by itself.
func (d *Daemon) trouble(err error) {
	if err != nil {
		d.Log.Errorf("accept connection: %s", maillog.Strerror(err))
	}
}
