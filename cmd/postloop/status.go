// SPDX-License-Identifier: ISC

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"postloop/master/report"

	"github.com/spf13/cobra"
)

func (a *app) statusCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "status [SERVICE]",
		Short: "How the master and its services are",
		Long: `Without a SERVICE, a line for each; with one, all that is known about it. A
SERVICE is its name, and its type where the name alone is not enough: x/unix.

STATE is the first of these that is true: throttled (no process is started for a
while), paused (on the operator's word), short (no process can be made), full (at
its limit, nobody idle), busy, idle (processes wait for clients), listening.

STARTS counts processes, and the clients of a service that the master hosts.
FAILED are the processes that ended with a status other than 0, or by a signal.
READY is how long a client waited for a new process, on average. QUEUE is how many
wait, and for how long the first has waited.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeService(false),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := a.call()
			if err != nil {
				return err
			}
			defer l.close()
			service := ""
			if len(args) > 0 {
				service = args[0]
			}
			r, err := l.status(service)
			if err != nil {
				return err
			}
			switch p := newPaper(a.out); {
			case a.json:
				return writeJSON(a.out, r)
			case service != "" && len(r.Services) == 1:
				p.service(r, &r.Services[0])
			default:
				p.all(r)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&a.json, "json", false, "the whole report as a JSON object")
	return c
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// paper is what a report is drawn on.
type paper struct {
	w      io.Writer
	colour bool
	width  int // 0: no limit
	lines  int // 0: no limit
	drawn  int
}

func newPaper(s *sink) *paper { return &paper{w: s, colour: isColoured(s.File)} }

// line writes one line, if there is room.
func (p *paper) line(text string) {
	if p.lines > 0 && p.drawn >= p.lines {
		return
	}
	p.drawn++
	fmt.Fprintf(p.w, "%s\n", cut(text, p.width))
}

func (p *paper) linef(format string, args ...any) { p.line(fmt.Sprintf(format, args...)) }

// The colours of states, and their end.
var colours = map[report.State]string{
	report.Throttled: "\x1b[31m", report.Short: "\x1b[31m",
	report.Paused: "\x1b[35m", report.Full: "\x1b[33m", report.Busy: "\x1b[32m", report.Idle: "\x1b[32m",
}

const plain = "\x1b[0m"

// cut shortens text to width columns, colours not counted.
func cut(text string, width int) string {
	if width <= 0 {
		return text
	}
	columns, inColour := 0, false
	for i, c := range text {
		switch {
		case c == '\x1b':
			inColour = true
		case inColour:
			inColour = c != 'm'
		case columns == width:
			if strings.Contains(text[i:], plain) {
				return text[:i] + plain
			}
			return text[:i]
		default:
			columns++
		}
	}
	return text
}

// all is one screen: the master, and a line for each service.
func (p *paper) all(r *report.Report) {
	p.head(r)
	p.line("")
	rows := [][]string{{"SERVICE", "TYPE", "STATE", "PROC", "IDLE", "BUSY", "LIMIT", "QUEUE", "STARTS", "FAILED", "READY", ""}}
	for i := range r.Services {
		rows = append(rows, row(r, &r.Services[i]))
	}
	p.table(rows, func(i int, cells []string) {
		if colour := colours[r.Services[i-1].State]; colour != "" {
			cells[2] = colour + cells[2] + plain
		}
	})
}

// head is about the master.
func (p *paper) head(r *report.Report) {
	m := &r.Master
	state := "running for " + age(r.Time.Sub(m.Started))
	if m.Stopping {
		state += ", and ending"
	}
	p.linef("master pid %d, %s, version %s, configuration %s", m.Pid, state, m.Version, m.Config)
	p.linef("%d process(es), %d started; %d reload(s), %d refused; %d service(s) leaving; %d log line(s) lost",
		m.Processes, m.Generation, m.Reloads, m.Refused, m.Leaving, m.LogLost)
	l := &r.Loop
	p.linef("loop: %d turns, %d descriptors, %d timers, %d children; longest turn %s, longest callback %s %s",
		l.Turns, l.Descriptors, l.Timers, l.Children, short(l.LongestTurn), short(l.LongestCallback), l.LongestName)
	if last := m.Reload; last != nil && !last.OK {
		p.linef("the last reload, %s ago, was refused:", age(r.Time.Sub(last.Time)))
		for _, e := range last.Errors {
			p.linef("  %s", e)
		}
	}
}

// row is a service in one line.
func row(r *report.Report, s *report.Service) []string {
	queue := ""
	if c := s.Clients; c != nil && c.Queued > 0 {
		queue = fmt.Sprintf("%d/%s", c.Queued, short(c.QueueAge))
	}
	ready := ""
	if s.Ready.Count > 0 {
		ready = short(s.Ready.Sum / report.Seconds(s.Ready.Count))
	}
	starts := s.Starts
	if s.Clients != nil {
		starts = s.Clients.Total
	}
	return []string{
		s.Name, s.Type, string(s.State), number(s.Processes), number(s.Idle), number(s.Busy), limit(s), queue,
		number(starts), number(s.Exits.Failed + s.Exits.Signal), ready, note(r, s),
	}
}

// note is what is most worth knowing about a service.
func note(r *report.Report, s *report.Service) string {
	var parts []string
	switch {
	case s.Throttle != nil:
		parts = append(parts, fmt.Sprintf("%s left: %s", short(s.Throttle.Left), s.Throttle.Reason))
		if s.Paused {
			parts = append(parts, "paused")
		}
	case s.Error != nil:
		parts = append(parts, fmt.Sprintf("%s ago: %s", age(r.Time.Sub(s.Error.Time)), s.Error.Text))
	}
	if s.Hosted {
		parts = append(parts, "hosted")
	}
	if s.Clients != nil && s.Clients.Refusals > 0 {
		parts = append(parts, fmt.Sprintf("%d refused", s.Clients.Refusals))
	}
	return strings.Join(parts, "; ")
}

func limit(s *report.Service) string {
	if s.Limit == 0 {
		return "none"
	}
	return number(s.Limit)
}

// service is all about one.
func (p *paper) service(r *report.Report, s *report.Service) {
	state := string(s.State)
	if p.colour && colours[s.State] != "" {
		state = colours[s.State] + state + plain
	}
	p.linef("%s/%s: %s", s.Name, s.Type, state)
	field := func(name, format string, args ...any) { p.linef("  %-10s %s", name, fmt.Sprintf(format, args...)) }
	where := s.Command
	if s.Hosted {
		where += ", in the master's own process"
	}
	field("command", "%s", where)
	if len(s.Address) > 0 {
		field("listens", "%s", strings.Join(s.Address, ", "))
	} else {
		field("listens", "%s", s.Key)
	}
	field("configured", "%s, line %d", s.File, s.Line)
	if s.Paused {
		field("paused", "until resume; clients wait in the backlog")
	}
	if t := s.Throttle; t != nil {
		field("throttled", "for another %s, %d in a row: %s", short(t.Left), t.Row, t.Reason)
	}
	field("processes", "%d, %d of them idle; limit %s", s.Processes, s.Idle, limit(s))
	field("starts", "%d", s.Starts)
	field("exits", "%d with status 0, %d with another, %d by signal", s.Exits.OK, s.Exits.Failed, s.Exits.Signal)
	if c := s.Clients; c != nil {
		field("clients", "%d now, %d in all, %d refused", c.Now, c.Total, c.Refusals)
		field("queue", "%d, the first for %s", c.Queued, short(c.QueueAge))
	}
	if t := s.Ready; t.Count > 0 {
		field("ready", "after %s on average, %s at most; %d time(s)", short(t.Sum/report.Seconds(t.Count)), short(t.Max), t.Count)
	}
	if e := s.Error; e != nil {
		field("error", "%s ago: %s", age(r.Time.Sub(e.Time)), e.Text)
	}
}

// table writes rows in columns, numbers to the right. paint may change the
// cells of a row when their widths are settled.
func (p *paper) table(rows [][]string, paint func(i int, cells []string)) {
	width := make([]int, len(rows[0]))
	for _, cells := range rows {
		for i, c := range cells {
			width[i] = max(width[i], len(c))
		}
	}
	const firstNumber, last = 3, 11
	for i, cells := range rows {
		for j, c := range cells {
			switch {
			case j == last:
			case j < firstNumber:
				cells[j] = c + strings.Repeat(" ", width[j]-len(c))
			default:
				cells[j] = strings.Repeat(" ", width[j]-len(c)) + c
			}
		}
		if i > 0 && p.colour {
			paint(i, cells)
		}
		p.line(strings.TrimRight(strings.Join(cells, "  "), " "))
	}
}

func number[N int | uint64](n N) string { return fmt.Sprint(n) }

// short is a time in two or three digits and its unit.
func short(s report.Seconds) string {
	switch d := s.Duration(); {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return fmt.Sprintf("%dus", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	default:
		return age(d)
	}
}

// age is a time in its two greatest units.
func age(d time.Duration) string {
	s := int(max(d, 0) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%dh", s/86400, s/3600%24)
}
