// SPDX-License-Identifier: ISC

package table

// index finds the values of a table that is wholly in memory.
type index struct {
	flags Flags // of the table's opening: how it folds and what it does with duplicates
	pairs []Pair
	byKey map[string]int // an index of pairs, by the folded key

	// Whoever asks may want keys folded that the table was opened without:
	// a client of Postfix up to 3.10 says so only when it asks.
	folded map[Flags]map[string]int

	last int // what Next has returned, plus one
}

func newIndex(f Flags) index { return index{flags: f, byKey: map[string]int{}} }

// expect makes room for that many pairs.
func (x *index) expect(n int) {
	x.pairs, x.byKey = make([]Pair, 0, n), make(map[string]int, n)
}

// foldKind is the same for all flags that fold in the same way, and 0 if they
// do not.
func foldKind(f Flags) Flags {
	switch {
	case f&FoldFix == 0:
		return 0
	case f&(UTF8Request|UTF8Active) == 0:
		return FoldFix
	}
	return FoldFix | UTF8Request
}

// put adds a pair; dup says that there is one with that key already, which is
// replaced if replace says so.
func (x *index) put(key, value string, replace bool) (folded string, dup bool) {
	key, ok := Fold(key, x.flags, Fixed)
	if !ok {
		return key, false // nobody can ask for it
	}
	if at, dup := x.byKey[key]; dup {
		if replace {
			x.pairs[at].Value = value
		}
		return key, true
	}
	x.byKey[key] = len(x.pairs)
	x.pairs = append(x.pairs, Pair{key, value})
	return key, false
}

// get returns the value of a key that was folded as f says.
func (x *index) get(key string, f Flags) (value string, ok bool) {
	byKey := x.byKey
	if kind := foldKind(f); kind != 0 && kind != foldKind(x.flags) {
		byKey = x.foldAs(kind)
	}
	at, ok := byKey[key]
	if !ok {
		return "", false
	}
	return x.pairs[at].Value, true
}

// foldAs returns an index of the keys folded in that way; of those that become
// the same, the first counts, or the last if the table was opened so.
func (x *index) foldAs(kind Flags) map[string]int {
	if byKey := x.folded[kind]; byKey != nil {
		return byKey
	}
	byKey := make(map[string]int, len(x.pairs))
	for i, pair := range x.pairs {
		key, ok := Fold(pair.Key, kind, Fixed)
		if _, dup := byKey[key]; ok && (!dup || x.flags&DupReplace != 0) {
			byKey[key] = i
		}
	}
	if x.folded == nil {
		x.folded = map[Flags]map[string]int{}
	}
	x.folded[kind] = byKey
	return byKey
}

// next is Next of a Walker.
func (x *index) next(first bool) (Pair, Status) {
	if first {
		x.last = 0
	}
	if x.last == len(x.pairs) {
		return Pair{}, NoKey
	}
	x.last++
	return x.pairs[x.last-1], OK
}
