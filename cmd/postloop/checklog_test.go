// SPDX-License-Identifier: ISC

package main

import (
	"os"
	"strings"
	"testing"
)

// TestCheckLog: what would become of the log.
func TestCheckLog(t *testing.T) {
	s := newSite(t)
	must(t, os.Mkdir(s.dir+"/directory", 0o755))
	s.write("there", "kept\n")
	const head = "rootless = true\nstate = \"run\"\n[parameters]\nmaillog_file_prefixes = \"@DIR@\"\n[log]\n"
	const service = "\n[[service]]\nlisten = \"unix:public/x\"\n"
	for name, c := range map[string]struct {
		log, want string
		status    int
	}{
		"a new file":         {"to = \"file\"\nfile = \"@DIR@/new\"", "0 error(s), 0 warning(s)\n", 0},
		"a file":             {"to = \"file\"\nfile = \"@DIR@/there\"", "0 error(s), 0 warning(s)\n", 0},
		"a directory":        {"to = \"file\"\nfile = \"@DIR@/directory\"", "postloop.toml, line 7: open logfile '@DIR@/directory': cannot open file: Is a directory\n", exitConfig},
		"no directory":       {"to = \"file\"\nfile = \"@DIR@/none/x\"", "postloop.toml, line 7: open logfile '@DIR@/none/x': cannot create file exclusively: No such file or directory\n", exitConfig},
		"without postlogd":   {"file = \"@DIR@/there\"", "0 error(s), 0 warning(s)\n", 0},
		"without it, either": {"file = \"@DIR@/directory\"", "line 6: open logfile '@DIR@/directory': cannot open file: Is a directory\n", exitConfig},
		"standard output":    {"to = \"stdout\"\nformat = \"json\"", "0 error(s), 0 warning(s)\n", 0},
	} {
		s.write("postloop.toml", head+c.log+service+`run = ["/bin/cat"]`+"\n")
		status, out, errOut := s.run("check")
		if status != c.status || errOut != "" || !strings.Contains(out, strings.ReplaceAll(c.want, "@DIR@", s.dir)) {
			t.Errorf("%s: status %d, %s%s", name, status, out, errOut)
		}
	}

	// A daemon of its own cannot open that file, and has nobody to send its lines to.
	s.write("postloop.toml", head+"file = \"@DIR@/there\""+service+"command = \"daemon\"\n")
	const want = `postloop.toml, line 6: maillog_file: there is no service "postlog", so only master's own lines get there; ` +
		`add "postlog unix-dgram n - n - 1 postlogd" to master.cf, or specify log_to`
	if _, out, _ := s.run("check"); !strings.Contains(out, want) {
		t.Errorf("%s", out)
	}

	if text, err := os.ReadFile(s.dir + "/there"); err != nil || string(text) != "kept\n" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Lstat(s.dir + "/new"); err == nil {
		t.Error("a check has made the file")
	}
	if _, err := os.Stat("/run/systemd/journal/socket"); err != nil {
		s.write("postloop.toml", head+"to = \"journal\""+service+`run = ["/bin/cat"]`+"\n")
		status, out, _ := s.run("check")
		if status != 0 || !strings.Contains(out, "warning: "+s.dir+"/postloop.toml, line 6: nobody listens on the socket of the journal: No such file or directory -- up to 1000 lines") {
			t.Errorf("status %d: %s", status, out)
		}
	}
}
