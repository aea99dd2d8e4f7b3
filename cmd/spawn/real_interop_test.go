// SPDX-License-Identifier: ISC

//go:build interop && linux

// The interop tests run a stock Postfix with our spawn in the place of its own,
// under Postfix's master: `make interop`. With POSTLOOP_SPAWN=real in the
// environment they run against Postfix's spawn, and pass but for those that say
// why it cannot.
package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

const realSpawn = "/usr/lib/postfix/sbin/spawn"

// realSelected reports whether Postfix's own spawn is to be tested.
func realSelected() bool { return os.Getenv("POSTLOOP_SPAWN") == "real" }

// ours builds our spawn, as `make build` does, and returns its path.
func ours(t testing.TB) string {
	t.Helper()
	return pftest.Build(t, "spawn", func(out string) error {
		c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, ".")
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, text)
		}
		return nil
	})
}

// instance makes an instance under Postfix's master, with the spawn that is to
// be tested.
func instance(t testing.TB, o pftest.Options) *pftest.Instance {
	t.Helper()
	o.Services += pftest.PostlogService
	p := pftest.New(t, o)
	if !realSelected() {
		p.Install(ours(t), "spawn")
	}
	return p
}

// beyondPostfix skips a test of what Postfix's spawn does not do.
func beyondPostfix(t testing.TB, instead string) {
	t.Helper()
	if realSelected() {
		t.Skip("Postfix's spawn cannot pass: " + instead)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// client is a connection with a limit.
type client struct {
	net.Conn
	t testing.TB
}

func dial(t testing.TB, addr string) client {
	t.Helper()
	network := "tcp"
	if strings.HasPrefix(addr, "/") {
		network = "unix"
	}
	conn, err := net.Dial(network, addr)
	must(t, err)
	must(t, conn.SetDeadline(time.Now().Add(pftest.Patience)))
	t.Cleanup(func() { _ = conn.Close() })
	return client{conn, t}
}

// ask sends a line, which must come back.
func (c client) echoes(line string) {
	c.t.Helper()
	_, err := c.Write([]byte(line + "\n"))
	must(c.t, err)
	buf := make([]byte, len(line)+1)
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != line+"\n" {
		c.t.Fatalf("sent %q, got %q, %v", line, buf, err)
	}
}

// all reads to the end, which may be a reset.
func (c client) all() string {
	c.t.Helper()
	text, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, unix.ECONNRESET) {
		c.t.Fatalf("after %q: %v", text, err)
	}
	return string(text)
}

// TestEcho: over every transport, one process for each client that is there,
// and the same one again for those that come later.
func TestEcho(t *testing.T) {
	addr := pftest.FreeAddr(t)
	p := instance(t, pftest.Options{Services: addr + " inet n n n - 0 spawn user=nobody argv=/bin/cat\n" +
		"pol unix n n n - 5 spawn user=nobody argv=/bin/cat\n"})
	p.StartMaster()
	for _, to := range []string{addr, p.Queue + "/public/pol"} {
		var held []client
		for range 5 {
			held = append(held, dial(t, to))
		}
		for range 3 {
			for i, c := range held {
				c.echoes("line of client " + strconv.Itoa(i))
			}
		}
		for _, c := range held {
			must(t, c.Close())
		}
		for range 5 {
			c := dial(t, to)
			c.echoes("again")
			must(t, c.Close())
		}
	}
	if n := len(p.Running("spawn")); n > 11 {
		t.Errorf("%d processes for 10 clients", n)
	}
	p.Stop()
	if lines := p.Grep(`/spawn\[`); len(lines) > 0 {
		t.Errorf("the log has %q", lines)
	}
}

// TestRefusal: the first client finds what is wrong with an entry, and master
// throttles it.
func TestRefusal(t *testing.T) {
	p := instance(t, pftest.Options{Services: "bad unix n n n - 5 spawn user=postfix argv=/bin/cat\n" +
		"unpriv unix n y n - 5 spawn user=nobody argv=/bin/cat\n"})
	p.StartMaster()
	for name, text := range map[string]string{
		"bad":    "request to deliver as mail system owner",
		"unpriv": "service unpriv requires privileged operation",
	} {
		began := time.Now()
		dial(t, p.Queue+"/public/"+name)
		line := p.WaitLog(`postfix/spawn\[\d+\]: fatal: ` + text + `$`)
		pid := regexp.MustCompile(`spawn\[(\d+)\]`).FindStringSubmatch(line)[1]
		p.WaitLog(`postfix/master\[\d+\]: warning: process .*/spawn pid ` + pid + ` exit status 1$`)
		if took := time.Since(began); took < time.Second {
			t.Errorf("%s: master was told after %s", name, took)
		}
	}
	p.Until("both services are throttled", func() bool {
		return p.Count(`postfix/master\[\d+\]: warning: .*/spawn: bad command startup -- throttling$`) == 2
	})
	p.Stop()
}

// TestTimeLimit: a command's time is over for all that it has started.
func TestTimeLimit(t *testing.T) {
	beyondPostfix(t, "until 3.10 it logs that the time is over, and waits")
	p := instance(t, pftest.Options{
		Main:     map[string]string{"slow_time_limit": "1"},
		Services: "slow unix n n n - 5 spawn user=nobody argv=/bin/sh -c { trap '' TERM; sleep 1000 & sleep 1000 }\n",
	})
	p.StartMaster()
	began := time.Now()
	if got := dial(t, p.Queue+"/public/slow").all(); got != "" {
		t.Errorf("got %q", got)
	}
	if took := time.Since(began); took < time.Second || took > pftest.Patience/2 {
		t.Errorf("it took %s", took)
	}
	p.WaitLog(`postfix/spawn\[\d+\]: warning: /bin/sh: process id \d+: command time limit exceeded$`)
	p.WaitLog(`postfix/spawn\[\d+\]: warning: command /bin/sh killed by signal 9$`)
	p.Stop()
}

// TestReload: a command that runs is not disturbed, its process leaves after
// it, and idle ones at once.
func TestReload(t *testing.T) {
	p := instance(t, pftest.Options{Services: "pol unix n n n - 5 spawn user=nobody argv=/bin/cat\n"})
	p.Start()
	busy, idle := dial(t, p.Queue+"/public/pol"), dial(t, p.Queue+"/public/pol")
	busy.echoes("before")
	idle.echoes("before")
	must(t, idle.Close())
	old := p.Running("spawn")
	if len(old) != 2 {
		t.Fatalf("%d processes", len(old))
	}
	p.Must("reload")
	p.Until("the idle process has gone", func() bool { return len(running(old)) == 1 })
	for range 5 {
		busy.echoes("after")
	}
	fresh := dial(t, p.Queue+"/public/pol")
	fresh.echoes("new")
	must(t, busy.Close())
	p.Until("the busy process has gone", func() bool { return len(running(old)) == 0 })
	fresh.echoes("still new")
	must(t, fresh.Close())
	p.Stop()
}

func running(pids []int) (left []int) {
	for _, pid := range pids {
		if unix.Kill(pid, 0) == nil {
			left = append(left, pid)
		}
	}
	return left
}

// TestStop ends the processes; commands outlive them, as long as they have a
// client.
func TestStop(t *testing.T) {
	p := instance(t, pftest.Options{Services: "pol unix n n n - 5 spawn user=nobody argv=/bin/cat\n"})
	p.Start()
	c := dial(t, p.Queue+"/public/pol")
	c.echoes("before")
	pids := p.Running("spawn")
	p.Must("stop")
	for _, pid := range pids {
		pftest.Gone(t, pid)
	}
	c.echoes("after")
	must(t, c.Close())
	p.AllGone()
}

// TestMaxUse and max_idle: processes come and go, and clients do not notice.
func TestMaxUse(t *testing.T) {
	p := instance(t, pftest.Options{
		Main:     map[string]string{"max_use": "3", "max_idle": "1"},
		Services: "pol unix n n n - 2 spawn user=nobody argv=/bin/cat\n",
	})
	p.StartMaster()
	for i := range 20 {
		c := dial(t, p.Queue+"/public/pol")
		c.echoes("client " + strconv.Itoa(i))
		must(t, c.Close())
	}
	p.Until("nobody is needed", func() bool { return len(p.Running("spawn")) == 0 })
	c := dial(t, p.Queue+"/public/pol")
	c.echoes("again")
	must(t, c.Close())
	p.Stop()
	if lines := p.Grep(`/spawn\[`); len(lines) > 0 {
		t.Errorf("the log has %q", lines)
	}
}

// TestChroot: with y in that column, a command is one inside.
func TestChroot(t *testing.T) {
	beyondPostfix(t, "it looks for the user inside, where nobody is")
	p := instance(t, pftest.Options{Services: "jail unix n n y - 5 spawn user=nobody argv=/inside -x\n" +
		"out unix n n y - 5 spawn user=nobody argv=/bin/cat\n"})
	// It is static, and says what it was called as.
	text, err := os.ReadFile(ours(t))
	must(t, err)
	must(t, os.WriteFile(p.Queue+"/inside", text, 0o755))
	p.StartMaster()
	dial(t, p.Queue+"/public/jail").all()
	p.WaitLog(`postfix/spawn\[\d+\]: warning: command /inside exit status 1$`)
	if lines := p.Grep(`execvp`); len(lines) > 0 {
		t.Errorf("the log has %q", lines)
	}
	dial(t, p.Queue+"/public/out").all()
	p.WaitLog(`postfix/spawn\[\d+\]: fatal: spawn_comand: execvp /bin/cat: No such file or directory$`)
	p.Stop()
}

// TestPass: clients come from another process, postscreen as a rule.
func TestPass(t *testing.T) {
	p := instance(t, pftest.Options{Services: "hand pass n n n - 5 spawn user=nobody argv=/bin/cat\n"})
	p.StartMaster()
	for range 3 {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		must(t, err)
		via, ok := dial(t, p.Queue+"/public/hand").Conn.(*net.UnixConn)
		if !ok {
			t.Fatal("not a unix-domain socket")
		}
		_, _, err = via.WriteMsgUnix([]byte{0}, unix.UnixRights(fds[1]), nil)
		must(t, err)
		_, err = via.Write([]byte("client_address\x00192.0.2.1\x00\x00"))
		must(t, err)
		must(t, unix.Close(fds[1]))
		file := os.NewFile(uintptr(fds[0]), "client")
		conn, err := net.FileConn(file)
		must(t, err)
		must(t, file.Close())
		must(t, conn.SetDeadline(time.Now().Add(pftest.Patience)))
		client{conn, t}.echoes("word")
		must(t, conn.Close())
	}
	p.Stop()
}

// TestPostscreen hands a client of the network over: what it sends is what we
// read.
func TestPostscreen(t *testing.T) {
	addr := pftest.FreeAddr(t)
	p := instance(t, pftest.Options{
		Main: map[string]string{"postscreen_cache_map": "", "postscreen_access_list": "permit_mynetworks", "smtpd_service_name": "hand"},
		Services: addr + " inet n - n - 1 postscreen\n" +
			"hand pass - n n - 5 spawn user=nobody argv=/bin/cat\n",
	})
	p.StartMaster()
	c := dial(t, addr)
	c.echoes("word")
	must(t, c.Close())
	p.Stop()
}

// TestPolicyServer is what spawn is mostly for: smtpd asks a policy server, one
// question after another on the same connection.
func TestPolicyServer(t *testing.T) {
	policy := `while read -r line; do case "$line" in recipient=no*) a=REJECT;; recipient=*) a=DUNNO;; "") echo "action=$a"; echo;; esac; done`
	p := instance(t, pftest.Options{Main: map[string]string{
		"smtpd_recipient_restrictions": "check_policy_service unix:private/policy, permit_mynetworks, reject",
		"policy_time_limit":            "3600",
	}})
	p.SetServices(p.MailServices() + "policy unix - n n - 0 spawn user=nobody argv=/bin/sh -c { " + policy + " }\n")
	p.Start()
	c := dial(t, p.MailAddr)
	in := bufio.NewReader(c)
	for _, step := range [][2]string{
		{"", "220 "},
		{"HELO client.example.test", "250 "},
		{"MAIL FROM:<a@example.test>", "250 2.1.0 Ok"},
		{"RCPT TO:<yes@example.test>", "250 2.1.5 Ok"},
		{"RCPT TO:<no@example.test>", "554 5.7.1 <no@example.test>: Recipient address rejected: Access denied"},
		{"RCPT TO:<yes2@example.test>", "250 2.1.5 Ok"},
		{"QUIT", "221 "},
	} {
		if step[0] != "" {
			_, err := c.Write([]byte(step[0] + "\r\n"))
			must(t, err)
		}
		if got, err := in.ReadString('\n'); !strings.HasPrefix(got, step[1]) {
			t.Errorf("%s: got %q, %v, want %q", step[0], got, err, step[1])
		}
	}
	if n := len(p.Running("spawn")); n != 1 {
		t.Errorf("%d spawn processes for one client of smtpd", n)
	}
	p.Stop()
}
