// SPDX-License-Identifier: ISC

//go:build interop && linux

package packaging

import (
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const unit = "systemd/postloop.service"

// exposure is the score, of 100, that the unit has to stay below.
const exposure = "12"

// TestExposure has systemd judge the unit, without running it.
func TestExposure(t *testing.T) {
	out, code := status(t, nil, "systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold="+exposure, "packaging/"+unit)
	if code != 0 {
		t.Errorf("status %d\n%s", code, out)
	}
	score := regexp.MustCompile(`Overall exposure level for postloop.service: (\S+)`).FindStringSubmatch(out)
	if score == nil {
		t.Fatal(out)
	}
	if page := read(t, "../docs/packages.md"); !strings.Contains(page, "**"+score[1]+"**") {
		t.Errorf("docs/packages.md does not say that the score is %s", score[1])
	}
}

// allowed are the system calls that the unit's filter lets through.
func allowed(t *testing.T) map[string]bool {
	t.Helper()
	sets := map[string][]string{}
	name := ""
	for line := range strings.Lines(run(t, "systemd-analyze", "syscall-filter", "--no-pager")) {
		switch word := strings.TrimSpace(line); {
		case word == "" || strings.HasPrefix(word, "#"):
		case !strings.HasPrefix(line, " "):
			name = word
		default:
			sets[name] = append(sets[name], word)
		}
	}
	set := map[string]bool{}
	var change func(name string, to bool)
	change = func(name string, to bool) {
		if !strings.HasPrefix(name, "@") {
			set[name] = to
			return
		}
		if len(sets[name]) == 0 {
			t.Fatalf("systemd knows no %s", name)
		}
		for _, n := range sets[name] {
			change(n, to)
		}
	}
	for _, line := range regexp.MustCompile(`(?m)^SystemCallFilter=(~?)(.*)$`).FindAllStringSubmatch(read(t, unit), -1) {
		for name := range strings.FieldsSeq(line[2]) {
			change(name, line[1] == "")
		}
	}
	return set
}

// TestSystemCalls compares what a master and its commands ask the kernel for with
// what the unit lets through. No systemd runs here, and strace sees them all.
func TestSystemCalls(t *testing.T) {
	dir := shortDir(t)
	must(t, os.WriteFile(dir+"/postloop.toml", []byte(`rootless = true
state = "run"

[log]
to = "stderr"

[[service]]
listen = "unix:public/date"
run = ["/bin/date"]
rlimits = ["nofile=64"]
no_new_privs = true

[[service]]
listen = "unix:private/tick"
run = ["/bin/true"]
wakeup = "1s"
limit = 1
`), 0o644))
	must(t, os.Chown(dir, 65534, 65534))
	bin := repository(t) + "/bin/"
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: dir + "/manager"})
	must(t, err)
	defer func() { _ = manager.Close() }()
	must(t, os.Chmod(dir+"/manager", 0o777))
	trace := exec.Command("strace", "-f", "-qq", "-u", "nobody", "-o", dir+"/trace", bin+"master", "-d", "-c", dir)
	trace.Env = append(os.Environ(), "NOTIFY_SOCKET="+dir+"/manager", "WATCHDOG_USEC=30000000")
	trace.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	must(t, trace.Start())
	t.Cleanup(func() { _ = unix.Kill(-trace.Process.Pid, unix.SIGKILL) })
	until(t, "a master", func() bool {
		_, code := status(t, nil, bin+"postloop", "-c", dir, "status")
		return code == 0
	})
	run(t, "sh", "-c", "/usr/bin/python3 -c 'import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); assert s.recv(99)' "+dir+"/run/public/date")
	until(t, "a wakeup", func() bool { return strings.Contains(read(t, dir+"/trace"), `"/bin/true"`) })
	// What Type=notify waits for, and WatchdogSec.
	must(t, manager.SetReadDeadline(time.Now().Add(patience)))
	said, message := "", make([]byte, 4096)
	for !strings.Contains(said, "READY=1") || !strings.Contains(said, "WATCHDOG=1") {
		n, err := manager.Read(message)
		if err != nil {
			t.Fatalf("%v; master said %q", err, said)
		}
		said += string(message[:n]) + "\n"
	}
	run(t, bin+"postloop", "-c", dir, "reload")
	run(t, bin+"postloop", "-c", dir, "stop")
	must(t, trace.Wait())

	let := allowed(t)
	seen := map[string]bool{}
	for _, call := range regexp.MustCompile(`(?m)^\d+ +([a-z0-9_]+)\(`).FindAllStringSubmatch(read(t, dir+"/trace"), -1) {
		seen[call[1]] = true
	}
	if !seen["execve"] || !seen["epoll_pwait"] && !seen["epoll_wait"] {
		t.Fatalf("strace has seen %v", seen)
	}
	for name := range seen {
		if !let[name] {
			t.Errorf("the unit forbids %s", name)
		}
	}
}
