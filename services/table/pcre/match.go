// SPDX-License-Identifier: ISC

package pcre

import "strings"

const (
	maxSteps = 4 << 20
	maxStack = 1 << 20 // entries
	maxCalls = 5000    // within one another
	// From so many steps on what has been tried is remembered, in at most so
	// many bits. That changes nothing but the time.
	fewSteps = 1 << 13
	maxTried = 32 << 20
	// From so many steps on a run is not made as short as another that ended at
	// the same place has been, or will be. Groups may then be others than PCRE2 would find,
	// which has given up by then or is about to.
	manySteps = 1 << 20
	// A larger stack is not kept for the next match.
	keptStack = 64
)

// Match reports whether s, or what is before a null byte in it, matches.
func (re *Regexp) Match(s string) (bool, error) { return re.run(cString(s)) }

// Find returns where the match and its groups begin and end, two numbers for
// each, -1 for a group that takes no part. It returns nil if s does not match.
func (re *Regexp) Find(s string) ([]int, error) {
	ok, err := re.run(cString(s))
	if !ok {
		return nil, err
	}
	m := make([]int, 2*re.groups+2)
	for i := range m {
		m[i] = int(re.m.slots[i])
	}
	return m, nil
}

func cString(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

// machine runs a program.
//
// slots holds where groups begin and end, then where those that are open began,
// then what loops have to remember.
type machine struct {
	s     string
	steps int
	slots []int32
	stack []entry
	call  *call
	tried []uint64
	runs  map[run]int32 // how short they were made, or will be
}

// run is one of an instruction, by where it ended first.
type run struct{ pc, end int32 }

// entry is something to try if all else fails, to put back before that, or a
// mark in the stack.
type entry struct {
	kind entryKind
	pc   int32
	pos  int32
	n    int32
	call *call
}

type entryKind uint8

const (
	// To try.
	tryAt   entryKind = iota // go on at pc, from pos; n are the alternatives
	tryLess                  // go on at pc, with a run that ends before pos, but not before n
	tryMore                  // go on behind pc, a run that ends at pos, with one more; n are left
	// To put back.
	putSlot // slot n was pos
	putCall // the call was another one, and if pc is 1 slots were those in it
	// Marks.
	markLook   // n begins at pos; pc is where to go if it fails, or -1
	markAtomic // n begins
	markCall   // call begins
	markThens  // alternatives n begin
	markName   // the (*MARK) of instruction pc was passed at pos
	markVerb   // the verb of instruction pc was passed at pos, within call
)

// call is a call of a group as a subroutine.
type call struct {
	group, back int32 // which one, and where to go on
	pos         int32
	slots       []int32 // as they were
	outer       *call
	depth       int
}

// verdict is how an attempt at one place ended.
type verdict int

const (
	matched verdict = iota
	failed
	committed // no other place is to be tried
	skipped   // the next place is in pos
	gaveUp
)

// run matches s.
func (re *Regexp) run(s string) (bool, error) {
	m := &re.m
	m.s, m.steps = s, 0
	if m.slots == nil {
		m.slots = make([]int32, re.slots)
	}
	defer func() {
		m.s, m.call, m.tried, m.runs = "", nil, nil, nil
		if cap(m.stack) > keptStack {
			m.stack = nil
		}
	}()
	for start := 0; start <= len(s); {
		if re.first != nil {
			for start < len(s) && !re.first.has(s[start]) && !re.anchored {
				start++
			}
			if start == len(s) || !re.first.has(s[start]) {
				return false, nil
			}
		}
		switch v, next, err := re.attempt(start); v {
		case matched:
			return true, nil
		case gaveUp:
			return false, err
		case committed:
			return false, nil
		case skipped:
			start = max(start+1, next)
		case failed:
			start++
		}
		if re.anchored {
			break
		}
	}
	return false, nil
}

// set sets a slot, to be put back.
func (m *machine) set(n int32, pos int) {
	m.stack = append(m.stack, entry{kind: putSlot, n: n, pos: m.slots[n]})
	m.slots[n] = int32(pos)
}

// attempt matches from start on.
func (re *Regexp) attempt(start int) (v verdict, next int, err error) {
	m := &re.m
	s := m.s
	for i := range m.slots {
		m.slots[i] = -1
	}
	m.steps += len(m.slots) >> 3
	m.slots[0] = int32(start)
	m.stack, m.call = m.stack[:0], nil
	open := int32(2*re.groups + 2)
	pc, pos := int32(0), start
	for {
		if m.steps++; m.steps > maxSteps || len(m.stack) > maxStack {
			return gaveUp, 0, ErrSteps
		}
		in := &re.prog[pc]
		pc++
		ok := true
		switch in.op {
		case iByte:
			if ok = pos < len(s) && s[pos] == in.c; ok {
				pos++
			}
		case iFold:
			if ok = pos < len(s) && s[pos]|0x20 == in.c; ok {
				pos++
			}
		case iSet:
			if ok = pos < len(s) && in.set.has(s[pos]); ok {
				pos++
			}
		case iRun:
			if re.simple && re.again(pc, pos) {
				ok = false
				break
			}
			pos, ok = m.run(in, pc, pos, re.simple)
		case iPlace:
			ok = place(in.c).holds(s, pos)
		case iBack:
			pos, ok = m.back(in, pos)
		case iLine:
			switch {
			case pos+1 < len(s) && s[pos] == '\r' && s[pos+1] == '\n':
				pos += 2
			case pos < len(s) && isVertical(s[pos]):
				pos++
			default:
				ok = false
			}
		case iJump:
			pc = in.x
		case iSplit, iElse:
			if re.simple && re.again(pc, pos) {
				ok = false
				break
			}
			if in.op == iSplit {
				m.stack = append(m.stack, entry{kind: tryAt, pc: in.x, pos: int32(pos), n: in.n})
			} else {
				m.stack = append(m.stack, entry{kind: tryAt, pc: pc, pos: int32(pos), n: -1})
				pc = in.x
			}
		case iEnter:
			m.set(in.n, pos)
		case iLoop:
			switch {
			case int(m.slots[in.n]) == pos:
			case re.simple && re.again(pc, pos):
				ok = false
			case in.mode == lazy:
				m.stack = append(m.stack, entry{kind: tryAt, pc: in.x, pos: int32(pos), n: -1})
			default:
				m.stack = append(m.stack, entry{kind: tryAt, pc: pc, pos: int32(pos), n: -1})
				pc = in.x
			}
		case iOpen:
			m.set(open+in.n, pos)
		case iClose:
			m.set(2*in.n, int(m.slots[open+in.n]))
			m.set(2*in.n+1, pos)
		case iReturn:
			if m.call != nil && m.call.group == in.n {
				pc = m.leave()
			}
		case iCall:
			if !m.enter(in, pc, pos) {
				return gaveUp, 0, ErrRecursion
			}
			if m.steps += len(m.slots); m.call.depth > maxCalls {
				return gaveUp, 0, ErrSteps
			}
			pc = in.x
		case iLook:
			m.stack = append(m.stack, entry{kind: markLook, n: in.n, pc: in.y, pos: int32(pos)})
		case iLookEnd:
			pc, pos, ok = m.endLook(re, in)
		case iLoose:
			m.set(in.n, pos)
		case iLooseEnd:
			pos = int(m.slots[in.n])
		case iBehind:
			pos -= int(in.n)
			ok = pos >= 0
		case iAtomic:
			m.stack = append(m.stack, entry{kind: markAtomic, n: in.n})
		case iAtomicEnd:
			m.cut(m.find(markAtomic, in.n))
		case iIfGroup:
			if !m.isSet(in.more.list) {
				pc = in.x
			}
		case iIfCall:
			if !m.within(in.more.list) {
				pc = in.x
			}
		case iKeep:
			m.set(0, pos)
		case iThens:
			m.stack = append(m.stack, entry{kind: markThens, n: in.n})
		case iVerb:
			if verb(in.c) == verbAccept {
				for _, group := range in.more.list {
					m.set(2*int32(group), int(m.slots[open+int32(group)]))
					m.set(2*int32(group)+1, pos)
				}
				if in.x >= 0 {
					pc = in.x
					break
				}
				var done bool
				if pc, pos, ok, done = m.accept(re, pos); done {
					m.slots[1] = int32(pos)
					return matched, 0, nil
				}
				break
			}
			ok = m.pass(re, verb(in.c), pc-1, pos)
		case iMatch:
			if m.call == nil {
				m.slots[1] = int32(pos)
				return matched, 0, nil
			}
			pc = m.leave() // of a call of the whole
		}
		if ok {
			continue
		}
		if pc, pos, v = m.retreat(re); v != matched {
			return v, pos, nil
		}
	}
}

// again reports whether a place in the program was tried at pos before.
func (re *Regexp) again(pc int32, pos int) bool {
	m := &re.m
	if m.steps < fewSteps {
		return false
	}
	if m.tried == nil {
		bits := len(re.prog) * (len(m.s) + 1)
		if bits > maxTried {
			return false
		}
		m.tried = make([]uint64, bits/64+1)
	}
	bit := int(pc-1)*(len(m.s)+1) + pos
	old := m.tried[bit>>6]
	m.tried[bit>>6] |= 1 << (bit & 63)
	return old&(1<<(bit&63)) != 0
}

// run takes a run of bytes.
func (m *machine) run(in *instr, next int32, pos int, simple bool) (int, bool) {
	from := pos
	most := len(m.s)
	if int(in.y) < most-pos {
		most = pos + int(in.y)
	}
	least := pos + int(in.x)
	if least > most {
		return pos, false
	}
	stop := most
	if in.mode == lazy {
		stop = least
	}
	for pos < stop && in.set.has(m.s[pos]) {
		pos++
	}
	m.steps += (pos - from) >> 3
	switch {
	case pos < least:
		return pos, false
	case in.mode == greedy && pos > least:
		before := int32(pos)
		if simple && m.steps > manySteps {
			before = m.shortened(run{next, before}, int32(least))
		}
		if before > int32(least) {
			m.stack = append(m.stack, entry{kind: tryLess, pc: next, pos: before, n: int32(least)})
		}
	case in.mode == lazy && pos < most:
		m.stack = append(m.stack, entry{kind: tryMore, pc: next - 1, pos: int32(pos), n: int32(most - pos)})
	}
	return pos, true
}

// shortened returns before where a run, which can end at least at least, is to
// be shortened to: runs that ended at the same place were, or will be, shortened
// to there.
func (m *machine) shortened(r run, least int32) int32 {
	before, ok := m.runs[r]
	if !ok {
		before = r.end
	}
	if m.runs == nil {
		m.runs = map[run]int32{}
	}
	m.runs[r] = min(before, least)
	return before
}

// retreat goes back to the last thing that can still be tried.
func (m *machine) retreat(re *Regexp) (pc int32, pos int, v verdict) {
	for len(m.stack) > 0 {
		top := len(m.stack) - 1
		e := &m.stack[top]
		switch e.kind {
		case tryAt:
			m.stack = m.stack[:top]
			return e.pc, int(e.pos), matched
		case tryLess:
			pos := m.less(re, e)
			if pos < int(e.n) {
				break
			}
			pc := e.pc
			if e.pos = int32(pos); pos == int(e.n) {
				m.stack = m.stack[:top]
			}
			return pc, pos, matched
		case tryMore:
			if !re.prog[e.pc].set.has(m.s[e.pos]) {
				break
			}
			e.pos++
			e.n--
			pc, pos := e.pc+1, int(e.pos)
			if e.n == 0 {
				m.stack = m.stack[:top]
			}
			return pc, pos, matched
		case putSlot, putCall:
			m.put(e)
		case markLook:
			if e.pc >= 0 {
				m.stack = m.stack[:top]
				return e.pc, int(e.pos), matched
			}
		case markVerb:
			pc, pos, v := m.unwind(re, *e)
			if v != failed {
				return pc, pos, v
			}
			continue
		case markAtomic, markCall, markThens, markName:
		}
		m.stack = m.stack[:top]
		m.steps++
	}
	return 0, 0, failed
}

// less returns the next shorter end of a run with which there is hope.
func (m *machine) less(re *Regexp, e *entry) int {
	pos := int(e.pos) - 1
	switch in := &re.prog[e.pc]; in.op { //nolint:exhaustive // for others there is always hope
	case iByte:
		for pos >= int(e.n) && m.s[pos] != in.c {
			pos--
		}
	case iFold:
		for pos >= int(e.n) && m.s[pos]|0x20 != in.c {
			pos--
		}
	case iSet:
		for pos >= int(e.n) && !in.set.has(m.s[pos]) {
			pos--
		}
	}
	m.steps += (int(e.pos) - pos) >> 3
	return pos
}

func (m *machine) put(e *entry) {
	if e.kind == putSlot {
		m.slots[e.n] = e.pos
		return
	}
	if e.pc == 1 {
		copy(m.slots, e.call.slots)
		m.call = e.call.outer
		return
	}
	m.call = e.call
}

// find returns where in the stack a mark is.
func (m *machine) find(kind entryKind, n int32) int {
	for i := len(m.stack) - 1; ; i-- {
		if e := &m.stack[i]; e.kind == kind && e.n == n {
			return i
		}
	}
}

// cut removes from the stack what is to try from i on, but not what is to be
// put back.
func (m *machine) cut(i int) {
	kept := m.stack[:i]
	m.steps += (len(m.stack) - i) >> 2
	for _, e := range m.stack[i:] {
		if e.kind == putSlot || e.kind == putCall || e.kind == markName {
			kept = append(kept, e)
		}
	}
	m.stack = kept
}

// undo puts back what there is from i on.
func (m *machine) undo(i int) {
	for k := len(m.stack) - 1; k >= i; k-- {
		if e := &m.stack[k]; e.kind == putSlot || e.kind == putCall {
			m.put(e)
		}
	}
	m.stack = m.stack[:i]
}

// endLook ends an assertion whose inside has matched.
func (m *machine) endLook(re *Regexp, in *instr) (pc int32, pos int, ok bool) {
	i := m.find(markLook, in.n)
	pos = int(m.stack[i].pos)
	if in.not {
		m.undo(i)
	} else {
		m.cut(i)
	}
	pc = re.prog[in.x].x
	return pc, pos, pc >= 0
}

// back takes what a group holds.
func (m *machine) back(in *instr, pos int) (int, bool) {
	for _, group := range in.more.list {
		from, to := int(m.slots[2*group]), int(m.slots[2*group+1])
		if from < 0 {
			continue
		}
		n := to - from
		if n > len(m.s)-pos {
			return pos, false
		}
		m.steps += n >> 3
		for i := range n {
			if a, b := m.s[from+i], m.s[pos+i]; a != b && (!in.fold || !isAlpha(a) || a|0x20 != b|0x20) {
				return pos, false
			}
		}
		return pos + n, true
	}
	return pos, false
}

func (m *machine) isSet(groups []int) bool {
	for _, group := range groups {
		if m.slots[2*group] >= 0 {
			return true
		}
	}
	return false
}

// within reports whether the innermost call is of one of these groups.
func (m *machine) within(groups []int) bool {
	if m.call == nil || groups == nil {
		return m.call != nil
	}
	for _, group := range groups {
		if int(m.call.group) == group {
			return true
		}
	}
	return false
}

// enter begins a call. It refuses one that would never end.
func (m *machine) enter(in *instr, back int32, pos int) bool {
	depth := 1
	for c := m.call; c != nil; c = c.outer {
		if c.group == in.n && int(c.pos) == pos {
			return false
		}
		depth = max(depth, c.depth+1)
		if int(c.pos) != pos {
			break
		}
	}
	c := &call{group: in.n, back: back, pos: int32(pos), slots: append([]int32(nil), m.slots...), outer: m.call, depth: depth}
	m.stack = append(m.stack, entry{kind: putCall, call: m.call}, entry{kind: markCall, call: c})
	m.call = c
	return true
}

// leave ends a call and returns where to go on. Groups are what they were.
func (m *machine) leave() int32 {
	c := m.call
	now := &call{slots: append([]int32(nil), m.slots...), outer: c}
	m.stack = append(m.stack, entry{kind: putCall, pc: 1, call: now})
	m.steps += len(m.slots)
	begin := m.slots[0]
	copy(m.slots, c.slots)
	m.slots[0] = begin
	m.call = c.outer
	return c.back
}

// accept ends the innermost assertion, call or match.
func (m *machine) accept(re *Regexp, pos int) (pc int32, to int, ok, done bool) {
	m.steps += (len(m.stack) + len(re.prog)) >> 2
	for i := len(m.stack) - 1; i >= 0; i-- {
		switch e := &m.stack[i]; e.kind { //nolint:exhaustive // the others are not left
		case markCall:
			if e.call == m.call {
				return m.leave(), pos, true, false
			}
		case markLook:
			for k := range re.prog {
				if in := &re.prog[k]; in.op == iLookEnd && in.n == e.n {
					pc, to, ok = m.endLook(re, in)
					return pc, to, ok, false
				}
			}
		}
	}
	return 0, pos, true, true
}

// pass passes a verb.
func (m *machine) pass(re *Regexp, v verb, pc int32, pos int) bool {
	e := entry{kind: markVerb, pc: pc, pos: int32(pos), call: m.call}
	switch v {
	case verbFail:
		return false
	case verbMark:
		e.kind = markName
	case verbSkip:
		if name := re.prog[pc].more.name; name != "" {
			i := len(m.stack) - 1
			for i >= 0 && (m.stack[i].kind != markName || re.prog[m.stack[i].pc].more.name != name) {
				i--
			}
			m.steps += (len(m.stack) - i) >> 2
			if i < 0 {
				return true
			}
			e.pos = m.stack[i].pos
		}
	case verbAccept, verbCommit, verbPrune, verbThen:
	}
	m.stack = append(m.stack, e)
	return true
}

// unwind goes back over a verb, e. With failed, what is left of the stack is to
// be tried.
func (m *machine) unwind(re *Regexp, e entry) (pc int32, pos int, v verdict) {
	in := &re.prog[e.pc]
	for len(m.stack) > 0 {
		top := len(m.stack) - 1
		t := m.stack[top]
		m.stack = m.stack[:top]
		switch t.kind {
		case putSlot, putCall:
			m.put(&t)
		case markLook:
			if t.pc >= 0 {
				return t.pc, int(t.pos), matched
			}
			return 0, 0, failed
		case markCall:
			if t.call == e.call {
				return 0, 0, failed
			}
		case markThens:
			if verb(in.c) == verbThen && t.n == in.n {
				return 0, 0, failed
			}
		case tryAt:
			if verb(in.c) == verbThen && t.n == in.n && t.n >= 0 {
				return t.pc, int(t.pos), matched
			}
		case tryLess, tryMore, markAtomic, markName, markVerb:
		}
	}
	switch verb(in.c) { //nolint:exhaustive // the others leave no mark
	case verbCommit:
		return 0, 0, committed
	case verbSkip:
		return 0, int(e.pos), skipped
	}
	return 0, 0, skipped // to the next place
}

// holds reports whether pos in s is such a place.
func (p place) holds(s string, pos int) bool {
	switch p {
	case begin:
		return pos == 0
	case lineBegin:
		return pos == 0 || s[pos-1] == '\n' && pos < len(s)
	case end:
		return pos == len(s)
	case endOrNewline:
		return pos == len(s) || pos == len(s)-1 && s[pos] == '\n'
	case lineEnd:
		return pos == len(s) || s[pos] == '\n'
	case wordEdge, notWordEdge:
	}
	before := pos > 0 && isWord(s[pos-1])
	after := pos < len(s) && isWord(s[pos])
	return (before != after) == (p == wordEdge)
}
