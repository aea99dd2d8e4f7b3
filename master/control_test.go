// SPDX-License-Identifier: ISC

package master

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"postloop/cfg"
	"postloop/loop/looptest"
	"postloop/master/handover"
	"postloop/master/report"

	"golang.org/x/sys/unix"
)

// control opens the operator's socket of w.
func (w *world) control(op Operator) *Control {
	w.t.Helper()
	c, err := w.m.OpenControl("control", op)
	w.must(err)
	w.t.Cleanup(func() {
		c.Close()
		w.until(func() bool { return len(c.ops) == 0 })
	})
	return c
}

// ask sends one request and waits for the answer.
func (c *client) ask(request string) report.Answer {
	c.w.t.Helper()
	c.send(request + "\n")
	return c.answer()
}

func (c *client) send(text string) {
	c.w.t.Helper()
	n, err := unix.Write(c.fd, []byte(text))
	if err != nil || n < len(text) {
		c.w.t.Fatalf("sent %d bytes of %d: %v", n, len(text), err)
	}
}

func (c *client) answer() (a report.Answer) {
	c.w.t.Helper()
	c.w.must(json.Unmarshal([]byte(c.line()), &a))
	if a.Protocol != report.Protocol {
		c.w.t.Errorf("an answer of version %d", a.Protocol)
	}
	return a
}

// ended waits until the other end has closed.
func (c *client) ended() {
	c.w.t.Helper()
	c.w.await(c.fd, func() bool {
		c.poll()
		n, err := unix.Read(c.fd, make([]byte, 1))
		return n == 0 && err == nil || errors.Is(err, unix.ECONNRESET)
	})
}

// command is a request.
func command(name, service string) string {
	return fmt.Sprintf(`{"v":1,"command":%q,"service":%q}`, name, service)
}

// why is what an answer says against doing something.
func why(a report.Answer) string {
	lines := make([]string, len(a.Errors))
	for i, e := range a.Errors {
		lines[i] = e.String()
	}
	return strings.Join(lines, "\n")
}

func TestControlStatus(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 2 echod", "127.0.0.1:0 inet n - 5 echod", "crash unix n - 1 crashd")
	w.control(Operator{})
	c := w.dial("control")
	a := c.ask(command("status", ""))
	r := a.Report
	if !a.OK || r == nil || len(r.Services) != 3 || r.Master.Pid != os.Getpid() || r.Version != report.Version || !r.Master.Rootless {
		t.Fatalf("%+v", a)
	}
	if s := r.Services[0]; s.Name != "echo" || s.Type != "unix" || s.Key != "public/echo" || s.Command != "echod" || s.State != report.Listening ||
		s.Limit != 2 || s.Starts != 0 || s.Clients != nil || s.Line != 1 || s.File != "master.cf" {
		t.Errorf("%+v", s)
	}
	if s := r.Services[1]; len(s.Address) != 1 || s.Address[0] != "127.0.0.1:0" {
		t.Errorf("%+v", s)
	}
	if l := r.Loop; l.Turns == 0 || l.Descriptors == 0 || l.Connections != 1 {
		t.Errorf("%+v", l)
	}

	one := w.dial("public/echo")
	one.pid()
	s := c.ask(command("status", "echo")).Report.Services
	if len(s) != 1 || s[0].State != report.Busy || s[0].Busy != 1 || s[0].Processes != 1 || s[0].Starts != 1 || s[0].Ready.Count != 1 {
		t.Errorf("one client: %+v", s)
	}
	w.dial("public/echo").pid()
	if s := c.ask(command("status", "echo/unix")).Report.Services[0]; s.State != report.Full || s.Busy != 2 {
		t.Errorf("two clients: %+v", s)
	}
	one.close()
	w.until(func() bool { return w.service("public/echo", cfg.Unix).idle == 1 })
	if s := c.ask(command("status", "public/echo")).Report.Services[0]; s.State != report.Busy || s.Idle != 1 || s.Busy != 1 {
		t.Errorf("one has gone: %+v", s)
	}

	w.dial("public/crash")
	w.until(func() bool { return w.service("public/crash", cfg.Unix).throttled })
	looptest.Advance(w.l, 20*time.Second)
	x := c.ask(command("status", "crash")).Report.Services[0]
	if x.State != report.Throttled || x.Throttle == nil || x.Throttle.Left != 40 || !strings.Contains(x.Throttle.Reason, "crashd pid ") ||
		!strings.HasSuffix(x.Throttle.Reason, " exit status 7") || x.Error == nil || x.Error.Text != x.Throttle.Reason ||
		x.Exits != (report.Exits{Failed: 1}) || w.lines(x.Error.Text) != 1 {
		t.Errorf("%+v, throttle %+v, error %+v", x, x.Throttle, x.Error)
	}
}

