// SPDX-License-Identifier: ISC

package cf

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"postloop/cfg"
)

// Settings are the parameters of one table.
type Settings struct {
	name string
	from *cfg.Main
	main bool // from is main.cf, and the table's name is in front of each

	let map[string]string // values that are not from there
}

// IsFile reports whether name is that of a file, and not of parameters in
// main.cf.
func IsFile(name string) bool { return strings.HasPrefix(name, "/") || strings.HasPrefix(name, ".") }

// Parse reads the file called name: main.cf's syntax, where $ is a character
// like any other. notes are for the log, with or without an error.
func Parse(name string, r io.Reader) (s *Settings, notes []cfg.Note, err error) {
	from, err := cfg.ParseMain(name, r)
	return &Settings{name: name, from: from}, from.Notes(), err
}

// Main is the older form: the parameters are main.cf's, name_hosts for what is
// hosts in a file, and $ has its meaning there.
func Main(name string, main *cfg.Main) *Settings {
	return &Settings{name: name, from: main, main: true}
}

// Name is what messages call the table: the file, or the name in main.cf.
func (s *Settings) Name() string { return s.name }

// raw returns the text of a parameter, and whether it is set. label is what
// messages call it.
func (s *Settings) raw(param string) (text, label string, set bool, err error) {
	if text, set = s.let[param]; set {
		return text, s.name + ": ", true, nil
	}
	if !s.main {
		text, set = s.from.Raw(param)
		return text, s.name + ": ", set, nil
	}
	param = s.name + "_" + param
	if _, set = s.from.Raw(param); !set {
		return "", "", false, nil
	}
	text, err = s.from.Value(param)
	return text, "", true, err
}

// full is a parameter's name in messages.
func (s *Settings) full(param string) string {
	if s.main {
		return s.name + "_" + param
	}
	return param
}

// Let has a parameter be text from now on, whatever stands in the file.
func (s *Settings) Let(param, text string) {
	if s.let == nil {
		s.let = map[string]string{}
	}
	s.let[param] = text
}

// Set reports whether a parameter is set, if only to nothing.
func (s *Settings) Set(param string) bool {
	_, _, set, _ := s.raw(param)
	return set
}

// String returns a text of at least that many bytes.
func (s *Settings) String(param, def string, least int) (string, error) {
	text, label, set, err := s.raw(param)
	if err != nil {
		return "", err
	}
	if !set {
		text = def
	}
	if len(text) < least {
		return "", fmt.Errorf("%sbad string length %d < %d: %s = %s", label, len(text), least, s.full(param), text)
	}
	return text, nil
}

// Int returns a number of at least that size.
func (s *Settings) Int(param string, def, least int) (int, error) {
	text, label, set, err := s.raw(param)
	if err != nil || !set {
		return def, err
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil || n < math.MinInt32 || n > math.MaxInt32:
		return 0, fmt.Errorf("%sbad numerical configuration: %s = %s", label, s.full(param), text)
	case n < least:
		return 0, fmt.Errorf("%sinvalid %s parameter value %d < %d", label, s.full(param), n, least)
	}
	return n, nil
}

// Bool returns what is yes or no.
func (s *Settings) Bool(param string, def bool) (bool, error) {
	text, label, set, err := s.raw(param)
	switch {
	case err != nil || !set:
		return def, err
	case strings.EqualFold(text, "yes"):
		return true, nil
	case strings.EqualFold(text, "no"):
		return false, nil
	}
	return false, fmt.Errorf("%sbad boolean configuration: %s = %s", label, s.full(param), text)
}

// Query returns the template of what the table is asked.
func (s *Settings) Query(param, def string) (*Template, error) {
	return s.template("query", param, def, 0)
}

// Results returns what result_format and expansion_limit say.
func (s *Settings) Results() (r Results, err error) {
	if r.Limit, err = s.Int("expansion_limit", 0, 0); err == nil {
		r.Format, err = s.template("result", "result_format", "%s", 1)
	}
	return r, err
}

func (s *Settings) template(kind, param, def string, least int) (*Template, error) {
	text, err := s.String(param, def, least)
	if err != nil {
		return nil, err
	}
	return s.Template(kind, text)
}

// Template makes a template of text; kind, query or result, is for the error.
func (s *Settings) Template(kind, text string) (*Template, error) {
	t, ok := ParseTemplate(text)
	if !ok {
		return nil, fmt.Errorf("db_common_parse: %s: Invalid %s template: %s", s.name, kind, text)
	}
	return t, nil
}
