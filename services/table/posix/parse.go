// SPDX-License-Identifier: ISC

package posix

import "strings"

// tree is an expression, read. A nil *tree is the empty one.
type tree struct {
	op          op
	c           byte  // opChar
	pos         place // opPlace
	set         set   // opSet
	group       int   // opGroup, opBack: counted from 0
	left, right *tree
	min, max    int // opRepeat: of left; max is -1 for any number
}

type op uint8

const (
	opChar op = iota
	opSet
	opPlace
	opBack
	opGroup  // left
	opCat    // left, right; neither is nil
	opOr     // left or right, both may be nil
	opRepeat // left, which is not nil
)

const (
	maxRepeat = 0x7fff // the C library's RE_DUP_MAX
	maxDepth  = 1000   // of parentheses
)

type parser struct {
	raw    string // as it was written
	expr   string // the same, in capitals where case is ignored
	flags  Flags
	at     int // of tok
	tok    token
	width  int
	groups int
	depth  int
	closed uint // which groups a back-reference may name here
	backs  uint // which ones are named
}

// parse returns the tree of an expression.
func parse(expr string, f Flags) (*tree, *parser, error) {
	p := &parser{raw: expr, expr: expr, flags: f}
	if f&IgnoreCase != 0 {
		b := []byte(expr)
		for i, c := range b {
			b[i] = upper(c)
		}
		p.expr = string(b)
	}
	p.next(true)
	t, err := p.alternatives()
	if err == nil && p.tok.kind != tokEnd {
		err = ErrParen
	}
	return t, p, err
}

// ends reports whether the token ends a branch.
func (p *parser) ends() bool {
	return p.tok.kind == tokEnd || p.tok.kind == tokOr || p.tok.kind == tokClose && p.depth > 0
}

// alternatives reads branches with | between them.
func (p *parser) alternatives() (*tree, error) {
	before := p.closed
	t, err := p.branch()
	for err == nil && p.tok.kind == tokOr {
		p.next(true)
		var right *tree
		if !p.ends() {
			// A branch cannot refer to a group in another.
			others := p.closed
			p.closed = before
			right, err = p.branch()
			p.closed |= others
		}
		t = &tree{op: opOr, left: t, right: right}
	}
	return t, err
}

// branch reads what is one after the other.
func (p *parser) branch() (*tree, error) {
	t, err := p.piece()
	for err == nil && !p.ends() {
		var right *tree
		right, err = p.piece()
		switch {
		case t == nil:
			t = right
		case right != nil:
			t = &tree{op: opCat, left: t, right: right}
		}
	}
	return t, err
}

// piece reads an atom and the repetitions behind it.
func (p *parser) piece() (*tree, error) {
	t, repeatable, err := p.atom()
	for err == nil && repeatable && p.repetition() {
		t, err = p.repeat(t)
		if err == nil && p.flags&Extended == 0 && (p.tok.kind == tokStar || p.tok.kind == tokFrom) {
			err = ErrRepeat // a basic expression has one at most
		}
	}
	return t, err
}

func (p *parser) repetition() bool {
	switch p.tok.kind { //nolint:exhaustive // these are the four
	case tokStar, tokPlus, tokMaybe, tokFrom:
		return true
	}
	return false
}

// atom reads what can be repeated, or a place, which cannot.
func (p *parser) atom() (t *tree, repeatable bool, err error) {
	extended := p.flags&Extended != 0
	switch p.tok.kind {
	case tokEnd, tokOr:
		return nil, false, nil
	case tokSlash:
		return nil, false, ErrEscape
	case tokOpen:
		t, err = p.subexpression()
		return t, true, err
	case tokBracket:
		t, err = p.bracket()
		return t, true, err
	case tokPlace:
		t = &tree{op: opPlace, pos: p.tok.pos}

		p.next(false)
		return t, false, nil
	case tokBack:
		n := int(p.tok.c - '1')
		if p.closed&(1<<n) == 0 {
			return nil, false, ErrReference
		}
		p.backs |= 1 << n
		t = &tree{op: opBack, group: n}
	case tokAny:
		t = &tree{op: opSet}
		if p.flags&Newline != 0 {
			t.set.add('\n')
		}
		t.set.add(0)
		t.set.invert()
	case tokClass:
		t = &tree{op: opSet}
		if p.tok.c|0x20 == 'w' {
			t.set.addIf(isWord)
		} else {
			t.set.addIf(isSpace)
		}
		if isUpper(p.tok.c) {
			t.set.invert()
		}
	case tokFrom:
		return nil, false, ErrRepeat
	case tokStar, tokPlus, tokMaybe:
		if extended {
			return nil, false, ErrRepeat
		}
		t = &tree{op: opChar, c: p.tok.c}
	case tokClose:
		if !extended {
			return nil, false, ErrParen
		}
		t = &tree{op: opChar, c: p.tok.c}
	case tokTo, tokChar:
		t = &tree{op: opChar, c: p.tok.c}
	}
	p.next(false)
	return t, true, nil
}

