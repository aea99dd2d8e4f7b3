// SPDX-License-Identifier: ISC

package proxymap

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postloop/services/table"
)

// Groups of flags that the older dialect knows, and the paranoid ones, which
// say what a table must not be.
const (
	implementation = table.Fixed | table.Pattern | table.MultiWriter
	paranoid       = table.NoRegSub | table.NoProxy | table.NoUnauth
	wishes         = table.FoldFix | table.FoldMul | table.Lock | table.DupReplace | table.DupWarn | table.DupIgnore |
		table.SyncUpdate | paranoid | table.UTF8Request
	utf8Flags = table.UTF8Request | table.UTF8Active
)

// registry holds the tables that are open. One is shared by all clients that
// want it alike, and stays open until the process ends.
type registry struct {
	env    *table.Env
	open   func(ref string, m table.Mode, f table.Flags) (table.Table, error) // table.Env's
	mode   table.Mode
	utf8   bool               // smtputf8_enable
	broken func(reason error) // is told what cannot be opened; nil: nobody is

	settings func(ref string) Settings // of the table of that name

	tables map[identity]*instance
}

// cache makes the cache of a table, or none. What is written is not remembered:
// who has changed something wants to see that. Nor is what is in files that are
// written in place: they are waited for only while somebody does that, which makes
// no other table of them.
func (r *registry) cache(ref string) *cache {
	typ, _, _ := strings.Cut(ref, ":")
	if r.mode != table.ReadOnly || slices.Contains([]string{"btree", "hash", "lmdb"}, typ) {
		return nil
	}
	return newCache(r.settings(ref).Cache)
}

// identity is what makes a table one of its own.
type identity struct {
	ref   string
	newer bool
	flags table.Flags
}

// close closes all tables. One that owes an answer is closed when it has given
// that.
func (r *registry) close() {
	for _, i := range r.tables {
		i.close()
	}
	clear(r.tables)
}

// find returns the table that a request is about.
//
// A table that is written to is one for all, whatever their flags: two that
// lock the same file would wait for each other for ever.
func (r *registry) find(q *request) *instance {
	id := identity{ref: q.table}
	var flags table.Flags
	switch {
	case q.newer:
		flags = r.active(q.instance, q.instance)
		id.newer, id.flags = true, q.instance
	default:
		flags = r.older(q)
		id.flags = flags
	}
	if r.mode == table.ReadWrite {
		id = identity{ref: q.table}
	}
	i := r.tables[id]
	if i == nil {
		i = &instance{r: r, ref: q.table, flags: flags, id: id}
		if r.makeRoom(q.table) {
			r.tables[id] = i
		} else { // for this request
			i.reason = fmt.Sprintf("it is open in %d ways, with other flags, already", maxWays)
			i.retry = r.env.Loop.Now().Add(wayTime)
		}
	} else if i.now == nil && i.flags != flags { // which is one for all
		i.wanted(flags)
	}
	i.asked = r.env.Loop.Now()
	return i
}

// In how many ways, which is with how many sets of flags, one table may be open,
// and how long it takes until one that nobody asks for makes room for another.
// Postfix's programs have few of them. A client could think of millions, and each
// may be a copy of the table.
const (
	maxWays = 16
	wayTime = time.Minute
)

// makeRoom reports whether one more way to open a table is allowed.
func (r *registry) makeRoom(ref string) bool {
	ways := 0
	var oldest *instance
	for id, i := range r.tables {
		if id.ref != ref {
			continue
		}
		ways++
		if oldest == nil || i.asked.Before(oldest.asked) {
			oldest = i
		}
	}
	switch {
	case ways < maxWays:
		return true
	case r.env.Loop.Now().Sub(oldest.asked) < wayTime:
		return false
	}
	oldest.close()
	delete(r.tables, oldest.id)
	return true
}

// older guesses the flags with which a client of the older dialect would have
// opened the table itself.
//
// It opens with some of them, and sends the others with each request. Those
// that say what a table must not be are taken from there, though that makes
// another table of it. Folding is not said: a client folds the key before it
// sends it. So a table that folds while it is loaded has to. If a key has come
// that is not folded, the client does not, and its table is another one.
func (r *registry) older(q *request) table.Flags {
	f := q.flags&^wishes | q.flags&paranoid | table.FoldFix
	if q.flags&table.FoldFix == 0 {
		as := r.active(table.FoldFix, table.UTF8Request)
		if folded, ok := table.Fold(q.key, as, table.Fixed); ok && folded != q.key && r.isFixed(q.table, r.active(f, table.UTF8Request)) {
			f &^= table.FoldFix
		}
	}
	return r.active(f, table.UTF8Request)
}

// isFixed reports whether a table is open, in that way, that has strings as
// keys: the others get them as they are from everybody.
func (r *registry) isFixed(ref string, f table.Flags) bool {
	i := r.tables[identity{ref: ref, flags: f}]
	return i != nil && i.now != nil && i.now.t.Flags()&table.Fixed != 0
}

// active returns f, in which keys and values are UTF-8 if asked has the wish and
// the configuration does not say no.
func (r *registry) active(f, asked table.Flags) table.Flags {
	f &^= utf8Flags
	if r.utf8 && asked&table.UTF8Request != 0 {
		f |= table.UTF8Active
	}
	return f
}
