// SPDX-License-Identifier: ISC

package proxymap

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/loop/looptest"
	"postloop/master/maillog"
	"postloop/services/table"

	"golang.org/x/sys/unix"
)

// house is where a service is hosted, and its clients are accepted.
type house struct {
	*stage
	logger *maillog.Logger
	name   string
	main   string // main.cf
	args   []string
	warned []string
	ends   int // of clients, as the service has reported them
}

func newHouse(t *testing.T, name, main string) *house {
	s, logger := newEmptyStage(t)
	return &house{stage: s, logger: logger, name: name, main: main}
}

// make makes the service as it is configured now.
func (h *house) make() (*Hosted, error) {
	h.t.Helper()
	main, err := cfg.ParseMain("main.cf", strings.NewReader(h.main))
	must(h.t, err)
	main.SetDefault("myhostname", "host.example")
	params, err := main.Params()
	must(h.t, err)
	return Host(Setup{
		Loop: h.loop, Log: h.logger, Service: &cfg.Service{Name: h.name, Command: "proxymap", Args: h.args}, Main: main, Params: params,
		Environ: []string{"SHOWN=to all", "EMPTY="},
		Warn:    func(format string, args ...any) { h.warned = append(h.warned, fmt.Sprintf(format, args...)) },
	})
}

func (h *house) mustMake() *Hosted {
	h.t.Helper()
	made, err := h.make()
	must(h.t, err)
	return made
}

// faked makes a service whose tables are the test's.
func (h *house) faked() *Hosted {
	h.t.Helper()
	made := h.mustMake()
	made.s.tables.open = h.opened
	return made
}

// enter is a client that has been accepted and greeted.
func (h *house) enter(to *Hosted) *client {
	h.t.Helper()
	ours, theirs := looptest.Pair(h.t)
	must(h.t, to.Accepted(ours, loop.PeerOf(ours), func() { h.ends++ }))
	return h.greeted(theirs)
}

// ends of that many clients have been reported, and nothing is left.
func (h *house) over(clients int) {
	h.t.Helper()
	if h.ends != clients {
		h.t.Errorf("%d clients have ended, want %d", h.ends, clients)
	}
	if s := h.loop.Stats(); s.Conns != 0 {
		h.t.Errorf("%d connections are left", s.Conns)
	}
	h.closed()
}

func put(ref, key, value string) string {
	return list("request=update", "table="+ref, "flags=0", "key="+key, "value="+value)
}

// TestHostedAnswers: what can be asked for is what the daemon has, but for the
// environment, which is the one that master gives its services.
func TestHostedAnswers(t *testing.T) {
	t.Setenv("SECRET", "of master's")
	h := newHouse(t, "proxymap", "proxy_read_maps = proxy:inline:{a=1} proxy:static:all proxy:environ:x proxy:unix:passwd.byname\n")
	s := h.mustMake()
	k, other := h.enter(s), h.enter(s)
	for _, c := range []struct{ ref, key, want string }{
		{"inline:{a=1}", "a", found("1")},
		{"static:all", "x", found("all")},
		{"environ:x", "SHOWN", found("to all")},
		{"environ:x", "EMPTY", found("")},
		{"environ:x", "SECRET", list("status=1", "value=")},
		{"texthash:/etc/passwd", "root", list("status=4", "value=")},
	} {
		if got := k.ask(get(c.ref, c.key)); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.ref, c.key, got, c.want)
		}
	}
	if got := other.ask(get("unix:passwd.byname", "root")); !strings.HasPrefix(got, "status\x000\x00value\x00root:") {
		t.Errorf("the system's users: %q", got)
	}
	must(t, unix.Close(k.fd))
	h.turns(2)
	if h.ends != 1 {
		t.Errorf("%d clients have ended", h.ends)
	}
	s.Shutdown(false)
	h.turns(2)
	if got := other.got(); got != "EOF" {
		t.Errorf("at the end: %q", got)
	}
	h.over(2)
}

// TestHostedEnvironmentIsItsOwn: nobody changes master's.
func TestHostedEnvironmentIsItsOwn(t *testing.T) {
	h := newHouse(t, "proxywrite", "proxy_write_maps = proxy:environ:x\n")
	s := h.mustMake()
	k := h.enter(s)
	if got := k.ask(put("environ:x", "POSTLOOP_TEST", "set") + get("environ:x", "POSTLOOP_TEST")); got != list("status=0")+found("set") {
		t.Errorf("got %q", got)
	}
	if value, there := os.LookupEnv("POSTLOOP_TEST"); there {
		t.Errorf("master has %q in its environment", value)
	}
	s.Shutdown(true)
	h.turns(2)
	h.over(1)
}

