// SPDX-License-Identifier: ISC

package master

import (
	"fmt"

	"postloop/loop"
	"postloop/master/handover"
	"postloop/master/maillog"
)

// inheritance is what a former program in this process has left, until the
// configuration is in force.
type inheritance struct {
	st  *handover.State
	old map[*service]*handover.Service
}

// Inherit has m, before Start, begin with what another program in this process
// has had. Until the commit of Start nothing is touched, neither descriptors
// nor processes: whoever finds an error can still go back. In a rehearsal, where
// these are another process's, Start must not get that far; its claim has the
// last word.
func (m *Master) Inherit(st *handover.State) {
	in := &inheritance{st: st, old: map[*service]*handover.Service{}}
	m.inherited = in
	m.born, m.generation, m.addrs = st.Born, st.Generation, st.Addrs
	m.reloads.taken, m.reloads.refused = st.Reloads, st.Refused
	if st.LastReload != nil {
		m.reloads.last = *st.LastReload
	}
	m.view = adoptView(st.View)
	for i := range st.Services {
		m.services = append(m.services, in.service(m, &st.Services[i]))
	}
	for i := range st.Leaving {
		s := in.service(m, &st.Leaving[i])
		s.stopping = true
		m.leaving[s] = struct{}{}
	}
}

// service is one as the former program had it, which nothing happens to yet.
func (in *inheritance) service(m *Master, v *handover.Service) *service {
	spec := v.Spec
	s := &service{
		m: m, spec: &spec, key: key{v.Name, spec.Type}, path: v.Path, stressUntil: max(0, v.Stress.Sub(m.born)),
		paused: v.Paused, throttles: v.Throttles, haste: v.Haste, record: recordFrom(v.Record),
	}
	for _, l := range v.Listeners {
		s.listeners = append(s.listeners, &listener{fd: l.FD, addr: l.Addr, path: l.Path})
	}
	in.old[s] = v
	return s
}

func (in *inheritance) has(s *service) bool { return in != nil && in.old[s] != nil }

// checkInherited refuses what would lose somebody.
func (t *transaction) checkInherited(changes []change) error {
	in := t.m.inherited
	if in == nil {
		return nil
	}
	for _, c := range changes {
		v := in.old[c.old]
		if v == nil || len(v.Commands)+len(v.Waiting) == 0 {
			continue
		}
		var hosted Hosted
		if c.want != nil {
			hosted = c.want.hosted
		}
		if _, ok := hosted.(Moving); !ok {
			return fmt.Errorf("%s has %d client(s) served by master itself, which this program would not do",
				c.old, len(v.Commands)+len(v.Waiting))
		}
	}
	return nil
}

// takeChildren makes the processes ours. From here on there is no way back.
func (m *Master) takeChildren() {
	in := m.inherited
	if in == nil {
		return
	}
	m.attendView()
	closeAll(m.flow[:])
	m.flow = in.st.Flow
	for s, v := range in.old {
		for _, one := range v.Children {
			if err := m.loop.Adopt(one.Pid, m.exited); err != nil {
				s.log().Errorf("%s: %v", s, err)
				continue
			}
			c := &child{
				s: s, pid: one.Pid, generation: one.Generation, idle: one.Idle, uses: one.Uses,
				program: one.Program, born: one.Born,
			}
			if one.Dismissed != nil {
				c.dismissed, c.last = true, m.loop.After(*one.Dismissed, c.overdue)
			}
			m.children[one.Pid] = c
			s.total++
			s.procs++
			if c.idle {
				s.idle++
			}
		}
		s.takeStatus(v.Status)
		if v.Throttle != nil {
			s.throttled = true
			s.throttleTimer = m.loop.After(*v.Throttle, s.unthrottle)
		}
		if v.Stop != nil && s.procs > 0 {
			s.stopTimer = m.loop.After(*v.Stop, s.killed)
		}
		if s.stopping && s.total == 0 {
			s.gone()
		}
	}
}

// takeStatus goes on with a status channel. What was reported while nobody read
// it is still there.
func (s *service) takeStatus(v *handover.Status) {
	if v == nil {
		return
	}
	st := &status{s: s, ours: v.Ours, theirs: v.Theirs, bad: v.Bad}
	var err error
	if st.watch, err = s.m.loop.Watch(st.ours, loop.Readable, st.reported); err != nil {
		s.log().Errorf("%s: status: %s", s, maillog.Strerror(err))
		closeAll([]int{v.Ours, v.Theirs})
		return
	}
	s.status = st
}

// resumeFrom takes s into service again, with w, as if nothing had happened.
func (s *service) resumeFrom(w *wanted, o listenOptions) {
	v := s.m.inherited.old[s]
	s.backlog = o.backlog
	s.adopt(w)
	s.takeClients(v)
	s.register()
	s.wakeupPending = s.wakeupPending && v.WakeupPending
	if v.Wakeup != nil && s.spec.Wakeup > 0 {
		s.wakeupTimer = s.m.loop.After(min(*v.Wakeup, s.spec.Wakeup), s.wakeupDue)
	} else {
		s.startWakeup()
	}
	s.enforce()
}

// takeClients goes on with those of a hosted service.
func (s *service) takeClients(v *handover.Service) {
	if !s.isHosted() || len(v.Commands)+len(v.Waiting) == 0 {
		return
	}
	t := s.host.current
	moving := t.hosted.(Moving) // see checkInherited
	for _, c := range v.Commands {
		done := t.done
		var g *guest
		if gate := s.host.gate; gate != nil && gate.policy != nil && c.From != nil {
			g = &guest{g: gate, t: t, from: originFrom(*c.From), pid: c.Pid}
			gate.served.push(g)
			gate.count(g, 1)
			done = g.ended
		}
		t.count(1)
		if err := moving.Resume(c.Pid, c.Left, done); err != nil {
			s.log().Errorf("%s: %v", s, err)
			if g != nil {
				g.g.served.remove(g)
				g.g.count(g, -1)
			}
			t.count(-1)
		}
	}
	if len(v.Waiting) == 0 {
		return
	}
	g := s.host.openGate()
	for _, one := range v.Waiting {
		c := &guest{g: g, from: originFrom(one.From), fd: one.FD, peer: loop.PeerOf(one.FD), since: g.now() - one.Waited}
		g.count(c, 1)
		g.wait(c)
	}
}

// takeRest takes what belongs to services that are there by now.
func (m *Master) takeRest() {
	in := m.inherited
	if in == nil {
		return
	}
	m.inherited = nil
	there := byKey(m.services)
	for _, v := range in.st.Triggers {
		if s := there[in.keyOf(v.Service)]; s != nil {
			s.takeTrigger(v)
		}
	}
	for _, pid := range in.st.Others {
		_ = m.loop.Adopt(pid, nil)
	}
}

func (in *inheritance) keyOf(i int) key {
	v := &in.st.Services[i]
	return key{v.Name, v.Spec.Type}
}

func (s *service) takeTrigger(v handover.Trigger) {
	t := &trigger{s: s, fd: v.FD, far: v.Far, sent: v.Sent}
	want := loop.Writable
	if t.sent {
		want = loop.Readable
	}
	var err error
	if t.watch, err = s.m.loop.Watch(t.fd, want, t.ready); err != nil {
		t.close()
		return
	}
	t.timer = s.m.loop.After(v.Left, t.expired)
	s.m.triggers[t] = struct{}{}
}
