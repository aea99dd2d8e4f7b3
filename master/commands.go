// SPDX-License-Identifier: ISC

package master

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"postloop/cfg"
	"postloop/master/maillog"
	"postloop/master/report"

	"golang.org/x/sys/unix"
)

// The commands of an operator. Those about one service say what has happened,
// or return why nothing has.
var serviceCommands = map[string]func(s *service) (string, error){
	"pause":      (*service).pause,
	"resume":     (*service).resume,
	"kick":       (*service).kick,
	"unthrottle": (*service).release,
	"restart":    (*service).recycle,
}

var masterCommands = map[string]func(c *Control, q report.Request, done func(report.Answer)){
	"status": (*Control).status,
	"reload": (*Control).reload,
	"reopen": (*Control).reopen,
	"stop":   (*Control).stop,
	"abort":  (*Control).stop,
	"signal": (*Control).signal,

	"upgrade": (*Control).upgrade,
}

// do answers a request: done is called once, in this turn or a later one.
func (c *Control) do(q report.Request, done func(report.Answer)) {
	one, all := serviceCommands[q.Command], masterCommands[q.Command]
	switch {
	case one == nil && all == nil:
		known := slices.AppendSeq(slices.Collect(maps.Keys(serviceCommands)), maps.Keys(masterCommands))
		slices.Sort(known)
		done(invalid("unknown command %q%s", q.Command, cfg.Suggest(q.Command, known)))
	case q.Signal != "" && q.Command != "signal":
		done(invalid("%s: a signal is of no use here", q.Command))
	case q.Program != "" && q.Command != "upgrade":
		done(invalid("%s: a program is of no use here", q.Command))
	case all != nil:
		all(c, q, done)
	default:
		s, err := c.m.lookup(q.Service)
		if err != nil {
			done(notDone(err))
			return
		}
		if c.m.stopping {
			done(notDone(errEnding))
			return
		}
		text, err := one(s)
		if err != nil {
			done(notDone(fmt.Errorf("%s: %w", s, err)))
			return
		}
		s.log().Infof("%s: %s, on the operator's word", s, text)
		done(report.Answer{OK: true, Text: fmt.Sprintf("%s: %s", s, text)})
	}
}

var errEnding = fmt.Errorf("the master is ending")

func notDone(err error) report.Answer { return report.Answer{Errors: Errors(err)} }

func invalid(format string, args ...any) report.Answer {
	return report.Answer{Reject: true, Errors: []report.Error{{Text: fmt.Sprintf(format, args...)}}}
}

// lookup finds a service by its name as configured, by that and its type
// (smtp/inet), by its label, or by what makes it the same service as another.
func (m *Master) lookup(text string) (*service, error) {
	if text == "" {
		return nil, fmt.Errorf("no service is named")
	}
	var found []*service
	var known []string
	for _, s := range m.services {
		name := s.fullName()
		if name == text {
			return s, nil
		}
		if s.spec.Name == text || s.spec.Label == text || s.key.name == text || s.key.name+"/"+s.spec.Type.String() == text {
			found = append(found, s)
		}
		known = append(known, s.spec.Name, name)
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("no service %q%s", text, cfg.Suggest(text, known))
	case 1:
		return found[0], nil
	}
	names := make([]string, len(found))
	for i, s := range found {
		names[i] = s.fullName()
	}
	return nil, fmt.Errorf("there is more than one service %q; specify one of %s", text, strings.Join(names, ", "))
}

// status answers with a report, of one service or of all.
func (c *Control) status(q report.Request, done func(report.Answer)) {
	if q.Service == "" {
		done(report.Answer{OK: true, Report: c.m.Report()})
		return
	}
	s, err := c.m.lookup(q.Service)
	if err != nil {
		done(notDone(err))
		return
	}
	r := c.m.head()
	r.Services = []report.Service{s.report()}
	done(report.Answer{OK: true, Report: r})
}

// reload answers when the configuration is in force, or has been refused. A
// configuration is taken in as a whole, whatever the operator had in mind.
func (c *Control) reload(q report.Request, done func(report.Answer)) {
	if q.Service != "" {
		if _, err := c.m.lookup(q.Service); err != nil {
			done(notDone(err))
			return
		}
	}
	c.op.Reload(func(err error) {
		if err != nil {
			done(notDone(err))
			return
		}
		text := fmt.Sprintf("configuration %s is in force, with %d service(s)", c.m.conf.Dir, len(c.m.services))
		if q.Service != "" {
			text += "; all of it was read, as it counts in whole or not at all"
		}
		done(report.Answer{OK: true, Text: text})
	})
}

// reopen answers when the log is open again.
func (c *Control) reopen(q report.Request, done func(report.Answer)) {
	if q.Service != "" {
		done(invalid("reopen is for the log of the whole master"))
		return
	}
	text, err := c.op.Reopen()
	if err != nil {
		done(notDone(err))
		return
	}
	done(report.Answer{OK: true, Text: text})
}

// upgrade answers when another program has taken the place of this one: it is
// that one then that answers. Or when this one goes on.
func (c *Control) upgrade(q report.Request, done func(report.Answer)) {
	switch {
	case q.Service != "":
		done(invalid("upgrade is for the whole master; restart has the processes of a service leave"))
		return
	case c.m.stopping:
		done(notDone(errEnding))
		return
	case c.op.Upgrade == nil:
		done(notDone(fmt.Errorf("upgrade: not on this system")))
		return
	}
	c.op.Upgrade(q.Program, func(err error) { done(notDone(err)) })
}