// TestControlRefuses: what is wrong is said, and nothing is done.
func TestControlRefuses(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 2 echod", "x unix n - 2 echod", "x fifo y - 2 echod", "dgram unix-dgram n - 1 echod")
	w.control(Operator{})
	for _, test := range []struct {
		request string
		invalid bool
		want    string
	}{
		{``, true, "bad request: EOF"},
		{`nonsense`, true, "bad request: invalid character 'o' in literal null (expecting 'u')"},
		{`[]`, true, "bad request: json: cannot unmarshal array into Go value of type report.Request"},
		{`{"v":1,"command":"status"} {}`, true, "bad request: more than one object in the line"},
		{`{"v":1,"command":"status","force":true}`, true, `bad request: json: unknown field "force"`},
		{`{"v":2,"command":"status"}`, true, "this master speaks version 1 of the protocol, and the request is of version 2"},
		{`{"command":"status"}`, true, "this master speaks version 1 of the protocol, and the request is of version 0"},
		{`{"v":1,"command":"stats"}`, true, `unknown command "stats"; did you mean "status"?`},
		{`{"v":1}`, true, `unknown command ""`},
		{`{"v":1,"command":"kick","service":"echo","signal":"HUP"}`, true, "kick: a signal is of no use here"},
		{command("stop", "echo"), true, "stop is for the whole master; to keep clients of a service waiting, pause it"},
		{`{"v":1,"command":"signal","service":"echo","signal":"HUB"}`, true, `signal: unknown signal "HUB"; specify a name such as HUP or USR1, or a number`},
		{`{"v":1,"command":"signal","service":"echo"}`, true, `signal: unknown signal ""; specify a name such as HUP or USR1, or a number`},
		{`{"v":1,"command":"signal","service":"echo","signal":"0"}`, true, `signal: unknown signal "0"; specify a name such as HUP or USR1, or a number`},
		{`{"v":1,"command":"signal","service":"echo","signal":"HUP"}`, false, `service "echo" (public/echo): it has no process`},
		{command("status", "eco"), false, `no service "eco"; did you mean "echo"?`},
		{command("reload", "eco"), false, `no service "eco"; did you mean "echo"?`},
		{command("pause", ""), false, "no service is named"},
		{command("pause", "x"), false, `there is more than one service "x"; specify one of x/unix, x/fifo`},
		{command("kick", "dgram"), false, `service "dgram" (public/dgram): wakeup: Operation not supported`},
	} {
		c := w.dial("control")
		if a := c.ask(test.request); a.OK || a.Reject != test.invalid || why(a) != test.want {
			t.Errorf("%s: %+v", test.request, a)
		}
		if a := c.ask(command("status", "echo")); !a.OK { // the connection goes on
			t.Errorf("after %s: %+v", test.request, a)
		}
	}
}

// TestControlLabel: a service may have a name besides what it listens on.
func TestControlLabel(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 2 echod", "127.0.0.1:0 inet n - 5 echod")
	w.m.services[1].spec.Label = "door"
	w.control(Operator{})
	c := w.dial("control")
	if a := c.ask(command("status", "door")); !a.OK || len(a.Report.Services) != 1 || a.Report.Services[0].Name != "127.0.0.1:0" {
		t.Errorf("%+v", a)
	}
	if a := c.ask(command("pause", "window")); a.OK {
		t.Errorf("%+v", a)
	}
}

