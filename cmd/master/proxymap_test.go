// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postloop/services/proxymap/proxytest"

	"golang.org/x/sys/unix"
)

// Configurations of a master that hosts both services, in both languages. Two
// of the tables are reached by no other name than a list's that is in a file.
const (
	proxyTOML = `
rootless = true
state = "run"
log.to = "stderr"
limits.stop = "300ms"
[parameters]
builtin_services = ["spawn", "proxymap"]
proxy_read_maps = "proxy:texthash:@DIR@/text proxy:static:all proxy:inline:{a=1, b=2} proxy:unix:passwd.byname proxy:tcp:127.0.0.1:@PORT@ @DIR@/more"
proxy_write_maps = ["proxy:internal:notes"]
[[service]]
listen = "unix:private/proxymap"
command = "proxymap"
[[service]]
listen = "unix:private/proxywrite"
command = "proxymap"
limit = 1
[[service]]
listen = "unix:public/echo"
run = ["/bin/cat"]
`
	proxyMain = `
rootless = yes
queue_directory = $config_directory/run
data_directory = $queue_directory
log_to = stderr
service_stop_time_limit = 300ms
builtin_services = spawn, proxymap
text = proxy:texthash:@DIR@/text
proxy_read_maps = $text, proxy:static:all, proxy:inline:{a=1, b=2}, proxy:unix:passwd.byname,
    proxy:tcp:127.0.0.1:@PORT@, @DIR@/more
proxy_write_maps = proxy:internal:notes
`
	proxyMaster = `
proxymap   unix - - - - - proxymap
proxywrite unix - - - - 1 proxymap
echo       unix n - n - - spawn argv=/bin/cat
`
)

// proxyStage starts a master that hosts proxymap.
func proxyStage(t *testing.T, toml bool) *stage {
	t.Helper()
	s := newStage(t)
	must(t, s.write("text", "one 1\nTwo 2\n"))
	must(t, s.write("more", "proxy:static:more\n"))
	if toml {
		must(t, s.write("postloop.toml", proxyTOML))
	} else {
		must(t, s.write("main.cf", proxyMain))
		must(t, s.write("master.cf", proxyMaster))
	}
	must(t, s.start("-d"))
	must(t, s.expectLog("daemon started"))
	return s
}

