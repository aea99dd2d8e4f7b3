// SPDX-License-Identifier: ISC

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// entries lists all that is below a directory, with what it is.
func (s *site) entries(dir string) string {
	s.t.Helper()
	list, err := os.ReadDir(s.dir + "/" + dir)
	must(s.t, err)
	var b strings.Builder
	for _, e := range list {
		fmt.Fprintln(&b, e.Name(), e.Type())
		if e.IsDir() {
			b.WriteString(s.entries(dir + "/" + e.Name()))
		}
	}
	return b.String()
}

// TestCheckBad: everything is found at once, and nothing is made.
func TestCheckBad(t *testing.T) {
	s := newSite(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	_, busy, err := net.SplitHostPort(taken.Addr().String())
	must(t, err)
	s.write("postloop.toml", `rootless = true
state = "run"
[log]
to = "stderr"
[parameters]
hosted_client_limt = 4
ech_time_limit = "5s"
virtual_alias_maps = "proxy:nosuch:x, proxy:static:y"
proxy_read_maps = "$virtual_alias_maps proxy:hash:/etc/z"
transport_maps = "proxy:hash:/etc/transport"
virtual_gid_maps = "static:5"
max_idle = "soon"
[[service]]
listen = "127.0.0.1:22x"
run = ["/bin/cat"]
[[service]]
listen = "127.0.0.1:@PORT@"
run = ["/bin/none"]
[[service]]
listen = "unix:public/echo"
run = ["/bin/cat"]
allow = ["uid:nosuchuser"]
[service.options]
spawn_nicer = 1
other = "$hosted_client_limt"
`)
	before := s.entries("")
	status, out, errOut := s.run("check")
	if status != exitConfig || errOut != "" {
		t.Errorf("status %d: %s", status, errOut)
	}
	s.golden("check-unread", out)

	// What could not be read is put right: the rest comes to light.
	text, err := os.ReadFile(s.dir + "/postloop.toml")
	must(t, err)
	s.write("postloop.toml", strings.NewReplacer("22x", busy, "max_idle = \"soon\"\n", "").Replace(string(text)))
	status, out, _ = s.run("check")
	if status != exitConfig {
		t.Errorf("status %d", status)
	}
	s.golden("check-bad", strings.ReplaceAll(out, busy, "@TAKEN@"))
	status, out, _ = s.run("check", "--json")
	var v verdict
	must(t, json.Unmarshal([]byte(out), &v))
	if status != exitConfig || v.OK || len(v.Findings) != 8 {
		t.Errorf("status %d, %d findings: %s", status, len(v.Findings), out)
	}
	if after := s.entries(""); after != before {
		t.Errorf("it has made something:\n%s", after)
	}
}

// TestCheckRunning: what a master has is not in the way of a check, and a check is
// not in the way of a master.
func TestCheckRunning(t *testing.T) {
	s := newSite(t)
	s.write("postloop.toml", echoes)
	if out := s.ok("check"); out != "0 error(s), 0 warning(s)\n" {
		t.Errorf("before the first start: %s", out)
	}
	s.start()
	until(t, "the first beat", func() bool { one := s.service("beat"); return one.Clients.Total == 1 && one.Busy == 0 })
	before := s.entries("run")
	client := echo(t, "unix", s.dir+"/run/public/echo")
	for range 5 {
		if out := s.ok("check", "--json"); !strings.Contains(out, `"findings": []`) {
			t.Errorf("%s", out)
		}
		// No client goes to the one who checks.
		must(t, echo(t, "tcp", "127.0.0.1:"+s.port).Close())
		must(t, echo(t, "unix", s.dir+"/run/public/echo").Close())
	}
	_, err := client.Write([]byte("y"))
	must(t, err)
	if after := s.entries("run"); after != before {
		t.Errorf("something has changed:\n%s\n%s", before, after)
	}
	s.kill()

	// A watchdog of the machine is looked at, and not opened, which would start it.
	s.write("dog", "")
	for device, want := range map[string]string{
		"@DIR@/none": "warning: @DIR@/postloop.toml, line 2: parameter hardware_watchdog_device: @DIR@/none: No such file or directory\n0 error(s), 1 warning(s)\n",
		"@DIR@/dog":  "0 error(s), 0 warning(s)\n",
	} {
		s.write("postloop.toml", "watchdog.time = \"5s\"\nwatchdog.device = \""+device+"\"\n"+echoes)
		if out, want := s.ok("check"), strings.ReplaceAll(want, "@DIR@", s.dir); out != want {
			t.Errorf("got %swant %s", out, want)
		}
	}

	// A place that cannot be made, and one that is no directory.
	if os.Getuid() != 0 {
		must(t, os.Mkdir(s.dir+"/closed", 0o555))
		s.write("postloop.toml", strings.Replace(echoes, `"run"`, `"closed/none/run"`, 1))
		status, out, _ := s.run("check")
		if status != exitConfig || !strings.Contains(out, "postloop.toml, line 2: parameter queue_directory: cannot make "+s.dir+"/closed/none: Permission denied") {
			t.Errorf("status %d: %s", status, out)
		}
	}
	s.write("file", "")
	s.write("postloop.toml", strings.Replace(echoes, `"run"`, `"file"`, 1))
	if status, out, _ := s.run("check"); status != exitConfig || !strings.Contains(out, "Not a directory") {
		t.Errorf("status %d: %s", status, out)
	}
}

// TestCheckPostfix: the other language, as root and as somebody else.
func TestCheckPostfix(t *testing.T) {
	s := newSite(t)
	s.write("main.cf", `queue_directory = @DIR@/queue
data_directory = @DIR@/data
daemon_directory = @DIR@/libexec
mail_owner = daemon
setgid_group = mail
default_privs = nobody
inet_interfaces = 127.0.0.1
log_to = stderr
policy_time_limit = 5
polcy_time_limit = 5
inet_interfaces = 127.0.0.1
smtp_connection_reuse_time_limit = 5
`)
	s.write("master.cf", `@PORT@ inet n - n - - missing
policy unix - n n - - spawn user=nobody argv=/bin/cat
`)
	for _, dir := range []string{"queue/pid", "queue/public", "queue/private", "data", "libexec"} {
		must(t, os.MkdirAll(s.dir+"/"+dir, 0o755))
	}
	if os.Getuid() != 0 {
		out := s.ok("check")
		if !strings.Contains(out, "warning: not run by root") || !strings.Contains(out, `did you mean "policy_time_limit"?`) {
			t.Errorf("%s", out)
		}
		return
	}
	const daemon = 1
	for _, dir := range []string{"queue/public", "queue/private"} {
		must(t, os.Chown(s.dir+"/"+dir, daemon, 0))
	}
	for _, dir := range []string{"", "/queue", "/data", "/libexec"} {
		must(t, os.Chmod(s.dir+dir, 0o755))
	}
	must(t, os.Chmod(s.dir+"/queue/pid", 0o777))
	s.golden("check-postfix", s.ok("check"))

	must(t, unix.Rmdir(s.dir+"/queue/private"))
	status, out, _ := s.run("check")
	if status != exitConfig || !strings.Contains(out, "/queue/private: No such file or directory") {
		t.Errorf("status %d: %s", status, out)
	}
}
