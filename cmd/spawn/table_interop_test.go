// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
	"postloop/services/skeleton/mastertest"
)

// row is a line of master.cf, and what becomes of its client.
type row struct {
	name string // of the service, unless it is an inet one; and in front of its log lines
	line string // the rest of the line, from the type on
	main string // a line for main.cf
	send string // what the client says

	// client is the client, if it does more than to send, to close its half,
	// and to read until the end. What it returns is compared.
	client func(w where) string

	view string   // what the client sees under Postfix's master and spawn; same: whatever it is
	log  []string // what is logged there about the service
	// untagged is what is logged before the process knows syslog_name.
	untagged []string
	// throttled: the process fails its first client, and the master says so.
	throttled bool
	// waits: the process does not come to accept its client, who waits for
	// the end of the throttle.
	waits bool

	// note is what our master says about the line when it is started and
	// would host it. It leaves such a service to the program, which then
	// behaves as ever.
	note string
	// full: the service reaches its process limit. A master that hosts it says
	// so; where processes serve, that is only said of those with a stress mode.
	full bool

	// differs is what the others do instead, and why.
	differs []difference
}

// where is what a client knows.
type where struct {
	endpoint
	dir string
}

// difference is what a row comes to in some combinations.
type difference struct {
	in        func(combination) bool
	why       string
	view      string
	log       []string
	throttled bool // besides
}

// same is the view of a row whose outcome is only compared.
const same = "?"

// in returns what c should do.
func (r *row) in(c combination) (view string, log []string, throttled bool) {
	for _, d := range r.differs {
		if d.in(c) {
			return d.view, d.log, r.throttled || d.throttled
		}
	}
	return r.view, r.log, r.throttled
}

// TestTable runs every row in every combination with the same client, and
// compares what the client sees and what is logged.
func TestTable(t *testing.T) {
	var want outcome
	t.Run(reference.name, func(t *testing.T) {
		want = runTable(t, reference)
		for _, r := range rows {
			want.check(t, reference, &r, outcome{})
		}
		want.checkOthers(t)
	})
	if t.Failed() {
		return
	}
	for _, c := range combinations {
		if c == reference {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := runTable(t, c)
			for _, r := range rows {
				got.check(t, c, &r, want)
			}
			got.checkMaster(t, c, want)
			got.checkOthers(t)
		})
	}
}

// outcome is what became of the rows of one combination.
type outcome struct {
	views  map[string]string   // by row
	logs   map[string][]string // by row, without its tag
	master []string            // the lines of the master, sorted
	others []string            // lines of nobody we know
}

// check compares one row with what it says itself, and with the reference.
func (o outcome) check(t *testing.T, c combination, r *row, reference outcome) {
	t.Helper()
	view, log, _ := r.in(c)
	if view == same {
		view = reference.views[r.name]
	}
	if got := o.views[r.name]; got != view && view != "" {
		t.Errorf("%s: the client sees %s\nwant %s", r.name, got, view)
	}
	if got := o.logs[r.name]; !slices.Equal(got, log) {
		t.Errorf("%s: the log has %q\nwant %q", r.name, got, log)
	}
}

// checkOthers compares what nobody has put a row's name on.
func (o outcome) checkOthers(t *testing.T) {
	t.Helper()
	var want []string
	for _, r := range rows {
		want = append(want, r.untagged...)
	}
	slices.Sort(want)
	if !slices.Equal(o.others, want) {
		t.Errorf("the log has, besides, %q\nwant %q", o.others, want)
	}
}

// checkMaster compares what the master says. Ours says what Postfix's says,
// in the same number, and more.
func (o outcome) checkMaster(t *testing.T, c combination, reference outcome) {
	t.Helper()
	want := slices.Clone(reference.master)
	for _, r := range rows {
		if c.hosted && r.note != "" {
			want = append(want, fmt.Sprintf("warning: DIR/etc/master.cf, line N: service %q: %s", r.service("127.0.0.1:PORT"), r.note))
		}
		if c.hosted && r.full {
			want = append(want,
				fmt.Sprintf("warning: service %q (%s) has reached its process limit \"2\": new clients may experience noticeable delays", r.name, r.key()),
				"warning: to avoid this condition, increase the process count in master.cf or reduce the service time per client",
				"warning: see http://www.postfix.org/STRESS_README.html for examples of stress-adapting configuration settings")
		}
		_, _, throttled := r.in(c)
		if throttled && !r.throttled {
			want = append(want, "warning: process DIR/sbin/spawn pid N exit status 1", "warning: DIR/sbin/spawn: bad command startup -- throttling")
		}
		if c.ourMaster && throttled {
			want = append(want, fmt.Sprintf("service %q (%s): throttled, next start in 1m0s", r.service("127.0.0.1:PORT"), r.key()))
		}
	}
	slices.Sort(want)
	for _, line := range without(want, o.master) {
		t.Errorf("missing: postfix/master: %s", line)
	}
	for _, line := range without(o.master, want) {
		t.Errorf("not Postfix's: postfix/master: %s", line)
	}
}

