// SPDX-License-Identifier: ISC

package table

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"net/netip"
	"slices"
	"sort"
)

// number128 is an address as a number. One of IPv4 has 32 bits.
type number128 struct{ high, low uint64 }

func numberOf(a netip.Addr) number128 {
	if a.Is4() {
		b := a.As4()
		return number128{0, uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return number128{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// lastNumber is the highest address of that many bits.
func lastNumber(bits int) number128 {
	if bits == 32 {
		return number128{0, 1<<32 - 1}
	}
	return number128{^uint64(0), ^uint64(0)}
}

func (n number128) compare(m number128) int {
	return cmp.Or(cmp.Compare(n.high, m.high), cmp.Compare(n.low, m.low))
}

func (n number128) next() number128 {
	n.low++
	if n.low == 0 {
		n.high++
	}
	return n
}

func (n number128) before() number128 {
	if n.low == 0 {
		n.high--
	}
	n.low--
	return n
}

// span is all addresses from low to high, both included.
type span struct{ low, high number128 }

// spansOf returns the addresses that are in a network, or those that are not.
func spansOf(network netip.Prefix, not bool) []span {
	bits := network.Addr().BitLen()
	low, last := numberOf(network.Masked().Addr()), lastNumber(bits)
	high := low
	switch host := bits - network.Bits(); {
	case host == 128:
		high = last
	case host >= 64:
		high.high |= 1<<(host-64) - 1
		high.low = ^uint64(0)
	default:
		high.low |= 1<<host - 1
	}
	if !not {
		return []span{{low, high}}
	}
	var around []span
	if low != (number128{}) {
		around = append(around, span{number128{}, low.before()})
	}
	if high != last {
		around = append(around, span{high.next(), last})
	}
	return around
}

// painted is a span with the number of its value.
type painted struct {
	span
	value int32
}

// layer is a painted that hides those of a higher order.
type layer struct {
	painted
	order int
}

// layers is a heap with the one that hides all others on top.
type layers []layer

func (l layers) Len() int           { return len(l) }
func (l layers) Less(i, j int) bool { return l[i].order < l[j].order }
func (l layers) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *layers) Push(x any)        { *l = append(*l, x.(layer)) }
func (l *layers) Pop() any {
	last := len(*l) - 1
	x := (*l)[last]
	*l = (*l)[:last]
	return x
}

// flatten returns what can be seen of layers, from low to high. It sorts them.
func flatten(all []layer) (flat []painted) {
	slices.SortFunc(all, func(a, b layer) int { return a.low.compare(b.low) })
	var here layers // those that cover, or have covered, the address at
	var at number128
	for len(all) > 0 || len(here) > 0 {
		if len(here) == 0 {
			at = all[0].low
		}
		for len(all) > 0 && all[0].low.compare(at) <= 0 {
			heap.Push(&here, all[0])
			all = all[1:]
		}
		for len(here) > 0 && here[0].high.compare(at) < 0 {
			heap.Pop(&here)
		}
		if len(here) == 0 {
			continue
		}
		// The top one is seen up to its end, or up to one that hides it.
		top := here[0].painted
		end, order := top.high, here[0].order
		for len(all) > 0 && all[0].low.compare(end) <= 0 {
			if all[0].order < order {
				end = all[0].low.before()
				break
			}
			heap.Push(&here, all[0])
			all = all[1:]
		}
		top.low, top.high = at, end
		if last := len(flat) - 1; last >= 0 && flat[last].value == top.value && flat[last].high.next() == top.low {
			flat[last].high = end
		} else {
			flat = append(flat, top)
		}
		if at = end.next(); at == (number128{}) {
			break // that was the last address there is
		}
	}
	return flat
}

// clip returns what is inside of spans, which are in order, like flat.
func clip(flat []painted, spans []span) (inside []painted) {
	for _, s := range spans {
		first := sort.Search(len(flat), func(i int) bool { return flat[i].high.compare(s.low) >= 0 })
		for _, p := range flat[first:] {
			if p.low.compare(s.high) > 0 {
				break
			}
			if p.low.compare(s.low) < 0 {
				p.low = s.low
			}
			if p.high.compare(s.high) > 0 {
				p.high = s.high
			}
			inside = append(inside, p)
		}
	}
	return inside
}

// ranges finds the value of an address.
type ranges struct {
	low   []number128 // where each range begins; it ends before the next one
	value []int32     // its value; -1: none
}

func newRanges(flat []painted) (r ranges) {
	add := func(low number128, value int32) {
		r.low, r.value = append(r.low, low), append(r.value, value)
	}
	var end number128 // behind the last one
	for _, p := range flat {
		if p.low != end {
			add(end, -1)
		}
		add(p.low, p.value)
		end = p.high.next()
	}
	if end != (number128{}) {
		add(end, -1)
	}
	return r
}

// find returns the value of an address, or -1.
func (r *ranges) find(n number128) int32 {
	i := sort.Search(len(r.low), func(i int) bool { return r.low[i].compare(n) > 0 })
	if i == 0 {
		return -1
	}
	return r.value[i-1]
}
