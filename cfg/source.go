// SPDX-License-Identifier: ISC

package cfg

import (
	"errors"
	"strings"
)

// source returns the unexpanded text of a parameter: what it is set to, or
// else its default. Names that nobody knows have an empty default.
func (x *expansion) source(name string) (raw string, set bool, err error) {
	if e, set := x.m.entries[name]; set {
		return e.raw, true, nil
	}
	switch name {
	case "myhostname":
		raw, err = x.hostname()
	case "mydomain":
		raw, err = x.domain()
	default:
		var own bool
		if raw, own = x.m.defaults[name]; !own {
			p, _ := parameter(name)
			raw = p.def
		}
	}
	return raw, false, err
}

// hostname returns the default of myhostname. The system's name for itself
// may lack a domain, which is then mydomain, if that is set.
func (x *expansion) hostname() (string, error) {
	name, known := x.m.defaults["myhostname"]
	if !known {
		name = parameters["myhostname"].def
	}
	switch {
	case strings.Contains(name, "."):
		return name, nil
	case x.inHostname: // mydomain refers to it: nothing is known yet
		return "", nil
	}
	x.inHostname = true
	defer func() { x.inHostname = false }()
	domain := "localdomain"
	if _, set := x.m.entries["mydomain"]; set {
		var err error
		if domain, err = x.apart("$mydomain"); err != nil {
			return "", err
		}
	}
	return name + "." + literal(domain), nil
}

// domain returns the default of mydomain: that in myhostname.
func (x *expansion) domain() (string, error) {
	if own, known := x.m.defaults["mydomain"]; known || x.inDomain {
		return own, nil
	}
	x.inDomain = true
	defer func() { x.inDomain = false }()
	name, err := x.apart("$myhostname")
	if err != nil {
		return "", err
	}
	_, domain, found := strings.Cut(name, ".")
	if !found {
		domain = "localdomain"
	}
	return literal(domain), nil
}

// literal returns text such that its expansion is what it is now.
func literal(text string) string { return strings.ReplaceAll(text, "$", "$$") }

// apart expands text that is not part of what is being expanded, but has to
// be known for it: the nesting of references is counted anew.
func (x *expansion) apart(text string) (string, error) {
	depth := x.depth
	x.depth = 0
	value, err := x.string(text)
	x.depth = depth
	return value, err
}

// value returns the value of a parameter.
func (x *expansion) value(name string) (string, error) {
	raw, _, err := x.source(name)
	if err != nil {
		return "", err
	}
	value, err := x.string(raw)
	return value, blame(name, err)
}

// evalError is an error in the text of a parameter.
type evalError struct {
	name string
	err  error
}

func (e *evalError) Error() string { return "parameter " + e.name + ": " + e.err.Error() }

func (e *evalError) Unwrap() error { return e.err }

// blame says that err happened in the text of name, unless it is said already
// that it happened in one that name refers to.
func blame(name string, err error) error {
	if _, done := errors.AsType[*evalError](err); err == nil || done {
		return err
	}
	return &evalError{name, err}
}

// located adds the line to an error of evaluation.
func (m *Main) located(err error) error {
	if e, ok := errors.AsType[*evalError](err); ok {
		return m.Errorf(e.name, "%s", e.Error())
	}
	return err
}
