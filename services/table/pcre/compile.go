// SPDX-License-Identifier: ISC

package pcre

import "slices"

// maxProgram bounds a program, in instructions.
const maxProgram = 1 << 16

// instr is an instruction. Where nothing else is said the next one follows.
type instr struct {
	op   opcode
	c    byte
	mode mode
	not  bool
	fold bool
	n    int32 // a group, a slot, an identity, a length
	x, y int32 // where to go; of iRun how many
	set  *set
	more *extra
}

// extra is what few instructions have.
type extra struct {
	list []int
	name string
}

type opcode uint8

const (
	iMatch     opcode = iota
	iByte             // takes c
	iFold             // takes c in either case
	iSet              // takes one of set
	iRun              // takes x to y of set
	iPlace            // at place c
	iBack             // takes what the first of the groups in list holds that is set
	iLine             // takes a line break of any kind
	iJump             // to x
	iSplit            // to the next, or else to x; n is the alternatives' id
	iElse             // to x, or else to the next
	iEnter            // slot n is the position
	iLoop             // back to x, or on, unless slot n is the position
	iOpen             // group n begins
	iClose            // group n ends
	iReturn           // from a call of group n
	iCall             // of group n, at x
	iLook             // n is its identity: to x if what follows matches, to y if not; -1 fails
	iLookEnd          // of n, which is at x
	iLoose            // slot n is the position
	iLooseEnd         // the position is slot n
	iBehind           // n bytes back
	iAtomic           // n begins
	iAtomicEnd        // n ends
	iIfGroup          // on if a group in list is set, or else to x
	iIfCall           // on if in a call of a group in list (of any, if empty), or else to x
	iKeep             // the match begins here
	iThens            // alternatives n begin, with a (*THEN) in them
	iVerb             // c; name; list of open groups; n are the alternatives; x is the end of an iLoose around
)

// Regexp is a compiled expression.
type Regexp struct {
	prog     []instr
	groups   int
	slots    int  // numbers to keep, beyond those of groups
	anchored bool // it matches at the beginning only
	simple   bool // what is tried at one place does not depend on the way there
	first    *set // what a match begins with; nil if it can be empty
	m        machine
}

type compiler struct {
	*Regexp
	p      *parser
	starts []int32 // of groups
	alts   []int   // the ids of those around
	ids    int32
	accept bool // there is an (*ACCEPT)
	verbs  bool // there are others: like PCRE2 we look for one letter only beforehand
	// Of the assertion around, if it can be entered again: the instructions
	// that end it.
	loose *[]int32
}

// Compile reads an expression, which ends before a null byte, if there is one.
func Compile(expr string, o Options) (re *Regexp, err error) {
	t, p, err := parse(cString(expr), o)
	if err != nil {
		return nil, err
	}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *Error:
			re, err = nil, e
		default:
			panic(e)
		}
	}()
	c := &compiler{Regexp: &Regexp{groups: p.groups, simple: true}, p: p, starts: make([]int32, p.groups+1)}
	for i := range c.starts {
		c.starts[i] = -1
	}
	c.starts[0] = 0
	c.slots = 3 * (p.groups + 1)
	c.emitTree(t)
	c.emit(instr{op: iMatch})
	for i := range c.prog {
		if in := &c.prog[i]; in.op == iCall {
			in.x = c.starts[in.n]
		}
	}
	c.prog = slices.Clone(c.prog)
	c.anchored = o&Anchored != 0 || c.begins(t)
	var first set
	if !c.firstOf(t, &first, 0) && !c.accept && (!c.verbs || first.letters() == 1) {
		c.first = &first
	}
	return c.Regexp, nil
}

// Groups returns how many groups the expression has.
func (re *Regexp) Groups() int { return re.groups }

func (c *compiler) emit(in instr) int32 {
	if len(c.prog) >= maxProgram {
		c.p.fail(len(c.p.text), errLarge)
	}
	c.prog = append(c.prog, in)
	return int32(len(c.prog) - 1)
}

func (c *compiler) here() int32 { return int32(len(c.prog)) }

func (c *compiler) slot() int32 {
	c.slots++
	return int32(c.slots - 1)
}

func (c *compiler) id() int32 {
	c.ids++
	return c.ids
}

// plain takes off what groups without capturing one thing only.
func plain(t *tree) *tree {
	for (t.op == opAlternatives || t.op == opCat) && len(t.kids) == 1 {
		t = t.kids[0]
	}
	return t
}