// ask connects to one of the services.
func (s *stage) ask(service string) *proxytest.Client {
	s.t.Helper()
	conn, err := s.connect("unix:run/private/" + service)
	must(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	must(s.t, conn.SetDeadline(s.deadline))
	return proxytest.Talk(s.t, conn)
}

// reload has the master read its configuration, and waits until it has.
func (s *stage) reload() {
	s.t.Helper()
	must(s.t, s.signal("HUP"))
	must(s.t, s.expectLog("reload --"))
	must(s.t, s.dial("sync unix:run/public/echo")) // answered by the loop when the reload is through
	must(s.t, s.send("sync through"))
	must(s.t, s.expect("sync ^through$"))
	must(s.t, s.close("sync"))
}

func older(ref, key string) []string {
	return []string{"request=lookup", "table=" + ref, "flags=524352", "key=" + key}
}

func newer(ref, key string) []string {
	return []string{"request=lookup", "table=" + ref, "instance_flags=524352", "flags=64", "key=" + key}
}

// TestHostedProxymap asks what a daemon would be asked, in both dialects of the
// clients and both languages of the configuration.
func TestHostedProxymap(t *testing.T) {
	for _, toml := range []bool{true, false} {
		t.Run(fmt.Sprintf("toml %v", toml), func(t *testing.T) {
			t.Parallel()
			s := proxyStage(t, toml)
			c := s.ask("proxymap")
			for _, q := range []struct{ ref, key, old, new string }{
				{"texthash:" + s.dir + "/text", "one", "status=0 value=1", "status=0 flags=64 value=1"},
				{"texthash:" + s.dir + "/text", "two", "status=0 value=2", "status=1 flags=64 value="}, // the older client has folded it
				{"static:all", "x", "status=0 value=all", "status=0 flags=64 value=all"},
				{"static:more", "x", "status=0 value=more", "status=0 flags=64 value=more"},
				{"inline:{a=1, b=2}", "b", "status=0 value=2", "status=0 flags=64 value=2"},
				{"internal:notes", "x", "status=4 value=", "status=4 flags=0 value="},
			} {
				if got := c.Ask(older(q.ref, q.key)...); got != q.old {
					t.Errorf("%s %s: %s, want %s", q.ref, q.key, got, q.old)
				}
				if got := c.Ask(newer(q.ref, q.key)...); got != q.new {
					t.Errorf("%s %s, newer: %s, want %s", q.ref, q.key, got, q.new)
				}
			}
			if got := c.Ask(older("unix:passwd.byname", "root")...); !strings.HasPrefix(got, "status=0 value=root:") {
				t.Error(got)
			}
			w, other := s.ask("proxywrite"), s.ask("proxywrite") // the limit of 1 is one of processes
			if got := w.Ask("request=update", "table=internal:notes", "flags=0", "key=k", "value=v"); got != "status=0" {
				t.Error(got)
			}
			if got := other.Ask("request=sequence", "table=internal:notes", "flags=0", "function=0"); got != "status=0 key=k value=v" {
				t.Error(got)
			}
			must(t, s.write("text", "one changed\n"))
			if got := c.Ask(older("texthash:"+s.dir+"/text", "one")...); got != "status=0 value=changed" {
				t.Error(got)
			}
			must(t, s.expectLog("has changed -- opened anew"))

			// After a reload the lists are other ones, and everybody is still there.
			must(t, s.write("more", "proxy:static:less\n"))
			s.reload()
			if got := c.Ask(older("static:more", "x")...); got != "status=4 value=" {
				t.Error(got)
			}
			if got := c.Ask(older("static:less", "x")...); got != "status=0 value=less" {
				t.Error(got)
			}
			if got := other.Ask(older("internal:notes", "k")...); got != "status=0 value=v" {
				t.Error(got)
			}
			must(t, s.signal("TERM"))
			for _, c := range []*proxytest.Client{c, w, other} {
				if _, err := c.Next(); !errors.Is(err, io.EOF) {
					t.Errorf("at the end: %v", err)
				}
			}
			must(t, s.exit("TERM"))
			must(t, s.refuseLog("error|panic|did not terminate"))
		})
	}
}

// TestReloadLosesNoRequest: while clients ask as fast as they can, some of them
// over one connection and some over one for each request, everyone gets an
// answer.
func TestReloadLosesNoRequest(t *testing.T) {
	t.Parallel()
	s := proxyStage(t, true)
	question := older("texthash:"+s.dir+"/text", "one")
	var stop atomic.Bool
	var clients sync.WaitGroup
	for i := range 6 {
		clients.Go(func() {
			if err := askOn(s, &stop, i%2 == 0, question); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	c := s.ask("proxymap")
	for i := range 12 {
		// Every second reload is one with other parameters, which opens all tables anew.
		must(t, s.write("postloop.toml", strings.Replace(proxyTOML, "[parameters]", fmt.Sprintf("[parameters]\nmyhostname = \"host%d.example\"", i/2), 1)))
		s.reload()
		for range 100 {
			if got := c.Ask(question...); got != "status=0 value=1" {
				t.Fatal(got)
			}
		}
	}
	stop.Store(true)
	clients.Wait()
	must(t, s.signal("TERM"))
	must(t, s.exit("TERM"))
	must(t, s.refuseLog("warning|error|panic"))
}

// askOn asks the same until it is to stop, over a connection for each question
// or over one.
func askOn(s *stage, stop *atomic.Bool, anew bool, question []string) error {
	var c *proxytest.Client
	defer func() {
		if c != nil {
			_ = c.Close()
		}
	}()
	for !stop.Load() {
		if c == nil {
			conn, err := s.connect("unix:run/private/proxymap")
			if err != nil {
				return err
			}
			c = proxytest.New(s.t, conn)
			if err := conn.SetDeadline(s.deadline); err != nil {
				return err
			}
			if _, err := c.Next(); err != nil {
				return fmt.Errorf("the greeting: %w", err)
			}
		}
		if err := c.Send(question...); err != nil {
			return err
		}
		switch got, err := c.Next(); {
		case err != nil:
			return err
		case got != "status=0 value=1":
			return fmt.Errorf("the answer is %s", got)
		}
		if anew {
			_ = c.Close()
			c = nil
		}
	}
	return nil
}

// slowServer is a tcp_table(5) that answers when it is told to.
type slowServer struct {
	t    *testing.T
	ln   net.Listener
	conn net.Conn
	in   *bufio.Reader
}

func newSlowServer(t *testing.T, s *stage) *slowServer {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	_, port, err := net.SplitHostPort(ln.Addr().String())
	must(t, err)
	s.vars = append([]string{"@PORT@", port}, s.vars...)
	return &slowServer{t: t, ln: ln}
}

// request waits for one.
func (v *slowServer) request(deadline time.Time) string {
	v.t.Helper()
	if v.conn == nil {
		must(v.t, v.ln.(*net.TCPListener).SetDeadline(deadline))
		var err error
		v.conn, err = v.ln.Accept()
		must(v.t, err)
		v.t.Cleanup(func() { _ = v.conn.Close() })
		must(v.t, v.conn.SetDeadline(deadline))
		v.in = bufio.NewReader(v.conn)
	}
	line, err := v.in.ReadString('\n')
	must(v.t, err)
	return strings.TrimSpace(line)
}

func (v *slowServer) answer(line string) {
	v.t.Helper()
	_, err := fmt.Fprintln(v.conn, line)
	must(v.t, err)
}

// slowStage is proxyStage with such a server in a list.
func slowStage(t *testing.T) (*stage, *slowServer, string) {
	t.Helper()
	s := newStage(t)
	v := newSlowServer(t, s)
	must(t, s.write("text", ""))
	must(t, s.write("more", ""))
	must(t, s.write("postloop.toml", proxyTOML))
	must(t, s.start("-d"))
	must(t, s.expectLog("daemon started"))
	return s, v, s.expand("tcp:127.0.0.1:@PORT@")
}

// TestRemovedProxymap: who waits for an answer gets it, the others leave at
// once, and nobody new gets in. Before that, the reload that keeps the service
// has kept the question, too.
func TestRemovedProxymap(t *testing.T) {
	t.Parallel()
	s, server, ref := slowStage(t)
	idle, waits := s.ask("proxymap"), s.ask("proxymap")
	must(t, waits.Send(older(ref, "key")...))
	if got := server.request(s.deadline); got != "get key" {
		t.Errorf("the server was asked %q", got)
	}
	must(t, s.write("postloop.toml", strings.Replace(proxyTOML, "[parameters]", "[parameters]\nmyhostname = \"another.example\"", 1)))
	s.reload()
	if got := idle.Ask(older("static:all", "x")...); got != "status=0 value=all" { // another's table does not wait
		t.Error(got)
	}
	must(t, s.write("postloop.toml", proxyTOML[:strings.Index(proxyTOML, "[[service]]")]+proxyTOML[strings.LastIndex(proxyTOML, "[[service]]"):]))
	s.reload()
	if _, err := idle.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("the idle client: %v", err)
	}
	must(t, s.refuse("unix:run/private/proxymap"))
	server.answer("200 value")
	if got := waits.List(); got != "status=0 value=value" {
		t.Error(got)
	}
	if _, err := waits.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("the other one: %v", err)
	}
	must(t, s.write("postloop.toml", proxyTOML))
	s.reload()
	if got := s.ask("proxymap").Ask(older("static:all", "x")...); got != "status=0 value=all" {
		t.Errorf("when it is there again: %s", got)
	}
	must(t, s.signal("TERM"))
	must(t, s.exit("TERM"))
}

// TestStopWithATableThatHangs takes as long as a stop may take, and no longer.
func TestStopWithATableThatHangs(t *testing.T) {
	t.Parallel()
	s, server, ref := slowStage(t)
	waits := s.ask("proxymap")
	must(t, waits.Send(older(ref, "key")...))
	server.request(s.deadline)
	must(t, s.signal("TERM"))
	must(t, s.expectLog(`1 process\(es\) did not terminate in time -- killing`))
	if _, err := waits.Next(); !errors.Is(err, io.EOF) && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the client: %v", err)
	}
	must(t, s.exit("TERM"))
}
