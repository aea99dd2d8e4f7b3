// SPDX-License-Identifier: ISC

package proxymap

import (
	"strings"
	"time"

	"postloop/services/table"
)

// cache remembers what a table has answered. When it is full, what nobody has
// asked for longest goes first.
type cache struct {
	limits CacheLimits
	used   int // bytes
	byKey  map[cacheKey]*entry
	ring   entry // of which newer is the oldest entry, and older the newest
}

// cacheKey is what an answer depends on.
type cacheKey struct {
	key   string
	flags table.Flags
}

type entry struct {
	cacheKey
	answer       table.Answer
	until        time.Time
	newer, older *entry // by when they were asked for last
}

const (
	// answering are the flags of a request that the answer depends on.
	answering = table.FoldFix | table.FoldMul | utf8Flags
	// entryBytes is what an entry costs, besides its key and value.
	entryBytes = 256
)

// newCache makes a cache, or none where nothing would be remembered.
func newCache(limits CacheLimits) *cache {
	if limits.Positive <= 0 && limits.Negative <= 0 || limits.Size <= entryBytes {
		return nil
	}
	c := &cache{limits: limits, byKey: map[cacheKey]*entry{}}
	c.ring.newer, c.ring.older = &c.ring, &c.ring
	return c
}

// get returns what the answer was, if that is remembered.
func (c *cache) get(key string, f table.Flags, now time.Time) (a table.Answer, ok bool) {
	e := c.byKey[cacheKey{key, f & answering}]
	if e == nil {
		return a, false
	}
	if !now.Before(e.until) {
		c.remove(e)
		return a, false
	}
	e.unlink()
	c.link(e)
	return e.answer, true
}

// put remembers an answer that has come now, if it is one that will be right for
// a while.
func (c *cache) put(key string, f table.Flags, now time.Time, a table.Answer) {
	var keep time.Duration
	switch a.Status {
	case table.OK:
		keep = c.limits.Positive
	case table.NoKey:
		keep = c.limits.Negative
	case table.Retry, table.Config, table.Later:
	}
	size := entryBytes + len(key) + len(a.Value)
	if keep <= 0 || size > c.limits.Size {
		return
	}
	k := cacheKey{strings.Clone(key), f & answering} // it may be a part of something larger
	if e := c.byKey[k]; e != nil {
		c.remove(e)
	}
	for c.used+size > c.limits.Size {
		c.remove(c.ring.newer)
	}
	a.Value = strings.Clone(a.Value)
	e := &entry{cacheKey: k, answer: a, until: now.Add(keep)}
	c.byKey[k] = e
	c.link(e)
	c.used += size
}

func (c *cache) remove(e *entry) {
	e.unlink()
	delete(c.byKey, e.cacheKey)
	c.used -= entryBytes + len(e.key) + len(e.answer.Value)
}

// link makes e the newest.
func (c *cache) link(e *entry) {
	e.newer, e.older = &c.ring, c.ring.older
	e.newer.older, e.older.newer = e, e
}

func (e *entry) unlink() { e.newer.older, e.older.newer = e.older, e.newer }
