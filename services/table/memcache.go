// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"
	"math"
	"time"

	"postloop/services/table/cf"
	"postloop/services/table/wire"
)

// memcacheTable is a memcache: table. Where it has a backup, that is the
// truth, and the server a cache of it: what one is told, the other is told, and
// what the backup says counts.
type memcacheTable struct {
	*remote
	keyed
	backup     Table // nil: none
	format     *cf.Template
	ttl, marks int
	limits     wire.MemcacheLimits
}

// openMemcache opens memcache:/path/file, or with parameters in main.cf
// memcache:name. The server need not be there, but the backup must.
func openMemcache(e *Env, name string, m Mode, f Flags) (Table, error) {
	if f&NoUnauth != 0 {
		return nil, fmt.Errorf("memcache:%s map is not allowed for security-sensitive data", name)
	}
	k, err := e.openKeyed(name)
	if err != nil {
		return nil, err
	}
	t := &memcacheTable{keyed: k}
	if err := t.open(e, name, m, f); err != nil {
		k.domains.close()
		return nil, err
	}
	return t, nil
}

func (t *memcacheTable) open(e *Env, name string, m Mode, f Flags) error {
	var errs [10]error
	var timeout, tries, pause int
	var where, backup string
	where, errs[0] = t.String("memcache", "inet:localhost:11211", 0)
	backup, errs[1] = t.String("backup", "", 0)
	t.format, errs[2] = t.Query("key_format", "%s")
	t.marks, errs[3] = t.Int("flags", 0, math.MinInt32)
	t.ttl, errs[4] = t.Int("ttl", 3600, math.MinInt32)
	timeout, errs[5] = t.Int("timeout", 2, 0)
	tries, errs[6] = t.Int("max_try", 2, 1)
	pause, errs[7] = t.Int("retry_pause", 1, 1)
	t.limits.Line, errs[8] = t.Int("line_size_limit", 1024, 1)
	t.limits.Data, errs[9] = t.Int("data_size_limit", 10240, 1)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	to, err := parseEndpoint(where)
	if err != nil {
		return err
	}
	if backup != "" {
		if t.backup, err = e.Open(backup, m, f); err != nil {
			return err
		}
	}
	try := seconds(max(timeout, 1))
	t.remote = newRemote(e, "memcache", name, Fixed|MultiWriter, []endpoint{to}, policy{
		tries: tries, pause: seconds(pause), timeout: try,
		deadline: time.Duration(tries)*try + seconds(pause*(tries-1)),
		input:    t.limits.Line + t.limits.Data + len("\r\n\r\nEND\r\n"),
		unreachable: func(err error) {
			e.Log.Warnf("connect to %s: %s", to.name, reason(err))
		},
		broken: func(err error) {
			switch {
			case errors.Is(err, errEOF):
				e.Log.Warnf("%s: EOF receiving memcache server reply", name)
			case reason(err) != err.Error():
				e.Log.Warnf("database memcache:%s: I/O error: %s", name, reason(err))
			default:
				e.Log.Warnf("%s: %s", name, err)
			}
		},
	})
	return nil
}

// Close closes the backup, too.
func (t *memcacheTable) Close() {
	t.remote.Close()
	t.domains.close()
	if t.backup != nil {
		t.backup.Close()
	}
}

// Changed reports whether the settings, or the backup's files, are others.
func (t *memcacheTable) Changed() bool {
	if t.keyed.Changed() {
		return true
	}
	c, ok := t.backup.(Changer)
	return ok && c.Changed()
}

// Get asks the server, and then the backup, whose answer the server is told.
func (t *memcacheTable) Get(key string, f Flags, later func(Answer)) Answer {
	key, ok := t.key(key, f)
	if !ok {
		return Answer{Status: NoKey}
	}
	return t.get(key, len(key), f, func(done func(Answer)) {
		t.place("lookup", key, done, func(at string) {
			t.server.submit(wire.AppendMemcacheGet(nil, at), t.readValue(at), func(a Answer, _ error) {
				if a.Status == OK || t.backup == nil {
					done(a)
					return
				}
				t.fetch(at, key, f, a.Status == NoKey, done)
			})
		})
	}, later)
}

// fetch asks the backup, and has the server, if it is there, remember what it
// says before anybody can change it.
func (t *memcacheTable) fetch(at, key string, f Flags, there bool, done func(Answer)) {
	next := func(a Answer) {
		if a.Status != OK || !there {
			done(a)
			return
		}
		t.store(at, key, a.Value, func(Status) { done(a) })
	}
	if a := t.backup.Get(key, f, next); a.Status != Later {
		next(a)
	}
}

