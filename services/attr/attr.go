// SPDX-License-Identifier: ISC

// Package attr reads and writes the lists of attributes that Postfix's
// processes send each other: name and value, each with a NUL behind it, and
// one more NUL at the end of the list.
//
// It is bytes in and bytes out. What a list means, which attributes it must
// have and in what order, is for whoever asks to say; so is how long it may
// get, as the encoding knows no limit.
//
// Some send the attributes of one list in braces, as a group: that is the same
// list.
//
// # Failures
//
// A group inside a group, or one that does not end, is malformed; nothing else
// is.
//
// # See also
//
// Postfix's util/attr_print0.c and attr_scan0.c.
package attr

import (
	"bytes"
	"errors"
	"strings"
)

// Attr is one attribute. Both texts are bytes of any kind but NUL.
type Attr struct{ Name, Value string }

// ErrGroup says that braces do not match, or that groups are nested.
var ErrGroup = errors.New("misplaced brace among attributes")

// The names that begin and end a group.
const (
	groupBegin = "{"
	groupEnd   = "}"
)

// Append appends list as it is sent. A text ends at its first NUL, as it would
// for the receiver; one that is to be a name must not be empty or a brace.
func Append(b []byte, list ...Attr) []byte {
	for _, a := range list {
		switch name, _, _ := strings.Cut(a.Name, "\x00"); name {
		case "", groupBegin, groupEnd:
			panic("attr: an attribute with a name that has a meaning of its own")
		}
		b = appendText(b, a.Name)
		b = appendText(b, a.Value)
	}
	return append(b, 0)
}

func appendText(b []byte, s string) []byte {
	s, _, _ = strings.Cut(s, "\x00")
	return append(append(b, s...), 0)
}

// Scan returns the list that in begins with, and how many bytes it takes; 0
// means that its end is not there yet. Wherever in is cut, the same list comes
// out once all of it is there.
func Scan(in []byte) (list []Attr, used int, err error) {
	at, group := 0, false
	for {
		name, next, ok := text(in, at)
		switch {
		case !ok:
			return nil, 0, nil
		case name == "" && !group:
			return list, next, nil
		case name == "", name == groupBegin && group, name == groupEnd && !group:
			return nil, 0, ErrGroup
		case name == groupBegin || name == groupEnd:
			group = !group
			at = next
			continue
		}
		value, next, ok := text(in, next)
		if !ok {
			return nil, 0, nil
		}
		list = append(list, Attr{name, value})
		at = next
	}
}

// text returns the text that begins at a place, and where the next one does.
func text(in []byte, at int) (s string, next int, ok bool) {
	n := bytes.IndexByte(in[at:], 0)
	if n < 0 {
		return "", at, false
	}
	return string(in[at : at+n]), at + n + 1, true
}
