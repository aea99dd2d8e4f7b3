// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// TestDelivers200MessagesFrom10Clients also counts: each comes once.
func TestDelivers200MessagesFrom10Clients(t *testing.T) {
	p := instance(t, pftest.Options{})
	p.Start()
	must(t, pftest.Send(p.MailAddr, 0, 200, 10))
	p.WaitDelivered(200)
	for subject, n := range p.Subjects() {
		if n != 1 {
			t.Errorf("%q came %d times", subject, n)
		}
	}
	if bad := p.Complaints(); len(bad) > 0 {
		t.Errorf("complaints in the log: %q", bad)
	}
	p.Stop()
}

// TestLocalSubmission: sendmail leaves its message in the maildrop and knocks
// at the public pickup service, which the master then starts.
func TestLocalSubmission(t *testing.T) {
	p := instance(t, pftest.Options{})
	p.Start()
	for i := range 5 {
		r := p.Command("/usr/sbin/sendmail", "-C", p.Config, "-f", "sender@example.test", fmt.Sprintf("user%d@example.test", i))
		if r.Exit != 0 {
			t.Fatalf("sendmail: exit status %d\n%s", r.Exit, r.Output)
		}
	}
	p.WaitDelivered(5)
	p.Stop()
}

// TestStockServices runs the master.cf that the distribution installs, all of
// it, with most daemons in their chroot. Only smtpd's address is ours.
func TestStockServices(t *testing.T) {
	stock, err := os.ReadFile("/usr/share/postfix/master.cf.dist")
	must(t, err)
	p := instance(t, pftest.Options{})
	text := regexp.MustCompile(`(?m)^smtp      inet `).ReplaceAllLiteralString(string(stock), p.MailAddr+" inet ")
	if !strings.Contains(text, p.MailAddr) {
		t.Fatalf("no smtp service in\n%s", stock)
	}
	p.SetServices(text)
	p.Start()
	must(t, pftest.Send(p.MailAddr, 0, 20, 4))
	p.WaitDelivered(20)
	p.Must("reload")
	must(t, pftest.Send(p.MailAddr, 20, 20, 4))
	p.WaitDelivered(40)
	if bad := p.Grep(`postfix/master\[\d+\]: (warning|error|fatal|panic)`); len(bad) > 0 {
		t.Errorf("complaints in the log: %q", bad)
	}
	p.Stop()
}

// TestBurstPastTheProcessLimit: ten times as many clients as there may be
// smtpd processes. They wait their turn, and never are there more.
func TestBurstPastTheProcessLimit(t *testing.T) {
	p := instance(t, pftest.Options{})
	p.SetServices(p.MailAddr + " inet n - n - 3 smtpd\n" + withoutFirstLine(p.MailServices()))
	p.Start()
	done := make(chan error, 1)
	go func() { done <- pftest.Send(p.MailAddr, 0, 90, 30) }()
	most := 0
	p.Until("all messages are accepted", func() bool {
		most = max(most, len(p.Running("smtpd")))
		return len(done) == 1
	})
	must(t, <-done)
	p.WaitDelivered(90)
	if most > 3 {
		t.Errorf("%d smtpd processes at once, the limit is 3", most)
	}
}

// TestKilledDaemonsLoseNothing: one daemon of each kind is killed while mail
// flows. What has been accepted arrives, and the killings are in the log.
func TestKilledDaemonsLoseNothing(t *testing.T) {
	p := instance(t, pftest.Options{Main: map[string]string{"service_throttle_time": "1s", "minimal_backoff_time": "1s", "queue_run_delay": "1s"}})
	p.Start()
	killed := 0
	accepted := map[int]bool{}
	for i, name := range []string{"smtpd", "cleanup", "qmgr", "virtual", "trivial-rewrite", "smtpd", "cleanup"} {
		done := make(chan error, 1)
		go func() { done <- pftest.Send(p.MailAddr, 100*i, 40, 8) }()
		p.Until("one "+name+" can be killed", func() bool {
			if all := p.Running(name); len(all) > 0 {
				must(t, unix.Kill(all[0], unix.SIGKILL))
				killed++
				return true
			}
			return len(done) == 1 && name != "qmgr" // all was too quick for us
		})
		// A client whose server was killed is told so, and gives up the rest.
		if err := <-done; err == nil {
			for n := range 40 {
				accepted[100*i+n] = true
			}
		}
		if name == "smtpd" || name == "cleanup" {
			// The service may be throttled for a second; then it answers again.
			p.Until("mail is accepted again", func() bool { return pftest.SendOne(p.MailAddr, 1000+i) == nil })
			accepted[1000+i] = true
		}
	}
	if killed < 3 {
		t.Fatalf("only %d daemons could be killed", killed)
	}
	p.Until("every accepted message is delivered", func() bool {
		seen := p.Subjects()
		for i := range accepted {
			if seen[fmt.Sprintf("message %d", i)] == 0 {
				return false
			}
		}
		return true
	})
	p.Until("every killing is in the log", func() bool {
		return p.Count(`postfix/master\[\d+\]: warning: process \S+ pid \d+ killed by signal 9`) == killed
	})
	if !p.Alive() {
		t.Error("the master is gone")
	}
}

