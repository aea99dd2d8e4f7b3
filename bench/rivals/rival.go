// SPDX-License-Identifier: ISC

//go:build linux

package rivals

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Service is what a server is to do.
type Service struct {
	Addr     netip.AddrPort // where it listens
	Path     string         // the same for a unix-domain socket, where it is that
	Tables   []string       // that a proxymap lets clients ask for
	Services string         // of a master, as lines of master.cf
	Daemons  []string       // programs that those name
	Name     string         // the one of Services at whose private socket it is visited
	Timed    bool           // Server.Took is wanted
	Pipes    bool           // it is visited by Server.In and Server.Out, where it says first how much it can do
	Command  []string       // a path, and arguments
	User     string         // whom the command runs as; empty: whoever the server is
	Limit    int            // commands at once; 0: without limit
	Ballast  int            // further descriptors that the server has open
}

// Rival is a kind of server.
type Rival struct {
	Name    string // in the tables
	Is      string // what it is, in a few words
	User    string // when the command becomes another user
	Version string // of Debian's package, where it is one
	Missing string // why it cannot take part; empty: it can
	Ours    bool   // postloop's own, or beside it the yardstick: it can have ballast
	Helpers []string

	launch func(w *World, dir string, s *Service) (*launch, error)
}

// When the command becomes another user.
const (
	perConnection = "per connection"
	atStart       = "once, at the start"
	never         = "never"
)

// launch is how one server is started.
type launch struct {
	argv    []string
	env     []string
	session bool // it has to make a session itself, so must not lead a group before
}

// World is where rivals are looked for.
type World struct {
	Bin     string // our own programs
	Private string // packages that were only unpacked
	Limit   string // the C program that does the least; empty: there is none
	Root    bool   // commands run as another user
}

// All returns every kind of server, in the order of the tables, with what
// keeps those from taking part that cannot.
func (w *World) All() []*Rival {
	list := []*Rival{
		w.postfix(), w.ours(), w.oursUnderPostfix(),
		w.tcpserver(), w.tcpsvd(), w.busybox(), w.xinetd(), w.inetd(), w.systemd(), w.limit(),
	}
	return list
}

// find returns the path of a program, unpacked or installed.
func (w *World) find(name string) string {
	for _, dir := range []string{w.Private + "/usr/sbin", w.Private + "/usr/bin", w.Private + "/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if info, err := os.Stat(dir + "/" + name); err == nil && info.Mode().IsRegular() {
			return dir + "/" + name
		}
	}
	return ""
}

// libraries is the environment that an unpacked program finds its libraries
// with.
func (w *World) libraries(program string) []string {
	if !strings.HasPrefix(program, w.Private+"/") {
		return nil
	}
	var dirs []string
	for _, pattern := range []string{"/usr/lib/*-linux-*", "/lib/*-linux-*"} {
		found, _ := filepath.Glob(w.Private + pattern)
		dirs = append(dirs, found...)
	}
	if len(dirs) == 0 {
		return nil
	}
	return []string{"LD_LIBRARY_PATH=" + strings.Join(dirs, ":")}
}

// version is that of a Debian package, unpacked or installed.
func (w *World) version(pkg string) string {
	list, _ := os.ReadFile(w.Private + "/versions")
	for line := range strings.Lines(string(list)) {
		if name, version, _ := strings.Cut(strings.TrimSpace(line), " "); name == pkg {
			return version
		}
	}
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", pkg).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// packaged makes a rival of a program from a Debian package.
func (w *World) packaged(r *Rival, pkg, program string, f func(path, dir string, s *Service) (*launch, error)) *Rival {
	path := w.find(program)
	if path == "" {
		r.Missing = fmt.Sprintf("no %s here; make bench-rivals fetches package %s", program, pkg)
		return r
	}
	r.Version = w.version(pkg)
	r.launch = func(w *World, dir string, s *Service) (*launch, error) {
		if s.Ballast > 0 {
			return nil, fmt.Errorf("%s cannot be given descriptors to hold", r.Name)
		}
		l, err := f(path, dir, s)
		if err == nil {
			l.env = w.libraries(path)
		}
		return l, err
	}
	return r
}