func TestControlPause(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n 60 2 echod")
	w.control(Operator{})
	s := w.service("public/echo", cfg.Unix)
	c := w.dial("control")
	w.until(func() bool { return s.idle == 1 }) // the first wake-up's, which is idle again
	busy := w.dial("public/echo")
	busy.pid()
	w.dial("public/echo").pid()
	if a := c.ask(command("pause", "echo")); !a.OK || a.Text != `service "echo" (public/echo): paused; 2 process(es) leave when their clients are served` {
		t.Errorf("%+v", a)
	}
	waits := w.dial("public/echo")
	busy.close()
	w.until(func() bool { return s.procs == 1 })
	looptest.Advance(w.l, 3*time.Minute) // nor is it woken up
	c = w.dial("control")                // that was too long for the other
	w.must(w.reload("echo unix n 60 2 echod"))
	if waits.poll() != "" || s.procs != 1 || len(w.m.triggers) != 0 {
		t.Errorf("a client of a paused service was served: %q; %d processes, %d triggers", waits.in, s.procs, len(w.m.triggers))
	}
	if r := c.ask(command("status", "echo")).Report.Services[0]; r.State != report.Paused || !r.Paused {
		t.Errorf("%+v", r)
	}
	if a := c.ask(command("kick", "echo")); a.OK || why(a) != `service "echo" (public/echo): it is paused; resume it first` {
		t.Errorf("%+v", a)
	}
	if a := c.ask(command("pause", "echo")); !a.OK || !strings.HasSuffix(a.Text, "paused already") {
		t.Errorf("%+v", a)
	}
	if a := c.ask(command("resume", "echo")); !a.OK || !strings.HasSuffix(a.Text, ": resumed") {
		t.Errorf("%+v", a)
	}
	if waits.pid() == 0 {
		t.Error("who waited was not served")
	}
	if a := c.ask(command("resume", "echo")); !a.OK || !strings.HasSuffix(a.Text, ": not paused") {
		t.Errorf("%+v", a)
	}
}

// TestControlPauseHosted: nobody is served, neither from the backlog nor from
// the queue.
func TestControlPauseHosted(t *testing.T) {
	w := newWorld(t)
	made := w.host(nil)
	w.main += "hosted_queue_limit = 5\n"
	w.start("k unix n - 1 keep")
	w.control(Operator{})
	s := w.service("public/k", cfg.Unix)
	c := w.dial("control")
	w.dial("public/k")
	w.dial("public/k")
	w.until(func() bool { return s.host.gate.waits() })
	if a := c.ask(command("pause", "k")); !a.OK || !strings.HasSuffix(a.Text, "paused; 1 client(s) are served to the end, 1 client(s) in the queue wait") {
		t.Errorf("%+v", a)
	}
	looptest.Advance(w.l, 7*time.Second)
	if r := c.ask(command("status", "k")).Report.Services[0]; r.State != report.Paused || r.Clients == nil || r.Clients.Now != 1 ||
		r.Clients.Queued != 1 || r.Clients.QueueAge != 7 || r.Clients.Total != 2 || !r.Hosted {
		t.Errorf("%+v %+v", r, r.Clients)
	}
	(*made)[0].release()
	w.dial("public/k")
	looptest.Advance(w.l, time.Second)
	if s.total != 0 || s.host.gate.waiting.n != 1 {
		t.Errorf("%d clients are served while it is paused, %d wait", s.total, s.host.gate.waiting.n)
	}
	for request, want := range map[string]string{
		command("restart", "k"): "nothing to restart: master serves it itself, each client anew",
		`{"v":1,"command":"signal","service":"k","signal":"usr1"}`: "master serves it itself, and has no process to signal",
	} {
		if a := c.ask(request); !strings.HasSuffix(a.Text+why(a), want) {
			t.Errorf("%s: %+v", request, a)
		}
	}
	c.ask(command("resume", "k"))
	w.until(func() bool { return s.total == 1 && s.host.gate.waiting.n == 1 })
	if r := s.report(); r.Ready.Count != 1 || r.Ready.Max != 8 {
		t.Errorf("%+v", r.Ready)
	}
}