// stop answers that the end has begun. The end of the connection is that of
// the master.
func (c *Control) stop(q report.Request, done func(report.Answer)) {
	if q.Service != "" {
		done(invalid("%s is for the whole master; to keep clients of a service waiting, pause it", q.Command))
		return
	}
	c.op.Stop(q.Command == "abort")
	text := fmt.Sprintf("master pid %d is ending", unix.Getpid())
	if n := len(c.m.children); n > 0 {
		text += fmt.Sprintf(", with %d process(es)", n)
	}
	done(report.Answer{OK: true, Text: text})
}

// signal signals the processes of a service.
func (c *Control) signal(q report.Request, done func(report.Answer)) {
	s, err := c.m.lookup(q.Service)
	if err != nil {
		done(notDone(err))
		return
	}
	number, name, ok := parseSignal(q.Signal)
	if !ok {
		done(invalid("signal: unknown signal %q; specify a name such as HUP or USR1, or a number", q.Signal))
		return
	}
	if s.isHosted() && s.procs == 0 {
		done(notDone(fmt.Errorf("%s: master serves it itself, and has no process to signal", s)))
		return
	}
	if s.procs == 0 {
		done(notDone(fmt.Errorf("%s: it has no process", s)))
		return
	}
	n := 0
	for pid, ch := range c.m.children {
		if ch.s == s && unix.Kill(pid, number) == nil { // a program sees to its own children
			n++
		}
	}
	s.log().Infof("%s: SIG%s sent to %d process(es), on the operator's word", s, name, n)
	done(report.Answer{OK: n > 0, Text: fmt.Sprintf("%s: SIG%s sent to %d process(es)", s, name, n)})
}

// parseSignal understands HUP, SIGHUP, hup and 1.
func parseSignal(text string) (number unix.Signal, name string, ok bool) {
	if n, err := strconv.Atoi(text); err == nil {
		name = strings.TrimPrefix(unix.SignalName(unix.Signal(n)), "SIG")
		return unix.Signal(n), name, name != ""
	}
	name = strings.TrimPrefix(strings.ToUpper(text), "SIG")
	number = unix.SignalNum("SIG" + name)
	return number, name, number != 0
}

// pause stops the listening. Clients wait in the backlog until resume, through
// every reload. Processes that wait for clients would take them: they leave.
func (s *service) pause() (string, error) {
	if s.paused {
		return "paused already", nil
	}
	s.paused = true
	s.closeStatus()
	s.dismiss()
	s.enforce()
	return "paused" + s.stillThere(), nil
}

// stillThere says who is left of those who served.
func (s *service) stillThere() string {
	var parts []string
	if s.idle > 0 {
		parts = append(parts, fmt.Sprintf("%d idle process(es) leave", s.idle))
	}
	if n := s.procs - s.idle; n > 0 {
		parts = append(parts, fmt.Sprintf("%d process(es) leave when their clients are served", n))
	}
	if n := s.total - s.procs; n > 0 {
		parts = append(parts, fmt.Sprintf("%d client(s) are served to the end", n))
	}
	if s.host != nil && s.host.gate.waits() {
		parts = append(parts, fmt.Sprintf("%d client(s) in the queue wait", s.host.gate.waiting.n))
	}
	if parts == nil {
		return ""
	}
	return "; " + strings.Join(parts, ", ")
}

// resume undoes pause.
func (s *service) resume() (string, error) {
	if !s.paused {
		return "not paused", nil
	}
	s.paused = false
	s.enforce()
	if s.throttled {
		return fmt.Sprintf("resumed, but throttled for another %s", s.throttleLeft()), nil
	}
	return "resumed", nil
}

// kick wakes s up now, and has its next wakeup be a whole period away.
func (s *service) kick() (string, error) {
	switch {
	case s.paused:
		return "", fmt.Errorf("it is paused; resume it first")
	case s.throttled:
		return "", fmt.Errorf("it is throttled for another %s; unthrottle it first", s.throttleLeft())
	}
	if err := s.trigger(); err != nil {
		return "", fmt.Errorf("wakeup: %s", maillog.Strerror(err))
	}
	if s.wakeupTimer != nil {
		s.wakeupTimer.Reset(s.spec.Wakeup)
	}
	return "woken up", nil
}

func (s *service) throttleLeft() time.Duration { return s.throttleTimer.Left().Round(time.Second) }

// release ends a throttle, or the wait for a process that can be made.
func (s *service) release() (string, error) {
	switch {
	case s.throttled:
		s.endThrottle()
		s.throttles = 0
		s.enforce()
		return "throttle released", nil
	case s.isHosted() && s.host.gate.holds():
		s.host.gate.retry()
		s.enforce()
		return "tried again", nil
	}
	return "not throttled", nil
}

// recycle makes the processes of s leave when they have nothing to do. Clients
// notice nothing.
func (s *service) recycle() (string, error) {
	if s.isHosted() && s.procs == 0 {
		return "nothing to restart: master serves it itself, each client anew", nil
	}
	if s.procs == 0 {
		return "nothing to restart: it has no process", nil
	}
	text := "restarted" + s.stillThere()
	s.closeStatus()
	s.dismiss()
	return text, nil
}