// TestHostedReload: clients stay. So do tables, unless a parameter has changed;
// the lists are always read anew.
func TestHostedReload(t *testing.T) {
	more := filepath.Join(t.TempDir(), "more")
	must(t, os.WriteFile(more, nil, 0o600))
	h := newHouse(t, "proxywrite", "proxy_write_maps = proxy:internal:x "+more+"\n")
	first := h.mustMake()
	k := h.enter(first)
	if got := k.ask(put("internal:x", "a", "1") + put("internal:y", "a", "1")); got != list("status=0")+list("status=4") {
		t.Errorf("before the reload: %q", got)
	}
	must(t, os.WriteFile(more, []byte("proxy:internal:y\n"), 0o600))
	second := h.mustMake()
	forgotten := h.mustMake() // of a reload that fails elsewhere
	first.Replaced(second)
	forgotten.Replaced(nil)
	if got := k.ask(get("internal:x", "a") + put("internal:y", "a", "2")); got != found("1")+list("status=0") {
		t.Errorf("after one: %q", got)
	}
	other := h.enter(second)
	if got := other.ask(get("internal:y", "a")); got != found("2") {
		t.Errorf("a new client: %q", got)
	}
	h.main += "import_environment = NONE=\n"
	third := h.mustMake()
	second.Replaced(third)
	if got := k.ask(get("internal:x", "a")); got != list("status=1", "value=") {
		t.Errorf("with a changed main.cf: %q", got)
	}
	first.Shutdown(true) // master asks all that it knows
	second.Shutdown(true)
	h.turns(2)
	if a, b := k.got(), other.got(); a+b != "" {
		t.Errorf("those who were replaced have ended clients: %q, %q", a, b)
	}
	third.Shutdown(false)
	h.turns(2)
	if a, b := k.got(), other.got(); a != "EOF" || b != "EOF" {
		t.Errorf("at the end: %q, %q", a, b)
	}
	h.over(2)
}

// TestHostedReloadInTheMiddle: the old table gives the answer that is due, and
// only then is let go of.
func TestHostedReloadInTheMiddle(t *testing.T) {
	h := newHouse(t, "proxymap", "proxy_read_maps = proxy:slow:x\n")
	h.stage.make = func(f *fake) (table.Table, error) {
		f.later = len(h.open) == 0
		return f, nil
	}
	first := h.faked()
	k, half := h.enter(first), h.enter(first)
	k.ask(get("slow:x", "a") + get("slow:x", "b"))
	request := get("slow:x", "a")
	half.ask(request[:10])
	h.main += "import_environment = NONE=\n"
	second := h.faked()
	first.Replaced(second)
	h.turns(2)
	if got := k.got(); got != "" {
		t.Errorf("before the answer: %q", got)
	}
	if got := half.ask(request[10:]); got != found("1") {
		t.Errorf("whose request was half there: %q", got)
	}
	if h.open[0].closed {
		t.Error("the old table was closed with an answer due")
	}
	h.loop.Later(h.open[0].due[0])
	h.turns(3)
	if got := k.got(); got != found("1")+found("2") {
		t.Errorf("got %q", got)
	}
	if !h.open[0].closed || len(h.open) != 2 {
		t.Errorf("%d tables were opened; the first is closed: %v", len(h.open), h.open[0].closed)
	}
	second.Shutdown(false)
	h.turns(2)
	h.over(2)
}

// TestHostedRemoved: everybody has the answer that is due, and the time for it
// is limited.
func TestHostedRemoved(t *testing.T) {
	h := newHouse(t, "proxymap", "proxy_read_maps = proxy:slow:x\napplication_event_drain_time = 7\n")
	h.stage.make = func(f *fake) (table.Table, error) {
		f.later = true
		return f, nil
	}
	s := h.faked()
	idle, quick, hung := h.enter(s), h.enter(s), h.enter(s)
	quick.ask(get("slow:x", "a"))
	hung.ask(get("slow:x", "b"))
	s.Replaced(nil)
	h.turns(2)
	if a, b, c := idle.got(), quick.got(), hung.got(); a != "EOF" || b+c != "" {
		t.Errorf("got %q, %q, %q", a, b, c)
	}
	h.loop.Later(h.last().due[0])
	h.turns(2)
	if got := quick.got(); got != found("1")+"EOF" {
		t.Errorf("got %q", got)
	}
	looptest.Advance(h.loop, 6*time.Second)
	if got := hung.got(); got != "" || h.ends != 2 {
		t.Errorf("before the time is up: %q, %d have ended", got, h.ends)
	}
	looptest.Advance(h.loop, time.Second)
	h.turns(1)
	if got := hung.got(); got != "EOF" {
		t.Errorf("when the time is up: %q", got)
	}
	if h.last().closed {
		t.Error("the table was closed with an answer due")
	}
	h.loop.Later(h.last().due[1]) // nobody is there for it
	h.turns(2)
	h.over(3)
}

