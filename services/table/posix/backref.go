// SPDX-License-Identifier: ISC

package posix

import "slices"

// maxTries bounds the steps of a match with back-references. Beyond fewTries
// what was tried is remembered, up to maxTried.
const (
	maxTries = 1 << 20
	fewTries = 1 << 12
	maxTried = 1 << 16
)

// track finds the match and its groups by trying one way after the other, the
// first one first, the whole of them for each place where a match can begin.
func (r *Regexp) track(s string) ([]int, error) {
	t := tracker{prog: &r.prog, s: s, m: make([]int, 2*r.groups+2), passed: make([]int, len(r.nodes))}
	t.kept, t.held = make([]int, len(t.m)), make([]int, len(t.m))
	for i := range r.nodes {
		if n := &r.nodes[i]; n.op == nodeBack && !slices.Contains(t.named, int(n.group)) {
			t.named = append(t.named, int(n.group))
		}
	}
	for i := 0; i <= len(s); i++ {
		for k := range t.m {
			t.m[k], t.kept[k], t.held[k] = -1, -1, -1
		}
		clear(t.passed)
		t.steps += len(t.passed) >> 4
		clear(t.tried)
		t.consumed = 1
		if err := t.from(i); err != nil {
			return nil, err
		}
		if t.best != nil {
			return t.best, nil
		}
	}
	return nil, nil
}

// tracker tries ways.
type tracker struct {
	*prog
	s     string
	steps int

	// Of the way that is being gone.
	m, kept  []int // the groups: see note
	held     []int // the same, as back-references see them: empty repetitions count
	passed   []int // per node, the number of the byte before which it was passed last
	consumed int   // the number of the next byte, plus one

	stack []choice
	best  []int

	named []int // the groups that are referred to
	tried map[attempt]struct{}
}

// attempt is all that matters for where ways lead to from here. With more than
// two groups referred to nothing is remembered.
type attempt struct {
	node, pos int32
	groups    [4]int32
}

// choice is what to try if a way ends, or what to put back before that.
type choice struct {
	node     int32 // -1: put back passed[index], -2: put back m, kept and held
	index    int32
	pos      int
	consumed int
	saved    []int
}

// from goes the ways that begin at i.
func (t *tracker) from(i int) error {
	t.stack = append(t.stack[:0], choice{node: t.start, pos: i, consumed: 1})
	for len(t.stack) > 0 {
		c := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		switch c.node {
		case -1:
			t.passed[c.index] = c.consumed
		case -2:
			copy(t.m, c.saved)
			copy(t.kept, c.saved[len(t.m):])
			copy(t.held, c.saved[2*len(t.m):])
		default:
			t.consumed = c.consumed
			if err := t.way(c.node, i, c.pos); err != nil {
				return err
			}
			if t.best != nil && t.best[1] == len(t.s) {
				return nil // there is none longer
			}
		}
	}
	return nil
}

// way goes on from n at position i until it ends, leaving other choices on the
// stack.
func (t *tracker) way(n int32, begin, i int) error {
	for {
		if t.steps++; t.steps > maxTries {
			return ErrSteps
		}
		node := &t.nodes[n]
		switch node.op {
		case nodeFinal:
			if t.best == nil || i > t.best[1] {
				t.best = append(t.best[:0], t.m...)
				t.best[0], t.best[1] = begin, i
			}
			return nil
		case nodeByte, nodeSet:
			if i == len(t.s) || !node.accepts(t.byteAt(t.s, i)) {
				return nil
			}
			i++
			t.consumed++
		case nodeBack:
			from, to := t.held[2*node.group+2], t.held[2*node.group+3]
			if from < 0 || to < 0 || !t.same(from, to, i) {
				return nil
			}
			if to > from {
				i += to - from
				t.consumed++
			}
		case nodePlace:
			if before, after := t.sides(t.s, i); !node.pos.holds(before, after) {
				return nil
			}
		case nodeOpen, nodeClose:
			t.stack = append(t.stack, choice{node: -2, saved: slices.Concat(t.m, t.kept, t.held)})
			if g := 2*node.group + 2; node.op == nodeOpen {
				t.held[g], t.held[g+1] = i, -1
			} else {
				t.held[g+1] = i
			}
			note(node, t.m, t.kept, i)
		case nodeSplit:
			if t.again(n, i) {
				return nil
			}
			// A way that was gone already since the last byte is not gone again.
			passed := node.second >= 0 && t.passed[node.out] == t.consumed
			t.pass(n)
			if passed {
				n = node.second
				continue
			}
			if node.second >= 0 {
				t.stack = append(t.stack, choice{node: node.second, pos: i, consumed: t.consumed})
			}
			n = node.out
			continue
		}
		if node.op != nodeByte && node.op != nodeSet {
			t.pass(n)
		}
		n = node.out
	}
}

// again reports whether the ways from n at position i were all gone before,
// with the same in the groups that matter. They have led to nothing better.
func (t *tracker) again(n int32, i int) bool {
	if t.steps < fewTries || len(t.named) > 2 || len(t.tried) > maxTried {
		return false
	}
	a := attempt{node: n, pos: int32(i)}
	for k, g := range t.named {
		a.groups[2*k], a.groups[2*k+1] = int32(t.held[2*g+2]), int32(t.held[2*g+3])
	}
	if _, ok := t.tried[a]; ok {
		return true
	}
	if t.tried == nil {
		t.tried = map[attempt]struct{}{}
	}
	t.tried[a] = struct{}{}
	return false
}

// pass notes that n is passed.
func (t *tracker) pass(n int32) {
	if t.passed[n] != t.consumed {
		t.stack = append(t.stack, choice{node: -1, index: n, consumed: t.passed[n]})
		t.passed[n] = t.consumed
	}
}

// same reports whether what is between from and to is at i, too.
func (t *tracker) same(from, to, i int) bool {
	if to-from > len(t.s)-i {
		return false
	}
	for k := range to - from {
		if t.byteAt(t.s, from+k) != t.byteAt(t.s, i+k) {
			return false
		}
	}
	t.steps += to - from
	return true
}
