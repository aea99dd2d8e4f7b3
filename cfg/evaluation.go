// SPDX-License-Identifier: ISC

package cfg

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// evaluation takes many parameters out of a Main, collecting errors. What
// could not be evaluated is a zero value.
type evaluation struct {
	m     *Main
	errs  Errors
	notes []Note
	done  map[string]bool // evaluated; false: without success
}

// note keeps err, unless another parameter ran into it before, and remembers
// that name has been dealt with.
func (r *evaluation) note(name string, err error) {
	if r.done == nil {
		r.done = map[string]bool{}
	}
	r.done[name] = err == nil
	if err == nil {
		return
	}
	one, ok := errors.AsType[*Error](err)
	if !ok {
		one = r.m.Errorf(name, "%v", err)
	}
	if !slices.ContainsFunc(r.errs, func(e *Error) bool { return *e == *one }) {
		r.errs = append(r.errs, one)
	}
}

// good reports whether name could be evaluated.
func (r *evaluation) good(name string) bool { return r.done[name] }

func (r *evaluation) errorf(name, format string, args ...any) {
	r.note(name, r.m.Errorf(name, format, args...))
}

func (r *evaluation) warnf(name, format string, args ...any) {
	r.notes = append(r.notes, Note{Warning, r.m.Errorf(name, format, args...).Error()})
}

// sorted returns the errors in the order of their lines.
func (r *evaluation) sorted() Errors {
	slices.SortStableFunc(r.errs, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	return r.errs
}

func (r *evaluation) text(name string) string {
	value, err := r.m.Value(name)
	r.note(name, err)
	return value
}

func (r *evaluation) int(name string) int {
	value, err := r.m.Int(name)
	r.note(name, err)
	return int(value)
}

func (r *evaluation) bool(name string) bool {
	value, err := r.m.Bool(name)
	r.note(name, err)
	return value
}

func (r *evaluation) time(name string) time.Duration {
	value, err := r.m.Time(name)
	r.note(name, err)
	return value
}

func (r *evaluation) list(name string) []string { return SplitList(r.text(name)) }

// oneOf evaluates a parameter that must be one of a few words.
func (r *evaluation) oneOf(name string, words []string) string {
	value := r.text(name)
	if r.good(name) && !slices.Contains(words, value) {
		r.errorf(name, "parameter %s: unrecognized value: %s; specify one of %s", name, value, strings.Trim(strings.Join(words, ", "), ", "))
	}
	return value
}

// level evaluates a compatibility level. Other parameters are evaluated with
// a good one when it is bad, so that it is one error and not several.
func (r *evaluation) level(name string) string {
	value := r.text(name)
	_, err := parseLevel(value)
	if r.good(name) && err == nil {
		return value
	}
	if r.good(name) {
		r.errorf(name, "%v; specify a number such as 3.6", err)
	}
	r.m = r.m.Clone()
	r.m.setAt(name, "0", r.m.Line(name))
	return value
}

// Protocols is inet_protocols: the address families in use.
type Protocols struct {
	Text       string // as it was evaluated
	IPv4, IPv6 bool
}

func (r *evaluation) protocols(name string) Protocols {
	p := Protocols{Text: r.text(name)}
	for _, word := range SplitList(p.Text) {
		switch word {
		case "all":
			p.IPv4, p.IPv6 = true, true
		case "ipv4":
			p.IPv4 = true
		case "ipv6":
			p.IPv6 = true
		default:
			r.errorf(name, `unknown %s value "%s" in "%s"; specify all, ipv4, or ipv6`, name, word, p.Text)
		}
	}
	return p
}

func (r *evaluation) environment(name string) []EnvEntry {
	value := r.text(name)
	if !r.good(name) {
		return nil
	}
	list, err := ParseEnv(name, value)
	r.note(name, err)
	return list
}

func (r *evaluation) ports(name string) map[string]uint16 {
	ports, wrong := parsePorts(r.text(name))
	for _, reason := range wrong {
		r.warnf(name, "%s: %s", name, reason)
	}
	return ports
}

func (r *evaluation) permissions(name string) fs.FileMode {
	value := r.text(name)
	switch strings.TrimLeft(value, "0") {
	case "644":
		return 0o644
	case "640":
		return 0o640
	case "600":
		return 0o600
	}
	if r.good(name) {
		r.warnf(name, "ignoring bad permissions: %s = %s", name, value)
	}
	return 0o600
}
