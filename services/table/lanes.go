// SPDX-License-Identifier: ISC

package table

import (
	"time"

	"postloop/loop"
)

// lanes keep the requests about one key in their order, one after the other,
// and those about different keys apart. Lookups of one key that wait for the
// same thing share the answer; one that comes after a change does not share
// that of one from before it.
type lanes struct {
	e     *Env
	limit time.Duration // on waiting for the requests before
	most  int           // requests that may wait
	full  func()        // logs that there are too many

	byKey   map[string]*lane
	waiting int // requests
	bytes   int // of them
	warned  bool
	closed  bool
}

// maxWaitingBytes is how much may wait for one table.
const maxWaitingBytes = 16 << 20

// lane is what is to be done about a key; the first is being done.
type lane struct{ ops []*op }

type op struct {
	lookup bool
	size   int
	start  func(done func(Answer))
	laters []func(Answer)
	expire *loop.Timer
	inTurn bool   // start is running, in the turn of the request
	over   bool   // and has been answered
	answer Answer // if so
}

func newLanes(e *Env, limit time.Duration, most int, full func()) *lanes {
	return &lanes{e: e, limit: limit, most: most, full: full, byKey: map[string]*lane{}}
}

// do has start called when all before it that is about key is done. What start
// gives to done, in its turn or later, is the answer: returned or given to
// later, as Table.Get has it. size is what it costs to remember the request.
func (ls *lanes) do(key string, lookup bool, size int, start func(done func(Answer)), later func(Answer)) Answer {
	ln := ls.byKey[key]
	if ls.waiting >= ls.most || ls.bytes+size > maxWaitingBytes {
		if !ls.warned {
			ls.warned = true
			ls.full()
		}
		return Answer{Status: Retry}
	}
	if ln != nil && lookup {
		if last := ln.ops[len(ln.ops)-1]; last.lookup && !last.inTurn {
			last.laters = append(last.laters, later)
			last.size += size
			ls.waiting++
			ls.bytes += size
			return Answer{Status: Later}
		}
	}
	o := &op{lookup: lookup, size: size, start: start, laters: []func(Answer){later}}
	ls.waiting++
	ls.bytes += size
	if ln != nil {
		ln.ops = append(ln.ops, o)
		o.expire = ls.e.Loop.After(ls.limit, func() { ls.expired(key, o) })
		return Answer{Status: Later}
	}
	ls.byKey[key] = &lane{ops: []*op{o}}
	o.inTurn = true
	ls.begin(key, o)
	o.inTurn = false
	if o.over {
		return o.answer
	}
	return Answer{Status: Later}
}

func (ls *lanes) begin(key string, o *op) {
	o.expire.Stop()
	o.start(func(a Answer) { ls.end(key, o, a) })
}

// end gives an answer to those who wait for it, and begins what comes next.
func (ls *lanes) end(key string, o *op, a Answer) {
	if ls.closed || o.over {
		return
	}
	o.over, o.answer = true, a
	ln := ls.byKey[key]
	ln.ops = ln.ops[1:]
	if len(ln.ops) == 0 {
		delete(ls.byKey, key)
	} else {
		ls.begin(key, ln.ops[0])
	}
	ls.tell(o, a)
}

// expired gives up a request that waits for others.
func (ls *lanes) expired(key string, o *op) {
	ln := ls.byKey[key]
	for i := range ln.ops {
		if ln.ops[i] == o {
			ln.ops = append(ln.ops[:i], ln.ops[i+1:]...)
			break
		}
	}
	o.over = true
	ls.tell(o, Answer{Status: Retry})
}

func (ls *lanes) tell(o *op, a Answer) {
	ls.waiting -= len(o.laters)
	ls.bytes -= o.size
	if ls.waiting < max(ls.most/2, 1) && ls.bytes < maxWaitingBytes/2 {
		ls.warned = false
	}
	if o.inTurn {
		return
	}
	for _, later := range o.laters {
		if ls.closed {
			return
		}
		later(a)
	}
}

// close forgets everything. Nobody is answered.
func (ls *lanes) close() {
	ls.closed = true
	for _, ln := range ls.byKey {
		for _, o := range ln.ops {
			o.expire.Stop()
		}
	}
	clear(ls.byKey)
}
