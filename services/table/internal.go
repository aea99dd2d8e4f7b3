// SPDX-License-Identifier: ISC

package table

import "container/list"

// internal is a table in the memory of this process, empty at first.
type internal struct {
	common
	pairs *list.List // of *Pair, in the order of their coming
	byKey map[string]*list.Element
	last  *list.Element // what Next has returned; nil: nothing yet
}

func openInternal(e *Env, name string, _ Mode, _ Flags) (Table, error) {
	return &internal{common: common{e, "internal:" + name, Fixed}, pairs: list.New(), byKey: map[string]*list.Element{}}, nil
}

func (t *internal) Get(key string, f Flags, _ func(Answer)) Answer {
	key, ok := t.key(key, f)
	if !ok {
		return Answer{Status: NoKey}
	}
	at, ok := t.byKey[key]
	if !ok {
		return Answer{Status: NoKey}
	}
	return t.answer(key, at.Value.(*Pair).Value, f)
}

// Put replaces a value unless f says otherwise, as the original does.
func (t *internal) Put(key, value string, f Flags, _ func(Status)) Status {
	key, ok := t.key(key, f)
	if !ok {
		return OK // as of something that nobody can ask for
	}
	at, ok := t.byKey[key]
	switch {
	case !ok:
		t.byKey[key] = t.pairs.PushBack(&Pair{key, value})
	case f&DupReplace != 0 || f&(DupIgnore|DupWarn) == 0:
		at.Value.(*Pair).Value = value
	default:
		if f&DupIgnore == 0 {
			t.env.Log.Warnf("%s: duplicate entry: \"%s\"", t.ref, key)
		}
		return NoKey
	}
	return OK
}

func (t *internal) Delete(key string, f Flags, _ func(Status)) Status {
	key, ok := t.key(key, f)
	if !ok {
		return OK
	}
	at, ok := t.byKey[key]
	if !ok {
		return NoKey
	}
	if t.last == at {
		t.last = at.Prev()
	}
	t.pairs.Remove(at)
	delete(t.byKey, key)
	return OK
}

func (t *internal) Next(first bool, _ Flags, _ func(Pair, Status)) (Pair, Status) {
	at := t.pairs.Front()
	if !first && t.last != nil {
		at = t.last.Next()
	}
	if at == nil {
		return Pair{}, NoKey
	}
	t.last = at
	return *at.Value.(*Pair), OK
}
