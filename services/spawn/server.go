// SPDX-License-Identifier: ISC

package spawn

import (
	"fmt"
	"reflect"
	"strings"

	"postloop/cfg"
	"postloop/loop"
)

// Server runs one command that gets the listening sockets themselves, for a
// master that starts it when somebody knocks.
type Server struct {
	c   *Config
	cmd loop.Cmd
}

// NewServer returns the program of a service whose protocol is not Connection.
func NewServer(c *Config) *Server {
	p := &Server{c: c, cmd: c.command()}
	if c.Protocol == cfg.ListenFDs {
		p.cmd.PidEnv = "LISTEN_PID"
	}
	return p
}

// Start runs the command on the sockets, whose names are one for each.
func (p *Server) Start(l *loop.Loop, sockets []int, names []string, exited func(loop.Exit)) (pid int, err error) {
	if p.c.Protocol == cfg.Wait {
		p.cmd.Files = []int{sockets[0], sockets[0], sockets[0]}
		return l.Spawn(&p.cmd, exited)
	}
	p.cmd.Files = append([]int{0, 1, 2}, sockets...)
	env := make([]string, 0, len(p.c.Env)+2)
	for _, v := range p.c.Env {
		if !strings.HasPrefix(v, "LISTEN_") { // they would be about somebody else's
			env = append(env, v)
		}
	}
	p.cmd.Env = append(env, fmt.Sprintf("LISTEN_FDS=%d", len(sockets)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	return l.Spawn(&p.cmd, exited)
}

// Path is what is run.
func (p *Server) Path() string { return p.c.Path }

// Single reports whether there can be one socket only.
func (p *Server) Single() bool { return p.c.Protocol == cfg.Wait }

// Same reports whether both run the same in the same way.
func (p *Server) Same(by *Server) bool { return reflect.DeepEqual(p.c, by.c) }
