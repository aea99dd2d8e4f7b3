// SPDX-License-Identifier: ISC

//go:build linux

package rivals

import (
	"fmt"
	"os"
	"strings"

	"postloop/internal/postfix"
)

// Names that the tables refer to.
const (
	PostfixName = "Postfix"
	OursName    = "postloop, hosted"
	LimitName   = "C limit"
	// TCPServerName is ucspi-tcp's.
	TCPServerName = "tcpserver"
	// OursSpawnName is our spawn under Postfix's master.
	OursSpawnName = "Postfix + our spawn"
)

// postfix is Postfix's master(8) and, between it and the command, spawn(8).
func (w *World) postfix() *Rival {
	r := &Rival{
		Name: PostfixName, Is: "Postfix's master and spawn", User: perConnection,
		Version: w.version("postfix"), Missing: w.needsPostfix(), Helpers: []string{postfix.Sbin + "/postlogd"},
	}
	r.launch = func(_ *World, dir string, s *Service) (*launch, error) {
		// Three descriptors are what Postfix's master has for a service.
		return underPostfix(dir, s, 3, func(p *postfix.Instance) error {
			return p.SetMain(map[string]string{"daemon_directory": postfix.Sbin})
		})
	}
	return r
}

// oursUnderPostfix is our spawn as a daemon of Postfix's master.
func (w *World) oursUnderPostfix() *Rival {
	r := &Rival{
		Name: OursSpawnName, Is: "Postfix's master, bin/spawn", User: perConnection,
		Missing: w.needsPostfix(), Helpers: []string{postfix.Sbin + "/postlogd"},
	}
	if r.Missing == "" && !executable(w.Bin+"/spawn") {
		r.Missing = "no " + w.Bin + "/spawn"
	}
	r.launch = func(w *World, dir string, s *Service) (*launch, error) {
		return underPostfix(dir, s, 3, func(p *postfix.Instance) error {
			if err := os.Symlink(w.Bin+"/spawn", p.Daemons+"/spawn"); err != nil {
				return err
			}
			return os.Symlink(postfix.Sbin+"/postlogd", p.Daemons+"/postlogd")
		})
	}
	return r
}

// underPostfix starts Postfix's master. each is how many descriptors it has
// for a service.
func underPostfix(dir string, s *Service, each int, prepare func(p *postfix.Instance) error) (*launch, error) {
	p, err := postfix.New(dir, "postfix", "postdrop")
	if err == nil {
		err = prepare(p)
	}
	if err == nil {
		err = p.SetServices(s.masterCf(each) + postfix.PostlogService)
	}
	if err != nil {
		return nil, err
	}
	return &launch{argv: []string{postfix.RealMaster, "-c", p.Config}, session: true}, nil
}

func (w *World) needsPostfix() string {
	switch {
	case !executable(postfix.RealMaster):
		return "no Postfix here; .ci/need-postfix installs it"
	case !w.Root:
		return "needs root"
	}
	return ""
}

// ours is our master, which runs the command itself.
func (w *World) ours() *Rival {
	r := &Rival{Name: OursName, Is: "bin/master, spawn in its own process", User: perConnection, Ours: true}
	if !executable(w.Bin + "/master") {
		r.Missing = "no " + w.Bin + "/master; make build makes it"
	}
	r.launch = func(w *World, dir string, s *Service) (*launch, error) {
		services := s.masterCf(1)
		if !w.Root {
			if err := rootless(dir, services, ""); err != nil {
				return nil, err
			}
			return &launch{argv: []string{w.Bin + "/master", "-c", dir + "/etc"}, session: true}, nil
		}
		owner, setgid := anybody()
		return instance(dir, owner, setgid, w.Bin+"/master", services, map[string]string{"log_to": "stderr"})
	}
	return r
}

// rootless writes a configuration for a master without root, which makes its
// directories itself; more is for main.cf.
func rootless(dir, services, more string) error {
	main := fmt.Sprintf("rootless = yes\nlog_to = stderr\ninet_interfaces = loopback-only\nqueue_directory = %s/q\ndata_directory = %s/q\n%s", dir, dir, more)
	if err := os.Mkdir(dir+"/etc", 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(dir+"/etc/main.cf", []byte(main), 0o644); err != nil {
		return err
	}
	return os.WriteFile(dir+"/etc/master.cf", []byte(services), 0o644)
}

// masterCf is the service in master.cf's words. The ballast is services that
// nobody uses, each of which costs the master so many descriptors.
func (s *Service) masterCf(each int) string {
	user := ""
	if s.User != "" {
		user = "user=" + s.User + " "
	}
	spawn := "spawn " + user + "argv=" + strings.Join(s.Command, " ") + "\n"
	var b strings.Builder
	fmt.Fprintf(&b, "%s inet n n n - %d %s", s.Addr, s.Limit, spawn)
	for i := range s.Ballast / each {
		fmt.Fprintf(&b, "ballast%d unix n n n - 1 %s", i, spawn)
	}
	return b.String()
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
