// SPDX-License-Identifier: ISC

package proxymap

import (
	"time"

	"postloop/loop"
	"postloop/master/maillog"
	"postloop/services/attr"
	"postloop/services/skeleton"
	"postloop/services/table"
)

// maxRequest is the longest request. Postfix knows no limit; its own programs
// stay far below.
const maxRequest = 4 << 20

// maxAttrs is how many attributes of a request are looked at: more than any has,
// so that one too many is noticed.
const maxAttrs = 8

// maxPartial is how much there may be of requests that are not complete, of all
// clients together.
const maxPartial = 64 << 20

// Service answers requests about tables.
type Service struct {
	loop   *loop.Loop
	log    *maillog.Logger
	name   string // proxymap or proxywrite
	mode   table.Mode
	listed map[string]bool // the tables that clients may ask for
	tables *registry

	partial int // bytes of requests that are not complete

	owing []*session  // those that were sent an answer lately
	sweep *loop.Timer // looks who has not taken it; nil: never needed
}

// Config is what a Service needs to know.
type Config struct {
	Name   string // proxymap or proxywrite
	Mode   table.Mode
	Listed map[string]bool // tables that clients may ask for
	UTF8   bool            // smtputf8_enable

	Workers string // table.Env's

	// Settings returns those of a table, by its name; nil: DefaultSettings are
	// everybody's.
	Settings func(ref string) Settings

	// Broken, which may be nil, is told why a table cannot be opened.
	Broken func(error)
}

// New makes a service whose tables live on env, which is told their limits.
func New(env *table.Env, c Config) *Service {
	if c.Settings == nil {
		c.Settings = func(string) Settings { return DefaultSettings }
	}
	env.Limits = func(ref string) table.Limits { return c.Settings(ref).Limits }
	s := &Service{loop: env.Loop, log: env.Log, name: c.Name, mode: c.Mode, listed: c.Listed}
	s.tables = &registry{env: env, open: env.Open, mode: c.Mode, utf8: c.UTF8, broken: c.Broken, settings: c.Settings, tables: map[identity]*instance{}}
	return s
}

// Connected begins a conversation.
func (s *Service) Connected(loop.Peer) (skeleton.Session, loop.Limits) {
	return &session{s: s, scan: attr.Scanner{Most: maxAttrs}}, loop.Limits{Input: maxRequest}
}

// Close closes all tables. No client may be there any more.
func (s *Service) Close() {
	s.sweep.Stop()
	s.tables.close()
}

// become has s do what n was made for, which has had no clients. Those of s
// stay, and so do its tables, unless there is a parameter that has changed:
// then each is opened anew when it is asked for.
func (s *Service) become(n *Service) {
	s.log, s.listed = n.log, n.listed
	if !s.tables.env.Main.Equal(n.tables.env.Main) {
		s.tables.close()
		s.tables = n.tables
	}
}

// ask has a table answer a request. A reply with the status table.Later is
// given to later instead, once, in another turn.
func (s *Service) ask(q *request, later func(reply)) reply {
	if (q.what == update || q.what == remove) && s.mode != table.ReadWrite {
		what := "update"
		if q.what == remove {
			what = "delete"
		}
		s.log.Warnf("refusing %s %s request on non-proxywrite service", q.table, what)
		return reply{status: StatusDeny}
	}
	if !s.listed[q.table] {
		s.log.Warnf("request for unapproved table: \"%s\"", q.table)
		s.log.Warnf("to approve this table for %s access, list %s%s in main.cf:%s", accessWord(s.mode), proxy, q.table, listParam(s.mode))
		return reply{status: StatusDeny}
	}
	i := s.tables.find(q)
	if q.what == open {
		return s.opened(q, i)
	}
	// The table itself is told what is so, not what the client has been told.
	f := s.tables.active(q.flags, 0)
	if q.newer {
		f = s.tables.active(q.flags, q.instance)
	}
	echo := q.flags
	switch q.what {
	case update:
		f |= table.DupReplace | table.SyncUpdate
		echo |= table.DupReplace | table.SyncUpdate
	case remove:
		f |= table.SyncUpdate
		echo |= table.SyncUpdate
	case noRequest, unknown, open, lookup, sequence:
	}
	if q.newer && q.flags&table.Surrogate != 0 && i.current() != nil { // it has come into being
		echo = echo&^(table.Surrogate|table.Fixed|table.Pattern) | i.current().t.Flags()
	}
	say := func(key, value string, got table.Status) reply {
		switch got {
		case table.OK, table.NoKey, table.Retry, table.Config, table.Later:
		default: // is a fault of the table
			got = table.Config
		}
		return reply{status: got, flags: echo, key: key, value: value}
	}
	switch q.what {
	case lookup:
		a := i.get(q.key, f, func(a table.Answer) { later(say("", a.Value, a.Status)) })
		return say("", a.Value, a.Status)
	case update:
		return say("", "", i.put(q.key, q.value, f, func(got table.Status) { later(say("", "", got)) }))
	case remove:
		return say("", "", i.remove(q.key, f, func(got table.Status) { later(say("", "", got)) }))
	case sequence:
		p, got := i.next(q.first, f, func(p table.Pair, got table.Status) { later(say(p.Key, p.Value, got)) })
		return say(p.Key, p.Value, got)
	case noRequest, unknown, open:
	}
	panic("proxymap: a request that nobody answers")
}

// accessWord is what a mode is called in the log.
func accessWord(mode table.Mode) string {
	if mode == table.ReadWrite {
		return "read-write"
	}
	return "read-only"
}

// opened answers a request to open a table, which never fails: a table that
// cannot be opened now may be some time. A client of the newer dialect insists
// on its own flags, and believes what it is told about UTF-8.
func (s *Service) opened(q *request, i *instance) reply {
	if !q.newer {
		return reply{flags: q.flags | i.properties(false)}
	}
	return reply{flags: q.instance | i.properties(true) | s.tables.active(0, q.instance)}
}

// Time limits on a client, once it has begun.
const (
	requestTime = time.Second // to send the rest of a request
	replyTime   = time.Second // to take an answer; twice that at the most
)

// owes has a session looked after that was sent an answer.
func (s *Service) owes(k *session) {
	s.owing = append(s.owing, k)
	if s.sweep == nil {
		s.sweep = s.loop.After(replyTime, s.swept)
	} else if len(s.owing) == 1 {
		s.sweep.Reset(replyTime)
	}
}

// swept closes the connections of those who have not taken any of what waits
// for them since it last looked.
func (s *Service) swept() {
	list := s.owing
	s.owing = nil
	for _, k := range list {
		k.owing = false
		k.swept()
	}
}
