// SPDX-License-Identifier: ISC

//go:build linux

package rivals

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"postloop/internal/postfix"
)

// OursMasterName is our master, as the manager of daemons.
const OursMasterName = "postloop"

// Masters returns the masters, for daemons of their own: Service.Services are
// the lines of their master.cf, Service.Daemons the programs that these name.
// With Service.Name they are to be visited at the private socket of that name,
// which Service.Path is set to.
func (w *World) Masters() []*Rival {
	real := &Rival{
		Name: PostfixName, Is: "Postfix's master", Version: w.version("postfix"), Missing: w.needsPostfix(),
		Helpers: []string{postfix.Sbin + "/postlogd"},
		launch: func(_ *World, dir string, s *Service) (*launch, error) {
			s.named(dir)
			return instance(dir, "postfix", "postdrop", postfix.RealMaster, s.Services+postfix.PostlogService, nil,
				append(s.Daemons, postfix.Sbin+"/postlogd")...)
		},
	}
	ours := &Rival{
		Name: OursMasterName, Is: "bin/master", Ours: true,
		launch: func(w *World, dir string, s *Service) (*launch, error) {
			s.named(dir)
			if w.Root {
				owner, setgid := anybody()
				return instance(dir, owner, setgid, w.Bin+"/master", s.Services, map[string]string{"log_to": "stderr"}, s.Daemons...)
			}
			if err := os.Mkdir(dir+"/sbin", 0o755); err != nil {
				return nil, err
			}
			return &launch{argv: []string{w.Bin + "/master", "-c", dir + "/etc"}, session: true}, errors.Join(
				rootless(dir, s.Services, "daemon_directory = "+dir+"/sbin\n"), link(dir+"/sbin", s.Daemons))
		},
	}
	if !executable(w.Bin + "/master") {
		ours.Missing = "no " + w.Bin + "/master; make build makes it"
	}
	return []*Rival{real, ours}
}

// named sets the path of the socket that is visited.
func (s *Service) named(dir string) {
	if s.Name != "" {
		s.Path = dir + "/q/private/" + s.Name
	}
}

// link puts programs into a directory.
func link(dir string, programs []string) error {
	for _, path := range programs {
		if err := os.Symlink(path, dir+path[strings.LastIndexByte(path, '/'):]); err != nil {
			return err
		}
	}
	return nil
}

// Private is the path of a master's private socket.
func (srv *Server) Private(name string) string { return srv.dir + "/q/private/" + name }

// SetServices replaces the beginning of the line of master.cf that begins with
// from, by to, and has the master read it again. It returns the moment when that
// was told. The file is dated back: our master waits for one that is younger
// than a second, since it may still be written.
func (srv *Server) SetServices(from, to string) (told time.Time, err error) {
	path := srv.dir + "/etc/master.cf"
	text, err := os.ReadFile(path)
	if err != nil {
		return told, err
	}
	changed := strings.Replace("\n"+string(text), "\n"+from, "\n"+to, 1)[1:]
	if changed == string(text) {
		return told, fmt.Errorf("%s: no line begins with %q", path, from)
	}
	if err := os.WriteFile(path+".new", []byte(changed), 0o644); err != nil {
		return told, err
	}
	past := time.Now().Add(-time.Minute)
	if err := errors.Join(os.Chtimes(path+".new", past, past), os.Rename(path+".new", path)); err != nil {
		return told, err
	}
	told = time.Now()
	return told, syscall.Kill(srv.Pid, syscall.SIGHUP)
}

// lookAgain is how often it is tried whether somebody listens.
const lookAgain = 100 * time.Microsecond

// Listens waits until a connection can be made, and makes none else than that
// one, which it closes.
func (srv *Server) Listens(network, addr string) error {
	for end := time.Now().Add(readyTime); ; time.Sleep(lookAgain) {
		conn, err := net.Dial(network, addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-srv.ended:
			return errors.New("has ended: " + srv.how + "\n" + srv.Output())
		default:
		}
		if time.Now().After(end) {
			return fmt.Errorf("does not listen on %s after %v: %w\n%s", addr, readyTime, err, srv.Output())
		}
	}
}
