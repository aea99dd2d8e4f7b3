// SPDX-License-Identifier: ISC

package posix

import "strings"

// bracketReader reads what is between brackets.
type bracketReader struct {
	text, raw string
	at        int
	fold      bool
}

// element is one of a bracket expression: a class, or a byte, which may be one
// end of a range.
type element struct {
	class bool // its bytes are in the set already
	equal bool // written [=a=], which is no end of a range
	c     byte
}

// maxName is how long the name of a class can be.
const maxName = 31

// read adds what is listed up to the closing bracket, and moves behind it.
func (b *bracketReader) read(s *set) error {
	if b.at >= len(b.text) {
		return ErrPattern
	}
	for first := true; ; first = false {
		if !first && b.text[b.at] == ']' {
			b.at++
			return nil
		}
		// A hyphen is one at the beginning, at the end, or as the end of a
		// range; for any other place POSIX leaves the meaning open.
		if !first && b.text[b.at] == '-' && !strings.HasPrefix(b.text[b.at+1:], "]") {
			return ErrRange
		}
		e, err := b.element(s)
		if err != nil {
			return err
		}
		if b.at == len(b.text) {
			return ErrBracket
		}
		if e.class || e.equal || b.text[b.at] != '-' {
			if !e.class {
				s.add(e.c)
			}
			continue
		}
		if b.at+1 == len(b.text) {
			return ErrBracket
		}
		if b.text[b.at+1] == ']' {
			s.add(e.c)
			continue
		}
		b.at++
		to, err := b.element(s)
		switch {
		case err != nil:
			return err
		case to.class || to.equal || e.c > to.c:
			return ErrRange
		case b.at == len(b.text):
			return ErrBracket
		}
		s.addIf(between(e.c, to.c))
	}
}

// element reads one.
func (b *bracketReader) element(s *set) (element, error) {
	c := b.text[b.at]
	b.at++
	if c != '[' || b.at == len(b.text) || strings.IndexByte(".=:", b.text[b.at]) < 0 {
		return element{c: c}, nil
	}
	delimiter := b.text[b.at]
	b.at++
	from := b.text
	if delimiter == ':' {
		from = b.raw // the names of classes keep their case
	}
	name, _, found := strings.Cut(from[b.at:], string(delimiter)+"]")
	if !found || len(name) > maxName {
		return element{}, ErrBracket
	}
	b.at += len(name) + 2
	if delimiter != ':' {
		// In the C locale every name is that of a single byte.
		if len(name) != 1 {
			return element{}, ErrCollate
		}
		return element{equal: delimiter == '=', c: name[0]}, nil
	}
	if b.fold && (name == "upper" || name == "lower") {
		name = "alpha"
	}
	in := classes()[name]
	if in == nil {
		return element{}, ErrClass
	}
	s.addIf(in)
	return element{class: true}, nil
}
