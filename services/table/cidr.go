// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// cidr is a table of networks, the first of which that an address is in counts.
// The rules become ranges of addresses when it is opened, so that their number
// hardly matters to those who ask.
type cidr struct {
	common
	sources
	values []string
	v4, v6 ranges
}

// cidrBlock is what is being read: the whole table, or what follows an IF.
type cidrBlock struct {
	line    int          // of the IF
	network netip.Prefix // of the IF
	not     bool

	rules  int // how many there are
	v4, v6 []layer
}

func openCidr(e *Env, name string, m Mode, f Flags) (Table, error) {
	if err := readOnly("cidr", name, m); err != nil {
		return nil, err
	}
	t := &cidr{common: common{e, "cidr:" + name, Pattern}, sources: e.newSources()}
	lines, err := t.ruleLines(e, "cidr", name)
	if err != nil {
		return nil, err
	}
	blocks := []*cidrBlock{{}}
	for _, line := range lines {
		in := blocks[len(blocks)-1]
		text := strings.TrimRight(line.Text, space)
		var reason error
		if rest, ok := cutKeyword(text, "ENDIF"); ok {
			switch {
			case rest != "":
				reason = errors.New("garbage after ENDIF")
			case len(blocks) == 1:
				reason = errors.New("ENDIF without IF")
			default:
				blocks = blocks[:len(blocks)-1]
				in.end(blocks[len(blocks)-1])
			}
		} else if rest, ok := cutKeyword(text, "IF"); ok {
			block := &cidrBlock{line: line.Num}
			if block.network, block.not, reason = parseNetwork(rest); reason == nil {
				blocks = append(blocks, block)
			}
		} else {
			reason = t.addRule(in, text, f)
		}
		if reason != nil {
			e.Log.Warnf("cidr map %s, line %d: %s: skipping this rule", name, line.Num, reason)
		}
	}
	for i, block := range slices.Backward(blocks[1:]) {
		e.Log.Warnf("cidr map %s, line %d: IF has no matching ENDIF", name, block.line)
		block.end(blocks[i])
	}
	t.v4, t.v6 = newRanges(flatten(blocks[0].v4)), newRanges(flatten(blocks[0].v6))
	return t, nil
}

// addRule adds the rule [!]network value to a block.
func (t *cidr) addRule(b *cidrBlock, text string, f Flags) error {
	rest, not := cutNots(text)
	pattern, value := rest, ""
	if end := strings.IndexAny(rest, space); end >= 0 {
		pattern, value = rest[:end], strings.TrimLeft(rest[end:], space)
	}
	network, err := parsePattern(pattern)
	switch {
	case err != nil:
		return err
	case value == "":
		return errors.New("no lookup result")
	}
	if value, err = t.value(value, f); err != nil {
		return err
	}
	for _, s := range spansOf(network, not) {
		b.add(network, painted{s, int32(len(t.values))})
	}
	b.rules++
	t.values = append(t.values, value)
	return nil
}

// add adds a layer of the network's family.
func (b *cidrBlock) add(network netip.Prefix, p painted) {
	if network.Addr().Is4() {
		b.v4 = append(b.v4, layer{p, b.rules})
	} else {
		b.v6 = append(b.v6, layer{p, b.rules})
	}
}

// end adds to the block around it what b comes to: its rules, as far as its
// network goes. An address of another family is not in it, whatever there is of
// "!".
func (b *cidrBlock) end(around *cidrBlock) {
	all := b.v6
	if b.network.Addr().Is4() {
		all = b.v4
	}
	for _, p := range clip(flatten(all), spansOf(b.network, b.not)) {
		around.add(b.network, p)
	}
	around.rules++
}

func (t *cidr) Get(key string, f Flags, _ func(Answer)) Answer {
	if _, ok := t.key(key, f); !ok {
		return Answer{Status: NoKey}
	}
	addr, ok := parseAddr(key)
	if !ok {
		return Answer{Status: NoKey}
	}
	in := &t.v6
	if addr.Is4() {
		in = &t.v4
	}
	i := in.find(numberOf(addr))
	if i < 0 {
		return Answer{Status: NoKey}
	}
	return t.answer(key, t.values[i], f)
}

// cutKeyword returns what follows a keyword at the beginning of text, in
// whatever case.
func cutKeyword(text, word string) (rest string, ok bool) {
	if len(text) < len(word) || !strings.EqualFold(text[:len(word)], word) {
		return "", false
	}
	rest = text[len(word):]
	if rest != "" && (rest[0] >= '0' && rest[0] <= '9' || rest[0]|0x20 >= 'a' && rest[0]|0x20 <= 'z') {
		return "", false
	}
	return strings.TrimLeft(rest, space), true
}

// cutNots takes the exclamation marks off the beginning of text.
func cutNots(text string) (rest string, not bool) {
	for strings.HasPrefix(text, "!") {
		text, not = strings.TrimLeft(text[1:], space), !not
	}
	return text, not
}

// parseNetwork parses what follows an IF.
func parseNetwork(text string) (network netip.Prefix, not bool, err error) {
	text, not = cutNots(text)
	network, err = parsePattern(text)
	return network, not, err
}

// parsePattern parses an address, or a network as address/length. The address or
// the whole may be in square brackets.
func parsePattern(text string) (network netip.Prefix, err error) {
	if text == "" {
		return network, errors.New("no address pattern")
	}
	from := 0 // where the slash may be
	if text[0] == '[' {
		inner, rest, found := strings.Cut(text[1:], "]")
		switch {
		case !found:
			return network, fmt.Errorf("missing ']' character after \"%s\"", text)
		case rest != "" && rest[0] != '/':
			return network, fmt.Errorf("garbage after \"[%s]\"", inner)
		case rest != "":
			from = len(inner)
		}
		text = inner + rest
	}
	slash := strings.IndexByte(text[from:], '/')
	if slash < 0 {
		addr, ok := parseAddr(text)
		if !ok {
			return network, fmt.Errorf("bad address pattern: \"%s\"", text)
		}
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	host, length := text[:from+slash], text[from+slash+1:]
	if length == "" || strings.Trim(length, "0123456789") != "" {
		return network, fmt.Errorf("bad mask value in \"%s\"", text)
	}
	most := 32
	if strings.Contains(host, ":") {
		most = 128
	}
	bits, err := strconv.ParseUint(length, 10, 31)
	if err != nil || bits > uint64(most) {
		return network, fmt.Errorf("bad mask length in \"%s\"", text)
	}
	addr, ok := parseAddr(host)
	if !ok {
		return network, fmt.Errorf("bad network value in \"%s\"", text)
	}
	network = netip.PrefixFrom(addr, int(bits))
	if masked := network.Masked(); masked != network {
		return network, fmt.Errorf("non-null host address bits in \"%s\", perhaps you should use \"%s/%d\" instead", text, writeAddr(masked.Addr()), bits)
	}
	return network, nil
}

// parseAddr parses an address as inet_pton does.
func parseAddr(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	return addr, err == nil && addr.Zone() == ""
}

// writeAddr writes an address as inet_ntop does, which has those that once were
// for IPv4 end in its form.
func writeAddr(a netip.Addr) string {
	if b := a.As16(); a.Is6() && string(b[:12]) == string(make([]byte, 12)) && b[12]|b[13] != 0 {
		return "::" + netip.AddrFrom4([4]byte(b[12:])).String()
	}
	return a.String()
}
