// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listening is a program that knows of sd_listen_fds(3) and of nothing else. It
// tells each client what it has been given, and does what the client says.
func listening() int {
	first, n := 3, 1
	if os.Args[len(os.Args)-1] == "wait" {
		first = 0
	} else {
		if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
			fmt.Fprintln(os.Stderr, "LISTEN_PID is", os.Getenv("LISTEN_PID"))
			return 9
		}
		n, _ = strconv.Atoi(os.Getenv("LISTEN_FDS"))
	}
	clients := make(chan net.Conn)
	for fd := first; fd < first+n; fd++ {
		if mode, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || mode&unix.O_NONBLOCK != 0 {
			return 8 // it should be as a manager leaves it
		}
		f := os.NewFile(uintptr(fd), "socket")
		l, err := net.FileListener(f)
		if err != nil {
			return 7
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				clients <- c
			}
		}()
	}
	for c := range clients {
		fmt.Fprintf(c, "%d %s %d\n", os.Getpid(), os.Getenv("LISTEN_FDNAMES"), n)
		var word string
		_, _ = fmt.Fscan(c, &word)
		if status, err := strconv.Atoi(word); err == nil {
			return status
		}
		_ = c.Close()
	}
	return 0
}

const programServices = `
rootless = true
state = "run"
[log]
to = "stderr"
[limits]
throttle = "1s"
[[service]]
listen = "127.0.0.1:@PORT@"
protocol = "listen-fds"
run = ["@DIR@/bin/listening", "@WORD@"]
[[service]]
listen = "unix:public/wait"
protocol = "wait"
run = ["@DIR@/bin/listening", "wait"]
`

// TestProgram: one program has the sockets while it runs, and the next client
// starts it again.
func TestProgram(t *testing.T) {
	s := newStage(t)
	s.vars = append(s.vars, "@WORD@", "one")
	must(t, s.write("postloop.toml", programServices))
	s.vars[len(s.vars)-1] = "two"
	must(t, s.write("changed.toml", programServices))
	s.play("program_test", `
		start -d
		log daemon started
		dial a 127.0.0.1:@PORT@
		expect a ^\d+ 127.0.0.1_@PORT@ 1$
		dial b unix:run/public/wait
		expect b ^\d+  1$`)
	ask := func() string { // whom a client meets
		t.Helper()
		c, err := s.connect(s.expand("127.0.0.1:@PORT@"))
		must(t, err)
		defer c.Close()
		must(t, c.SetDeadline(s.deadline))
		var pid string
		_, err = fmt.Fscan(c, &pid)
		must(t, err)
		return pid
	}
	s.play("program_test", "send a bye\neof a")
	first := ask()
	if again := ask(); again != first {
		t.Errorf("%s serves, and then %s", first, again)
	}

	// It has had enough. Nobody is missed.
	s.play("program_test", "dial c 127.0.0.1:@PORT@\nexpect c ^"+first+" \nsend c 0\neof c")
	second := ask()
	if second == first {
		t.Errorf("%s has not ended", first)
	}

	// A reload without a change leaves it alone, one with a change replaces it.
	s.play("program_test", "signal HUP\nlog reload --")
	until(t, "the reload", func() bool { return strings.Contains(strings.Join(s.log.copy(), "\n"), "reload --") })
	if third := ask(); third != second {
		t.Errorf("the reload has ended %s", second)
	}
	s.play("program_test", "copy changed.toml postloop.toml\nsignal HUP\nlog reload --")
	until(t, "the new program", func() bool {
		c, err := s.connect(s.expand("127.0.0.1:@PORT@"))
		if err != nil {
			return false
		}
		defer c.Close()
		var pid string
		_, _ = fmt.Fscan(c, &pid)
		return pid != "" && pid != second
	})
	s.play("program_test", `
		nolog throttl|warning
		# A bad end is throttled, and its clients wait.
		dial d 127.0.0.1:@PORT@
		expect d ^\d+ 127
		send d 5
		log warning: process .*bin/listening pid \d+ exit status 5
		log warning: .*bin/listening: bad command startup -- throttling
		dial e 127.0.0.1:@PORT@
		log throttle released
		expect e ^\d+ 127
		signal TERM
		exit TERM`)
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); {
		if time.Now().After(end) {
			t.Fatalf("%s: too late", what)
		}
		time.Sleep(10 * time.Millisecond) // between two looks
	}
}

// TestProgramInHaste: one that ends at once and does not take its client is not
// started over and over.
func TestProgramInHaste(t *testing.T) {
	s := newStage(t)
	must(t, s.write("postloop.toml", `
rootless = true
state = "run"
[log]
to = "stderr"
[[service]]
listen = "127.0.0.1:@PORT@"
protocol = "listen-fds"
run = ["/bin/true"]
`))
	s.play("program_test", "start -d\nlog daemon started\ndial a 127.0.0.1:@PORT@\nlog warning: /bin/true: bad command startup -- throttling\nsignal TERM\nexit TERM")
}

// TestProgramRefused: what does not go together.
func TestProgramRefused(t *testing.T) {
	for text, want := range map[string]string{
		`protocol = "inetd"`:                         `protocol: unrecognized value: inetd; specify one of connection, wait, listen-fds`,
		"protocol = \"wait\"\nallow = \"127.0.0.1\"": `service "localhost:@PORT@": spawn_protocol gives the listening socket away, and hosted_client_`,
		"protocol = \"wait\"\nqueue = 5":             `service "localhost:@PORT@": spawn_protocol gives the listening socket away`,
	} {
		s := newStage(t)
		must(t, s.write("postloop.toml", `
rootless = true
state = "run"
[log]
to = "stderr"
[[service]]
listen = "localhost:@PORT@"
run = ["/bin/cat"]
`+text+"\n"))
		s.play("program_test", "start -d\nlog fatal: .*"+want+"\nexit 1")
	}
}

// TestSocketProxyd: a program of systemd's that has never heard of us.
func TestSocketProxyd(t *testing.T) {
	const proxyd = "/lib/systemd/systemd-socket-proxyd"
	if _, err := exec.LookPath(proxyd); err != nil {
		t.Skip(proxyd + " is not installed")
	}
	s := newStage(t)
	must(t, s.write("postloop.toml", `
rootless = true
state = "run"
[log]
to = "stderr"
[[service]]
listen = "127.0.0.1:@PORT@"
run = ["/bin/cat"]
[[service]]
listen = "unix:public/proxy"
protocol = "listen-fds"
run = ["`+proxyd+`", "127.0.0.1:@PORT@"]
`))
	s.play("program_test", `
		start -d
		log daemon started
		dial a unix:run/public/proxy
		send a hello
		expect a ^hello$
		dial b unix:run/public/proxy
		send b hello
		expect b ^hello$
		nolog warning
		signal TERM
		exit TERM`)
}