func TestControlUnthrottle(t *testing.T) {
	w := newWorld(t)
	w.start("crash unix n - 1 crashd")
	w.control(Operator{})
	s := w.service("public/crash", cfg.Unix)
	c := w.dial("control")
	if a := c.ask(command("unthrottle", "crash")); !a.OK || !strings.HasSuffix(a.Text, "not throttled") {
		t.Errorf("%+v", a)
	}
	w.dial("public/crash")
	w.until(func() bool { return s.throttled })
	if a := c.ask(command("kick", "crash")); a.OK || !strings.HasSuffix(why(a), "it is throttled for another 1m0s; unthrottle it first") {
		t.Errorf("%+v", a)
	}
	if a := c.ask(command("unthrottle", "crash")); !a.OK || !strings.HasSuffix(a.Text, "throttle released") || s.throttled {
		t.Errorf("%+v", a)
	}
	w.until(func() bool { return s.throttled }) // its client waits still
	if left := s.throttleTimer.Left(); left != time.Minute {
		t.Errorf("the doubling has gone on: %v", left)
	}
	if s.record.Exits.Failed != 2 {
		t.Errorf("%+v", s.record)
	}
}

func TestControlKickRestartSignal(t *testing.T) {
	w := newWorld(t)
	w.start("poked unix n - 1 pokedd", "echo unix n - 2 echod")
	w.control(Operator{})
	c := w.dial("control")
	if a := c.ask(command("kick", "poked")); !a.OK || !strings.HasSuffix(a.Text, "woken up") {
		t.Errorf("%+v", a)
	}
	w.until(func() bool { text, _ := os.ReadFile("poked"); return string(text) == "W\x00" })

	s := w.service("public/echo", cfg.Unix)
	if a := c.ask(command("restart", "echo")); !a.OK || !strings.HasSuffix(a.Text, "nothing to restart: it has no process") {
		t.Errorf("%+v", a)
	}
	one := w.dial("public/echo")
	pid := one.pid()
	if a := c.ask(command("restart", "echo")); !a.OK || !strings.HasSuffix(a.Text, "restarted; 1 process(es) leave when their clients are served") {
		t.Errorf("%+v", a)
	}
	one.close()
	w.until(func() bool { return s.procs == 0 })
	if again := w.dial("public/echo").pid(); again == pid {
		t.Error("the same process")
	}
	if a := c.ask(`{"v":1,"command":"signal","service":"echo","signal":"KILL"}`); !a.OK || !strings.HasSuffix(a.Text, "SIGKILL sent to 1 process(es)") {
		t.Errorf("%+v", a)
	}
	w.until(func() bool { return s.procs == 0 })
	if r := s.report(); r.Exits != (report.Exits{OK: 1, Signal: 1}) || !strings.HasSuffix(r.Error.Text, "killed by signal 9") {
		t.Errorf("%+v %+v", r.Exits, r.Error)
	}
}

