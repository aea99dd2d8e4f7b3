// SPDX-License-Identifier: ISC

package posix

import (
	"cmp"
	"slices"
)

// maxSteps bounds what one match may do on the graph. It is some tenths of a
// second, and is reached by an expression of thousands of nodes on a string of
// thousands of bytes, or with back-references.
const maxSteps = 4 << 20

// span finds the match in s, of which it is known that there is one, and its
// groups.
func (r *Regexp) span(s string) ([]int, error) {
	w := walker{prog: &r.prog, s: s}
	from, to, err := w.bounds()
	if err != nil {
		return nil, err
	}
	m := make([]int, 2*r.groups+2)
	for i := range m {
		m[i] = -1
	}
	m[0], m[1] = from, to
	if r.groups == 0 {
		return m, nil
	}
	if err := w.trace(from, to); err != nil {
		return nil, err
	}
	w.follow(m)
	return m, nil
}

// walker matches on the graph, by sets of nodes.
type walker struct {
	*prog
	s     string
	steps int

	seen  []int32 // per node: where its way began, plus one
	order []int32 // the nodes that are in seen
	stack []int32

	// Per position from the match's begin: the nodes that can be reached from
	// there and from which, once narrowed, the end can be reached.
	from int
	at   []bits
}

// way is one through the graph: where it is, and where in the string it began.
type way struct{ node, began int32 }

type bits []uint64

func (b bits) has(i int32) bool { return b[i>>6]&(1<<(i&63)) != 0 }
func (b bits) add(i int32)      { b[i>>6] |= 1 << (i & 63) }

// bounds returns the leftmost match, and the longest there.
func (w *walker) bounds() (from, to int, err error) {
	w.seen = make([]int32, len(w.nodes))
	var now []way // behind the bytes read so far
	best, bestEnd := -1, -1
	for i := 0; ; i++ {
		w.fresh()
		// The older first: they keep a node from the younger.
		slices.SortFunc(now, func(a, b way) int { return cmp.Compare(a.began, b.began) })
		for _, way := range now {
			w.reach(way.node, way.began, i)
		}
		if best < 0 {
			w.reach(w.start, int32(i), i)
		}
		if w.steps > maxSteps {
			return 0, 0, ErrSteps
		}
		if b := w.seen[0]; b > 0 && (best < 0 || int(b-1) < best) {
			best, bestEnd = int(b-1), i
		} else if b > 0 && int(b-1) == best {
			bestEnd = i
		}
		if i == len(w.s) {
			break
		}
		c := w.byteAt(w.s, i)
		now = now[:0]
		// Ways that began behind the best cannot win any more.
		for _, n := range w.order {
			if b := w.seen[n] - 1; w.nodes[n].accepts(c) && (best < 0 || int(b) <= best) {
				now = append(now, way{w.nodes[n].out, b})
			}
		}
		if best >= 0 && len(now) == 0 {
			break
		}
	}
	return best, bestEnd, nil
}

// fresh forgets what was reached.
func (w *walker) fresh() {
	clear(w.seen)
	w.order = w.order[:0]
	w.steps += len(w.nodes) >> 4
}

// reach marks what can be reached from n at position i without taking a byte,
// on ways that began at b.
func (w *walker) reach(n, b int32, i int) {
	before, after := w.sides(w.s, i)
	w.stack = append(w.stack[:0], n)
	for len(w.stack) > 0 {
		n := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		if old := w.seen[n]; old > 0 && old <= b+1 {
			continue
		} else if old == 0 {
			w.order = append(w.order, n)
		}
		w.seen[n] = b + 1
		w.steps++
		w.stack = w.nodes[n].beyond(w.stack, before, after)
	}
}

// beyond appends where n leads without taking a byte.
func (n *node) beyond(list []int32, before, after side) []int32 {
	switch n.op {
	case nodeOpen, nodeClose:
		return append(list, n.out)
	case nodePlace:
		if n.pos.holds(before, after) {
			return append(list, n.out)
		}
	case nodeSplit:
		if n.second >= 0 {
			list = append(list, n.second)
		}
		return append(list, n.out)
	case nodeFinal, nodeByte, nodeSet, nodeBack:
	}
	return list
}

// trace fills w.at for the match between from and to.
func (w *walker) trace(from, to int) error {
	words := (len(w.nodes) + 63) / 64
	if (to-from+1)*len(w.nodes) > 8*maxSteps {
		return ErrSteps
	}
	w.from = from
	w.at = make([]bits, to-from+1)
	all := make(bits, words*len(w.at))
	for i := range w.at {
		w.at[i] = all[i*words : (i+1)*words]
	}
	next := []int32{w.start}
	for i := from; i <= to; i++ {
		w.fresh()
		for _, n := range next {
			w.reach(n, 0, i)
		}
		if w.steps > maxSteps {
			return ErrSteps
		}
		next = next[:0]
		for _, n := range w.order {
			w.at[i-from].add(n)
			if i < to && w.nodes[n].accepts(w.byteAt(w.s, i)) {
				next = append(next, w.nodes[n].out)
			}
		}
	}
	w.narrow(to)
	return nil
}

