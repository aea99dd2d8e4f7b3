// SPDX-License-Identifier: ISC

package cfg

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// maxDepth is how deeply references may nest; Postfix's number.
	maxDepth = 100
	// maxRelations is how deeply comparisons may nest, where Postfix has no
	// limit and runs out of memory when one depends on itself.
	maxRelations = 200
	// maxWork bounds the text that one evaluation may scan, nested values
	// included: without it a few dozen lines of "a = $b$b" take for ever.
	maxWork = 4 << 20
)

// Expand replaces the references to parameters in text. What they refer to is
// expanded in turn; a name that nobody knows is empty.
//
//	$name ${name} $(name)      the value of name
//	${name?text}               text, if the value is not empty
//	${name:text}               text, if it is
//	${name?{text}:{text}}      one or the other
//	${{text} == {text}}        "true" or nothing; also != < <= >= >, and
//	                           with ?, : and texts as above
//	${{3.10} >level {3.9}}     the same for compatibility levels
//	${domain_to_ascii{text}}   text, which must be ASCII; also domain_to_utf8
//	$$                         a dollar sign
//
// Numbers are compared as numbers, all else byte by byte. The branch that is
// not taken is not looked at. An error in a parameter's text blames its line;
// one in text itself has no place.
func (m *Main) Expand(text string) (string, error) {
	x := expansion{m: m, work: maxWork}
	value, err := x.string(text)
	return value, m.located(err)
}

// expansion is one evaluation under way.
type expansion struct {
	m         *Main
	depth     int // of nesting, literal text counting as a level
	relations int // around this one
	work      int // bytes that may still be scanned

	inHostname, inDomain bool // their defaults are being found out
}

// text appends the expansion of text to out.
func (x *expansion) text(out []byte, text string) ([]byte, error) {
	if x.work -= len(text) + 1; x.work < 0 {
		return out, fmt.Errorf("references multiply to more than %d bytes; do not nest repeated ones", maxWork)
	}
	for rest := text; rest != ""; {
		literal := len(out)
		for {
			before, after, found := strings.Cut(rest, "$")
			out = append(out, before...)
			if rest = after; !found || !strings.HasPrefix(rest, "$") {
				if found {
					rest = "$" + rest
				}
				break
			}
			out, rest = append(out, '$'), rest[1:]
		}
		if x.depth > maxDepth && len(out) > literal {
			return out, tooDeep(string(out[literal:]))
		}
		if rest == "" {
			break
		}
		ref, size, err := cutReference(rest)
		if err != nil {
			return out, fmt.Errorf(`%w: "%s"`, err, text)
		}
		if out, err = x.reference(out, ref); err != nil {
			return out, err
		}
		rest = rest[size:]
	}
	return out, nil
}

func tooDeep(at string) error { return fmt.Errorf(`unreasonable macro call nesting: "%s"`, at) }

// cutReference returns what the reference at the beginning of text is about,
// and how long it is in text.
func cutReference(text string) (ref string, size int, err error) {
	after := text[1:]
	switch {
	case strings.HasPrefix(after, "{"):
		ref, err = cutGroup(after, '{', '}')
		size = len(ref) + len("${}")
	case strings.HasPrefix(after, "("):
		ref, err = cutGroup(after, '(', ')')
		size = len(ref) + len("$()")
	default:
		ref = after[:nameLen(after)]
		size = len(ref) + len("$")
	}
	if err == nil && ref == "" {
		err = errors.New("empty macro name")
	}
	return ref, size, err
}

// cutGroup returns what is between the bracket that text begins with and the
// one that closes it. Brackets of other kinds do not count.
func cutGroup(text string, open, closing byte) (string, error) {
	level := 0
	for i := range len(text) {
		switch text[i] {
		case open:
			level++
		case closing:
			if level--; level == 0 {
				return text[1:i], nil
			}
		}
	}
	return "", errors.New("truncated macro reference")
}

// nameLen returns the length of the name that text begins with.
func nameLen(text string) int {
	n := 0
	for n < len(text) && (isAlnum(text[n]) || text[n] == '_') {
		n++
	}
	return n
}

