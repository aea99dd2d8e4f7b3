// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

const (
	// triggerConnect bounds the connecting of a trigger over the network.
	triggerConnect = time.Second
	// triggerHold is how long a trigger waits for its service to read it.
	triggerHold = 101 * time.Second
)

// triggerBytes is what a service is poked with: the wake-up request, and the
// null byte that ends it.
var triggerBytes = []byte{'W', 0}

// startWakeup pokes s now and then every wakeup period, unless it has none or
// waits for the first use.
func (s *service) startWakeup() {
	if s.spec.Wakeup > 0 && !s.wakeupPending && !s.stopping {
		s.wakeupDue()
	}
}

// used starts the timer of a service that waits for its first use.
func (s *service) used() {
	if s.wakeupPending {
		s.m.log.Debugf("start conditional timer for %s", s.spec.Name)
		s.wakeupPending = false
		s.startWakeup()
	}
}

func (s *service) stopWakeup() {
	s.wakeupTimer.Stop()
	s.wakeupTimer = nil
}

// wakeupDue sends one trigger, which goes through the endpoint like any
// client: if no process is idle it starts one. A service that is throttled or
// paused is left alone, but its time goes on.
func (s *service) wakeupDue() {
	if !s.throttled && !s.paused {
		s.m.log.Debugf("master_wakeup_timer_event: service %s", s.spec.Name)
		if err := s.trigger(); err != nil {
			s.wakeupFailed(err)
		}
	}
	if s.wakeupTimer == nil {
		s.wakeupTimer = s.m.loop.After(s.spec.Wakeup, s.wakeupDue)
	} else {
		s.wakeupTimer.Reset(s.spec.Wakeup)
	}
}

func (s *service) wakeupFailed(err error) {
	s.log().Warnf("master_wakeup_timer_event: service %s(%s): %s", s.key.name, s.spec.Name, maillog.Strerror(err))
}

// trigger pokes s in the manner of its transport type.
func (s *service) trigger() error {
	switch s.key.typ {
	case cfg.Fifo:
		return s.triggerFifo()
	case cfg.Unix, cfg.Pass:
		return s.triggerSocket(unix.AF_UNIX, &unix.SockaddrUnix{Name: s.socketPath()})
	case cfg.Inet:
		family, to := triggerAddr(s.listeners[0].addr)
		return s.triggerSocket(family, to)
	case cfg.UnixDgram:
	}
	return unix.EOPNOTSUPP
}

// socketPath is where a service of type unix or pass is reached.
func (s *service) socketPath() string {
	if h := s.listeners[0].from; h != nil {
		return h.path
	}
	return s.spec.Path()
}

// triggerFifo writes the request as the owner of the fifo, so that a link
// put in its place leads nowhere that the owner could not go himself.
func (s *service) triggerFifo() error {
	return s.m.asOwner(func() error {
		fd, err := unix.Open(s.spec.Path(), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		_, err = unix.Write(fd, triggerBytes[:1])
		return err
	})
}

// trigger is a connection that pokes a service. It is kept until the service
// has closed it: to close earlier could take the request back.
type trigger struct {
	s     *service
	fd    int
	far   int // pass: the writing end of the pipe whose reading end was passed; else -1
	watch *loop.Watch
	timer *loop.Timer
	sent  bool
}

// triggerSocket connects to s and sends the request as soon as it can.
func (s *service) triggerSocket(family int, to unix.Sockaddr) error {
	fd, err := loop.Socket(family, unix.SOCK_STREAM)
	if err != nil {
		return err
	}
	t := &trigger{s: s, fd: fd, far: -1}
	err = unix.Connect(fd, to)
	switch {
	case err == nil:
		err = t.send()
	case errors.Is(err, unix.EINPROGRESS):
		err = nil
	}
	if err == nil {
		want := loop.Readable
		if !t.sent {
			want = loop.Writable
		}
		t.watch, err = s.m.loop.Watch(fd, want, t.ready)
	}
	if err != nil {
		t.close()
		return err
	}
	wait := triggerHold
	if !t.sent {
		wait = triggerConnect
	}
	t.timer = s.m.loop.After(wait, t.expired)
	s.m.triggers[t] = struct{}{}
	return nil
}

// send writes the request: the first bytes on a fresh connection, which
// cannot be too many for it.
func (t *trigger) send() error {
	t.sent = true
	if t.s.key.typ != cfg.Pass {
		_, err := unix.Write(t.fd, triggerBytes)
		return err
	}
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return err
	}
	unix.CloseOnExec(pipe[0])
	unix.CloseOnExec(pipe[1])
	defer unix.Close(pipe[0])
	t.far = pipe[1]
	if err := unix.Sendmsg(t.fd, []byte{0}, unix.UnixRights(pipe[0]), nil, 0); err != nil {
		return err
	}
	_, err := unix.Write(t.far, triggerBytes)
	return err
}

// ready goes on when the connection is made, and ends when the service has
// closed it.
func (t *trigger) ready(loop.Ready) {
	if t.sent {
		t.end()
		return
	}
	errno, err := unix.GetsockoptInt(t.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		err = unix.Errno(errno)
	}
	if err == nil {
		err = t.send()
	}
	if err != nil {
		t.s.wakeupFailed(err)
		t.end()
		return
	}
	t.watch.Want(loop.Readable)
	t.timer.Reset(triggerHold)
}

// expired gives up.
func (t *trigger) expired() {
	if t.sent {
		t.s.log().Warnf("%s_trigger_event: read timeout for service %s", t.s.key.typ, t.s.spec.Name)
	} else {
		t.s.wakeupFailed(unix.ETIMEDOUT)
	}
	t.end()
}

func (t *trigger) end() {
	delete(t.s.m.triggers, t)
	t.timer.Stop()
	t.watch.Stop()
	t.close()
}

func (t *trigger) close() {
	unix.Close(t.fd)
	if t.far >= 0 {
		unix.Close(t.far)
	}
}
