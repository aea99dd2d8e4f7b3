// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"postloop/loop/looptest"
)

// hang stops a server, and waits until it stands.
func (p *serverProcess) hang() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(p.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || !status.Stopped() {
			p.t.Fatalf("%v, status %x", err, status)
		}
		return
	}
}

// TestHungServers: a real server that hangs costs its time-outs once, and then
// one request's now and then; the others are told to try again at once, or have
// the backup's answer. When it goes on it is asked again, without any help.
func TestHungServers(t *testing.T) {
	for _, c := range []struct {
		name, backup string
		while        Answer
	}{
		{"redis", "", tryAgain},
		{"memcache", "", tryAgain},
		{"memcache", "backup = static:spare\n", Answer{Value: "spare"}},
	} {
		t.Run(c.name+" "+c.backup, func(t *testing.T) {
			w := newNetWorld(t, looptest.New(t))
			var s *serverProcess
			var tab Table
			if c.name == "redis" {
				s = startRedis(t, w)
				tab = w.open("redis:" + w.file("hosts = unix:"+w.dir+"/r\n"))
			} else {
				s = startServer(t, "server listening", "memcached", "-vv", "-u", "root", "-s", w.dir+"/m", "-a", "0700", "-t", "1", "-m", "16")
				tab = w.open("memcache:" + w.file("memcache = unix:"+w.dir+"/m\n"+c.backup))
			}
			working := Answer{Status: NoKey}
			if c.backup != "" {
				working = c.while
			}
			w.expect(w.ask(tab, "k"), working)
			for round := range 3 {
				s.hang()
				var list []*reply
				for i := range 20 {
					list = append(list, w.get(tab, fmt.Sprintf("hung%d-%d", round, i)))
				}
				looptest.Advance(w.Loop, 5*time.Second) // two tries
				for _, r := range list {
					w.until(func() bool { return r.here })
					w.expect(r.Answer, c.while)
				}
				for i := range 100 { // no time passes
					w.expect(w.ask(tab, fmt.Sprint("k", i)), c.while)
				}
				looptest.Advance(w.Loop, time.Second)
				probe := w.get(tab, "probe")
				w.expect(w.ask(tab, "k"), c.while)
				links := &tab.(interface{ servers() *server }).servers().links
				w.until(func() bool { return len(*links) == 1 && (*links)[0].ask != nil })
				looptest.Advance(w.Loop, 2*time.Second)
				w.until(func() bool { return probe.here })
				w.expect(probe.Answer, c.while)
				if text := w.logged(); strings.Count(text, "-- not asking it for 1s") != 1 || strings.Count(text, "\n") > 2*5+defaultPool {
					t.Errorf("logged\n%s", text)
				}
				s.signal(syscall.SIGCONT)
				looptest.Advance(w.Loop, 2*time.Second)
				w.expect(w.ask(tab, "k"), working)
				if text := w.logged(); !strings.HasSuffix(text, ": is answered again") || strings.Contains(text, "\n") {
					t.Errorf("logged %q", text)
				}
				for i := range 100 {
					w.expect(w.ask(tab, fmt.Sprint("k", i)), working)
				}
			}
		})
	}
}
