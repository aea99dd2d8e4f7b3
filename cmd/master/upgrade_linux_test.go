// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/loop"
	"postloop/master"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// Programs that rehearse well, and come to grief when they have taken the place.
func init() {
	for name, fails := range map[string]func(d *daemon) int{
		// A bug, before everything is taken over.
		"panics": func(d *daemon) int {
			d.o = nil
			return d.succeed()
		},
		// A state that it cannot read.
		"illiterate": func(d *daemon) int {
			null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err == nil {
				_, err = readState(null)
			}
			return d.giveBack(err)
		},
		// Names that take longer to be looked up than it has.
		"slow": func(d *daemon) int {
			d.legacy.time = time.Nanosecond
			return d.succeed()
		},
		// A reason that is longer than a variable of the environment can be.
		"verbose": func(d *daemon) int {
			return d.giveBack(errors.New("too much\x00 to say" + strings.Repeat(" and more", 100_000)))
		},
		// Children that it starts before it has taken over.
		"generous": generous,
	} {
		roles[name] = func() int {
			measure()
			process := filepath.Base(os.Args[0])
			o, err := parseOptions(os.Args)
			if err != nil || o.rehearse {
				return run()
			}
			return fails(&daemon{o: o, log: maillog.New(process), process: process, legacy: takeLegacy(), parent: -1, args: os.Args})
		}
	}
}

// generous starts a child, which tells what it has got, and gives the place back.
func generous(d *daemon) int {
	d.legacy.hold()
	l, err := loop.New()
	if err != nil {
		return d.giveBack(err)
	}
	bin := filepath.Dir(os.Args[0])
	if _, err = l.Spawn(&loop.Cmd{Path: bin + "/files", Args: []string{bin + "/files"}, Env: os.Environ(), Files: []int{0, 1, 2}},
		func(loop.Exit) { l.Stop() }); err == nil {
		err = l.Run()
	}
	return d.giveBack(errors.Join(errors.New("has a child"), err))
}

const upgradeServices = `
rootless = true
state = "run"
[log]
@LOG@
[limits]
stop = "2s"
[parameters]
metrics_listen = "127.0.0.1:0"
maillog_file_prefixes = "@DIR@"
[[service]]
listen = "unix:public/echo"
run = ["/bin/cat"]
[[service]]
listen = "@HOST@:@PORT@"
run = ["/bin/cat"]
[[service]]
listen = "unix:public/program"
protocol = "listen-fds"
run = ["@DIR@/bin/listening", "@WORD@"]
`

const (
	upgradePlease = `{"v":1,"command":"upgrade"}`
	upgradeTo     = `{"v":1,"command":"upgrade","program":"@DIR@/%s"}`
)

// upgradeStage starts a master that will be replaced, with a client.
func upgradeStage(t *testing.T, more ...string) *stage {
	t.Helper()
	s := newStage(t)
	s.vars = append(append(s.vars, more...), "@LOG@", `to = "stderr"`, "@HOST@", "127.0.0.1", "@WORD@", "one")
	must(t, s.write("postloop.toml", upgradeServices))
	s.play("upgrade_test", `
		start -d
		log daemon started
		dial first unix:run/public/echo
		send first before
		expect first ^before$`)
	return s
}

// later makes a program that is the real one in a rehearsal, and role in earnest,
// after these commands.
func (s *stage) later(role string, commands ...string) string {
	lines := slices.Concat([]string{"#!/bin/sh", `[ "$1" = -u ] && exec @DIR@/bin/master "$@"`}, commands, []string{"exec @DIR@/bin/" + role + ` "$@"`, ""})
	must(s.t, s.write("later-"+role, strings.Join(lines, "\n")))
	return fmt.Sprintf(upgradeTo, "later-"+role)
}

// TestUpgradeWayBack: whatever goes wrong, the old one has its place again, and
// the next upgrade is to its own successor.
func TestUpgradeWayBack(t *testing.T) {
	for role, why := range map[string]string{
		"panics":     "panic: runtime error: invalid memory address",
		"illiterate": "state: unexpected end of JSON input",
		"slow":       "it has not come up within 1ns",
		"verbose":    "too much",
		"generous":   "has a child",
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			more := []string(nil)
			if role == "slow" { // it takes getent to know what that is
				more = []string{"@HOST@", "0x7f000001"}
			}
			s := upgradeStage(t, more...)
			s.play("upgrade_test", `
				dial op unix:run/control
				send op `+s.later(role)+`
				expect op "ok":false.*`+regexp.QuoteMeta(why)+`.* -- the former program has its place back, and goes on
				log error: upgrade refused after the start: `+regexp.QuoteMeta(why)+`
				send first after
				expect first ^after$
				dial second 127.0.0.1:@PORT@
				send second hello
				expect second ^hello$
				send op `+upgradePlease+`
				expect op "ok":true.*upgraded to @DIR@/bin/master, version
				signal TERM
				exit TERM`)
			if role == "generous" {
				s.play("upgrade_test", `nolog stdout: .*\b([3-9]|\d\d+)\b`)
			}
		})
	}
}

// TestUpgradeName: who has come back is called what it was called.
func TestUpgradeName(t *testing.T) {
	s := upgradeStage(t)
	comm := fmt.Sprintf("/proc/%d/comm", s.pid)
	before, err := os.ReadFile(comm)
	must(t, err)
	s.play("upgrade_test", "dial op unix:run/control\nsend op "+s.later("illiterate")+"\nexpect op the former program has its place back")
	if after, err := os.ReadFile(comm); err != nil || string(after) != string(before) {
		t.Errorf("the process was %q and is %q, %v", before, after, err)
	}
	s.play("upgrade_test", "signal TERM\nexit TERM")
}

