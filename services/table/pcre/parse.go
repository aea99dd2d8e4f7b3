// SPDX-License-Identifier: ISC

package pcre

import "strings"

// Options say how an expression is to be read.
type Options uint16

const (
	Caseless Options = 1 << iota
	Multiline
	DotAll
	Extended
	Anchored
	DollarEndOnly
	Ungreedy

	extendedMore // (?xx)
	noCapture    // (?n)
	dupNames     // (?J)
)

const (
	maxDepth  = 250 // of parentheses, as in PCRE2
	maxRepeat = 65535
	maxGroups = 65535
	maxName   = 32
)

type parser struct {
	text   string
	at     int
	opt    Options
	groups int
	depth  int
	alts   int // given out as ids

	names  map[string][]int
	nameOf map[int]string
	called map[int]bool // groups that are called
	// The trees of groups, the first one of each number.
	captures map[int]*tree
	lengths  map[*tree]measure
	refs     []*tree // to be checked at the end: opBack, opCall, opCondition
	around   []int   // captures that are open
	then     []*tree // alternatives that are open
	look     int     // depth of lookarounds
	literal  bool    // between \Q and \E
	resets   bool    // there is a (?|
}

// fail ends parsing. The panic does not leave this package.
func (p *parser) fail(at int, text string) { panic(&Error{at, text}) }

func parse(text string, o Options) (t *tree, p *parser, err error) {
	p = &parser{text: text, opt: o, names: map[string][]int{}, nameOf: map[int]string{}, called: map[int]bool{}, captures: map[int]*tree{}, lengths: map[*tree]measure{}}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *Error:
			err = e
		default:
			panic(e)
		}
	}()
	p.start()
	t = p.alternatives(false)
	if p.at < len(p.text) {
		p.fail(p.at, errUnmatched)
	}
	p.checkLookbehinds(t)
	for _, r := range p.refs {
		p.resolve(r)
	}
	return t, p, nil
}

func (p *parser) more() bool { return p.at < len(p.text) }

func (p *parser) has(prefix string) bool { return strings.HasPrefix(p.text[p.at:], prefix) }

// skip moves behind prefix if that comes next.
func (p *parser) skip(prefix string) bool {
	if !p.has(prefix) {
		return false
	}
	p.at += len(prefix)
	return true
}

// start reads what only the beginning of an expression can say.
func (p *parser) start() {
	for p.has("(*") {
		end := strings.IndexByte(p.text[p.at:], ')')
		if end < 0 {
			return
		}
		item := p.text[p.at+2 : p.at+end]
		name, value, limit := strings.Cut(item, "=")
		switch name {
		case "UTF", "UCP", "CR", "CRLF", "ANYCRLF", "ANY", "NUL", "BSR_ANYCRLF", "NOTEMPTY", "NOTEMPTY_ATSTART":
			if !limit {
				p.fail(p.at+end+1, "(*"+name+") is not supported here")
			}
			return
		case "LF", "BSR_UNICODE", "NO_START_OPT", "NO_AUTO_POSSESS", "NO_DOTSTAR_ANCHOR", "NO_JIT":
			if limit {
				return
			}
		case "LIMIT_MATCH", "LIMIT_DEPTH", "LIMIT_RECURSION", "LIMIT_HEAP":
			if !limit || value == "" || strings.Trim(value, "0123456789") != "" {
				p.fail(p.at+2+len(name)+1, errVerb)
			}
		default:
			return
		}
		p.at += end + 1
	}
}

// alternatives reads up to a closing parenthesis or the end. Options that are
// set inside are put back. With reset, groups are numbered anew in each branch.
func (p *parser) alternatives(reset bool) *tree {
	opt := p.opt
	if p.depth++; p.depth > maxDepth+1 {
		p.fail(p.at, errDeep)
	}
	t := &tree{op: opAlternatives, at: p.at, id: p.alts}
	p.alts++
	p.then = append(p.then, t)
	first, last := p.groups, p.groups
	for {
		t.kids = append(t.kids, p.branch())
		last = max(last, p.groups)
		if !p.more() || p.text[p.at] == ')' {
			break
		}
		p.at++ // |
		if reset {
			p.groups = first
		}
	}
	p.groups = last
	p.then = p.then[:len(p.then)-1]
	p.depth--
	p.opt = opt
	return t
}

// branch reads items up to | or the end of the group.
func (p *parser) branch() *tree {
	t := &tree{op: opCat, at: p.at}
	for {
		p.blank()
		if !p.more() || !p.literal && (p.text[p.at] == '|' || p.text[p.at] == ')') {
			return t
		}
		item, repeatable := p.item()
		if item == nil {
			continue
		}
		p.blank()
		if from := p.at; !p.literal && p.more() {
			if low, high, ok := p.quantifier(); ok {
				if !repeatable {
					p.fail(p.at-1, errRepeat)
				}
				item = p.repeat(item, low, high, from)
			}
		}
		t.kids = append(t.kids, item)
	}
}

