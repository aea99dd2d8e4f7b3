// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// TestStdoutOfAContainer: with maillog_file = /dev/stdout everybody's lines come
// out of master's standard output, before a reload, after it, and after the log
// was opened anew.
func TestStdoutOfAContainer(t *testing.T) {
	p := instance(t, pftest.Options{Main: map[string]string{"maillog_file": "/dev/stdout", "maillog_file_prefixes": "/dev/stdout"}})
	p.Must("check") // makes the directories of the queue
	r, w, err := os.Pipe()
	must(t, err)
	defer func() { must(t, r.Close()) }()
	c := exec.Command(p.Daemons+"/master", "-s", "-c", p.Config)
	c.Stdout = w
	must(t, c.Start())
	must(t, w.Close())
	must(t, r.SetReadDeadline(time.Now().Add(pftest.Patience)))
	lines := bufio.NewScanner(r)
	// heard waits until each expression has matched a line, in whatever order.
	heard := func(list ...string) {
		t.Helper()
		missing := map[string]*regexp.Regexp{}
		for _, expr := range list {
			missing[expr] = regexp.MustCompile(`^\w{3} \d\d \d\d:\d\d:\d\d \S+ postfix/` + expr)
		}
		for len(missing) > 0 {
			if !lines.Scan() {
				t.Fatalf("never heard: %v (%v)", missing, lines.Err())
			}
			for expr, re := range missing {
				if re.MatchString(lines.Text()) {
					delete(missing, expr)
				}
			}
		}
	}
	mail := []string{`smtpd\[\d+\]: connect from`, `cleanup\[\d+\]: .*message-id=`, `virtual\[\d+\]: .*status=sent`, `qmgr\[\d+\]: .*removed`}
	heard(`master\[\d+\]: daemon started`)
	must(t, pftest.Send(p.MailAddr, 0, 1, 1))
	heard(mail...)
	must(t, unix.Kill(c.Process.Pid, unix.SIGHUP))
	heard(`master\[\d+\]: reload`)
	must(t, pftest.Send(p.MailAddr, 1, 1, 1))
	heard(mail...)
	if !realSelected() { // it would die of the signal
		must(t, unix.Kill(c.Process.Pid, unix.SIGUSR1))
		heard(`master\[\d+\]: log reopened; 1 process`)
		must(t, pftest.Send(p.MailAddr, 2, 1, 1))
		heard(mail...)
	}
	must(t, c.Process.Signal(unix.SIGTERM))
	for lines.Scan() { // until the last of them has gone
	}
	must(t, lines.Err())
	_ = c.Wait()
	p.AllGone()
}
