// SPDX-License-Identifier: ISC

package master

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// key is what makes two entries the same service: the canonical name, with
// the host in brackets and the port as a number, and the transport type.
type key struct {
	name string
	typ  cfg.Type
}

// service is a configured service while master keeps it.
type service struct {
	m    *Master
	spec *cfg.Service
	key  key
	path string // of the executable

	host      *host   // nil: always served by processes
	program   Program // nil: they are daemons
	listeners []*listener
	status    *status // nil until the first process needs one
	record    *record // nil: nothing has happened yet

	throttleTimer *loop.Timer
	wakeupTimer   *loop.Timer
	stopTimer     *loop.Timer

	backlog   int // of the listeners
	total     int // processes, and clients of a hosted service
	procs     int // of these, the processes
	idle      int // of these, the ones that wait for a client
	haste     int // how many times in a row its program has ended soon
	throttles int // in a row

	stressUntil time.Duration // master's age when stress mode ends
	busyWarned  time.Duration // the same of the last warning that the limit is reached; 0: none

	// One beside the other: there may be thousands of services.
	stressMode    bool // there is one
	listening     bool // the endpoint is watched
	throttled     bool
	wakeupPending bool // the "?" suffix: the timer starts with the first process
	paused        bool // the operator has said so
	stopping      bool
}

// wanted is a service as a configuration asks for it, checked and resolved.
type wanted struct {
	spec      *cfg.Service
	key       key
	path      string
	addrs     []netip.AddrPort // of an inet service, in the order of its descriptors
	localOnly bool             // reachable from this machine only
	host      *Host            // what hosted was made with
	hosted    Hosted           // nil: served by processes
	policy    *policy          // for the clients of hosted
	program   Program          // who gets the sockets, and hosted is nil
	// sameHosted keeps the Hosted that serves already: nothing about the entry
	// has changed, and right now it could not be made anew.
	sameHosted bool
	bound      []*listener // opened for it by the transaction
}

// newService makes the service that w asks for, with the endpoint that was
// opened for it.
func (m *Master) newService(w *wanted, o listenOptions) *service {
	s := &service{m: m, key: w.key, backlog: o.backlog}
	s.adopt(w)
	return s
}

// String is what s is called in lines of our own: the name as configured, and
// the one that makes it the same service as another.
func (s *service) String() string { return fmt.Sprintf("service %q (%s)", s.spec.Name, s.key.name) }

// fullName is what an operator may call s by, even where two services share a
// name.
func (s *service) fullName() string { return s.spec.FullName() }

// log is for lines about s.
func (s *service) log() *maillog.Logger { return s.m.log.About(s.fullName()) }

// start takes s into service.
func (s *service) start() {
	s.register()
	s.enforce()
	s.startWakeup()
}

// adopt gives s the values of w. Counts, throttle and stress stay.
func (s *service) adopt(w *wanted) {
	s.spec, s.path = w.spec, w.path
	moved := s.take(w)
	s.stressMode = w.hosted == nil && !w.sameHosted && w.program == nil && hasStress(w)
	s.replaceHosted(w)
	s.replaceProgram(w, moved)
	s.wakeupPending = w.spec.WakeupIfUsed
}

// update gives a running service new values.
func (s *service) update(w *wanted, o listenOptions) {
	s.stopWakeup()
	wasHosted := s.isHosted()
	s.adopt(w)
	if s.isHosted() != wasHosted {
		s.unregister()
	}
	if o.backlog != s.backlog {
		s.setBacklog(o.backlog)
	}
	s.register()
	s.relent()
	if s.host != nil && s.host.gate != nil {
		s.host.gate.retry()
	}
	s.restart()
}

// restart makes the processes of s leave when they have nothing to do, and
// starts its timers anew. No process is signalled and no client is lost.
func (s *service) restart() {
	s.stopWakeup()
	s.closeStatus()
	s.startWakeup()
	s.enforce()
}

// stop takes s out of service: nobody new is served. The caller asks its
// processes to end, and closes its endpoint after that (closeEndpoint); those
// that are there service_stop_time_limit later are killed. s is forgotten when
// the last one is gone.
func (s *service) stop() {
	s.stopWakeup()
	s.stopping = true // before the rest: nothing below may start a process
	s.enforce()
	s.endThrottle()
	s.closeGate()
	s.closeStatus()
	s.unregister()
	if s.isHosted() {
		s.host.current.replaced(nil)
	}
	if s.total == 0 {
		return
	}
	s.m.leaving[s] = struct{}{}
	if s.procs == 0 {
		return // clients of a hosted service finish by themselves
	}
	s.stopTimer = s.m.loop.After(s.m.params.StopTimeLimit, s.killed)
}

// closeEndpoint ends what s listened on, for its processes, too: a client must
// not wait for one that does not want to end. They have been sent TERM before,
// or they would wake up and log that accept fails.
func (s *service) closeEndpoint() {
	for _, ln := range s.listeners {
		if s.procs > 0 && ln.from == nil { // or whoever has opened it would have a dead socket
			// Not every system lets a listening socket be shut down.
			_ = unix.Shutdown(ln.fd, unix.SHUT_RDWR)
		}
		ln.close()
	}
	s.listeners = nil
}

// killed ends the processes that did not leave in time.
func (s *service) killed() {
	s.log().Warnf("%s: %d process(es) did not terminate within %s -- killing", s, s.procs, s.m.params.StopTimeLimit)
	s.m.signalChildren(killSignal, func(c *child) bool { return c.s == s })
}

// gone ends a stopped service whose last process has left.
func (s *service) gone() {
	s.stopTimer.Stop()
	s.stopTimer = nil
	delete(s.m.leaving, s)
}

// childOptions are the properties of master and endpoint that show in the
// arguments of a process.
type childOptions struct {
	debug, verbose, rootless bool
	stress                   string // the stress override; empty: the service has no stress mode
	sockets                  int
}

// childOptions are those of a process that is to be started now.
func (s *service) childOptions() childOptions {
	o := childOptions{
		debug:    s.m.opt.Debug,
		verbose:  s.m.log.Verbose > 0,
		rootless: s.m.params.Rootless,
		sockets:  len(s.listeners),
	}
	switch {
	case s.stressed():
		o.stress = "stress=yes"
	case s.stressMode:
		o.stress = "stress="
	}
	return o
}

// childArgs appends the arguments of s's processes to argv, in the order that
// Postfix has them.
func childArgs(argv []string, s *cfg.Service, o childOptions) []string {
	argv = append(argv, s.Command)
	switch s.Limit {
	case 0:
		argv = append(argv, "-z")
	case 1:
		argv = append(argv, "-l")
	}
	if filepath.Base(s.Command) != s.Name {
		argv = append(argv, "-n", s.Name)
	}
	argv = append(argv, "-t", s.Type.String())
	if o.debug {
		argv = append(argv, "-d")
	}
	if o.verbose {
		argv = append(argv, "-v")
	}
	if s.Unprivileged && !o.rootless { // rootless: there is no user to become
		argv = append(argv, "-u")
	}
	if s.Chroot {
		argv = append(argv, "-c")
	}
	if o.stress != "" {
		argv = append(argv, "-o", o.stress)
	}
	if o.sockets > 1 {
		argv = append(argv, "-s", strconv.Itoa(o.sockets))
	}
	return append(argv, s.Args...)
}

// hasStress reports whether a service can be reached from elsewhere and has
// more than one process, which is where stress mode exists.
func hasStress(w *wanted) bool { return !w.localOnly && w.spec.Limit > 1 }