// subexpression reads a group.
func (p *parser) subexpression() (*tree, error) {
	t := &tree{op: opGroup, group: p.groups}
	p.groups++
	if p.depth++; p.depth > maxDepth {
		return nil, ErrSize
	}
	p.next(true)
	if p.tok.kind != tokClose {
		var err error
		if t.left, err = p.alternatives(); err != nil {
			return nil, err
		}
		if p.tok.kind != tokClose {
			return nil, ErrParen
		}
	}
	p.depth--
	if t.group < 9 {
		p.closed |= 1 << t.group
	}
	p.next(false)
	return t, nil
}

// repeat reads one repetition of t.
func (p *parser) repeat(t *tree) (*tree, error) {
	low, high := 0, -1
	switch p.tok.kind { //nolint:exhaustive // see repetition
	case tokPlus:
		low = 1
	case tokMaybe:
		high = 1
	case tokFrom:
		var err error
		if low, high, err = p.interval(); err != nil {
			return nil, err
		}
	}
	p.next(false)
	switch {
	case t == nil || high == 0:
		return nil, nil
	case low == 1 && high == 1:
		return t, nil
	}
	return &tree{op: opRepeat, left: t, min: low, max: high}, nil
}

// interval reads what is between braces and leaves the closing one.
func (p *parser) interval() (low, high int, err error) {
	low = p.number()
	if low == none {
		if !p.comma() {
			return 0, 0, ErrInterval
		}
		low = 0
	}
	if low != bad {
		switch {
		case p.tok.kind == tokTo:
			high = low
		case p.comma():
			high = p.number()
		default:
			high = bad
		}
	}
	switch {
	case low == bad || high == bad:
		if p.tok.kind == tokEnd {
			return 0, 0, ErrBrace
		}
		return 0, 0, ErrInterval
	case high != none && low > high, p.tok.kind != tokTo:
		return 0, 0, ErrInterval
	case max(low, high) > maxRepeat:
		return 0, 0, ErrSize
	}
	return low, high, nil
}

const (
	none = -1 // no number
	bad  = -2 // something else
)

func (p *parser) comma() bool { return p.tok.kind == tokChar && p.tok.c == ',' }

// number reads up to the comma or brace behind a number, which must be all
// there is.
func (p *parser) number() int {
	n := none
	for {
		p.next(false)
		switch c := p.tok.c; {
		case p.tok.kind == tokEnd:
			return bad
		case p.tok.kind == tokTo || c == ',':
			return n
		case p.tok.kind != tokChar || !isDigit(c) || n == bad:
			n = bad
		default:
			n = min(max(n, 0)*10+int(c-'0'), maxRepeat+1)
		}
	}
}

// bracket reads a bracket expression and moves behind it.
func (p *parser) bracket() (*tree, error) {
	b := bracketReader{text: p.expr[p.at+1:], raw: p.raw[p.at+1:], fold: p.flags&IgnoreCase != 0}
	t := &tree{op: opSet}
	not := strings.HasPrefix(b.text, "^")
	if not {
		b.at++
	}
	if err := b.read(&t.set); err != nil {
		return nil, err
	}
	if not {
		if p.flags&Newline != 0 {
			t.set.add('\n')
		}
		t.set.invert()
	}
	p.at, p.width = p.at+1+b.at, 0
	p.next(false)
	return t, nil
}
