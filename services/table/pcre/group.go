// SPDX-License-Identifier: ISC

package pcre

import (
	"slices"
	"strings"
)

// group reads what begins with a parenthesis. It returns nil for settings.
func (p *parser) group() (t *tree, repeatable bool) {
	at := p.at
	if p.has("(*") && p.at+2 < len(p.text) {
		switch c := p.text[p.at+2]; {
		case 'a' <= c && c <= 'z':
			return p.alpha(), true
		case 'A' <= c && c <= 'Z' || c == ':':
			t = p.verb()
			return t, t.op == opVerb && t.verb == verbAccept
		}
	}
	if !p.skip("(?") {
		p.at++
		if p.opt&noCapture != 0 {
			return p.rest(p.alternatives(false)), true
		}
		return p.capture("", at), true
	}
	if !p.more() {
		p.fail(p.at, errParen)
	}
	switch c := p.text[p.at]; c {
	case ':':
		p.at++
		return p.rest(p.alternatives(false)), true
	case '|':
		p.at++
		p.resets = true
		return p.rest(p.alternatives(true)), true
	case '>':
		p.at++
		return &tree{op: opAtomic, at: at, kids: []*tree{p.rest(p.alternatives(false))}}, true
	case '=', '!', '*':
		p.at++
		return p.lookaround(&tree{op: opLook, at: at, not: c == '!', loose: c == '*'}), true
	case '<':
		if p.at+1 < len(p.text) && strings.IndexByte("=!*", p.text[p.at+1]) >= 0 {
			c := p.text[p.at+1]
			p.at += 2
			return p.lookaround(&tree{op: opLook, at: at, behind: true, not: c == '!', loose: c == '*'}), true
		}
		p.at++
		return p.named('>', at), true
	case '\'':
		p.at++
		return p.named('\'', at), true
	case 'P':
		p.at++
		switch {
		case !p.more():
			p.fail(p.at, errParen)
		case p.skip("<"):
			return p.named('>', at), true
		case p.skip("="):
			return p.backTo(p.name(')')), true
		case p.skip(">"):
			return p.call(p.name(')')), true
		}
		p.fail(p.at, errNamedGroup)
	case '&':
		p.at++
		return p.call(p.name(')')), true
	case 'R':
		p.at++
		if !p.skip(")") {
			p.fail(p.at, errRecursionParen)
		}
		return p.call(0, "", p.at-1), true
	case '(':
		return p.condition(at), true
	case 'C':
		p.callout()
		return nil, false
	}
	if c := p.text[p.at]; isDigit(c) || c == '+' || c == '-' && p.at+1 < len(p.text) && isDigit(p.text[p.at+1]) {
		signed := !isDigit(c)
		if signed && (p.at+1 == len(p.text) || !isDigit(p.text[p.at+1])) {
			p.fail(p.at, errSignedDigit)
		}
		n := p.number(-1, errSignedDigit)
		if p.peek() != ')' {
			p.fail(p.at, errParen)
		}
		p.at++
		return p.call(n, "", p.at-1), true
	}
	return p.settings()
}

// rest reads the closing parenthesis behind t.
func (p *parser) rest(t *tree) *tree {
	if !p.skip(")") {
		p.fail(p.at, errParen)
	}
	return t
}

// capture reads the inside of a group that captures.
func (p *parser) capture(name string, at int) *tree {
	if p.groups++; p.groups > maxGroups {
		p.fail(p.at, errGroupNumber)
	}
	n := p.groups
	if name != "" {
		p.define(name, n)
	}
	p.around = append(p.around, n)
	t := &tree{op: opCapture, at: at, group: n, kids: []*tree{p.rest(p.alternatives(false))}}
	if p.captures[n] == nil {
		p.captures[n] = t
	}
	p.around = p.around[:len(p.around)-1]
	return t
}

func (p *parser) named(closing byte, at int) *tree {
	_, name, _ := p.name(closing)
	return p.capture(name, at)
}

func (p *parser) define(name string, n int) {
	if old, ok := p.nameOf[n]; ok && old != name {
		p.fail(p.at, errNames)
	}
	p.nameOf[n] = name
	if slices.Contains(p.names[name], n) {
		return
	}
	if len(p.names[name]) > 0 && p.opt&dupNames == 0 {
		p.fail(p.at, errNameTwice)
	}
	p.names[name] = append(p.names[name], n)
}

// call makes a call of a group as a subroutine.
func (p *parser) call(group int, name string, at int) *tree {
	t := &tree{op: opCall, at: at, group: group, name: name}
	p.refs = append(p.refs, t)
	return t
}

func (p *parser) lookaround(t *tree) *tree {
	p.look++
	t.kids = []*tree{p.rest(p.alternatives(false))}
	p.look--
	return t
}

