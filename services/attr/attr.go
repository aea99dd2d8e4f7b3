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
	var s Scanner
	return s.Scan(in)
}

// Scanner is Scan for input that comes in pieces: it looks at no byte twice,
// however small they are. The zero Scanner is at the beginning of a list.
type Scanner struct {
	// Most is how many attributes of a list are returned; those behind them are
	// left out. 0 is all.
	Most int

	at    int // what comes before has been looked at
	text  int // where the text that lies there begins
	value bool
	group bool
	list  []Attr
}

// Scan is called with all of the list that has come so far. What it returns is
// valid until the next call, which is for the next list after an end or an
// error.
func (s *Scanner) Scan(in []byte) (list []Attr, used int, err error) {
	end, err := s.find(in)
	if err != nil {
		s.Reset()
		return nil, 0, err
	}
	if end < 0 {
		return nil, 0, nil
	}
	s.Reset()
	clear(s.list) // or what they are part of would live on
	s.list = s.split(s.list[:0], string(in[:end]))
	return s.list, end, nil
}

// Reset forgets the pieces that have come.
func (s *Scanner) Reset() { *s = Scanner{Most: s.Most, list: s.list} }

// InValue reports whether the last piece ended in a value, and not in a name.
func (s *Scanner) InValue() bool { return s.value }

// find returns where the list ends, -1 if that has not come.
func (s *Scanner) find(in []byte) (end int, err error) {
	for {
		n := bytes.IndexByte(in[s.at:], 0)
		if n < 0 {
			s.at = len(in)
			return -1, nil
		}
		text := in[s.text : s.at+n]
		s.at += n + 1
		s.text = s.at
		if s.value {
			s.value = false
			continue
		}
		switch begins, ends := string(text) == groupBegin, string(text) == groupEnd; {
		case len(text) == 0 && !s.group:
			return s.at, nil
		case len(text) == 0, begins && s.group, ends && !s.group:
			return -1, ErrGroup
		case begins, ends:
			s.group = begins
		default:
			s.value = true
		}
	}
}

// split appends to list what a whole list holds. All texts are part of that
// one.
func (s *Scanner) split(list []Attr, whole string) []Attr {
	for s.Most == 0 || len(list) < s.Most {
		var a Attr
		a.Name, whole, _ = strings.Cut(whole, "\x00")
		switch a.Name {
		case "":
			return list
		case groupBegin, groupEnd:
			continue
		}
		a.Value, whole, _ = strings.Cut(whole, "\x00")
		list = append(list, a)
	}
	return list
}
