// SPDX-License-Identifier: ISC

package main

import (
	"os"
	"strings"
	"testing"
)

// TestCheckOfMetrics: a port that the running master has is no error, and one that
// somebody else has is.
func TestCheckOfMetrics(t *testing.T) {
	s := newSite(t)
	s.write("postloop.toml", strings.Replace(echoes, "[log]", "metrics = \"127.0.0.3:"+s.port+"\"\n[log]", 1))
	if out := s.ok("check"); out != "0 error(s), 0 warning(s)\n" {
		t.Errorf("before the start: %s", out)
	}
	s.start()
	if out := s.ok("check"); out != "0 error(s), 0 warning(s)\n" {
		t.Errorf("while it runs: %s", out)
	}
	s.write("postloop.toml", strings.Replace(echoes, "[log]", "control = \"\"\nmetrics = \"127.0.0.3:"+s.port+"\"\n[log]", 1))
	status, out, _ := s.run("check")
	if status != exitConfig || !strings.Contains(out, "parameter metrics_listen: bind 127.0.0.3:"+s.port+": Address already in use") {
		t.Errorf("without asking: status %d: %s", status, out)
	}
	s.write("postloop.toml", strings.Replace(echoes, "[log]", "metrics = \"unix:none/view\"\n[log]", 1))
	status, out, _ = s.run("check")
	if status != exitConfig || !strings.Contains(out, "parameter metrics_listen: none/view: No such file or directory") {
		t.Errorf("nowhere: status %d: %s", status, out)
	}
}

// TestCheckOfAnother: to another user the ports of a running master seem to be taken.
// The master itself knows better.
func TestCheckOfAnother(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be two users")
	}
	s := newSite(t)
	s.user = 65534
	s.write("postloop.toml", strings.Replace(echoes, "127.0.0.1", "127.0.0.3", 1))
	s.start()
	if out := s.ok("check", "-c", "."); out != "0 error(s), 0 warning(s)\n" {
		t.Errorf("%s", out)
	}
	// The queue directory stays where the check is, wherever the master was asked.
	must(t, os.Mkdir(s.dir+"/door", 0o755))
	must(t, os.Symlink(s.dir+"/run/control", s.dir+"/door/control"))
	if out := s.ok("check", "--socket", "door/control"); out != "0 error(s), 0 warning(s)\n" {
		t.Errorf("by another name of the socket: %s", out)
	}
	s.write("postloop.toml", strings.Replace(echoes, "127.0.0.1", "127.0.0.3", 1)+"[parameters]\ncontrol_socket =\"\"\n")
	status, out, _ := s.run("check")
	if status != exitConfig || !strings.Contains(out, "bind 127.0.0.3 port "+s.port+": Address already in use") {
		t.Errorf("without asking: status %d: %s", status, out)
	}
}
