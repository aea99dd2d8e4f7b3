// SPDX-License-Identifier: ISC

package cf

import "strings"

// Template is text with places for a key, a value and their parts:
//
//	%s          the whole
//	%u          what is before the last @; without one, the whole
//	%d          what is behind it
//	%S %U %D    the same of the key, where %s is that of a value
//	%1 ... %9   a label of the key's domain, from the right
//	%%          a percent sign
type Template struct {
	text  string
	parts []part
}

// part is some text, and what comes behind it.
type part struct {
	text  string
	place byte // one of the letters and digits above; 0: nothing
}

// ParseTemplate makes a template of text, unless it has a % with something
// else behind it.
func ParseTemplate(text string) (t *Template, ok bool) {
	t = &Template{text: text}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch {
		case i < len(text) && text[i] == '%':
			b.WriteByte('%')
		case i < len(text) && strings.IndexByte("sudSUD123456789", text[i]) >= 0:
			t.parts = append(t.parts, part{b.String(), text[i]})
			b.Reset()
		default:
			return nil, false
		}
	}
	if b.Len() > 0 {
		t.parts = append(t.parts, part{b.String(), 0})
	}
	return t, true
}

// String is the text that the template was made of.
func (t *Template) String() string { return t.text }

// Fixed reports whether the template has no place for anything.
func (t *Template) Fixed() bool {
	return len(t.parts) == 0 || len(t.parts) == 1 && t.parts[0].place == 0
}

// Query puts key in, each part of it as quote makes it; nil leaves it as it
// is. ok is false for a key that lacks what the template asks for.
func (t *Template) Query(key string, quote func(string) string) (text string, ok bool) {
	return t.fill(key, key, quote)
}

// Format puts a value in that was found for key. ok is false if either lacks
// what the template asks for.
func (t *Template) Format(value, key string) (text string, ok bool) {
	return t.fill(value, key, nil)
}

func (t *Template) fill(value, key string, quote func(string) string) (string, bool) {
	v, k := split(value), split(key)
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.text)
		from := v
		if p.place < 'a' {
			from = k
		}
		var text string
		switch p.place {
		case 0:
			continue
		case 's', 'S':
			text = from.whole
		case 'u', 'U':
			text = from.local
		case 'd', 'D':
			text = from.domain
		default:
			text = from.label(int(p.place - '0'))
		}
		if text == "" {
			return "", false
		}
		if quote != nil {
			text = quote(text)
		}
		b.WriteString(text)
	}
	return b.String(), true
}

// address is a string with its parts; those that it has not are empty.
type address struct{ whole, local, domain string }

func split(s string) address {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return address{s, s, ""}
	}
	return address{s, s[:at], s[at+1:]}
}

// label returns the n-th label of the domain from the right, the first is
// number 1. Nothing, if there is none or if one on the way to it is empty.
func (a address) label(n int) string {
	rest, label := a.domain, ""
	for range n {
		if rest == "" {
			return ""
		}
		dot := strings.LastIndexByte(rest, '.')
		label, rest = rest[dot+1:], rest[:max(dot, 0)]
		if label == "" {
			return ""
		}
	}
	return label
}

// Domain returns what the domain list of a table is asked about: the part of
// key behind its last @. ok is false if that or the part before it is empty.
func Domain(key string) (domain string, ok bool) {
	a := split(key)
	return a.domain, a.domain != "" && a.local != ""
}

// Results says what becomes of the values that a table has found.
type Results struct {
	Format *Template
	Limit  int // on their number; 0: none
}

// Join formats values, which were found for key, and puts commas between
// them. Those that are empty are left out, and counted, and those that lack
// what the format asks for are left out. over says that there are more than the
// limit allows.
func (r Results) Join(key string, values []string) (text string, n, empty int, over bool) {
	var b strings.Builder
	for _, value := range values {
		if value == "" {
			empty++
			continue
		}
		one, ok := r.Format.Format(value, key)
		if !ok {
			continue
		}
		if n++; r.Limit > 0 && n > r.Limit {
			return "", n, empty, true
		}
		if n > 1 {
			b.WriteByte(',')
		}
		b.WriteString(one)
	}
	return b.String(), n, empty, false
}

// Counts reports whether value is one of those that the limit is on.
func (r Results) Counts(key, value string) bool {
	if value == "" {
		return false
	}
	_, ok := r.Format.Format(value, key)
	return ok
}
