// SPDX-License-Identifier: ISC

package table

import (
	"strconv"
	"strings"
	"time"

	"postloop/cfg"
	"postloop/services/table/wire"
)

// writtenTable is a table in a file of Berkeley DB or LMDB that is opened to be
// written: hash:, btree: and lmdb:. A library writes it, in one process per table,
// which is asked one thing at a time, and is asked everything: this process does
// not open the file.
type writtenTable struct {
	*remote
	ring bool // behind the end is the beginning

	last    string // the key that Next returned last, as it is in the file
	walking bool   // there is one

	running bool // a worker is there, even if nobody asks it any more
	next    func()
}

// writerEnds is how long a worker has to come to the end of what it is doing. One
// that is killed may leave half a change in the file.
var writerEnds = patience{idle: 100 * time.Second, busy: 100 * time.Second}

// openWritten opens a table of that type. Its file need not be there, but the
// worker sees at once whether it can be.
func openWritten(e *Env, typ, name string, f Flags) (Table, error) {
	if typ == "lmdb" {
		f &^= OpenLock // several processes may write, and each access has its lock
	} else if err := oneLock(typ, name, f); err != nil {
		return nil, err
	}
	forms := f & (Try0Null | Try1Null)
	if forms == 0 {
		forms = Try0Null | Try1Null
	}
	t := &writtenTable{ring: typ == "lmdb"}
	settings := []string{
		"type", typ, "name", name, "path", name + "." + indexSuffix(typ), "hold", yes(f&OpenLock != 0),
		"null", yes(forms&Try1Null != 0), "plain", yes(forms&Try0Null != 0),
	}
	program, flags := "table-berkeley", Fixed|forms
	param, setting := "berkeley_db_read_buffer_size", "cache"
	if typ == "lmdb" {
		program, flags = "table-lmdb", flags|MultiWriter
		param, setting = "lmdb_map_size", "size"
	}
	main := e.Main
	if main == nil {
		main = cfg.NewMain("main.cf")
	}
	size, err := main.Int(param)
	if err != nil {
		return nil, err
	}
	p := e.workerPolicy(typ+":"+name, program, append(settings, setting, strconv.FormatInt(size, 10)))
	p.single = true
	if f&OpenLock != 0 {
		p.idle = 0 // it has the file locked
	}
	p.start = func() (fd int, end func(bool), err error) {
		fd, end, err = e.startWorker(program, typ+":"+name, writerEnds, t.left)
		t.running = err == nil
		return fd, end, err
	}
	p.after = t.afterOther
	t.remote = newRemote(e, typ, name, flags, []endpoint{{name: program}}, p)
	t.server.submit(wire.AppendList(nil, "open"), t.readOpened, func(Answer, error) {})
	return t, nil
}

// left is called when a worker is gone.
func (t *writtenTable) left() {
	t.running = false
	if next := t.next; next != nil {
		t.next = nil
		next()
	}
}

// afterOther has then called when there is no worker any more: never are there two.
func (t *writtenTable) afterOther(then func()) canceller {
	if !t.running {
		return nil
	}
	t.next = then
	return nextWorker{t}
}

// nextWorker is a worker that waits for the end of another.
type nextWorker struct{ t *writtenTable }

func (n nextWorker) cancel() { n.t.next = nil }

// readOpened reads whether the file could be opened. If not, it will be tried
// again.
func (t *writtenTable) readOpened(in []byte) verdict {
	n, status, lines, _, err := readWorker(in)
	for _, line := range lines {
		_, text, ok := strings.Cut(line, " is unavailable. ")
		if !ok {
			text = line
		}
		t.env.Log.Errorf("%s", text)
	}
	return verdict{n: n, answer: Answer{Status: status}, err: err}
}

// reply reads an answer. A file that cannot be read or written now is no server
// that had better be left alone.
func (t *writtenTable) reply(in []byte, found func(values []string) Answer) verdict {
	v := t.workerReply(in, found)
	v.down = false
	return v
}

// keyForms are the forms of keys that a request is about.
func keyForms(f Flags) string {
	var list []string
	if f&Try1Null != 0 {
		list = append(list, "null")
	}
	if f&Try0Null != 0 {
		list = append(list, "plain")
	}
	return strings.Join(list, " ")
}

// Get asks the worker.
func (t *writtenTable) Get(key string, f Flags, later func(Answer)) Answer {
	key, ok := t.key(key, f)
	if !ok || strings.IndexByte(key, 0) >= 0 { // the null byte is ours to add
		return Answer{Status: NoKey}
	}
	return t.ask(key, wire.AppendList(nil, "get", key, keyForms(f)), func(in []byte) verdict {
		return t.reply(in, func(values []string) Answer { return Answer{Value: strings.Join(values, "")} })
	}, nil, f, later)
}

// Put has the worker write.
func (t *writtenTable) Put(key, value string, f Flags, later func(Status)) Status {
	dup := "replace"
	switch {
	case f&DupReplace != 0:
	case f&DupIgnore != 0:
		dup = "ignore"
	case f&DupWarn != 0:
		dup = "warn"
	}
	value, _, _ = strings.Cut(value, "\x00")
	return t.change(key, f, func(key string) []byte { return wire.AppendList(nil, "put", key, value, keyForms(f), dup) }, later)
}

// Delete has the worker delete.
func (t *writtenTable) Delete(key string, f Flags, later func(Status)) Status {
	return t.change(key, f, func(key string) []byte { return wire.AppendList(nil, "delete", key, keyForms(f)) }, later)
}

// change sends a request that changes something after all that was asked about the
// key before.
func (t *writtenTable) change(key string, f Flags, request func(key string) []byte, later func(Status)) Status {
	key, ok := t.key(key, f)
	if !ok {
		return OK // as of something that nobody can ask for
	}
	if strings.IndexByte(key, 0) >= 0 {
		return NoKey
	}
	send := request(key)
	return t.lanes.do(key, false, len(key)+len(send), func(done func(Answer)) {
		t.server.submit(send, func(in []byte) verdict {
			return t.reply(in, func([]string) Answer { return Answer{} })
		}, func(a Answer, _ error) { done(a) })
	}, func(a Answer) { later(a.Status) }).Status
}

// Next goes on behind the key that it has returned last, whoever asks, whichever
// worker answers. Without one it begins; behind the end it ends again, or begins
// anew, as Postfix does.
func (t *writtenTable) Next(first bool, _ Flags, later func(Pair, Status)) (Pair, Status) {
	var pair Pair
	const lane = "\x00next" // which is no key
	s := t.lanes.do(lane, false, len(lane), func(done func(Answer)) {
		request := wire.AppendList(nil, "next", t.last)
		if first || !t.walking {
			request = wire.AppendList(nil, "first")
		}
		t.server.submit(request, func(in []byte) verdict {
			return t.reply(in, func(values []string) Answer {
				if len(values) != 2 {
					return Answer{Status: Retry}
				}
				t.last, t.walking = values[0], true
				key, _, _ := strings.Cut(values[0], "\x00")
				pair = Pair{key, values[1]}
				return Answer{}
			})
		}, func(a Answer, _ error) {
			if a.Status == NoKey && (t.ring || first) {
				t.walking = false
			}
			done(a)
		})
	}, func(a Answer) { later(pair, a.Status) }).Status
	return pair, s
}
