// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// ParseTOML reads the one file that says what main.cf and master.cf say
// together: settings, then a [[service]] for each service.
//
//	rootless = true                # needs no root, and cannot switch users
//	state = "run"                  # queue_directory, and data_directory in it
//
//	[log]
//	to = "stderr"
//
//	[parameters]                   # anything that main.cf can set
//	inet_interfaces = "loopback-only"
//
//	[[service]]
//	listen = "127.0.0.1:7007"      # or 7007, "unix:private/echo", ...
//	run = ["/bin/cat"]             # once for each connection
//
// A relative state belongs to the folder of the file. Text may refer to
// parameters as in main.cf, with $name. A key nobody knows is an error that
// names the nearest one, so that a misspelt limit does not go unnoticed.
//
// name stands in messages. prepare, if not nil, sets the program's defaults
// before anything is evaluated. The error is an Errors with everything found
// wrong; there are no services then. Syntax errors end the reading at once.
func ParseTOML(name string, r io.Reader, prepare func(*Main)) (*Main, []Service, []Note, error) {
	m, services, notes, err := parseTOML(name, r, prepare)
	if err != nil {
		services = nil
	}
	return m, services, notes, err
}

// parseTOML returns the services that are right whatever the others are.
func parseTOML(name string, r io.Reader, prepare func(*Main)) (*Main, []Service, []Note, error) {
	m := NewMain(name)
	text, err := io.ReadAll(r)
	if err != nil {
		return m, nil, nil, Errors{{File: name, Text: "read: " + err.Error()}}
	}
	root, wrong := parseTree(name, string(text))
	if wrong != nil {
		return m, nil, nil, Errors{wrong}
	}
	p := tomlParser{file: name, main: m}
	list := p.settings(root)
	if prepare != nil {
		prepare(m)
	}
	d, notes := masterDefaults(m)
	services := make([]Service, 0, len(list)) // no more: there may be thousands, and they are kept
	for _, it := range list {
		s := tomlService{tomlParser: &p, defaults: &d}
		if s.parse(it) {
			services = append(services, s.Service)
		}
	}
	if len(p.errs) > 0 {
		slices.SortStableFunc(p.errs, func(a, b *Error) int { return a.Line - b.Line })
		return m, services, notes, p.errs
	}
	return m, services, notes, nil
}

// tomlParser turns a tree of items into settings, collecting what is wrong.
type tomlParser struct {
	file string
	main *Main
	errs Errors
}

func (p *tomlParser) fail(it *item, format string, args ...any) {
	p.errs = append(p.errs, &Error{p.file, it.line, fmt.Sprintf(format, args...)})
}

// text returns a string that is not empty once the blanks around it are gone.
func (p *tomlParser) text(it *item) string {
	s, ok := it.value.(string)
	s = trim(s)
	switch {
	case !ok || s == "":
		p.fail(it, "%s: specify text in quotes, such as %s = \"...\"", it.key, it.key)
	case strings.ContainsAny(s, "\n\x00"):
		p.fail(it, "%s: a line break or a null byte cannot be part of it", it.key)
	}
	return s
}

func (p *tomlParser) boolean(it *item) bool {
	b, ok := it.value.(bool)
	if !ok {
		p.fail(it, "%s: specify true or false", it.key)
	}
	return b
}

// words returns a list of strings, and the line of each.
func (p *tomlParser) words(it *item) (words []string, lines []int) {
	for _, one := range it.list {
		word, ok := one.value.(string)
		if !ok {
			p.fail(one, "%s: each element is text in quotes", it.key)
		}
		words, lines = append(words, word), append(lines, one.line)
	}
	if it.kind != listItem {
		p.fail(it, "%s: specify a list, such as %s = [\"one\", \"two\"]", it.key, it.key)
	}
	return words, lines
}

// raw returns the text of a parameter, which a number, a boolean or a list
// may stand for. A line break counts as a space.
func (p *tomlParser) raw(it *item) string {
	switch value := it.value.(type) {
	case string:
		if strings.Contains(value, "\x00") {
			p.fail(it, "%s: a null byte cannot be part of it", it.key)
		}
		return trim(strings.ReplaceAll(value, "\n", " "))
	case int64:
		return fmt.Sprint(value)
	case bool:
		return map[bool]string{true: "yes", false: "no"}[value]
	}
	if it.kind == listItem {
		words, _ := p.words(it)
		for i, word := range words {
			if trim(word) != word || word == "" || strings.ContainsAny(word, ",\n\x00") {
				p.fail(it.list[i], "%s: %q cannot be one element of a list", it.key, word)
			}
		}
		return strings.Join(words, ", ")
	}
	p.fail(it, "%s: specify text in quotes, a whole number, true, false, or a list of texts", it.key)
	return ""
}

// parameter checks the name of a parameter.
func (p *tomlParser) parameter(it *item) {
	if it.key == "" || it.key[0] == '#' || strings.ContainsAny(it.key, white+"=\x00") {
		p.fail(it, "%q cannot be the name of a parameter", it.key)
	}
}