// TestUpgradeInit: the first process of a container is replaced as well, with -i.
func TestUpgradeInit(t *testing.T) {
	s := newStage(t)
	if !s.holds("pidns") {
		t.Skip("this user cannot make a PID namespace here")
	}
	s.vars = append(s.vars, "@LOG@", `to = "stderr"`, "@HOST@", "127.0.0.1", "@WORD@", "one")
	must(t, s.write("postloop.toml", upgradeServices))
	s.play("upgrade_test", `
		init
		start -i
		log daemon started
		dial first unix:run/public/echo
		send first before
		expect first ^before$
		dial op unix:run/control
		send op `+upgradePlease+`
		expect op "ok":true
		send first after
		expect first ^after$
		signal TERM
		eof first
		exit 0`)
}

// TestUpgradeProgram: a program that has the sockets is still one, which a change
// has end.
func TestUpgradeProgram(t *testing.T) {
	s := upgradeStage(t)
	s.vars[len(s.vars)-1] = "two"
	must(t, s.write("changed.toml", upgradeServices))
	s.play("upgrade_test", `
		dial a unix:run/public/program
		expect a ^\d+
		dial op unix:run/control
		send op `+upgradePlease+`
		expect op "ok":true
		copy changed.toml postloop.toml
		signal HUP
		log reload --
		eof a
		dial b unix:run/public/program
		expect b ^\d+
		nolog warning
		signal TERM
		eof b
		exit TERM`)
}

// TestUpgradeLog: a log file that cannot be opened anew any more is no reason to
// end.
func TestUpgradeLog(t *testing.T) {
	s := newStage(t)
	s.vars = append(s.vars, "@LOG@", `to = "file"`+"\nfile = \""+s.dir+"/logs/log\"", "@HOST@", "127.0.0.1", "@WORD@", "one")
	must(t, os.Mkdir(s.dir+"/logs", 0o755))
	must(t, s.write("postloop.toml", upgradeServices))
	s.play("upgrade_test", `
		start -d
		becomes logs/log daemon started
		dial op unix:run/control
		rename logs moved
		send op `+upgradePlease+`
		expect op "ok":false.*@DIR@/logs/log
		dial first unix:run/public/echo
		send first hello
		expect first ^hello$
		becomes moved/log upgrade refused: .*cannot take over.* -- everything that ran keeps running\n$
		rename moved logs
		send op `+upgradePlease+`
		expect op "ok":true`)
	// It goes away in the moment that counts.
	s.play("upgrade_test", `
		send op `+s.later("illiterate", "mv @DIR@/logs @DIR@/moved")+`
		expect op the former program has its place back
		send first again
		expect first ^again$
		signal TERM
		exit TERM`)
}

// TestUpgradeView: who asks for metrics in the meantime has an answer.
func TestUpgradeView(t *testing.T) {
	s := upgradeStage(t)
	line := regexp.MustCompile(`metrics at http://(127\.0\.0\.1:\d+)/`).FindStringSubmatch(strings.Join(s.log.copy(), "\n"))
	s.play("upgrade_test", `
		dial op unix:run/control
		send op `+upgradePlease+`
		expect op "ok":true
		dial viewer `+line[1]+`
		send viewer GET /healthz HTTP/1.0
		send viewer Host: here
		send viewer 
		expect viewer ^HTTP/1
		signal HUP
		log reload --
		dial again `+line[1]+`
		signal TERM
		exit TERM`)
}

// TestUpgradeForgotten: a rehearsal does not outlive the master.
func TestUpgradeForgotten(t *testing.T) {
	s := upgradeStage(t)
	must(t, s.write("sleeps", "#!/bin/sh\necho $$ > @DIR@/rehearsal\nexec sleep 1000\n"))
	s.play("upgrade_test", `
		dial op unix:run/control
		send op `+fmt.Sprintf(upgradeTo, "sleeps")+`
		becomes rehearsal ^\d+\n$
		signal TERM
		exit TERM`)
	text, err := os.ReadFile(s.dir + "/rehearsal")
	must(t, err)
	until(t, "the end of the rehearsal", func() bool {
		_, err := os.Stat("/proc/" + strings.TrimSpace(string(text)))
		return errors.Is(err, os.ErrNotExist)
	})
}

// TestUpgradeLate: the answer to a question that was asked in time does not have
// a program take over whose time is up.
func TestUpgradeLate(t *testing.T) {
	late := errors.New("late")
	d := &daemon{failed: late}
	if err := d.sameParams(nil, master.Ids{}); !errors.Is(err, late) {
		t.Error(err)
	}
}

// TestUpgradeHardware: the watchdog of the machine is fed before the change, and
// the first thing after it.
func TestUpgradeHardware(t *testing.T) {
	s := newStage(t)
	device := dog(t, s)
	s.vars = append(s.vars, `time = "3s"`, `time = "3000s"`) // nobody feeds it by the way
	must(t, s.write("postloop.toml", hardwareServices))
	s.play("upgrade_test", `
		start -d
		log daemon started
		dial op unix:run/control
		send op `+upgradePlease+`
		expect op "ok":true
		log hardware watchdog: @DIR@/dog resets the machine after 50m0s without this master
		log upgraded to`)
	must(t, device.SetReadDeadline(s.deadline))
	for fed := 0; fed < 3; {
		buf := make([]byte, 8)
		n, err := device.Read(buf)
		must(t, err)
		fed += n
	}
	s.play("upgrade_test", "signal TERM\nexit TERM")
}
