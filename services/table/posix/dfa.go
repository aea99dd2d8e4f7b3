// SPDX-License-Identifier: ISC

package posix

import (
	"encoding/binary"
	"slices"
)

// maxMemory bounds what an automaton remembers, in bytes, roughly.
const maxMemory = 32 << 10

// automaton answers whether a string matches. A state is a set of nodes that
// wait for what comes, and what lies before them; the way from a state with a
// byte is found once, when it is first gone.
type automaton struct {
	class  *[256]uint8 // of each byte: those of a class lead from any state to the same
	sample []byte      // one byte of each class
	states []state
	known  map[string]int32
	memory int
	steps  int

	// Scratch.
	seen, stack, next []int32
	round             int32
	key               []byte
}

type state struct {
	nodes  []int32 // before what can be reached without taking a byte
	before side
	to     []int32 // by class, the last one for the end of the string
}

// Where a way leads besides to a state.
const (
	unknown  = 0 // state 0 is never used
	accepted = -1
	refused  = -2
)

// run reports whether s holds a match.
func (a *automaton) run(p *prog, s string) (bool, error) {
	if a.class == nil {
		a.classify(p)
	}
	a.steps = 0
	if len(a.states) == 0 {
		a.reset(p)
	}
	now := int32(1)
	for i := range len(s) {
		to := a.states[now].to[a.class[s[i]]]
		if to <= unknown {
			if to == unknown {
				to = a.move(p, now, int(a.class[s[i]]))
			}
			if to < 0 {
				return to == accepted, nil
			}
			if a.steps > maxSteps {
				return false, ErrSteps
			}
		}
		now = to
	}
	to := a.states[now].to[len(a.sample)]
	if to == unknown {
		to = a.move(p, now, len(a.sample))
	}
	return to == accepted, nil
}

// reset forgets all states but the first.
func (a *automaton) reset(p *prog) {
	a.states = append(a.states[:0], state{})
	a.known = map[string]int32{}
	a.memory = 0
	a.state([]int32{p.start}, sideEdge)
}

// classify divides the bytes into those that nodes tell apart.
func (a *automaton) classify(p *prog) {
	var list [256]uint8
	count := 1
	divide := func(in func(c byte) bool) {
		if count == 256 {
			return
		}
		var both [256]uint8 // the class of those of each class that are in, plus one
		var out [256]bool
		for c := range 256 {
			if !in(byte(c)) {
				out[list[c]] = true
			}
		}
		for c := range 256 {
			old := list[c]
			if !in(byte(c)) || !out[old] {
				continue
			}
			if both[old] == 0 {
				both[old] = uint8(count)
				count++
			}
			list[c] = both[old]
		}
	}
	fold := func(c byte) byte {
		if p.fold {
			return upper(c)
		}
		return c
	}
	if p.newline {
		divide(func(c byte) bool { return c == '\n' })
	}
	if p.words {
		divide(isWord)
	}
	var bytes set
	sets := map[set]bool{}
	for i := range p.nodes {
		switch n := &p.nodes[i]; n.op { //nolint:exhaustive // the others take no byte
		case nodeByte:
			if !bytes.has(n.c) {
				bytes.add(n.c)
				divide(func(c byte) bool { return fold(c) == n.c })
			}
		case nodeSet:
			if !sets[*n.set] {
				sets[*n.set] = true
				divide(func(c byte) bool { return n.set.has(fold(c)) })
			}
		}
	}
	a.class = &list
	a.sample = make([]byte, count)
	for c := range 256 {
		a.sample[list[c]] = fold(byte(c))
	}
	a.seen = make([]int32, len(p.nodes))
}

// state returns the number of a state, which is made if it is new.
func (a *automaton) state(nodes []int32, before side) int32 {
	slices.Sort(nodes)
	a.key = append(a.key[:0], byte(before))
	for _, n := range nodes {
		a.key = binary.LittleEndian.AppendUint32(a.key, uint32(n))
	}
	if n, ok := a.known[string(a.key)]; ok {
		return n
	}
	s := state{nodes: slices.Clone(nodes), before: before, to: make([]int32, len(a.sample)+1)}
	a.memory += 8*len(nodes) + 4*len(s.to) + 128
	a.states = append(a.states, s)
	a.known[string(a.key)] = int32(len(a.states) - 1)
	return int32(len(a.states) - 1)
}

// move finds the way from a state with a byte of a class, or with the end of
// the string.
func (a *automaton) move(p *prog, from int32, class int) int32 {
	s := &a.states[from]
	after, c := sideEdge, byte(0)
	if class < len(a.sample) {
		c = a.sample[class]
		after = p.side(c)
	}
	a.round++
	a.next = a.next[:0]
	a.stack = append(a.stack[:0], s.nodes...)
	for len(a.stack) > 0 {
		n := a.stack[len(a.stack)-1]
		a.stack = a.stack[:len(a.stack)-1]
		if a.seen[n] == a.round {
			continue
		}
		a.seen[n] = a.round
		a.steps++
		node := &p.nodes[n]
		switch {
		case node.op == nodeFinal:
			s.to[class] = accepted
			return accepted
		case node.op == nodeBack:
			// Whatever the group holds: so much only as to refuse what cannot
			// match at all.
			a.next = append(a.next, n)
			a.stack = append(a.stack, node.out)
		case class < len(a.sample) && node.accepts(c):
			a.next = append(a.next, node.out)
		default:
			a.stack = node.beyond(a.stack, s.before, after)
		}
	}
	if class == len(a.sample) {
		s.to[class] = refused
		return refused
	}
	if a.round == 1<<31-1 {
		a.round = 0
		clear(a.seen)
	}
	// A match can begin here, too.
	a.next = append(a.next, p.start)
	slices.Sort(a.next)
	a.next = slices.Compact(a.next)
	before := after
	if !p.words && before == sideWord {
		before = sideOther
	}
	if a.memory > maxMemory {
		a.reset(p)
		return a.state(a.next, before)
	}
	to := a.state(a.next, before)
	a.states[from].to[class] = to // s may have moved
	return to
}
