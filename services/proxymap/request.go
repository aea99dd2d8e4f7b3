// SPDX-License-Identifier: ISC

package proxymap

import (
	"fmt"
	"math"
	"strings"

	"postloop/services/attr"
	"postloop/services/table"
)

// greeting is what a client is sent first.
var greeting = []byte("protocol\x00proxymap_protocol\x00\x00")

// StatusBad and StatusDeny are the statuses of the protocol that no table has.
const (
	StatusBad  table.Status = 3 // the request makes no sense
	StatusDeny table.Status = 4 // the table is not for this service
)

// verb is what a request asks for.
type verb uint8

const (
	noRequest verb = iota // not to be answered
	unknown               // to be told so
	open
	lookup
	update
	remove // called delete
	sequence
)

// verbOf returns what a word asks for, or noRequest.
func verbOf(word string) verb {
	switch word {
	case "open":
		return open
	case "lookup":
		return lookup
	case "update":
		return update
	case "delete":
		return remove
	case "sequence":
		return sequence
	}
	return noRequest
}

// request is one request.
type request struct {
	what     verb
	newer    bool // in the dialect of Postfix 3.11 and later
	table    string
	instance table.Flags // newer: those that the table was opened with
	flags    table.Flags // those of this request; of open in the newer dialect, none
	key      string
	value    string
	first    bool // of sequence
}

// reply is the answer to one. What is not there in a reply of its kind is not
// looked at.
type reply struct {
	status     table.Status
	flags      table.Flags
	key, value string
}

// parse makes a request of a list of attributes, which must be those that it
// has, in their order. ok says that it can be answered by a table; otherwise the
// reply is StatusBad, or none for noRequest. complaint is for the log. newer is
// the dialect of a request that does not tell, and from is who speaks.
func parse(list []attr.Attr, newer bool, from string) (q request, ok bool, complaint string) {
	r := reader{list: list, from: from}
	name := r.text("request")
	if r.bad {
		return q, false, r.complaint
	}
	q.newer = newer
	if q.what = verbOf(name); q.what == noRequest {
		q.what = unknown
		return q, false, fmt.Sprintf("unrecognized request: \"%s\", ignored", name)
	}
	q.table = r.text("table")
	if !r.bad && len(r.list) > 0 {
		switch r.list[0].Name {
		case "flags":
			q.newer = false
		case "instance_flags":
			q.newer = true
		}
	}
	if q.newer {
		q.instance = r.flags("instance_flags")
	}
	if !q.newer || q.what != open {
		q.flags = r.flags("flags")
	}
	switch q.what {
	case lookup, remove:
		q.key = r.text("key")
	case update:
		q.key = r.text("key")
		q.value = r.text("value")
	case sequence:
		switch function := r.number("function"); {
		case r.bad:
		case function > 1:
			r.bad = true
		default:
			q.first = function == 0
		}
	case noRequest, unknown, open:
	}
	ok = !r.bad
	r.end()
	q.table = tableName(q.table)
	return q, ok && strings.Contains(q.table, ":"), r.complaint
}

// reader takes one attribute after the other from a list, until one is not
// what it should be.
type reader struct {
	list      []attr.Attr
	from      string
	bad       bool
	complaint string
}

// fail ends the reading. The first complaint counts.
func (r *reader) fail(format string, args ...any) {
	r.bad = true
	r.complaint = fmt.Sprintf(format, args...)
}

// text returns the value of the next attribute, which must have that name.
func (r *reader) text(name string) string {
	switch {
	case r.bad:
		return ""
	case len(r.list) == 0:
		r.fail("missing attribute %s in input from %s", name, r.from)
		return ""
	case r.list[0].Name != name:
		r.fail("unexpected attribute %s from %s (expecting: %s)", r.list[0].Name, r.from, name)
		return ""
	}
	value := r.list[0].Value
	r.list = r.list[1:]
	return value
}

// number is text for a number.
func (r *reader) number(name string) uint32 {
	text := r.text(name)
	if r.bad {
		return 0
	}
	n, ok := parseNumber(text)
	if !ok {
		r.fail("malformed numerical data from %s while reading input attribute value: %.100s", r.from, text)
	}
	return n
}

func (r *reader) flags(name string) table.Flags { return table.Flags(r.number(name)) }

// end complains about what follows the last attribute, and does no more.
func (r *reader) end() {
	if !r.bad && len(r.list) > 0 {
		r.complaint = fmt.Sprintf("unexpected attribute %s from %s (expecting: (list terminator))", r.list[0].Name, r.from)
	}
}

// parseNumber reads a number as sscanf(3) does for %u: white space and a sign
// may come before it, and what does not fit in 32 bits is cut to them.
func parseNumber(text string) (uint32, bool) {
	text = strings.TrimLeft(text, " \t\n\v\f\r")
	negative := strings.HasPrefix(text, "-")
	if negative || strings.HasPrefix(text, "+") {
		text = text[1:]
	}
	if text == "" {
		return 0, false
	}
	var n uint64
	most := false
	for i := range len(text) {
		digit := uint64(text[i] - '0')
		if digit > 9 {
			return 0, false
		}
		most = most || n > (math.MaxUint64-digit)/10
		n = 10*n + digit
	}
	switch {
	case most:
		n = math.MaxUint64
	case negative:
		n = -n
	}
	return uint32(n), true
}
