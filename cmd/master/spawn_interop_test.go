// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// tell is a command that says all that it was born with.
const tell = `echo args "$0" "$@"; env; id; pwd; umask; ulimit -a; ls -l /proc/self/fd | sed 's/.* //' | grep -v proc | sed 's/[0-9][0-9]*/N/'
grep -E '^(SigIgn|Cap|Groups|NoNewPrivs|Seccomp)' /proc/$$/status
read -r _ _ _ _ group session rest </proc/$$/stat; [ $group = $$ ] && echo group leader; [ $session = $$ ] && echo session leader
read word; echo "got $word"
`

var ignoredSignals = regexp.MustCompile(`SigIgn:\t[0-9a-f]+`)

// withoutXFSZ takes SIGXFSZ off the ignored signals in what a command has
// told: spawn(8) ignores it for itself and so for its commands; without it
// they have the same signals as every daemon.
func withoutXFSZ(text string) string {
	return ignoredSignals.ReplaceAllStringFunc(text, func(line string) string {
		mask, err := strconv.ParseUint(strings.TrimPrefix(line, "SigIgn:\t"), 16, 64)
		if err != nil {
			return line
		}
		return fmt.Sprintf("SigIgn:\t%016x", mask&^(1<<(unix.SIGXFSZ-1)))
	})
}

// TestSpawnedCommandsSeeTheSame: a command of a spawn service finds the same
// under Postfix's master and its spawn(8) as under ours, which runs it without
// a process in between.
func TestSpawnedCommandsSeeTheSame(t *testing.T) {
	addr, plain := pftest.FreeAddr(t), pftest.FreeAddr(t)
	run := func(master string) map[string]string {
		p := pftest.New(t, pftest.Options{
			Master: master,
			Main:   map[string]string{"export_environment": "TZ MAIL_CONFIG LANG FOO=bar"},
			Services: addr + " inet n n n - 3 spawn user=nobody argv=/bin/sh " + "DIR/tell { two words } $x ${y}\n" +
				plain + " inet n n n - 3 spawn user=nobody:daemon argv=/bin/sh DIR/tell\n" +
				"local unix n n n - 3 spawn user=daemon argv=/bin/sh DIR/tell\n" + pftest.PostlogService,
		})
		must(t, os.WriteFile(p.Dir+"/tell", []byte(tell), 0o644))
		services, err := os.ReadFile(p.Config + "/master.cf")
		must(t, err)
		p.SetServices(strings.ReplaceAll(string(services), "DIR/tell", p.Dir+"/tell"))
		p.StartMaster()
		said := map[string]string{}
		for _, to := range []string{addr, plain, p.Queue + "/public/local"} {
			network := "tcp"
			if to[0] == '/' {
				network = "unix"
			}
			conn, err := net.Dial(network, to)
			must(t, err)
			must(t, conn.SetDeadline(time.Now().Add(pftest.Patience)))
			_, err = conn.Write([]byte("word\n"))
			must(t, err)
			text, err := io.ReadAll(conn)
			must(t, err)
			must(t, conn.Close())
			said[strings.ReplaceAll(to, p.Dir, "DIR")] = strings.ReplaceAll(string(text), p.Dir, "DIR")
		}
		p.Stop()
		return said
	}
	want, got := run(pftest.RealMaster), run(underTest(t))
	for to := range want {
		expected, actual := withoutXFSZ(want[to]), withoutXFSZ(got[to])
		if actual != expected {
			t.Errorf("%s", difference(to+"\n"+expected, to+"\n"+actual))
		}
		if !strings.HasSuffix(want[to], "got word\n") {
			t.Errorf("under Postfix's master, %s says %q", to, want[to])
		}
	}
}
