// SPDX-License-Identifier: ISC

package posix

import "slices"

// maxNodes bounds the graph of an expression.
const maxNodes = 1 << 16

// prog is an expression as a graph. Whoever gets from start to final along
// bytes of a string has a match.
type prog struct {
	nodes      []node
	start      int32
	groups     int
	sameAs     map[int]int // groups, counted from 0, that are others under a second number
	references bool        // there are back-references
	words      bool        // there are places about words
	newline    bool        // Newline
	fold       bool        // IgnoreCase
}

// node is a step. Those that take a byte take one and go on to out; the others
// take none.
type node struct {
	op     nodeOp
	c      byte
	pos    place
	opt    bool  // nodeClose: of a group that may be repeated or left out
	group  int32 // counted from 0
	out    int32
	second int32 // nodeSplit: where to go next best, or -1
	set    *set
}

type nodeOp uint8

const (
	nodeFinal nodeOp = iota
	nodeByte         // takes c
	nodeSet          // takes one of set
	nodePlace        // at pos
	nodeOpen         // a group begins
	nodeClose        // a group ends
	nodeSplit        // two ways
	nodeBack         // takes what the group holds
)

// compile makes the graph of an expression.
func compile(expr string, f Flags) (*prog, error) {
	t, parser, err := parse(expr, f)
	if err != nil {
		return nil, err
	}
	b := builder{prog: &prog{
		groups:     parser.groups,
		references: parser.backs != 0,
		newline:    f&Newline != 0,
		fold:       f&IgnoreCase != 0,
	}}
	b.merge(t)
	final := b.add(node{op: nodeFinal})
	b.start = b.build(t, final, false, false)
	if b.full {
		return nil, ErrSize
	}
	b.nodes = slices.Clone(b.nodes)
	return b.prog, nil
}

// builder makes a graph from the end to the beginning.
type builder struct {
	*prog
	full bool
}

func (b *builder) add(n node) int32 {
	if len(b.nodes) >= maxNodes {
		b.full = true
		return 0
	}
	b.nodes = append(b.nodes, n)
	return int32(len(b.nodes) - 1)
}

// merge finds groups that hold nothing but another group.
func (b *builder) merge(t *tree) {
	if t == nil {
		return
	}
	for t.op == opGroup && t.left != nil && t.left.op == opGroup {
		if b.sameAs == nil {
			b.sameAs = map[int]int{}
		}
		b.sameAs[t.left.group] = t.group
		t.left = t.left.left
	}
	b.merge(t.left)
	b.merge(t.right)
}

// build returns where to begin in order to match t and then go on to out.
//
// optional says that t itself may be repeated or left out. It matters for a
// group only, and the C library forgets it in copies, which it makes where a
// repetition is written out: bare says that this is inside one.
func (b *builder) build(t *tree, out int32, bare, optional bool) int32 {
	if t == nil || b.full {
		return out
	}
	switch t.op {
	case opChar:
		return b.add(node{op: nodeByte, c: t.c, out: out})
	case opSet:
		return b.add(node{op: nodeSet, set: &t.set, out: out})
	case opPlace:
		b.words = b.words || t.pos >= wordBegin
		return b.add(node{op: nodePlace, pos: t.pos, out: out})
	case opBack:
		group := t.group
		if same, merged := b.sameAs[group]; merged {
			group = same
		}
		return b.add(node{op: nodeBack, group: int32(group), out: out})
	case opGroup:
		end := b.add(node{op: nodeClose, group: int32(t.group), opt: optional, out: out})
		return b.add(node{op: nodeOpen, group: int32(t.group), out: b.build(t.left, end, bare, false)})
	case opCat:
		return b.build(t.left, b.build(t.right, out, bare, false), bare, false)
	case opOr:
		left, right := b.build(t.left, out, bare, false), b.build(t.right, out, bare, false)
		if t.left == nil {
			left, right = right, left // the C library puts nothing last
		}
		return b.split(left, right)
	case opRepeat:
		return b.repeat(t, out, bare)
	default:
		panic("posix: a tree of no kind")
	}
}

func (b *builder) split(first, second int32) int32 {
	if first == second {
		second = -1
	}
	return b.add(node{op: nodeSplit, out: first, second: second})
}

// repeat writes a repetition out. x{2,4} is x x ((x)? x)?, for that is what
// says which of several ways the C library takes.
func (b *builder) repeat(t *tree, out int32, bare bool) int32 {
	next := out
	if t.max < 0 {
		next = b.add(node{op: nodeSplit, second: out})
		b.nodes[next].out = b.build(t.left, next, bare || t.min > 0, !bare)
	} else if t.max > t.min {
		next = b.upTo(t, out, bare)
	}
	for i := t.min; i > 0 && !b.full; i-- {
		next = b.build(t.left, next, bare || i > 1, false)
	}
	return next
}

// upTo writes out what may be left out. The innermost x is the first, and each
// pair of parentheses around it has one more behind it.
func (b *builder) upTo(t *tree, out int32, bare bool) int32 {
	outer, behind := int32(-1), out
	first := int32(len(b.nodes))
	for i := t.max - t.min; i > 0 && !b.full; i-- {
		split := b.add(node{op: nodeSplit, second: behind})
		if outer >= 0 {
			b.nodes[outer].out = split
		}
		if i > 1 {
			outer, behind = split, b.build(t.left, behind, true, false)
		} else {
			b.nodes[split].out = b.build(t.left, behind, bare || t.min > 0, !bare)
		}
	}
	return first
}

// accepts reports whether n takes c, which is a capital where case is ignored.
func (n *node) accepts(c byte) bool {
	return n.op == nodeByte && n.c == c || n.op == nodeSet && n.set.has(c)
}

// side is what lies at one side of a position.
type side uint8

const (
	sideOther side = iota
	sideWord       // a letter, a digit or _
	sideLine       // a line break that counts as one
	sideEdge       // the beginning or the end of the string
)

func (p *prog) side(c byte) side {
	switch {
	case c == '\n' && p.newline:
		return sideLine
	case isWord(c):
		return sideWord
	}
	return sideOther
}

// sides returns what lies before and after position i of s.
func (p *prog) sides(s string, i int) (before, after side) {
	before, after = sideEdge, sideEdge
	if i > 0 {
		before = p.side(s[i-1])
	}
	if i < len(s) {
		after = p.side(s[i])
	}
	return before, after
}

// holds reports whether a position between those sides is such a place.
func (p place) holds(before, after side) bool {
	switch p {
	case lineBegin:
		return before >= sideLine
	case lineEnd:
		return after >= sideLine
	case begin:
		return before == sideEdge
	case end:
		return after == sideEdge
	case wordBegin:
		return before != sideWord && after == sideWord
	case wordEnd:
		return before == sideWord && after != sideWord
	case wordEdge:
		return (before == sideWord) != (after == sideWord)
	case notWordEdge:
	}
	return (before == sideWord) == (after == sideWord)
}

// byteAt returns byte i of s as the nodes compare it.
func (p *prog) byteAt(s string, i int) byte {
	if p.fold {
		return upper(s[i])
	}
	return s[i]
}
