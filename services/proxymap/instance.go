// SPDX-License-Identifier: ISC

package proxymap

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"postloop/services/table"
)

// How soon a table that could not be opened is tried again: retryFirst later,
// but no more than a part of the time is spent on it.
const (
	retryFirst = time.Second
	retryPart  = 10
)

// instance is a table as clients see it: whatever becomes of its files, it is
// there.
type instance struct {
	r     *registry
	id    identity
	ref   string
	flags table.Flags // to open it with

	now    *handle   // that answers; nil: none does
	reason string    // why there is none, or none that is newer
	retry  time.Time // not to be opened before
	turn   uint64    // in which it was last looked at
	asked  time.Time // when somebody last wanted something of it
}

// handle is an open table. What is remembered of its answers goes with it: that
// of one that is opened anew is empty.
type handle struct {
	t     table.Table
	cache *cache // nil: nothing is remembered
	due   int    // answers
	old   bool   // there is a newer one
}

// settle is called when an answer has come.
func (h *handle) settle() {
	h.due--
	h.release()
}

// release closes an old table that owes no answer.
func (h *handle) release() {
	if h.old && h.due == 0 {
		h.t.Close()
	}
}

// close lets go of the table, or has that done when all answers are given.
func (i *instance) close() {
	if i.now != nil {
		i.now.old = true
		i.now.release()
	}
}

// current returns what is to be asked, which is up to date. nil says that there
// is nothing.
func (i *instance) current() *handle {
	turn := i.r.env.Loop.Stats().Turns
	if turn == i.turn {
		return i.now
	}
	i.turn = turn
	if i.now != nil {
		if c, ok := i.now.t.(table.Changer); !ok || !c.Changed() {
			return i.now
		}
	}
	i.openAnew()
	return i.now
}

// wanted has a table that could not be opened be opened as somebody else wants it,
// at once: it may have been the flags.
func (i *instance) wanted(flags table.Flags) {
	i.flags = flags
	i.turn, i.retry = 0, time.Time{}
}

// openAnew opens the table, or says why it cannot.
func (i *instance) openAnew() {
	began := i.r.env.Loop.Now()
	if began.Before(i.retry) {
		return
	}
	clock := time.Now()
	t, err := i.open()
	if err != nil {
		i.retry = began.Add(max(retryFirst, retryPart*time.Since(clock)))
		if text := err.Error(); text != i.reason {
			i.reason = text
			i.r.env.Log.Errorf("%s", text)
			if i.now != nil {
				i.r.env.Log.Warnf("table %s has changed -- its old content stays in use", i.name())
			} else if i.r.broken != nil {
				i.r.broken(err)
			}
		}
		return
	}
	switch {
	case i.now != nil:
		i.r.env.Log.Infof("table %s has changed -- opened anew", i.name())
		i.close()
	case i.reason != "":
		i.r.env.Log.Infof("table %s is available now", i.name())
	}
	i.now, i.reason = &handle{t: t, cache: i.r.cache(i.ref)}, ""
}

// open opens the table for what this process is for.
func (i *instance) open() (table.Table, error) {
	t, err := i.r.open(i.ref, i.r.mode, i.flags)
	if err != nil || i.r.mode == table.ReadOnly {
		return t, err
	}
	// static tables are opened for writing by Postfix, too, and never written.
	if _, ok := t.(table.Writer); !ok && !strings.HasPrefix(i.ref, "static:") {
		t.Close()
		return nil, fmt.Errorf("%s map requires O_RDONLY access mode", i.ref)
	}
	return t, nil
}

// name is what the table is called in the log.
func (i *instance) name() string {
	if !i.id.newer {
		return fmt.Sprintf("%s:%s", i.ref, i.id.flags&^(wishes|implementation|utf8Flags))
	}
	return fmt.Sprintf("%s(%o,%s)", i.ref, 0, i.id.flags)
}

// properties are the flags of the table itself. One that nobody can open is a
// pattern, of whose keys no parts are asked for.
func (i *instance) properties(newer bool) table.Flags {
	h := i.current()
	switch {
	case h != nil:
		return h.t.Flags()
	case newer:
		return table.Pattern | table.Surrogate
	}
	return table.Pattern
}

// errUnsupported is why a table cannot do what it is asked to.
var errUnsupported = errors.New("operation is not supported")

// unavailable logs that there is no table.
func (i *instance) unavailable() {
	i.r.env.Log.Warnf("%s is unavailable. %s", i.ref, i.reason)
}

// unsupported logs that the table cannot do something.
func (i *instance) unsupported(what string) {
	i.r.env.Log.Warnf("table %s: %s %s", i.ref, what, errUnsupported)
}

// get is table.Table's.
func (i *instance) get(key string, f table.Flags, later func(table.Answer)) table.Answer {
	h := i.current()
	if h == nil {
		i.unavailable()
		return table.Answer{Status: table.Retry}
	}
	if h.cache != nil {
		return i.getCached(h, key, f, later)
	}
	a := h.t.Get(key, f, func(a table.Answer) { h.settle(); later(a) })
	h.await(a.Status)
	return a
}

// getCached is get for a table whose answers are remembered: those that it has
// to wait for. What comes at once is not worth it, and may be out of date with
// the next request.
func (i *instance) getCached(h *handle, key string, f table.Flags, later func(table.Answer)) table.Answer {
	if a, ok := h.cache.get(key, f, i.r.env.Loop.Now()); ok {
		return a
	}
	a := h.t.Get(key, f, func(a table.Answer) {
		h.cache.put(key, f, i.r.env.Loop.Now(), a)
		h.settle()
		later(a)
	})
	h.await(a.Status)
	return a
}

// await counts an answer that comes later.
func (h *handle) await(s table.Status) {
	if s == table.Later {
		h.due++
	}
}

// put is table.Writer's.
func (i *instance) put(key, value string, f table.Flags, later func(table.Status)) table.Status {
	w, h, s := i.writer("update")
	if w != nil {
		s = w.Put(key, value, f, func(s table.Status) { h.settle(); later(s) })
		h.await(s)
	}
	return s
}

// remove is table.Writer's Delete.
func (i *instance) remove(key string, f table.Flags, later func(table.Status)) table.Status {
	w, h, s := i.writer("delete")
	if w != nil {
		s = w.Delete(key, f, func(s table.Status) { h.settle(); later(s) })
		h.await(s)
	}
	return s
}

// writer returns the table if it can be written, or else the status of who
// wants to.
func (i *instance) writer(what string) (table.Writer, *handle, table.Status) {
	h := i.current()
	if h == nil {
		i.unavailable()
		return nil, nil, table.Retry
	}
	w, ok := h.t.(table.Writer)
	if !ok {
		i.unsupported(what)
		return nil, nil, table.Config
	}
	return w, h, table.OK
}

// next is table.Walker's.
func (i *instance) next(first bool, f table.Flags, later func(table.Pair, table.Status)) (table.Pair, table.Status) {
	h := i.current()
	if h == nil {
		i.unavailable()
		return table.Pair{}, table.Retry
	}
	w, ok := h.t.(table.Walker)
	if !ok {
		i.unsupported("sequence")
		return table.Pair{}, table.Config
	}
	p, s := w.Next(first, f, func(p table.Pair, s table.Status) { h.settle(); later(p, s) })
	h.await(s)
	return p, s
}
