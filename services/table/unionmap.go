// SPDX-License-Identifier: ISC

package table

import "strings"

// members are the tables that a unionmap or a pipemap asks one after the other.
type members struct {
	common
	tables []Table
}

func openMembers(e *Env, typ, name string, m Mode, f Flags) (*members, error) {
	if err := readOnly(typ, name, m); err != nil {
		return nil, err
	}
	refs, err := cutList(typ, name, "type:name")
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		if !strings.Contains(ref, ":") {
			return nil, badList(typ, name, "type:name")
		}
	}
	t := &members{common: common{env: e, ref: typ + ":" + name}}
	for _, ref := range refs {
		one, err := e.Open(ref, m, f)
		if err != nil {
			t.Close()
			return nil, err
		}
		t.tables = append(t.tables, one)
	}
	t.flags = t.tables[0].Flags() & (Fixed | Pattern)
	return t, nil
}

// members fold by themselves, unless the key is folded as UTF-8.
func (t *members) key(key string, f Flags) (folded string, ok bool) {
	if f&(UTF8Request|UTF8Active) == 0 {
		return key, true
	}
	return t.common.key(key, f)
}

// Changed says whether any of them has.
func (t *members) Changed() bool {
	for _, one := range t.tables {
		if c, ok := one.(Changer); ok && c.Changed() {
			return true
		}
	}
	return false
}

// Close closes all of them: none calls back then.
func (t *members) Close() {
	for _, one := range t.tables {
		one.Close()
	}
}

// walk is one request under way.
type walk struct {
	tables []Table // still to be asked
	f      Flags
	later  func(Answer)
	// step takes one member's answer: what to ask the next one for, and what to
	// answer if there is no next one. done says not to ask it.
	step func(Answer) (key string, a Answer, done bool)
}

// run asks members until one is not ready to answer.
func (w *walk) run(key string) Answer {
	for {
		one := w.tables[0]
		w.tables = w.tables[1:]
		a := one.Get(key, w.f, w.answered)
		if a.Status == Later {
			return a
		}
		var done bool
		if key, a, done = w.step(a); done || len(w.tables) == 0 {
			return a
		}
	}
}

// answered goes on when a member's answer has come in a turn of its own.
func (w *walk) answered(a Answer) {
	key, a, done := w.step(a)
	if !done && len(w.tables) > 0 {
		a = w.run(key)
	}
	if a.Status != Later {
		w.later(a)
	}
}

// unionmap answers with all that its members have, in their order.
type unionmap struct{ *members }

func openUnionmap(e *Env, name string, m Mode, f Flags) (Table, error) {
	t, err := openMembers(e, "unionmap", name, m, f)
	if err != nil {
		return nil, err
	}
	return unionmap{t}, nil
}

func (t unionmap) Get(key string, f Flags, later func(Answer)) Answer {
	key, ok := t.key(key, f)
	if !ok {
		return Answer{Status: NoKey}
	}
	all := Answer{Status: NoKey}
	w := &walk{tables: t.tables, f: f, later: later}
	w.step = func(a Answer) (string, Answer, bool) {
		switch {
		case a.Status == OK && all.Status == OK:
			all.Value += "," + a.Value
		case a.Status == OK:
			all = a
		case a.Status != NoKey:
			return "", Answer{Status: a.Status}, true
		}
		return key, all, false
	}
	return w.run(key)
}

// pipemap asks each member for what the one before has answered.
type pipemap struct{ *members }

func openPipemap(e *Env, name string, m Mode, f Flags) (Table, error) {
	t, err := openMembers(e, "pipemap", name, m, f)
	if err != nil {
		return nil, err
	}
	return pipemap{t}, nil
}

func (t pipemap) Get(key string, f Flags, later func(Answer)) Answer {
	key, ok := t.key(key, f)
	if !ok {
		return Answer{Status: NoKey}
	}
	w := &walk{tables: t.tables, f: f, later: later}
	w.step = func(a Answer) (string, Answer, bool) { return a.Value, a, a.Status != OK }
	return w.run(key)
}
