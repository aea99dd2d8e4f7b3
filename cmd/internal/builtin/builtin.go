// SPDX-License-Identifier: ISC

// Package builtin has the services that can live in master's own process: for the
// master, and for whoever checks a configuration as a master would.
package builtin

import (
	"errors"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master"
	"postloop/master/names"
	"postloop/services/proxymap"
	"postloop/services/spawn"
)

// Services are those services, by the name of the command that master.cf has for
// them. builtin_services chooses.
var Services = map[string]master.HostFunc{"proxymap": hostProxymap, "spawn": hostSpawn}

// Exposed are those of them that read what clients send.
var Exposed = []string{"proxymap"}

func hostSpawn(h *master.Host) (master.Hosted, error) {
	h.Binding = spawn.Confined(h.Main)
	c, err := spawn.Parse(spawn.Setup{
		Service: h.Service, Main: h.Main, Params: h.Params, Environ: h.Env,
		User: func(name string) (uid, gid int, err error) {
			u, err := h.Names.User(name)
			return u.UID, u.GID, err
		},
		Group: func(name string) (gid int, err error) {
			g, err := h.Names.Group(name)
			return g.GID, err
		},
		Confines: h.Loop.Confines(),
		Wait:     func(err error) bool { return errors.Is(err, names.ErrPending) },
	})
	if err != nil {
		return nil, err
	}
	if c.Protocol != cfg.Connection {
		h.Program = program{spawn.NewServer(c)}
		return nil, nil
	}
	return spawn.New(h.Loop, h.Log, c), nil
}

// program is spawn's, for a master.
type program struct{ *spawn.Server }

func (p program) Start(l *loop.Loop, sockets []master.Socket, exited func(loop.Exit)) (pid int, err error) {
	fds, names := make([]int, len(sockets)), make([]string, len(sockets))
	for i, s := range sockets {
		fds[i], names[i] = s.FD, s.Name
	}
	return p.Server.Start(l, fds, names, exited)
}

func (p program) Same(by master.Program) bool {
	other, ok := by.(program)
	return ok && p.Server.Same(other.Server)
}

func hostProxymap(h *master.Host) (master.Hosted, error) {
	h.Connections = true
	p, err := proxymap.Host(proxymap.Setup{
		Loop: h.Loop, Log: h.Log, Service: h.Service, Main: h.Main, Params: h.Params, Environ: h.Env, Warn: h.Warnf,
	})
	if err != nil {
		return nil, err
	}
	return lastingProxymap{p}, nil
}

// lastingProxymap hands its clients on to its like.
type lastingProxymap struct{ *proxymap.Hosted }

func (p lastingProxymap) Replaced(by master.Hosted) {
	next, _ := by.(lastingProxymap)
	p.Hosted.Replaced(next.Hosted)
}
