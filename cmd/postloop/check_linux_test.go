// SPDX-License-Identifier: ISC

package main

import (
	"os"
	"strings"
	"testing"
)

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