// TestControlReload: the answer comes when the reload has ended, with all that
// is wrong; meanwhile others are answered.
func TestControlReload(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 2 echod")
	var waits []func(error)
	w.control(Operator{Reload: func(done func(error)) { waits = append(waits, done) }})
	c, other := w.dial("control"), w.dial("control")
	c.send(command("reload", "") + "\n" + command("status", "echo") + "\n")
	w.until(func() bool { return len(waits) == 1 })
	if a := other.ask(command("status", "")); !a.OK || a.Report.Master.Reload != nil {
		t.Errorf("%+v", a)
	}
	if c.poll() != "" {
		t.Errorf("answered before the end: %s", c.in)
	}
	looptest.Advance(w.l, time.Hour) // nor is it too late
	wrong := cfg.Errors{{File: "master.cf", Line: 3, Text: "this is bad"}, {File: "main.cf", Text: "and this"}}
	w.m.Reloaded(wrong)
	waits[0](wrong)
	if a := c.answer(); a.OK || why(a) != "master.cf, line 3: this is bad\nmain.cf: and this" || a.Errors[0].Line != 3 {
		t.Errorf("%+v", a)
	}
	if a := c.answer(); !a.OK || a.Report.Master.Refused != 1 || a.Report.Master.Reload.OK || len(a.Report.Master.Reload.Errors) != 2 {
		t.Errorf("%+v", a) // to the request behind
	}
	c.send(command("reload", "echo") + "\n")
	w.until(func() bool { return len(waits) == 2 })
	waits[1](nil)
	if a := c.answer(); !a.OK || a.Text != "configuration . is in force, with 1 service(s); all of it was read, as it counts in whole or not at all" {
		t.Errorf("%+v", a)
	}

	// One who does not wait for the answer leaves nothing behind.
	gone := w.dial("control")
	gone.send(command("reload", "") + "\n")
	w.until(func() bool { return len(waits) == 3 })
	gone.close()
	waits[2](nil)
	gone.ended()
}

// TestControlHostile: whoever is slow, says too much or nothing, or comes in
// crowds does not disturb others, and holds nothing for long.
func TestControlHostile(t *testing.T) {
	w := newWorld(t)
	var entries []string
	for i := range 200 {
		entries = append(entries, fmt.Sprintf("s%d unix n - 1 echod", i))
	}
	w.start(entries...)
	ctl := w.control(Operator{})

	long := w.dial("control")
	long.send(strings.Repeat("x", report.RequestLimit))
	long.ended()

	// One who asks and does not read: a few answers, not as many as there are
	// requests, wait for it.
	deaf := w.dial("control")
	deaf.send(strings.Repeat(command("status", "")+"\n", 50))
	w.until(func() bool { return len(ctl.ops) == 1 && ctl.ops[0].conn.Queued() > 0 })
	one := len(mustJSON(t, report.Answer{Report: w.m.Report()}))
	for range 20 {
		looptest.Advance(w.l, 0)
	}
	if queued := ctl.ops[0].conn.Queued(); queued > 2*one {
		t.Errorf("%d bytes wait for one who does not read; an answer has %d", queued, one)
	}
	if a := w.dial("control").ask(command("status", "s7")); !a.OK {
		t.Errorf("%+v", a)
	}
	looptest.Advance(w.l, operatorIdle)
	w.until(func() bool { return len(ctl.ops) == 0 })

	crowd := make([]*client, operatorsAtOnce+5)
	for i := range crowd {
		crowd[i] = w.dial("control")
		w.until(func() bool { return len(ctl.ops) >= min(i+1, operatorsAtOnce) })
		if i == 1 { // the first is no longer the quietest
			crowd[0].ask(command("status", "s1"))
		}
	}
	crowd[1].ended()
	if a := crowd[len(crowd)-1].ask(command("status", "s7")); !a.OK {
		t.Errorf("%+v", a)
	}
	if len(ctl.ops) > operatorsAtOnce {
		t.Errorf("%d connections", len(ctl.ops))
	}
	half := w.dial("control")
	half.send(`{"v":1,"comm`)
	w.until(func() bool { return len(ctl.ops[len(ctl.ops)-1].conn.Unused()) > 0 })
	looptest.Advance(w.l, operatorIdle)
	half.ended()
	w.until(func() bool { return len(ctl.ops) == 0 })
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestControlSocket: it is the owner's alone, replaces one that was left, takes
// no other file's place, and is gone afterwards.
func TestControlSocket(t *testing.T) {
	w := newWorld(t)
	w.start()
	c, err := w.m.OpenControl("control", Operator{})
	w.must(err)
	info, err := os.Stat("control")
	w.must(err)
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	w.must(os.Rename("control", "old")) // another program's doing
	if c.Intact() {
		t.Error("a missing socket is intact")
	}
	next, err := w.m.OpenControl("control", Operator{})
	w.must(err)
	c.Close()
	if !next.Intact() {
		t.Error("the old one has taken the new one's file away")
	}
	w.must(os.Rename("old", "control"))
	third, err := w.m.OpenControl("control", Operator{})
	w.must(err)
	next.Close()
	third.Close()
	if _, err := os.Lstat("control"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left over: %v", err)
	}
	w.must(os.WriteFile("control", nil, 0o600))
	for name, want := range map[string]string{
		"control":                "control socket control: there is a file of this name that is no socket",
		"none/control":           "control socket none/control: No such file or directory",
		strings.Repeat("x", 200): "control socket " + strings.Repeat("x", 200) + ": the name is too long",
	} {
		if _, err := w.m.OpenControl(name, Operator{}); err == nil || err.Error() != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestControlStop(t *testing.T) {
	w := newWorld(t)
	w.start("stubborn unix n - 2 stubborn")
	w.dial("public/stubborn").pid()
	ended := false
	ctl := w.control(Operator{Stop: func(abort bool) {
		w.m.Shutdown(func() { ended = true })
		if abort {
			w.m.Abort()
		}
	}})
	c := w.dial("control")
	if a := c.ask(command("stop", "")); !a.OK || !strings.HasSuffix(a.Text, " is ending, with 1 process(es)") {
		t.Errorf("%+v", a)
	}
	other := w.dial("control")
	if a := other.ask(command("pause", "stubborn")); a.OK || why(a) != "the master is ending" {
		t.Errorf("%+v", a)
	}
	if other = w.dial("control"); !other.ask(command("abort", "")).OK {
		t.Error("no abort")
	}
	w.until(func() bool { return ended && len(w.m.children) == 0 })
	if len(ctl.ops) == 0 {
		t.Error("the operator did not see the end")
	}
}

// FuzzRequest: a line is a request or an error, never more.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{`{"v":1,"command":"status"}`, `{"v":1,"command":"signal","service":"a","signal":"HUP"}`, `{}`, `[`, `{"v":1} x`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		q, err := parseRequest(line)
		if err == nil && q.Protocol != report.Protocol {
			t.Errorf("%q: %+v", line, q)
		}
	})
}