// blank skips comments, \E, empty \Q\E, and in an extended expression white
// space.
func (p *parser) blank() {
	for p.more() {
		if p.literal {
			if !p.skip(`\E`) {
				return
			}
			p.literal = false
			continue
		}
		switch c := p.text[p.at]; {
		case c == '\\' && p.skip(`\Q`):
			p.literal = true
		case c == '\\' && p.skip(`\E`):
		case c == '(' && p.has("(?#"):
			end := strings.IndexByte(p.text[p.at:], ')')
			if end < 0 {
				p.fail(len(p.text), errComment)
			}
			p.at += end + 1
		case p.opt&Extended != 0 && isSpace(c):
			p.at++
		case p.opt&Extended != 0 && c == '#':
			if end := strings.IndexByte(p.text[p.at:], '\n'); end >= 0 {
				p.at += end + 1
			} else {
				p.at = len(p.text)
			}
		default:
			return
		}
	}
}

// item reads one item. Settings of options are none.
func (p *parser) item() (t *tree, repeatable bool) {
	at := p.at
	c := p.text[p.at]
	if p.literal {
		p.at++
		return p.char(c), true
	}
	switch c {
	case '\\':
		return p.escape()
	case '(':
		return p.group()
	case '[':
		return p.class(), true
	case '*', '+', '?':
		p.quantifier()
		p.fail(p.at-1, errRepeat)
	case '{':
		if _, _, ok := p.quantifier(); ok {
			p.fail(p.at-1, errRepeat)
		}
	}
	p.at++
	switch c {
	case '.':
		t = &tree{op: opSet, at: at, set: setOf(func(c byte) bool { return c != '\n' || p.opt&DotAll != 0 })}
		return t, true
	case '^':
		t = &tree{op: opPlace, at: at, place: begin}
		if p.opt&Multiline != 0 {
			t.place = lineBegin
		}
		return t, false
	case '$':
		t = &tree{op: opPlace, at: at, place: endOrNewline}
		switch {
		case p.opt&Multiline != 0:
			t.place = lineEnd
		case p.opt&DollarEndOnly != 0:
			t.place = end
		}
		return t, false
	}
	return p.char(c), true
}

func (p *parser) char(c byte) *tree {
	if p.opt&Caseless != 0 && isAlpha(c) {
		return &tree{op: opByte, c: c | 0x20, fold: true}
	}
	return &tree{op: opByte, c: c}
}

// quantifier reads one, with what makes it lazy or possessive, if there is one.
func (p *parser) quantifier() (low, high int, ok bool) {
	switch p.text[p.at] {
	case '*':
		p.at++
		return 0, -1, true
	case '+':
		p.at++
		return 1, -1, true
	case '?':
		p.at++
		return 0, 1, true
	case '{':
		return p.interval()
	}
	return 0, 0, false
}

// interval reads {n}, {n,} or {n,m}; anything else is not one.
func (p *parser) interval() (low, high int, ok bool) {
	end := strings.IndexByte(p.text[p.at:], '}')
	if end < 0 {
		return 0, 0, false
	}
	inside := p.text[p.at+1 : p.at+end]
	first, second, comma := strings.Cut(inside, ",")
	if first == "" || strings.Trim(first, "0123456789") != "" || strings.Trim(second, "0123456789") != "" {
		return 0, 0, false
	}
	from := p.at + 1
	low = p.repeatNumber(first, from)
	switch {
	case !comma:
		high = low
	case second == "":
		high = -1
	default:
		high = p.repeatNumber(second, from+len(first)+1)
		if high < low {
			p.fail(p.at+end, errIntervalOrder)
		}
	}
	p.at += end + 1
	return low, high, true
}

func (p *parser) repeatNumber(digits string, at int) int {
	n := 0
	for i := range len(digits) {
		if n = n*10 + int(digits[i]-'0'); n > maxRepeat {
			p.fail(at+i+1, errIntervalNumber)
		}
	}
	return n
}

func (p *parser) repeat(t *tree, low, high, at int) *tree {
	r := &tree{op: opRepeat, at: at, kids: []*tree{t}, min: low, max: high}
	if p.blank(); p.literal {
		r.mode = greedy
		return r // what is quoted next
	}
	switch {
	case p.skip("+"):
		r.mode = possessive
	case p.skip("?") != (p.opt&Ungreedy != 0):
		r.mode = lazy
	}
	return r
}