func (c *compiler) emitTree(t *tree) {
	t = plain(t)
	switch t.op {
	case opEmpty:
	case opByte:
		op := iByte
		if t.fold {
			op = iFold
		}
		c.emit(instr{op: op, c: t.c})
	case opSet:
		c.emit(instr{op: iSet, set: t.set})
	case opPlace:
		c.emit(instr{op: iPlace, c: byte(t.place)})
	case opCat:
		for _, kid := range t.kids {
			c.emitTree(kid)
		}
	case opAlternatives:
		c.alternatives(t, nil)
	case opCapture:
		at := c.emit(instr{op: iOpen, n: int32(t.group)})
		if c.starts[t.group] < 0 {
			c.starts[t.group] = at
		}
		c.emitTree(t.kids[0])
		c.emit(instr{op: iClose, n: int32(t.group)})
		if c.p.called[t.group] {
			c.emit(instr{op: iReturn, n: int32(t.group)})
		}
	case opRepeat:
		c.repeat(t)
	case opBack:
		c.simple = false
		c.emit(instr{op: iBack, more: &extra{list: c.groupsOf(t)}, fold: t.fold})
	case opCall:
		c.simple = false
		c.emit(instr{op: iCall, n: int32(t.group)})
	case opLook:
		at := c.lookaround(t)
		if in := &c.prog[at]; t.not {
			in.x, in.y = -1, c.here()
		} else {
			in.x, in.y = c.here(), -1
		}
	case opAtomic:
		c.atomic(func() { c.emitTree(t.kids[0]) })
	case opCondition:
		c.condition(t)
	case opVerb:
		c.simple = false
		c.accept = c.accept || t.verb == verbAccept
		c.verbs = true
		in := instr{op: iVerb, c: byte(t.verb), more: &extra{t.open, t.name}, n: -1}
		if len(c.alts) > 0 {
			in.n = int32(c.alts[len(c.alts)-1])
		}
		in.x = -1
		at := c.emit(in)
		if c.loose != nil && t.verb == verbAccept {
			*c.loose = append(*c.loose, at)
		}
	case opKeep:
		c.emit(instr{op: iKeep})
	case opLine:
		c.emit(instr{op: iLine})
	}
}

// groupsOf returns the groups that a reference means: with a name that several
// have, all of them.
func (c *compiler) groupsOf(t *tree) []int {
	if t.name != "" {
		return c.p.names[t.name]
	}
	return []int{t.group}
}

func (c *compiler) atomic(body func()) {
	c.simple = false
	id := c.id()
	c.emit(instr{op: iAtomic, n: id})
	body()
	c.emit(instr{op: iAtomicEnd, n: id})
}

// alternatives emits branches. before, if it is not nil, is called at the
// beginning of each.
func (c *compiler) alternatives(t *tree, before func(*tree)) {
	several := len(t.kids) > 1
	if several {
		c.alts = append(c.alts, t.id)
		if t.thens {
			c.emit(instr{op: iThens, n: int32(t.id)})
		}
	}
	var ends []int32
	for i, kid := range t.kids {
		split := int32(-1)
		if i < len(t.kids)-1 {
			split = c.emit(instr{op: iSplit, n: int32(t.id)})
		}
		if before != nil {
			before(kid)
		}
		c.emitTree(kid)
		if split >= 0 {
			ends = append(ends, c.emit(instr{op: iJump}))
			c.prog[split].x = c.here()
		}
	}
	for _, at := range ends {
		c.prog[at].x = c.here()
	}
	if several {
		c.alts = c.alts[:len(c.alts)-1]
	}
}

// lookaround emits an assertion and returns where its iLook is, which does not
// know yet where to go.
func (c *compiler) lookaround(t *tree) int32 {
	c.simple = false
	id := c.id()
	slot := int32(-1)
	if t.loose {
		slot = c.slot()
		c.emit(instr{op: iLoose, n: slot})
	}
	at := int32(0)
	if !t.loose {
		at = c.emit(instr{op: iLook, n: id, not: t.not})
	}
	outer, loose := c.alts, c.loose
	c.alts, c.loose = nil, nil
	if t.loose {
		c.loose = &[]int32{}
	}
	body := t.kids[0]
	if !t.behind {
		c.emitTree(body)
	} else {
		if body.op != opAlternatives {
			body = &tree{op: opAlternatives, kids: []*tree{body}, id: -2}
		}
		c.alternatives(body, func(kid *tree) {
			if n, _ := c.p.fixed(kid); n > 0 {
				c.emit(instr{op: iBehind, n: int32(n)})
			}
		})
	}
	ends := c.loose
	c.alts, c.loose = outer, loose
	if t.loose {
		for _, at := range *ends {
			c.prog[at].x = c.here()
		}
		return c.emit(instr{op: iLooseEnd, n: slot})
	}
	c.emit(instr{op: iLookEnd, n: id, not: t.not, x: at})
	return at
}

func (c *compiler) condition(t *tree) {
	yes, no := t.kids[len(t.kids)-2], t.kids[len(t.kids)-1]
	c.simple = false
	var at int32
	switch t.test {
	case testGroup:
		at = c.emit(instr{op: iIfGroup, more: &extra{list: c.groupsOf(t)}})
	case testCall:
		in := instr{op: iIfCall, more: &extra{}}
		if t.group >= 0 {
			in.more.list = c.groupsOf(t)
		}
		at = c.emit(in)
	case testLook:
		at = c.lookaround(t.kids[0])
	case testNever, testAlways:
		at = c.emit(instr{op: iJump})
	}
	first := c.here()
	c.emitTree(yes)
	out := c.emit(instr{op: iJump})
	second := c.here()
	c.emitTree(no)
	c.prog[out].x = c.here()
	in := &c.prog[at]
	switch {
	case t.test == testLook && t.kids[0].not:
		in.x, in.y = second, first
	case t.test == testLook:
		in.x, in.y = first, second
	case t.test == testAlways:
		in.x = first
	default:
		in.x = second
	}
}