// reference appends what ref, the inside of ${ }, stands for.
func (x *expansion) reference(out []byte, ref string) ([]byte, error) {
	if x.depth > maxDepth {
		return out, tooDeep(ref)
	}
	x.depth++
	defer func() { x.depth-- }()

	subject := trimLeft(ref)
	var name, value, rest string // a value of its own, or that of name
	var err error
	switch n := nameLen(subject); {
	case strings.HasPrefix(subject, "{"):
		value, rest, err = x.relation(subject)
	case n < len(subject) && n > 0 && subject[n] == '{':
		value, rest, err = x.function(subject[:n], subject[n:])
	default:
		name = subject[:n]
		if rest = trimLeft(subject[n:]); rest != "" && rest[0] != '?' && rest[0] != ':' {
			err = fmt.Errorf(`attribute name syntax error at: "...%s>>>%s"`, name, first(subject[n:], 20))
		}
	}
	if err != nil {
		return out, err
	}
	var yes, no string
	if rest != "" {
		if yes, no, err = branches(rest); err != nil {
			return out, err
		}
	}
	if name != "" {
		raw, set, err := x.source(name)
		if err != nil {
			return out, err
		}
		if rest == "" {
			out, err = x.text(out, raw)
			return out, blame(name, err)
		}
		// A setting counts as it is written; a default, as what it comes to.
		if value = raw; !set {
			if value, err = x.apart(raw); err != nil {
				return out, blame(name, err)
			}
		}
	}
	if rest == "" {
		return append(out, value...), nil
	}
	if value != "" {
		return x.text(out, yes)
	}
	return x.text(out, no)
}

// string returns the expansion of text.
func (x *expansion) string(text string) (string, error) {
	out, err := x.text(nil, text)
	return string(out), err
}

// branches splits what follows the subject of a reference: the text for a
// value that is not empty, and the one for a value that is.
func branches(text string) (yes, no string, err error) {
	if text[0] == ':' {
		no, err = lastBranch(text[1:])
		return "", no, err
	}
	yes = text[1:]
	braced := trimLeft(yes)
	if !strings.HasPrefix(braced, "{") {
		return yes, "", nil
	}
	yes, rest, err := cutOperand(braced)
	switch {
	case err != nil || rest == "":
		return yes, "", err
	case rest[0] != ':':
		return "", "", fmt.Errorf(`":" expected at: "...%s}>>>%s"`, yes, first(rest, 20))
	}
	no, err = lastBranch(rest[1:])
	return yes, no, err
}

// lastBranch returns the text after a ":", which is all there is unless it is
// in braces.
func lastBranch(text string) (string, error) {
	braced := trimLeft(text)
	if !strings.HasPrefix(braced, "{") {
		return text, nil
	}
	inner, rest, err := cutOperand(braced)
	if err == nil && rest != "" {
		err = fmt.Errorf(`unexpected input at: "...%s}>>>%s"`, inner, first(rest, 20))
	}
	return inner, err
}

// cutOperand returns the inside of the {text} at the beginning of text, and
// what follows it, blanks skipped.
func cutOperand(text string) (inner, rest string, err error) {
	inner, err = cutGroup(text, '{', '}')
	if err != nil {
		return "", "", fmt.Errorf(`unbalanced {} in attribute expression: "%s"`, text)
	}
	return inner, trimLeft(text[len(inner)+len("{}"):]), nil
}

// function applies a function to the {text} that follows its name.
func (x *expansion) function(name, text string) (value, rest string, err error) {
	inner, rest, err := cutOperand(text)
	if err != nil {
		return "", "", err
	}
	if name != "domain_to_ascii" && name != "domain_to_utf8" {
		return "", "", fmt.Errorf(`unknown function "%s" at"...>>>%s{%s}"`, name, name, inner)
	}
	if rest != "" && rest[0] != '?' && rest[0] != ':' {
		return "", "", fmt.Errorf(`"?" or ":" expected at: "...}>>>%s"`, first(rest, 20))
	}
	if value, err = x.string(inner); err != nil {
		return "", "", err
	}
	value = trim(value)
	for i := range len(value) {
		if value[i] >= 0x80 || name == "domain_to_utf8" && strings.HasPrefix(strings.ToLower(value[i:]), "xn--") {
			return "", "", fmt.Errorf(`%s{%s}: conversion of internationalized names is not supported; write "%s" in the form that is wanted`, name, inner, value)
		}
	}
	return value, rest, nil
}