// TestHostedWithoutClients lets go of its tables as soon as it is removed.
func TestHostedWithoutClients(t *testing.T) {
	h := newHouse(t, "proxymap", "proxy_read_maps = proxy:fake:x\n")
	s := h.faked()
	k := h.enter(s)
	k.ask(get("fake:x", "a"))
	must(t, unix.Close(k.fd))
	h.turns(2)
	if h.last().closed {
		t.Error("a table was closed with its last client")
	}
	s.Replaced(nil)
	h.over(1)
}

// TestHostedByForce ends what waits for an answer.
func TestHostedByForce(t *testing.T) {
	h := newHouse(t, "proxymap", "proxy_read_maps = proxy:slow:x\n")
	h.stage.make = func(f *fake) (table.Table, error) {
		f.later = true
		return f, nil
	}
	s := h.faked()
	k := h.enter(s)
	k.ask(get("slow:x", "a"))
	s.Shutdown(false)
	h.turns(2)
	if got := k.got(); got != "" {
		t.Errorf("got %q", got)
	}
	s.Shutdown(true)
	h.turns(2)
	if got := k.got(); got != "EOF" {
		t.Errorf("got %q", got)
	}
	h.loop.Later(h.last().due[0])
	h.turns(1)
	h.over(1)
}

// TestHostedTroubleIsTheRequests: what ends the daemon does not end master.
func TestHostedTroubleIsTheRequests(t *testing.T) {
	h := newHouse(t, "proxymap", "proxy_read_maps = proxy:nosuch:x proxy:static:all\ndaemon_table_open_error_is_fatal = yes\n")
	s := h.mustMake()
	k := h.enter(s)
	for range 20 { // logged errors
		if got := k.ask(get("nosuch:x", "a") + get("static:all", "a")); got != list("status=2", "value=")+found("all") {
			t.Fatalf("got %q", got)
		}
		looptest.Advance(h.loop, time.Minute)
	}
	h.saw("error: unsupported dictionary type: nosuch")
	s.Shutdown(false)
	h.turns(2)
	h.over(1)
}

// TestHostedEntries are refused for what the daemon would refuse, in its words.
func TestHostedEntries(t *testing.T) {
	for _, c := range []struct {
		name, main, args, want string
	}{
		{"pmap2", "", "", `invalid service name: "pmap2" - service name must be "proxywrite" or "proxymap"`},
		{"proxymap", "", "more", "unexpected command-line argument: more"},
		{"proxymap", "", "-S", "option -S has no meaning for a service without a process; remove it, or proxymap from builtin_services"},
		{"proxymap", "", "-v -m 10 -o a=b", ""},
		{"proxymap", "proxy_read_maps = $a\na = ${b\n", "", "main.cf, line 2: parameter a: truncated macro reference"},
		{"proxywrite", "proxy_read_maps = $a\na = ${b\n", "", ""},
		{"proxymap", "proxy_read_maps = proxy:static:x /no/such/list\n", "", ""},
	} {
		h := newHouse(t, c.name, c.main)
		h.args = strings.Fields(c.args)
		_, err := h.make()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s %s with %q: %v, want %q", c.name, c.args, c.main, err, c.want)
		}
		if strings.Contains(c.main, "/no/such/list") != (len(h.warned) == 1 && h.warned[0] == "open /no/such/list: No such file or directory") {
			t.Errorf("%q: warnings %q", c.main, h.warned)
		}
	}
}

// TestHostedNoConnection: without a place in the loop a client stays whose it
// was.
func TestHostedNoConnection(t *testing.T) {
	h := newHouse(t, "proxymap", "")
	s := h.mustMake()
	called := false
	if err := s.Accepted(-1, loop.Peer{}, func() { called = true }); !errors.Is(err, unix.EBADF) || called {
		t.Errorf("error %v; done was called: %v", err, called)
	}
	s.Shutdown(false)
	h.over(0)
}
