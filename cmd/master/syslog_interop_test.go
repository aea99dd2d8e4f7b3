// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// ownDev runs a command where /dev is its own and /dev/log is a link to the
// first argument, so that what goes to syslog comes to the test and the
// machine is left alone.
const ownDev = `set -e
log=$1; dev=$2; shift 2
mkdir -p "$dev"
mount -t tmpfs none "$dev"
for name in null zero full random urandom; do
	: >"$dev/$name"
	mount --bind "/dev/$name" "$dev/$name"
done
ln -s "$log" "$dev/log"
mount --rbind "$dev" /dev
exec "$@"
`

// syslogLine is a message as syslog(3) sends it: priority, time, tag, process.
var syslogLine = regexp.MustCompile(`^(<\d+>)\w{3} [ \d]\d \d\d:\d\d:\d\d (\S+)\[\d+\]: `)

// TestSyslogHearsTheSame compares what reaches /dev/log, with its priorities
// and facilities, under Postfix's master and under ours.
func TestSyslogHearsTheSame(t *testing.T) {
	for name, facility := range map[string]string{"mail": "mail", "another facility": "local3"} {
		t.Run(name, func(t *testing.T) {
			want, got := syslogOf(t, pftest.RealMaster, facility), syslogOf(t, underTest(t), facility)
			for _, line := range want {
				if !slices.Contains(got, line) {
					t.Errorf("missing: %s", line)
				}
			}
			if t.Failed() {
				t.Logf("ours:\n%s", strings.Join(got, "\n"))
			}
			if len(want) < 6 {
				t.Errorf("only %d lines under Postfix's master: %q", len(want), want)
			}
		})
	}
}

// syslogOf starts a master that logs to syslog, lets things happen to it, and
// returns what it said, normalised.
func syslogOf(t *testing.T, master, facility string) []string {
	t.Helper()
	addr, other, missing := pftest.FreeAddr(t), pftest.FreeAddr(t), pftest.FreeAddr(t)
	p := pftest.New(t, pftest.Options{
		Master:   master,
		Main:     map[string]string{"maillog_file": "", "syslog_facility": facility},
		Services: addr + " inet n n n - 2 probe\n" + other + " inet n n n - 2 probe\n" + missing + " inet n n n - 2 no-such-program\n",
	})
	p.InstallProbe("probe")
	path := p.Dir + "/log/syslog"
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	must(t, err)
	defer func() { must(t, socket.Close()) }()
	must(t, os.Chmod(path, 0o666))

	var lines []string
	// heard waits for a message that contains text.
	heard := func(text string) {
		t.Helper()
		must(t, socket.SetReadDeadline(time.Now().Add(pftest.Patience)))
		buf := make([]byte, 4096)
		for {
			n, err := socket.Read(buf)
			if err != nil {
				t.Fatalf("waiting for %q: %v; heard %q", text, err, lines)
			}
			line := string(buf[:n])
			if !syslogLine.MatchString(line) {
				t.Errorf("not the form of syslog: %q", line)
			}
			line = p.Normal(syslogLine.ReplaceAllString(line, "$1$2: "))
			// Postfix's forked child has forgotten the first half of its tag.
			line = strings.Replace(line, ">master: fatal: master_spawn", ">postfix/master: fatal: master_spawn", 1)
			lines = append(lines, line)
			if strings.Contains(line, text) {
				return
			}
		}
	}

	command := []string{"unshare", "--mount", "/bin/sh", "-c", ownDev, "sh", path, p.Dir + "/dev", p.Daemons + "/master", "-c", p.Config}
	c := p.Background(command...)
	heard("daemon started")
	second := p.Background(command...)
	heard("unable to set exclusive lock")
	_ = second.Wait()
	client := dial(t, addr)
	must(t, client.Tell("status=value"))
	heard("unknown status")
	must(t, client.Tell("exit=5"))
	heard("throttling")
	must(t, client.Close())
	must(t, connect(missing))
	heard("no-such-program: bad command startup")
	must(t, unix.Kill(p.Pid(), unix.SIGHUP))
	heard("reload")
	visit(t, other) // the reload is over: a signal in its middle may go unsaid
	must(t, unix.Kill(p.Pid(), unix.SIGTERM))
	heard("terminating on signal 15")
	_ = c.Wait()
	p.AllGone()
	return lines
}
