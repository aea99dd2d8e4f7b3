// SPDX-License-Identifier: ISC

//go:build linux

package rivals

import (
	"maps"
	"os/user"
	"strings"

	"postloop/internal/postfix"
)

// OursProxymapName is our master with our proxymap.
const OursProxymapName = "postloop"

const proxymapService = "proxymap unix - - n - - proxymap\n"

// Proxymaps returns the masters with a proxymap that lets clients ask for
// Service.Tables, on a socket that Service.Path is set to.
func (w *World) Proxymaps() []*Rival {
	real := &Rival{
		Name: PostfixName, Is: "Postfix's master and proxymap", Version: w.version("postfix"), Missing: w.needsPostfix(),
		launch: func(_ *World, dir string, s *Service) (*launch, error) {
			return s.proxymap(dir, "postfix", "postdrop", postfix.RealMaster, map[string]string{"daemon_directory": postfix.Sbin})
		},
	}
	mixed := &Rival{
		Name: "Postfix + our proxymap", Is: "Postfix's master, bin/proxymap", Missing: w.needsPostfix(),
		launch: func(w *World, dir string, s *Service) (*launch, error) {
			return s.proxymap(dir, "postfix", "postdrop", postfix.RealMaster, nil, w.Bin+"/proxymap", postfix.Sbin+"/postlogd")
		},
	}
	ours := &Rival{
		Name: OursProxymapName, Is: "bin/master, bin/proxymap", Ours: true,
		launch: func(w *World, dir string, s *Service) (*launch, error) {
			if !w.Root {
				s.Path = dir + "/q/private/proxymap"
				main := "daemon_directory = " + w.Bin + "\nproxy_read_maps = " + s.readMaps() + "\n"
				return &launch{argv: []string{w.Bin + "/master", "-c", dir + "/etc"}, session: true}, rootless(dir, proxymapService, main)
			}
			owner, setgid := anybody()
			return s.proxymap(dir, owner, setgid, w.Bin+"/master", map[string]string{"log_to": "stderr"}, append(s.Daemons, w.Bin+"/proxymap")...)
		},
	}
	for _, name := range []string{"proxymap", "master"} {
		for _, r := range []*Rival{mixed, ours} {
			if r.Missing == "" && !executable(w.Bin+"/"+name) && (r == ours || name == "proxymap") {
				r.Missing = "no " + w.Bin + "/" + name + "; make build makes it"
			}
		}
	}
	return []*Rival{real, mixed, ours}
}

func (s *Service) readMaps() string { return "proxy:" + strings.Join(s.Tables, ", proxy:") }

// proxymap makes an instance with that service only, and says how its master is
// started.
func (s *Service) proxymap(dir, owner, setgid, master string, main map[string]string, daemons ...string) (*launch, error) {
	s.Path = dir + "/q/private/proxymap"
	services := proxymapService
	if master == postfix.RealMaster {
		services += postfix.PostlogService
	}
	more := map[string]string{"proxy_read_maps": s.readMaps()}
	maps.Copy(more, main)
	return instance(dir, owner, setgid, master, services, more, daemons...)
}

// anybody returns two that can be mail_owner and setgid_group, for a master
// that does not need Postfix.
func anybody() (owner, setgid string) {
	if _, err := user.Lookup("postfix"); err != nil { // any other two will do
		return "daemon", "sys"
	}
	return "postfix", "postdrop"
}

// instance makes one with those services and daemons, and says how its master
// is started.
func instance(dir, owner, setgid, master, services string, main map[string]string, daemons ...string) (*launch, error) {
	p, err := postfix.New(dir, owner, setgid)
	if err == nil {
		err = link(p.Daemons, daemons)
	}
	if err == nil {
		err = p.SetMain(main)
	}
	if err == nil {
		err = p.SetServices(services)
	}
	if err != nil {
		return nil, err
	}
	return &launch{argv: []string{master, "-c", p.Config}, session: true}, nil
}