// resolve gives a reference by name its number, and checks it.
func (p *parser) resolve(t *tree) {
	if t.op == opKeep {
		p.fail(t.at, errKeep)
	}
	if t.op == opEmpty { // what was wrong with a condition, if anything
		if t.name != "" {
			p.fail(t.at, t.name)
		}
		return
	}
	if t.name != "" {
		list := p.names[t.name]
		if len(list) == 0 {
			p.fail(t.at, errReference)
		}
		t.group = list[0]
		if t.op == opCall {
			t.name = ""
		}
	}
	if t.group > p.groups || t.group == 0 && t.op != opCall {
		p.fail(t.at, errReference)
	}
	if t.op == opCall {
		p.called[t.group] = true
	}
}

// settings reads (?i), (?i-m:...) and the like.
func (p *parser) settings() (*tree, bool) {
	opt := p.opt
	on := true
	hyphenAt := true
	if p.skip("^") {
		opt &^= Caseless | Multiline | DotAll | Extended | extendedMore | noCapture
		hyphenAt = false
	}
	for {
		if !p.more() {
			p.fail(p.at, errParen)
		}
		c := p.text[p.at]
		p.at++
		var bit Options
		switch c {
		case 'i':
			bit = Caseless
		case 'm':
			bit = Multiline
		case 's':
			bit = DotAll
		case 'n':
			bit = noCapture
		case 'J':
			bit = dupNames
		case 'U':
			bit = Ungreedy
		case 'x':
			bit = Extended
			if p.skip("x") {
				bit |= extendedMore
			} else if on {
				opt &^= extendedMore
			}
			if !on {
				bit |= extendedMore
			}
		case '-':
			if !hyphenAt {
				p.fail(p.at-1, errHyphen)
			}
			hyphenAt, on = false, false
			continue
		case ')':
			p.opt = opt
			return nil, false
		case ':':
			old := p.opt
			p.opt = opt
			t := p.rest(p.alternatives(false))
			p.opt = old
			return t, true
		default:
			p.fail(p.at-1, errGroup)
		}
		if on {
			opt |= bit
		} else {
			opt &^= bit
		}
	}
}

// callout skips (?C...), which would call a function that is not there.
func (p *parser) callout() {
	p.at++
	c := p.peek()
	switch {
	case c == ')':
	case isDigit(c):
		n := 0
		for isDigit(p.peek()) {
			if n = n*10 + int(p.peek()-'0'); n > 255 {
				p.fail(p.at+1, errCalloutNumber)
			}
			p.at++
		}
	case p.more():
		closing := c
		if i := strings.IndexByte("`'\"^%#${", c); i < 0 {
			p.fail(p.at, errCalloutString)
		}
		if c == '{' {
			closing = '}'
		}
		from := p.at
		for p.at++; ; p.at++ {
			if !p.more() {
				p.fail(from, errCalloutEnd)
			}
			if p.text[p.at] != closing {
				continue
			}
			if p.at+1 < len(p.text) && p.text[p.at+1] == closing {
				p.at++
				continue
			}
			break
		}
		p.at++
	}
	if !p.skip(")") {
		p.fail(p.at, errCalloutParen)
	}
}

// alphaNames are the lookarounds with names.
func alphaNames() map[string]tree {
	return map[string]tree{
		"pla": {op: opLook}, "positive_lookahead": {op: opLook},
		"nla": {op: opLook, not: true}, "negative_lookahead": {op: opLook, not: true},
		"plb": {op: opLook, behind: true}, "positive_lookbehind": {op: opLook, behind: true},
		"nlb": {op: opLook, behind: true, not: true}, "negative_lookbehind": {op: opLook, behind: true, not: true},
		"napla": {op: opLook, loose: true}, "non_atomic_positive_lookahead": {op: opLook, loose: true},
		"naplb": {op: opLook, behind: true, loose: true}, "non_atomic_positive_lookbehind": {op: opLook, behind: true, loose: true},
		"atomic": {op: opAtomic},
		"sr":     {op: opEmpty}, "script_run": {op: opEmpty}, "asr": {op: opEmpty}, "atomic_script_run": {op: opEmpty},
	}
}

// alpha reads (*name:...).
func (p *parser) alpha() *tree {
	at := p.at
	p.at += 2
	from := p.at
	for isWord(p.peek()) {
		p.at++
	}
	kind, ok := alphaNames()[p.text[from:p.at]]
	if !ok || p.peek() != ':' {
		p.fail(p.at, errAlpha)
	}
	p.at++
	t := &kind
	t.at = at
	if t.op == opEmpty {
		p.fail(p.at, "script runs are not supported here")
	}
	if t.op == opLook {
		return p.lookaround(t)
	}
	t.kids = []*tree{p.rest(p.alternatives(false))}
	return t
}

func verbs() map[string]verb {
	return map[string]verb{
		"ACCEPT": verbAccept, "COMMIT": verbCommit, "F": verbFail, "FAIL": verbFail, "MARK": verbMark, "": verbMark,
		"PRUNE": verbPrune, "SKIP": verbSkip, "THEN": verbThen,
	}
}