// narrow removes from w.at whatever does not lead to the end.
func (w *walker) narrow(to int) {
	into := w.sources()
	keep := make(bits, len(w.at[0]))
	for i := to; i >= w.from; i-- {
		at := w.at[i-w.from]
		before, after := w.sides(w.s, i)
		clear(keep)
		w.stack = w.stack[:0]
		if i == to {
			w.stack = append(w.stack, 0)
		} else {
			c, later := w.byteAt(w.s, i), w.at[i-w.from+1]
			for n := range w.nodes {
				if node := &w.nodes[n]; at.has(int32(n)) && node.accepts(c) && later.has(node.out) {
					w.stack = append(w.stack, int32(n))
				}
			}
		}
		for len(w.stack) > 0 {
			n := w.stack[len(w.stack)-1]
			w.stack = w.stack[:len(w.stack)-1]
			if keep.has(n) {
				continue
			}
			keep.add(n)
			for _, source := range into[n] {
				node := &w.nodes[source]
				if at.has(source) && (node.op != nodePlace || node.pos.holds(before, after)) {
					w.stack = append(w.stack, source)
				}
			}
		}
		copy(at, keep)
	}
}

// sources returns for each node those that lead to it without taking a byte.
func (w *walker) sources() [][]int32 {
	into := make([][]int32, len(w.nodes))
	for i := range w.nodes {
		n := &w.nodes[i]
		if n.op == nodeFinal || n.op == nodeByte || n.op == nodeSet {
			continue
		}
		into[n.out] = append(into[n.out], int32(i))
		if n.op == nodeSplit && n.second >= 0 {
			into[n.second] = append(into[n.second], int32(i))
		}
	}
	return into
}

// follow goes the first way there is, noting the groups in m.
func (w *walker) follow(m []int) {
	kept := append([]int(nil), m...)
	f := follower{walker: w, passed: make(bits, len(w.at[0]))}
	for n, i := w.start, m[0]; ; i++ {
		path := f.toByte(n, w.at[i-w.from])
		for _, n = range path {
			note(&w.nodes[n], m, kept, i)
		}
		if len(path) == 0 || n == 0 {
			return
		}
		n = w.nodes[n].out
	}
}

// follower finds the way from one byte to the next.
type follower struct {
	*walker
	passed bits
	path   []int32
	others []fork
}

// fork is where another way could have been taken: after so many nodes of the
// path, to this one.
type fork struct {
	length int
	node   int32
}

// toByte returns the nodes from n to the one that takes the next byte, or to
// the end. What may be passed is at.
func (f *follower) toByte(n int32, at bits) []int32 {
	clear(f.passed)
	f.path, f.others = f.path[:0], f.others[:0]
	for repeated := 0; ; {
		f.path = append(f.path, n)
		node := &f.nodes[n]
		if node.op == nodeByte || node.op == nodeSet || node.op == nodeFinal {
			return f.path
		}
		if repeated++; !f.passed.has(n) {
			f.passed.add(n)
			repeated = 0
		}
		next := node.out
		if node.op == nodeSplit && node.second >= 0 && at.has(node.second) {
			// A way that was gone already since the last byte is not gone again
			// as long as there is another.
			if !at.has(next) || f.passed.has(next) {
				next = node.second
			} else {
				f.others = append(f.others, fork{len(f.path), node.second})
			}
		}
		if repeated > len(f.nodes) {
			// In a circle, which the C library would never leave.
			if len(f.others) == 0 {
				return nil
			}
			last := f.others[len(f.others)-1]
			f.others = f.others[:len(f.others)-1]
			f.path, next, repeated = f.path[:last.length], last.node, 0
		}
		n = next
	}
}

// note notes in m that n was passed at position i. kept is m as it was when
// last a group ended that was not empty.
func note(n *node, m, kept []int, i int) {
	switch g := 2*int(n.group) + 2; n.op { //nolint:exhaustive // the others are no groups
	case nodeOpen:
		m[g], m[g+1] = i, -1
	case nodeClose:
		switch {
		case m[g] < i:
			m[g+1] = i
			copy(kept, m)
		case n.opt && kept[g] >= 0:
			// One more repetition that is empty: as if it had not been.
			copy(m, kept)
		default:
			m[g+1] = i
		}
	}
}