// TestReadyIsTheClients: who came is served by a process that has become idle, and the
// one that was started for it waits. The next client is no matter of waiting.
func TestReadyIsTheClients(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 2 echod")
	s := w.service("public/echo", cfg.Unix)
	first := w.dial("public/echo")
	first.pid()
	w.until(func() bool { return s.record.Waits == 1 })
	// As if a second one had been started, and the first had been faster.
	looptest.Advance(w.l, time.Second)
	s.record.Knocked = w.m.age()
	looptest.Advance(w.l, 2*time.Second)
	first.close()
	w.until(func() bool { return s.idle == 1 })
	w.dial("public/echo").pid()
	w.until(func() bool { return s.idle == 0 })
	if r := s.report().Ready; r.Count != 2 || r.Max != 2 || s.record.Knocked != 0 {
		t.Errorf("%+v", r)
	}
	(*record)(nil).answered(1)
	(*record)(nil).gaveUp()
}

// TestRecordMemory: a service that nothing has happened to has no record, and
// an event costs none.
func TestRecordMemory(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 2 echod")
	s := w.service("public/echo", cfg.Unix)
	if s.record != nil {
		t.Error("a record of nothing")
	}
	s.past()
	if n := testing.AllocsPerRun(100, func() {
		s.blame(handover.ExitFault, 1, 2)
		s.past().wait(time.Second)
		s.past().Starts++
	}); n != 0 {
		t.Errorf("%v allocations for an event", n)
	}
}
