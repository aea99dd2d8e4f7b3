// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"postloop/loop"
	"postloop/master/handover"
)

// HandOver writes all that m has into st, for the program that is about to take
// the place of this one. Nothing changes by it. It is to be called between two
// turns, with nothing left to be reported (loop.Reported); the error says why
// it cannot be now.
func (m *Master) HandOver(st *handover.State) error {
	switch {
	case m.stopping:
		return errEnding
	case !m.started || m.change != nil:
		return errors.New("a configuration is on its way")
	case len(m.opt.Sockets) > 0:
		return errors.New("this master was started with sockets of a service manager, which could not be taken along")
	}
	for s := range m.leaving {
		if s.total > s.procs {
			return fmt.Errorf("%s was removed, and %d client(s) of it are still served: they could not be taken along", s, s.total-s.procs)
		}
	}
	st.Born, st.Generation, st.Flow, st.Addrs = m.born, m.generation, m.flow, m.addrs
	st.Reloads, st.Refused = m.reloads.taken, m.reloads.refused
	if !m.reloads.last.Time.IsZero() {
		last := m.reloads.last
		st.LastReload = &last
	}
	st.View = m.view.handOver()
	p := &st.Program
	p.Version, p.Queue, p.Data, p.Rootless = m.params.MailVersion, m.params.QueueDirectory, m.params.DataDirectory, m.params.Rootless
	known := map[int]bool{}
	st.Services, st.Leaving = nil, nil
	place := map[*service]int{}
	for i, s := range m.services {
		v, err := s.handOver(known)
		if err != nil {
			return err
		}
		place[s] = i
		st.Services = append(st.Services, v)
	}
	for s := range m.leaving {
		v, err := s.handOver(known)
		if err != nil {
			return err
		}
		st.Leaving = append(st.Leaving, v)
	}
	st.Triggers = nil
	for t := range m.triggers {
		if i, ok := place[t.s]; ok {
			st.Triggers = append(st.Triggers, handover.Trigger{Service: i, FD: t.fd, Far: t.far, Sent: t.sent, Left: t.timer.Left()})
		}
	}
	st.Others = slices.DeleteFunc(m.loop.ChildPids(), func(pid int) bool { return known[pid] })
	return nil
}

// handOver is what another program has to know of s. The processes it has go
// to known.
func (s *service) handOver(known map[int]bool) (v handover.Service, err error) {
	v = handover.Service{
		Spec: *s.spec, Name: s.key.name, Path: s.path, Paused: s.paused, Throttles: s.throttles, Haste: s.haste,
		Wakeup: left(s.wakeupTimer), WakeupPending: s.wakeupPending, Stop: left(s.stopTimer), Stress: s.m.born.Add(s.stressUntil),
		Record: s.record.handOver(),
	}
	if s.throttled {
		v.Throttle = left(s.throttleTimer)
	}
	for _, ln := range s.listeners {
		v.Listeners = append(v.Listeners, handover.Listener{FD: ln.fd, Addr: ln.addr, Path: ln.path})
	}
	if st := s.status; st != nil {
		v.Status = &handover.Status{Ours: st.ours, Theirs: st.theirs, Bad: st.bad}
	}
	for pid, c := range s.m.children {
		if c.s == s {
			known[pid] = true
			v.Children = append(v.Children, c.handOver())
		}
	}
	if s.host == nil {
		return v, nil
	}
	return v, s.host.handOver(&v, known)
}

func (c *child) handOver() handover.Child {
	v := handover.Child{Pid: c.pid, Generation: c.generation, Idle: c.idle, Uses: c.uses, Program: c.program, Born: c.born}
	if c.dismissed {
		v.Dismissed = left(c.last)
	}
	return v
}

// handOver adds the clients.
func (h *host) handOver(v *handover.Service, known map[int]bool) error {
	from := map[int]*handover.Origin{}
	if g := h.gate; g != nil {
		for c := g.served.first; c != nil; c = c.next {
			from[c.pid] = c.from.handOver()
		}
		for c := g.waiting.first; c != nil; c = c.next {
			v.Waiting = append(v.Waiting, handover.Guest{FD: c.fd, From: *c.from.handOver(), Waited: g.now() - c.since})
		}
	}
	tenants := make([]*tenant, 0, 1+len(h.past))
	if h.current != nil {
		tenants = append(tenants, h.current)
	}
	for t := range h.past {
		if t != h.current {
			tenants = append(tenants, t)
		}
	}
	for _, t := range tenants {
		moving, ok := t.hosted.(Moving)
		if !ok && t.clients > 0 {
			return fmt.Errorf("%s has %d client(s), whose conversations could not be taken along", h.s, t.clients)
		}
		if !ok {
			continue
		}
		moving.Running(func(pid int, left time.Duration) {
			known[pid] = true
			v.Commands = append(v.Commands, handover.Command{Pid: pid, Left: left, From: from[pid]})
		})
	}
	return nil
}

func (o origin) handOver() *handover.Origin { return &handover.Origin{Addr: o.addr, UID: o.uid} }

func originFrom(o handover.Origin) origin { return origin{addr: o.Addr, uid: o.UID} }

// left is what is left of a timer's time, nil if it is not set.
func left(t *loop.Timer) *time.Duration {
	if t == nil {
		return nil
	}
	d := t.Left()
	return &d
}

func (r *record) handOver() *handover.Record {
	if r == nil {
		return nil
	}
	return &r.Record
}

func recordFrom(r *handover.Record) *record {
	if r == nil {
		return nil
	}
	return &record{*r}
}
