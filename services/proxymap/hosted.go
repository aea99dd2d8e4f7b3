// SPDX-License-Identifier: ISC

package proxymap

import (
	"strings"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"
	"postloop/services/skeleton"
)

// Hosted is the service in the process of a master that accepts its clients.
//
// It has the rights of that process, its session and its umask, which is what a
// daemon would have inherited. proxywrite needs no session of its own here: a
// signal is answered between two turns of the loop, and a change is made within
// one, or by a worker, which ignores what would end it.
// daemon_table_open_error_is_fatal has no effect, since there is no process of
// the service's own that could end: who asks for a table that cannot be opened is
// told "not now".
type Hosted struct {
	s       *Service
	clients *skeleton.Clients // nil: those who were there are another one's now
	drain   time.Duration     // application_event_drain_time
	leaving bool
}

// Setup is what Host works from.
type Setup struct {
	Loop    *loop.Loop
	Log     *maillog.Logger
	Service *cfg.Service
	Main    *cfg.Main // with the service's -o overrides
	Params  *cfg.Params
	Environ []string // that environ: tables show
	// Warn is told what is odd about the lists of tables.
	Warn func(format string, args ...any)
}

// Host makes the service of an entry, which has no effect before the first
// client comes. The error is in the words of the daemon.
func Host(p Setup) (*Hosted, error) {
	args, err := skeleton.HostedArgs(p.Service)
	if err != nil {
		return nil, err
	}
	c, err := configure(p.Service.Name, args, p.Main, false, p.Warn)
	if err != nil {
		return nil, err
	}
	h := &Hosted{}
	if h.drain, err = p.Main.Time("application_event_drain_time"); err != nil {
		return nil, err
	}
	env := newEnv(p.Loop, p.Log, p.Main, p.Params, c.Workers)
	env.Environ = make(map[string]string, len(p.Environ))
	for _, v := range p.Environ {
		name, value, _ := strings.Cut(v, "=")
		env.Environ[name] = value
	}
	h.s = New(env, c)
	h.serve(skeleton.NewClients(p.Loop, h.s))
	return h, nil
}

// serve makes the clients, of whom there may be some, h's.
func (h *Hosted) serve(clients *skeleton.Clients) {
	h.clients = clients
	clients.Emptied = h.emptied
}

// Accepted serves the client on fd, which is closed in the end; then done is
// called. After an error fd is as it was, and the caller's.
func (h *Hosted) Accepted(fd int, p loop.Peer, done func()) error {
	return h.clients.Accept(fd, p, done)
}

// Replaced says that further clients are served by another, who is nil if
// there is none. The clients of h become those of the other and notice nothing.
// If there is none, each has its connection closed when what it has asked is
// answered, at the end of application_event_drain_time at the latest.
func (h *Hosted) Replaced(by *Hosted) {
	switch {
	case by == nil || by.s.name != h.s.name:
		h.leave()
	case h.clients != nil:
		h.s.become(by.s)
		by.s = h.s
		by.serve(h.clients)
		h.clients = nil
	}
}

// Shutdown ends all conversations: as Replaced does, or at once if force.
func (h *Hosted) Shutdown(force bool) {
	h.leave()
	if force && h.clients != nil {
		h.clients.Close()
	}
}

// leave ends the service with its last client.
func (h *Hosted) leave() {
	if h.clients == nil || h.leaving {
		return
	}
	h.leaving = true
	h.clients.Leave(h.drain)
	if h.clients.Len() == 0 {
		h.s.Close()
	}
}

// emptied is called when the last client has left.
func (h *Hosted) emptied() {
	if h.leaving {
		h.s.Close()
	}
}
