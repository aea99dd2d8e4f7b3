// SPDX-License-Identifier: ISC

package pcre

// checkLookbehinds refuses those in t that could look back over different
// lengths. The branches of one, but not of a group in it, may differ.
func (p *parser) checkLookbehinds(t *tree) {
	if t.op != opLook || !t.behind {
		for _, kid := range t.kids {
			p.checkLookbehinds(kid)
		}
		return
	}
	branches := t.kids
	if t.kids[0].op == opAlternatives {
		branches = t.kids[0].kids
	}
	for _, branch := range branches {
		if _, ok := p.fixed(branch); !ok {
			p.fail(t.at, errLookbehind)
		}
	}
}

// measure is what is known of the length of what a tree matches.
type measure struct {
	n    int
	ok   bool // it is always n
	busy bool // it is being found out
}

// fixed returns the length of what t matches, if it is always the same.
func (p *parser) fixed(t *tree) (n int, ok bool) {
	m, known := p.lengths[t]
	if m.busy {
		return 0, false // recursion
	}
	if !known {
		p.lengths[t] = measure{busy: true}
		m.n, m.ok = p.length(t)
		m.ok = m.ok && m.n <= maxRepeat
		p.lengths[t] = m
	}
	return m.n, m.ok
}

func (p *parser) length(t *tree) (n int, ok bool) {
	switch t.op {
	case opLook:
		p.checkLookbehinds(t)
		return 0, true
	case opEmpty, opPlace, opKeep, opVerb:
		return 0, true
	case opByte, opSet:
		return 1, true
	case opCat:
		for _, kid := range t.kids {
			k, ok := p.fixed(kid)
			if !ok {
				return 0, false
			}
			n += k
			if kid.op == opVerb && (kid.verb == verbAccept || kid.verb == verbFail) {
				break // one does not get further
			}
		}
		return n, true
	case opAlternatives:
		for i, kid := range t.kids {
			k, ok := p.fixed(kid)
			if !ok || i > 0 && k != n {
				return 0, false
			}
			n = k
		}
		return n, true
	case opCapture, opAtomic:
		return p.fixed(t.kids[0])
	case opRepeat:
		if kid := plain(t.kids[0]); kid.op == opLook && !kid.behind {
			return p.fixed(kid)
		}
		k, ok := p.fixed(t.kids[0])
		return k * t.min, ok && t.min == t.max
	case opCondition:
		// A branch that is not there does not count.
		kids := t.kids[len(t.kids)-2:]
		if t.test == testNever {
			return 0, true
		}
		n, ok = p.fixed(kids[0])
		if ok && kids[1].op != opEmpty {
			k, same := p.fixed(kids[1])
			ok = same && k == n
		}
		return n, ok
	case opCall, opBack:
		if t.op == opBack && p.resets {
			return 0, false // which group it is depends on the match
		}
		if group := p.captured(t); group != nil {
			return p.fixed(group)
		}
		if t.name == "" && t.group > p.groups {
			p.fail(t.at, errReference)
		}
		if t.name != "" && len(p.names[t.name]) == 0 {
			p.fail(t.at, errReference)
		}
	case opLine:
	}
	return 0, false
}

// captured returns the tree of the group that a reference means, if it is one.
func (p *parser) captured(t *tree) *tree {
	if t.name == "" {
		return p.captures[t.group]
	}
	if list := p.names[t.name]; len(list) == 1 {
		return p.captures[list[0]]
	}
	return nil
}
