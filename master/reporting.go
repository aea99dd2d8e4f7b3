// SPDX-License-Identifier: ISC

package master

import (
	"os"
	"time"

	"postloop/cfg"
	"postloop/master/handover"
	"postloop/master/report"

	"golang.org/x/sys/unix"
)

// Report says how everything is at this moment. It costs memory and time for
// each service, and changes nothing.
func (m *Master) Report() *report.Report {
	r := m.head()
	r.Services = make([]report.Service, len(m.services))
	for i, s := range m.services {
		r.Services[i] = s.report()
	}
	return r
}

// head is a report without services.
func (m *Master) head() *report.Report {
	st := m.loop.Stats()
	r := &report.Report{
		Version: report.Version,
		Time:    m.loop.Now(),
		Master: report.Master{
			Pid: os.Getpid(), Started: m.born, Generation: m.generation, Processes: len(m.children), Leaving: len(m.leaving),
			Stopping: m.stopping, LogLost: m.log.Lost(), Reloads: m.reloads.taken, Refused: m.reloads.refused,
		},
		Loop: report.Loop{
			Turns: st.Turns, Events: st.Events, Descriptors: st.Watches, Connections: st.Conns, Timers: st.Timers, Children: st.Children,
			LongestTurn: report.In(st.LongestTurn), LongestCallback: report.In(st.LongestCallback), LongestName: st.LongestName,
		},
	}
	r.Master.CPU, r.Master.CPUEnded = cpuTime(unix.RUSAGE_SELF), cpuTime(unix.RUSAGE_CHILDREN)
	if p := m.params; p != nil {
		r.Master.Version, r.Master.Config, r.Master.Queue, r.Master.Rootless = p.MailVersion, m.conf.Dir, p.QueueDirectory, p.Rootless
	}
	if m.view != nil {
		r.Master.Metrics = m.view.name
	}
	if last := m.reloads.last; !last.Time.IsZero() {
		r.Master.Reload = &last
	}
	return r
}

// cpuTime is the processor time of this process, or of its children that have ended.
func cpuTime(who int) report.Seconds {
	var u unix.Rusage
	if unix.Getrusage(who, &u) != nil {
		return 0
	}
	return report.In(time.Duration(u.Utime.Nano() + u.Stime.Nano()))
}

func (s *service) report() report.Service {
	r := report.Service{
		Name: s.spec.Name, Type: s.spec.Type.String(), Key: s.key.name, Command: s.spec.Command, Hosted: s.isHosted(),
		File: s.spec.File, Line: s.spec.Line,
		State: s.state(), Paused: s.paused,
		Processes: s.procs, Idle: s.idle, Busy: s.total - s.idle, Limit: s.spec.Limit,
	}
	if s.spec.Type == cfg.Inet {
		for _, ln := range s.listeners {
			r.Address = append(r.Address, ln.addr.String())
		}
	}
	past := s.record
	if past == nil {
		past = &record{}
	}
	r.Starts, r.Exits, r.Throttles = past.Starts, past.Exits, past.Throttles
	r.Ready = report.Ready{Count: past.Waits, Sum: report.In(past.Waited), Max: report.In(past.LongWaits), Last: report.In(past.LastWait)}
	if s.throttled {
		r.Throttle = &report.Throttle{Reason: faultText(past.Reason, s), Left: report.In(s.throttleTimer.Left()), Row: s.throttles}
	}
	if past.Fault.Kind != handover.NoFault {
		r.Error = &report.Event{Time: time.Unix(0, past.Fault.When), Text: faultText(past.Fault, s)}
	}
	if s.isHosted() {
		c := &report.Clients{Now: s.total - s.procs, Total: past.Clients, Refusals: past.Refused, Connected: s.hasConnections()}
		if g := s.host.gate; g.waits() {
			c.Queued, c.QueueAge = g.waiting.n, report.In(g.now()-g.waiting.first.since)
		}
		r.Clients = c
	}
	return r
}

// state is how s is, in one word.
func (s *service) state() report.State {
	switch {
	case s.throttled:
		return report.Throttled
	case s.paused:
		return report.Paused
	case s.isHosted() && s.host.gate.holds():
		return report.Short
	case s.idle == 0 && !s.hasRoom():
		return report.Full
	case s.total > s.idle:
		return report.Busy
	case s.idle > 0:
		return report.Idle
	}
	return report.Listening
}
