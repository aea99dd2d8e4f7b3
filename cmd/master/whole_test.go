// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestAppliance plays the example that the README begins with, at a port and in
// a directory of the test's own.
func TestAppliance(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	text, err := os.ReadFile("../../examples/appliance/postloop.toml")
	must(t, err)
	edit := strings.NewReplacer("127.0.0.1:7007", "127.0.0.1:@PORT@", "../../run/appliance", "run", "date >> heartbeat.log", "exit 7")
	s.play("appliance", `
start -d
log daemon started
log postfix/spawn\[\d+\]: warning: command /bin/sh exit status 7$
dial echo 127.0.0.1:@PORT@
send echo hello
expect echo ^hello$
dial clock unix:run/public/clock
expect clock \d\d:\d\d:\d\d
eof clock
signal INT
exit INT

-- postloop.toml --
`+edit.Replace(string(text)))
}

// TestLogThatNobodyReads has a master fill the pipe that its log goes to. It
// must serve on, and what did not fit must follow as soon as somebody reads.
func TestLogThatNobodyReads(t *testing.T) {
	t.Parallel()
	const clients = 400
	s := newStage(t)
	name := "bin/" + strings.Repeat("long", 50) // to fill it faster
	must(t, s.write(name, "#!/bin/sh\nexit 7\n"))
	must(t, s.write("postloop.toml", `
rootless = true
state = "run"
log.to = "stderr"
[[service]]
listen = "unix:public/bad"
run = ["@DIR@/`+name+`"]
[[service]]
listen = "unix:public/echo"
run = ["/bin/cat"]
`))
	must(t, s.start("-d"))
	must(t, s.expectLog("daemon started"))
	s.log.reading.Lock()
	for range clients {
		must(t, s.dial("bad unix:run/public/bad"))
		must(t, s.eof("bad"))
		must(t, s.close("bad"))
	}
	must(t, s.dial("echo unix:run/public/echo"))
	must(t, s.send("echo hello"))
	must(t, s.expect("echo ^hello$"))
	if n := len(s.log.copy()); n > clients/2 {
		t.Fatalf("%d lines were read", n)
	}
	s.log.reading.Unlock()
	for range clients {
		must(t, s.expectLog("exit status 7$"))
	}
	must(t, s.signal("TERM"))
	must(t, s.exit("TERM"))
	must(t, s.refuseLog("lost|not logged"))
}

// TestTwoHundredServices has as many services in one file, half of them
// daemons and half of them commands of master's own. Each answers, before and
// after a reload that changes every second of them.
func TestTwoHundredServices(t *testing.T) {
	t.Parallel()
	const services = 200
	s := newStage(t)
	configure := func(version string) {
		t.Helper()
		var b strings.Builder
		b.WriteString("rootless = true\nstate = \"run\"\nlog.to = \"stderr\"\n")
		for i := range services {
			v := version
			if i%2 == 0 {
				v = "constant"
			}
			fmt.Fprintf(&b, "[[service]]\nlisten = \"unix:public/s%d\"\n", i)
			if i%4 < 2 {
				fmt.Fprintf(&b, "command = \"daemon\"\nargs = [\"%s\"]\n", v)
			} else {
				fmt.Fprintf(&b, "run = [\"/bin/echo\", \"s%d\", \"%s\"]\n", i, v)
			}
		}
		must(t, s.write("postloop.toml", b.String()))
	}
	ask := func(version string) {
		t.Helper()
		for i := range services {
			c, err := s.connect(fmt.Sprintf("unix:run/public/s%d", i))
			must(t, err)
			if i%4 < 2 {
				_, err = fmt.Fprintln(c, "args")
				must(t, err)
			}
			v := version
			if i%2 == 0 {
				v = "constant"
			}
			answer := regexp.MustCompile(fmt.Sprintf(`\bs%d\b.* %s\n`, i, v))
			if err := (&client{Conn: c}).expect(s.deadline, answer); err != nil {
				t.Errorf("service %d: %v", i, err)
			}
			must(t, c.Close())
		}
	}
	configure("first")
	must(t, s.start("-d"))
	must(t, s.expectLog("daemon started"))
	ask("first")
	configure("second")
	must(t, s.signal("HUP"))
	must(t, s.expectLog("reload --"))
	// Answered by the loop when the reload is through.
	must(t, s.dial("sync unix:run/public/s2"))
	must(t, s.expect("sync s2 constant"))
	ask("second")
	must(t, s.signal("TERM"))
	must(t, s.exit("TERM"))
	must(t, s.refuseLog("warning|error"))
}