// without returns the lines of list that are not in other, each as often as
// it is there more often.
func without(list, other []string) []string {
	n := map[string]int{}
	for _, line := range other {
		n[line]++
	}
	var left []string
	for _, line := range list {
		if n[line]--; n[line] < 0 {
			left = append(left, line)
		}
	}
	return left
}

func (r *row) typ() string { return strings.Fields(r.line)[0] }

// service returns the first column of the row's line.
func (r *row) service(addr string) string {
	if r.typ() == "inet" {
		return addr
	}
	return r.name
}

// key is how our master tells the service from others.
func (r *row) key() string {
	switch {
	case r.typ() == "inet":
		return "[127.0.0.1]:PORT"
	case strings.Fields(r.line)[1] == "n":
		return "public/" + r.name
	}
	return "private/" + r.name
}

// spawnWord is where a row's own overrides begin.
var spawnWord = regexp.MustCompile(`\bspawn\b`)

// runTable runs all rows at once.
func runTable(t *testing.T, c combination) outcome {
	p := c.instance(t, pftest.Options{})
	furnish(t, p)
	var services strings.Builder
	main := map[string]string{}
	places := make([]where, len(rows))
	addrs := map[string]string{}
	for i, r := range rows {
		w := where{dir: p.Dir}
		switch typ := r.typ(); {
		case typ == "inet":
			w.addr = pftest.FreeAddr(t)
			addrs[w.addr] = r.name
		case strings.Fields(r.line)[1] == "n":
			w.addr, w.pass = p.Queue+"/public/"+r.name, typ == "pass"
		default:
			w.addr, w.pass = p.Queue+"/private/"+r.name, typ == "pass"
		}
		places[i] = w
		fill := strings.NewReplacer("ADDR", w.addr, "NAME", r.name, "DIR", p.Dir).Replace
		line := fill(r.line)
		at := spawnWord.FindStringIndex(line)[1]
		fmt.Fprintf(&services, "%s %s -o syslog_name=%s%s\n", r.service(w.addr), line[:at], r.name, line[at:])
		if name, value, ok := strings.Cut(fill(r.main), " = "); ok {
			main[name] = value
		}
	}
	p.SetMain(main)
	p.SetServices(services.String() + pftest.PostlogService)
	start(p)

	type view struct{ name, text string }
	views := make(chan view)
	waiters := map[string]net.Conn{}
	o := outcome{views: map[string]string{}, logs: map[string][]string{}}
	for i, r := range rows {
		client := r.client
		if client == nil {
			client = func(w where) string { return ask(w.endpoint, r.send) }
		}
		if r.waits {
			conn, err := places[i].dial()
			noError(t, err)
			defer func() { _ = conn.Close() }()
			waiters[r.name] = conn
			continue
		}
		go func() { views <- view{r.name, client(places[i])} }()
	}
	for _, r := range rows {
		if !r.waits {
			v := <-views
			text := strings.ReplaceAll(v.text, p.Dir, "DIR")
			for addr, name := range addrs {
				if name == v.name {
					text = strings.ReplaceAll(text, addr, "ADDR")
				}
			}
			o.views[v.name] = withoutInherited(t, text)
		}
	}

	// The log is complete when each row has its lines, and the master those
	// about processes that fail.
	complete := p.Soon(pftest.Patience/6, func() bool {
		o.takeLog(p)
		throttled := 0
		for _, r := range rows {
			_, log, bad := r.in(c)
			if len(o.logs[r.name]) < len(log) {
				return false
			}
			if bad {
				throttled++
			}
		}
		bad := 0
		for _, line := range o.master {
			if strings.Contains(line, "bad command startup") {
				bad++
			}
		}
		return bad >= throttled
	})
	if !complete {
		t.Error("not all has been logged that should be")
	}
	for name, conn := range waiters {
		if !waiting(conn) {
			t.Errorf("%s: its client has been answered: %s", name, read(conn))
		}
	}
	end(t, p)
	o.takeLog(p)
	return o
}