// Put tells the server, and then the backup.
func (t *memcacheTable) Put(key, value string, f Flags, later func(Status)) Status {
	key, ok := t.key(key, f)
	if !ok {
		return OK // as if it were done: see Postfix's treatment of what is not UTF-8
	}
	return t.change("update", key, len(value), later, func(at string, done func(Status)) {
		t.store(at, key, value, func(s Status) {
			t.decide(s, done, func(w Writer) Status { return w.Put(key, value, f, done) })
		})
	})
}

// Delete tells the server, and then the backup.
func (t *memcacheTable) Delete(key string, f Flags, later func(Status)) Status {
	key, ok := t.key(key, f)
	if !ok {
		return OK
	}
	return t.change("delete", key, 0, later, func(at string, done func(Status)) {
		t.erase(at, func(s Status) {
			t.decide(s, done, func(w Writer) Status { return w.Delete(key, f, done) })
		})
	})
}

// change runs a change of key after all that was asked about it before.
func (t *memcacheTable) change(what, key string, size int, later func(Status), run func(at string, done func(Status))) Status {
	return t.lanes.do(key, false, len(key)+size, func(done func(Answer)) {
		t.place(what, key, done, func(at string) {
			run(at, func(s Status) { done(Answer{Status: s}) })
		})
	}, func(a Answer) { later(a.Status) }).Status
}

// decide has the backup say how a change has ended, or the server where there
// is no backup.
func (t *memcacheTable) decide(server Status, done func(Status), change func(Writer) Status) {
	if t.backup == nil {
		done(server)
		return
	}
	w, ok := t.backup.(Writer)
	if !ok {
		t.env.Log.Warnf("table memcache:%s: its backup cannot be changed", t.name)
		done(Config)
		return
	}
	if s := change(w); s != Later {
		done(s)
	}
}

// Next is the backup's: a server does not tell what it has.
func (t *memcacheTable) Next(first bool, f Flags, later func(Pair, Status)) (Pair, Status) {
	if w, ok := t.backup.(Walker); ok {
		return w.Next(first, f, later)
	}
	t.env.Log.Warnf("database memcache:%s: first/next support requires backup database", t.name)
	return Pair{}, NoKey
}

// place finds where the server has a key, and goes on with that; or else it is
// done.
func (t *memcacheTable) place(what, key string, done func(Answer), next func(at string)) {
	skip := func(why string) {
		if what != "lookup" {
			t.env.Log.Warnf("%s: skipping %s for name \"%s\": %s", t.name, what, key, why)
		}
		done(Answer{Status: NoKey})
	}
	matched := func(s Status) {
		switch s {
		case OK:
			at, ok := t.format.Query(key, nil)
			switch {
			case !ok || at == "":
				skip("empty expansion")
			case !wire.MemcacheKey(at):
				skip("name contains space")
			default:
				next(at)
			}
		case NoKey:
			skip("domain mismatch")
		case Retry, Config, Later:
			done(Answer{Status: Retry})
		}
	}
	if s := t.domains.match(key, matched); s != Later {
		matched(s)
	}
}

// readValue reads the reply to a get.
func (t *memcacheTable) readValue(at string) func(in []byte) verdict {
	return func(in []byte) verdict {
		n, value, found, err := wire.MemcacheValue(in, at, t.limits)
		switch {
		case err != nil || n == 0:
			return verdict{err: err}
		case !found:
			return verdict{n: n, answer: Answer{Status: NoKey}}
		}
		return verdict{n: n, answer: Answer{Value: value}}
	}
}

// store has the server remember a value. One that it could not give back to us
// is taken from it: what it had before is not to stay.
func (t *memcacheTable) store(at, key, value string, done func(Status)) {
	if len(value) > t.limits.Data {
		t.env.Log.Warnf("database memcache:%s: data for key %s is too long (%s=%d) -- not stored", t.name, key, "data_size_limit", t.limits.Data)
		t.erase(at, func(Status) { done(NoKey) })
		return
	}
	t.server.submit(wire.AppendMemcacheSet(nil, at, value, t.marks, t.ttl), t.readWord("STORED", ""), func(a Answer, _ error) {
		done(a.Status)
	})
}

// erase has the server forget a key.
func (t *memcacheTable) erase(at string, done func(Status)) {
	t.server.submit(wire.AppendMemcacheDelete(nil, at), t.readWord("DELETED", "NOT_FOUND"), func(a Answer, _ error) {
		done(a.Status)
	})
}

// readWord reads a reply of one word, which says that something was done, or
// that there was nothing to do.
func (t *memcacheTable) readWord(was, wasNot string) func(in []byte) verdict {
	return func(in []byte) verdict {
		n, line, err := wire.MemcacheLine(in, t.limits)
		switch {
		case err != nil || n == 0:
			return verdict{err: err}
		case string(line) == was:
			return verdict{n: n}
		case wasNot != "" && string(line) == wasNot:
			return verdict{n: n, answer: Answer{Status: NoKey}}
		}
		return verdict{err: fmt.Errorf("unexpected memcache server reply: %.30s", line)}
	}
}