// single returns the bytes that t takes one of.
func single(t *tree) *set {
	switch t = plain(t); t.op { //nolint:exhaustive // these are the two
	case opByte:
		s := &set{}
		s.add(t.c)
		if t.fold {
			s.fold()
		}
		return s
	case opSet:
		return t.set
	}
	return nil
}

func (c *compiler) repeat(t *tree) {
	kid := plain(t.kids[0])
	if s := single(kid); s != nil {
		most := int32(t.max)
		if t.max < 0 {
			most = 1<<31 - 1
		}
		if most > 0 {
			c.emit(instr{op: iRun, set: s, x: int32(t.min), y: most, mode: t.mode})
		}
		return
	}
	low, high := t.min, t.max
	if kid.op == opLook { // once is as good as often
		if low > 0 {
			low, high = 1, 1
		} else if high != 0 {
			high = 1
		}
	}
	if t.mode == possessive {
		c.atomic(func() { c.copies(kid, low, high, greedy) })
		return
	}
	c.copies(kid, low, high, t.mode)
}

// copies emits t as often as it must be, and then as often as it may be.
func (c *compiler) copies(t *tree, low, high int, m mode) {
	if high == 0 {
		// It can still be called.
		out := c.emit(instr{op: iJump})
		c.emitTree(t)
		c.prog[out].x = c.here()
		return
	}
	// What is nothing can be as often as one likes.
	times := func(n int) {
		for range n {
			before := c.here()
			if c.emitTree(t); c.here() == before {
				return
			}
		}
	}
	try, back := iSplit, iLoop
	if m == lazy {
		try = iElse
	}
	if high < 0 {
		times(low - 1)
		skip := int32(-1)
		if low == 0 {
			skip = c.emit(instr{op: try, n: -1})
		}
		slot := c.slot()
		from := c.emit(instr{op: iEnter, n: slot})
		c.emitTree(t)
		c.emit(instr{op: back, n: slot, x: from, mode: m})
		if skip >= 0 {
			c.prog[skip].x = c.here()
		}
		return
	}
	times(low)
	var outs []int32
	for range high - low {
		outs = append(outs, c.emit(instr{op: try, n: -1}))
		c.emitTree(t)
	}
	for _, at := range outs {
		c.prog[at].x = c.here()
	}
}

// begins reports whether t can match at the beginning only.
func (c *compiler) begins(t *tree) bool {
	switch t = plain(t); t.op { //nolint:exhaustive // the others do not say
	case opPlace:
		return t.place == begin
	case opCat:
		for _, kid := range t.kids {
			switch k := plain(kid); k.op { //nolint:exhaustive // see above
			case opEmpty, opLook, opKeep:
				continue
			default:
				return c.begins(k)
			}
		}
	case opCapture, opAtomic:
		return c.begins(t.kids[0])
	case opAlternatives:
		for _, kid := range t.kids {
			if !c.begins(kid) {
				return false
			}
		}
		return true
	case opRepeat:
		// What .* does not find from the beginning is not to be found later.
		s := single(t.kids[0])
		if s != nil && t.max < 0 && t.min == 0 && t.mode != possessive && *s == (set{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}) {
			return c.simple
		}
		return t.min > 0 && c.begins(t.kids[0])
	}
	return false
}

// firstOf adds to s what t can begin with, and reports whether t can match
// without taking a byte.
func (c *compiler) firstOf(t *tree, s *set, depth int) (empty bool) {
	if depth > 1000 {
		return true
	}
	if bytes := single(t); bytes != nil {
		s.addAll(bytes)
		return false
	}
	switch t.op {
	case opCat:
		for _, kid := range t.kids {
			if !c.firstOf(kid, s, depth+1) {
				return false
			}
		}
		return true
	case opAlternatives:
		for _, kid := range t.kids {
			empty = c.firstOf(kid, s, depth+1) || empty
		}
		return empty
	case opCapture, opAtomic:
		return c.firstOf(t.kids[0], s, depth+1)
	case opRepeat:
		return t.max == 0 || c.firstOf(t.kids[0], s, depth+1) || t.min == 0
	case opLine:
		s.addAll(setOf(isVertical))
		return false
	case opVerb:
		return t.verb != verbFail
	case opEmpty, opPlace, opLook, opKeep:
		return true
	case opByte, opSet:
	case opBack, opCall, opCondition:
		s.addAll(setOf(func(byte) bool { return true }))
	}
	return true
}
