// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// mayDiffer lists the only lines of Postfix's own run that need not be in
// ours, each with the reason. Everything else must be there.
var mayDiffer = []struct{ line, why string }{
	{
		`^postfix/(smtpd|virtual|qmgr|cleanup|trivial-rewrite): warning: (problem talking to service|unexpected EOF|timeout)`,
		"whether a daemon is in the middle of a request when another is killed or retired is chance",
	},
	{
		`^postfix/postfix-script: waiting for the Postfix mail system to terminate$`,
		"it is there when a stop takes longer than a second, which is chance",
	},
	{
		`^postfix/anvil: statistics: `,
		"anvil's sums depend on when it happens to end",
	},
}

// TestNoLogLineOfPostfixIsMissing runs one and the same eventful hour under
// Postfix's master and under ours, and looks for each line of the first log,
// whoever wrote it, in the second.
func TestNoLogLineOfPostfixIsMissing(t *testing.T) {
	want := eventfulHour(t, pftest.RealMaster)
	got := eventfulHour(t, underTest(t))
	lines := make([]string, 0, len(want))
	for line := range want {
		lines = append(lines, line)
	}
	slices.Sort(lines)
	for _, line := range lines {
		if got[line] > 0 || slices.ContainsFunc(mayDiffer, func(d struct{ line, why string }) bool {
			return regexp.MustCompile(d.line).MatchString(line)
		}) {
			continue
		}
		t.Errorf("missing: %s", line)
	}
	if len(lines) < 35 {
		t.Errorf("only %d different lines; something did not happen", len(lines))
	}
	// What a log watcher counts must count the same.
	for _, line := range []string{
		"postfix/postfix-script: starting the Postfix mail system",
		"postfix/postfix-script: refreshing the Postfix mail system",
		"postfix/postfix-script: stopping the Postfix mail system",
		"postfix/master: warning: process DIR/sbin/probe pid N killed by signal 9",
		"postfix/master: warning: process DIR/sbin/probe pid N exit status 7",
		"postfix/master: warning: DIR/sbin/probe: bad command startup -- throttling",
		`postfix/master: warning: service "passing" (public/passing) has reached its process limit "2": new clients may experience noticeable delays`,
		`postfix/virtual: QUEUEID: to=<USER@example.test>, relay=virtual, delay=N, delays=N, dsn=2.0.0, status=sent (delivered to maildir)`,
	} {
		if got[line] != want[line] || want[line] == 0 {
			t.Errorf("%d times under Postfix's master, %d times under ours: %s", want[line], got[line], line)
		}
	}
}

// eventfulHour makes as much happen as a log can tell of, and returns how
// often each normalised line is in it.
func eventfulHour(t *testing.T, master string) map[string]int {
	t.Helper()
	p := pftest.New(t, pftest.Options{Master: master})
	p.InstallProbe("probe")
	missing, addr, failing := pftest.FreeAddr(t), pftest.FreeAddr(t), pftest.FreeAddr(t)
	fixed := p.MailServices() + "passing pass n - n - 2 probe\n" + missing + " inet n n n - 2 no-such-program\n" + addr + " inet n n n - 2 probe\n"
	p.SetServices(fixed + failing + " inet n n n - 2 probe start:exit=7\n")

	p.Must("check")
	p.Start()
	p.WaitLog("daemon started")
	p.Must("status")
	p.Postfix("start")
	p.Master("-w")

	// Two clients: with more, Postfix's master and its log daemon now and then
	// wait for each other for ever.
	must(t, pftest.Send(p.MailAddr, 0, 20, 2))
	p.WaitDelivered(20)
	p.Must("flush")

	must(t, connect(missing))
	p.WaitLog(`no-such-program: bad command startup`)
	must(t, connect(failing))
	p.WaitLog(`sbin/probe: bad command startup`)
	p.SetServices(fixed)
	p.Must("reload")
	p.WaitLog(`reload -- version`)
	p.Until("the failing service is gone", func() bool { return connect(failing) != nil })

	c := dial(t, addr)
	must(t, c.Finish())
	c = dial(t, addr)
	must(t, unix.Kill(c.Pid, unix.SIGKILL))
	p.WaitLog(`killed by signal 9`)
	c = dial(t, addr)
	for _, kind := range []string{"short", "generation", "value"} {
		must(t, c.Tell("status="+kind))
		p.WaitLog(map[string]string{"short": "partial status", "generation": "ignoring status", "value": "unknown status"}[kind])
	}
	must(t, c.Finish())

	for range 2 {
		c, err := pftest.DialPass(p.Queue + "/public/passing")
		must(t, err)
		defer func() { must(t, c.Close()) }()
	}
	p.WaitLog("STRESS_README")

	// The same service twice: the second definition counts.
	p.SetServices(fixed + addr + " inet n n n - 3 probe\n")
	p.Must("reload")
	p.WaitLog(`warning: duplicate master.cf entry for service`)

	p.SetServices(fixed)
	p.SetMain(map[string]string{"queue_directory": p.Queue + "/.", "inet_interfaces": "127.0.0.1"})
	p.Reload()
	p.WaitLog(`to change queue_directory, stop and start Postfix`)
	p.SetMain(map[string]string{"queue_directory": p.Queue, "inet_interfaces": "loopback-only"})
	p.Reload()
	must(t, pftest.Send(p.MailAddr, 20, 5, 1))
	p.WaitDelivered(25)

	endLogged(t, p, "stop", "stopping the Postfix mail system")
	p.AllGone()
	p.Postfix("status")
	p.Must("start")
	p.Until("it runs again", func() bool { return p.Count("daemon started") == 2 })
	endLogged(t, p, "abort", "aborting the Postfix mail system")
	p.AllGone()
	if n := p.Count(fmt.Sprintf(`postfix/master\[\d+\]: daemon started -- version \S+, configuration %s$`, p.Config)); n != 2 {
		t.Errorf("started %d times", n)
	}
	return p.NormalLines()
}

// endLogged runs `postfix command`, which ends the master, and has the master
// wait for its end until line is in the log. Under either master postlogd may
// else be dead before it has read what the script says before it sends TERM.
func endLogged(t *testing.T, p *pftest.Instance, command, line string) {
	t.Helper()
	pid, before := p.Pid(), p.Count(line)
	must(t, unix.Kill(pid, unix.SIGSTOP))
	c := p.Background("/usr/sbin/postfix", "-c", p.Config, command)
	there := p.Soon(pftest.Patience, func() bool { return p.Count(line) > before })
	must(t, unix.Kill(pid, unix.SIGCONT))
	must(t, c.Wait())
	if !there {
		t.Errorf("postfix %s: the log has no %q", command, line)
	}
}