// ignoredSignals is what a command says that it ignores.
var ignoredSignals = regexp.MustCompile(`SigIgn:\\t([0-9a-f]{16})`)

// withoutInherited takes the signals out of a view that everything ignores
// that this test starts.
func withoutInherited(t *testing.T, view string) string {
	return ignoredSignals.ReplaceAllStringFunc(view, func(text string) string {
		mask, err := strconv.ParseUint(text[len(text)-16:], 16, 64)
		noError(t, err)
		return fmt.Sprintf(`SigIgn:\t%016x`, mask&^mastertest.Ignored(t))
	})
}

// logLine is a line of the log.
var logLine = regexp.MustCompile(`^(\S+)/(\w+): (.*)`)

// takeLog sorts the log by who it is from.
func (o *outcome) takeLog(p *pftest.Instance) {
	clear(o.logs)
	o.master, o.others = nil, nil
	known := map[string]bool{}
	for _, r := range rows {
		known[r.name] = true
	}
	for _, line := range p.Lines() {
		line = lineNumber.ReplaceAllString(p.Normal(line), "$1 N")
		part := logLine.FindStringSubmatch(line)
		switch {
		case part == nil:
			o.others = append(o.others, line)
		case part[2] == "spawn" && known[part[1]]:
			o.logs[part[1]] = append(o.logs[part[1]], part[3])
		case part[1] == "postfix" && part[2] == "master":
			if part[3] != "terminating on signal 15" {
				o.master = append(o.master, part[3])
			}
		default:
			o.others = append(o.others, line)
		}
	}
	slices.Sort(o.master)
	slices.Sort(o.others)
}

var lineNumber = regexp.MustCompile(`(\.cf, line) \d+`)

// furnish puts into an instance what the rows' commands need.
func furnish(t *testing.T, p *pftest.Instance) {
	t.Helper()
	noError(t, os.Mkdir(p.Dir+"/own", 0o755))
	noError(t, os.Chown(p.Dir+"/own", 65534, 65534))
	noError(t, unix.Mkfifo(p.Dir+"/own/ended", 0o600))
	noError(t, os.Chown(p.Dir+"/own/ended", 65534, 65534))
	noError(t, os.Mkdir(p.Queue+"/tools", 0o755))
	noError(t, os.WriteFile(p.Queue+"/tools/here", []byte("#!/bin/sh\necho \"$0\"; pwd\n"), 0o755))
	noError(t, os.Chmod(p.Queue+"/tools/here", 0o755))
	noError(t, os.Mkdir(p.Queue+"/etc", 0o755))
	noError(t, os.WriteFile(p.Queue+"/etc/passwd", users(t), 0o644))
	script(t, p, "tell", tell, 0o644)
	script(t, p, "options", options, 0o755)
	script(t, p, "notexec", "#!/bin/sh\necho no\n", 0o644)
	script(t, p, "private", "#!/bin/sh\necho no\n", 0o700)
	script(t, p, "interpreter", "#!/no/such/interpreter\n", 0o755)
	script(t, p, "plain", "echo \"plain $0\" \"$@\"\n", 0o755)
	script(t, p, "nothing", "", 0o755)
	script(t, p, "garbage", "\x00\x01\x02\xff\n", 0o755)
	static := pftest.Build(t, "say", func(out string) error {
		const source = `int write(int, const char *, unsigned long);
int access(const char *, int);
int main(void) { write(1, access("/pid", 0) == 0 && access("/usr", 0) != 0 ? "jail\n" : "free\n", 5); return 0; }
`
		if err := os.WriteFile(out+".c", []byte(source), 0o600); err != nil {
			return err
		}
		text, err := exec.Command("cc", "-static", "-O2", "-o", out, out+".c").CombinedOutput()
		if err != nil {
			return fmt.Errorf("cc: %w\n%s", err, text)
		}
		return nil
	})
	program, err := os.ReadFile(static)
	noError(t, err)
	noError(t, os.WriteFile(p.Queue+"/tools/say", program, 0o755))
	noError(t, os.Chmod(p.Queue+"/tools/say", 0o755))
}

// users returns the lines of /etc/passwd that spawn(8) looks for in a jail,
// where it already is when it asks.
func users(t *testing.T) (lines []byte) {
	t.Helper()
	text, err := os.ReadFile("/etc/passwd")
	noError(t, err)
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("nobody:")) || bytes.HasPrefix(line, []byte("postfix:")) {
			lines = append(lines, line...)
		}
	}
	return lines
}