// TestMissingProgramIsThrottledAlone: a service whose program is not there is
// tried once per throttle time, and mail flows meanwhile.
func TestMissingProgramIsThrottledAlone(t *testing.T) {
	p := instance(t, pftest.Options{Main: map[string]string{"service_throttle_time": "2s"}})
	addr := pftest.FreeAddr(t)
	p.SetServices(p.MailServices() + addr + " inet n n n - 5 no-such-program\n")
	p.Start()
	must(t, connect(addr))
	p.WaitLog(`postfix/master\[\d+\]: fatal: master_spawn: exec ` + p.Daemons + `/no-such-program: No such file or directory$`)
	p.WaitLog(`postfix/master\[\d+\]: warning: process ` + p.Daemons + `/no-such-program pid \d+ exit status 1$`)
	p.WaitLog(`postfix/master\[\d+\]: warning: ` + p.Daemons + `/no-such-program: bad command startup -- throttling`)
	must(t, pftest.Send(p.MailAddr, 0, 20, 4))
	p.WaitDelivered(20)

	// The connection is still in the queue, so there is a next attempt; when
	// the program has come by then, the client is served.
	p.InstallProbe("no-such-program")
	visit(t, addr)
	if n := p.Count(`/no-such-program: bad command startup`); n > 6 {
		t.Errorf("%d attempts to start a missing program", n)
	}
}

// TestReloadWhileMailFlows adds, changes and removes services while mail goes
// through and while a client connects, without pause, to a service that stays
// the same. No connection is refused or lost, and no message.
func TestReloadWhileMailFlows(t *testing.T) {
	p := instance(t, pftest.Options{})
	p.InstallProbe("probe", "other")
	same, changing, passing := pftest.FreeAddr(t), pftest.FreeAddr(t), pftest.FreeAddr(t)
	fixed := p.MailServices() + same + " inet n n n - 10 probe\n"
	p.SetServices(fixed + changing + " inet n n n - 2 probe\n")
	p.Start()
	visit(t, changing)

	mail := make(chan error, 1)
	go func() { mail <- pftest.Send(p.MailAddr, 0, 300, 5) }()
	stop := make(chan struct{})
	visits := make(chan error, 1)
	count := 0
	go func() {
		defer close(visits)
		for {
			select {
			case <-stop:
				return
			default:
			}
			c, err := pftest.Dial(same)
			if err == nil {
				err = c.Close()
			}
			if err != nil {
				visits <- err
				return
			}
			count++
		}
	}()

	for round := range 5 {
		p.SetServices(fixed + changing + " inet n n n - 2 other marker:round=" + fmt.Sprint(round) + "\n" + passing + " inet n n n - 1 probe\n")
		p.Reload()
		p.Until("the new service listens", func() bool { return connect(passing) == nil })
		visit(t, passing)
		p.Until("the changed service runs its new command", func() bool {
			visit(t, changing)
			return slices.ContainsFunc(p.Running("other"), func(pid int) bool {
				return pftest.Argv(pid) == fmt.Sprintf("other -n %s -t inet marker:round=%d", changing, round)
			})
		})
		p.SetServices(fixed + changing + " inet n n n - 2 probe\n")
		p.Reload()
		p.Until("the removed service refuses", func() bool { return connect(passing) != nil })
	}
	close(stop)
	if err := <-visits; err != nil {
		t.Errorf("after %d connections to a service that never changed: %v", count, err)
	}
	if count < 100 {
		t.Errorf("only %d connections during the reloads", count)
	}
	must(t, <-mail)
	p.WaitDelivered(300)
	p.Stop()
}