// verb reads (*VERB) or (*VERB:name).
func (p *parser) verb() *tree {
	at := p.at
	p.at += 2
	from := p.at
	for c := p.peek(); 'A' <= c && c <= 'Z'; c = p.peek() {
		p.at++
	}
	word := p.text[from:p.at]
	v, ok := verbs()[word]
	if !ok || p.peek() != ':' && p.peek() != ')' {
		p.fail(p.at, errVerb)
	}
	t := &tree{op: opVerb, at: at, verb: v}
	if p.skip(":") {
		end := strings.IndexByte(p.text[p.at:], ')')
		if end < 0 {
			p.fail(len(p.text), errVerb)
		}
		t.name = p.text[p.at : p.at+end]
		p.at += end
	}
	if v == verbMark && t.name == "" {
		p.fail(p.at, errMarkArgument)
	}
	p.at++     // )
	switch v { //nolint:exhaustive // the others need nothing
	case verbAccept:
		t.open = slices.Clone(p.around)
	case verbThen:
		for _, alt := range p.then {
			alt.thens = true
		}
	}
	if t.name != "" && v != verbMark && v != verbSkip {
		// The name is that of a mark.
		return &tree{op: opCat, kids: []*tree{{op: opVerb, verb: verbMark, name: t.name}, t}}
	}
	return t
}

// condition reads (?(test)yes|no).
func (p *parser) condition(at int) *tree {
	t := &tree{op: opCondition, at: at}
	look := p.at
	p.at++
	switch {
	case !p.more():
		p.fail(p.at, errParen)
	case p.has("?") || p.has("*"):
		p.at = look
		if p.has("(?C") {
			p.skip("(?")
			p.callout()
		}
		for _, prefix := range []string{"(?=", "(?!", "(?<=", "(?<!", "(?*", "(?<*", "(*"} {
			if p.has(prefix) {
				t.test = testLook
			}
		}
		if t.test != testLook {
			p.fail(p.at, errAssertion)
		}
		assertion, _ := p.group()
		if assertion.op != opLook || assertion.loose {
			p.fail(p.at, errAtomic)
		}
		t.kids = []*tree{assertion}
	default:
		p.test(t)
	}
	fault := &tree{op: opEmpty}
	p.refs = append(p.refs, fault)
	body := p.rest(p.alternatives(false))
	switch {
	case t.test == testNever && len(body.kids) > 1:
		fault.at, fault.name = at+3, errDefineBranches
	case len(body.kids) > 2:
		fault.at, fault.name = at+2, errBranches
	}
	t.kids = append(t.kids, body.kids...)
	if len(body.kids) == 1 {
		t.kids = append(t.kids, &tree{op: opEmpty})
	}
	t.id, t.thens = body.id, body.thens
	return t
}

// test reads what is between the inner parentheses of a condition.
func (p *parser) test(t *tree) {
	at := p.at
	c := p.peek()
	ended := func() {
		if !p.skip(")") {
			p.fail(p.at, errConditionParen)
		}
	}
	if isDigit(c) || c == '+' || c == '-' {
		t.group = p.number(-1, errSignedDigit)
		t.at = p.at - 2
		if t.group == 0 {
			p.fail(p.at, errReference)
		}
		p.refs = append(p.refs, t)
		ended()
		return
	}
	if p.skip("VERSION") && (p.has("=") || p.has(">=")) {
		newer := p.skip(">")
		p.at++
		from := p.at
		for isDigit(p.peek()) || p.peek() == '.' {
			p.at++
		}
		major, minor, _ := strings.Cut(p.text[from:p.at], ".")
		if len(major) == 0 || len(major) > 3 || len(minor) > 2 || p.peek() != ')' {
			p.fail(p.at, errVersion)
		}
		version := strings.Repeat("0", 4-len(major)) + major + (minor + "00")[:2]
		t.test = testNever
		if ours := "001042"; ours == version || newer && ours > version {
			t.test = testAlways
		}
		ended()
		return
	}
	p.at = at
	if p.skip("R&") {
		_, t.name, t.at = p.name(')')
		t.test = testCall
		p.refs = append(p.refs, t)
		return
	}
	closing := byte(')')
	if p.skip("<") {
		closing = '>'
	} else if p.skip("'") {
		closing = '\''
	}
	_, t.name, t.at = p.name(closing)
	if closing != ')' {
		ended()
		p.refs = append(p.refs, t)
		return
	}
	digits, recursion := strings.CutPrefix(t.name, "R")
	switch {
	case t.name == "DEFINE" && len(p.names["DEFINE"]) == 0:
		t.name, t.test = "", testNever
	case recursion && strings.Trim(digits, "0123456789") == "" && len(p.names[t.name]) == 0:
		t.name, t.test, t.group = "", testCall, -1
		if digits != "" {
			p.at = at + 1
			t.group = p.number(-1, errSignedDigit)
			t.at = at
			p.at++
			if t.group > 0 {
				p.refs = append(p.refs, t)
			}
		}
	default:
		p.refs = append(p.refs, t)
	}
}
