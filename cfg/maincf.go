// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Main is the content of main.cf: text by name, raw. What a text means is
// found out when a value is asked for, since it may name others ($name) that
// are set later or differ from service to service.
type Main struct {
	name     string           // of the file, for messages
	entries  map[string]entry // set in the file, or by Set
	order    []string         // names of entries, in order of appearance
	defaults map[string]string
	notes    []Note
}

type entry struct {
	raw  string
	line int // 0: not from the file
}

// NewMain returns a Main in which nothing is set. name is the file that
// messages blame; config_directory is the directory it is in, unless
// SetDefault says otherwise.
func NewMain(name string) *Main {
	return &Main{
		name:     name,
		entries:  map[string]entry{},
		defaults: map[string]string{"config_directory": filepath.Dir(name)},
	}
}

// ParseMain reads a main.cf. The error is an Errors with everything that is
// wrong in the text; what was right is in the Main all the same. References
// and kinds of values are not looked at before they are asked for.
func ParseMain(name string, r io.Reader) (*Main, error) {
	m := NewMain(name)
	return m, m.read(r)
}

// read adds what r holds to m.
func (m *Main) read(r io.Reader) error {
	lines, notes, errs := ReadLines(m.name, r)
	m.notes = append(m.notes, notes...)
	for _, l := range lines {
		name, raw, reason := splitNameValue(l.Text)
		if reason != "" {
			errs = append(errs, &Error{m.name, l.Num, fmt.Sprintf(`%s: "%s"`, reason, l.Text)})
			continue
		}
		old, set := m.entries[name]
		if !set && name == "config_directory" {
			// Known before the file is read: see SetDefault.
			old.raw, set = m.defaults[name], true
		}
		if set && old.raw != raw {
			m.notes = append(m.notes, Note{Warning, fmt.Sprintf("%s, line %d: overriding earlier entry: %s=%s", m.name, l.Num, name, old.raw)})
		}
		m.put(name, entry{raw, l.Num})
	}
	if errs != nil {
		return errs
	}
	return nil
}

// splitNameValue splits "name = value"; reason says why it cannot.
func splitNameValue(text string) (name, value, reason string) {
	text = trimLeft(text)
	end := strings.IndexAny(text, white+"=")
	if end < 0 {
		end = len(text)
	}
	name = text[:end]
	if name == "" {
		return "", "", "missing attribute name"
	}
	value, found := strings.CutPrefix(trimLeft(text[end:]), "=")
	if !found {
		return "", "", "missing '=' after attribute name"
	}
	return name, trim(value), ""
}

func (m *Main) put(name string, e entry) {
	if _, set := m.entries[name]; !set {
		m.order = append(m.order, name)
	}
	m.entries[name] = e
}

// Raw returns the text that name was set to, without expansion, and whether
// it was set at all. An empty text is a setting, too.
func (m *Main) Raw(name string) (raw string, set bool) {
	e, set := m.entries[name]
	return e.raw, set
}

// Set sets name, as -o name=value does: it wins over the file. A newline in
// raw becomes a space, as there is no way to write one in main.cf.
func (m *Main) Set(name, raw string) { m.setAt(name, raw, 0) }

// setAt is Set for a setting that has a line in m's file.
func (m *Main) setAt(name, raw string, line int) {
	m.put(name, entry{trim(strings.ReplaceAll(raw, "\n", " ")), line})
}

// SetDefault replaces the built-in default of name, for what only the program
// knows: myhostname, daemon_directory, mail_version. Defaults that refer to
// name see the new one.
func (m *Main) SetDefault(name, raw string) { m.defaults[name] = raw }

// Names returns what is set, in order of first appearance.
func (m *Main) Names() []string { return slices.Clone(m.order) }

// Line returns the line on which name is set last; 0 if it is not set in the
// file.
func (m *Main) Line(name string) int { return m.entries[name].line }

// File returns the name of the file, for messages.
func (m *Main) File() string { return m.name }

// Notes returns what the log should say about the text that was read.
func (m *Main) Notes() []Note { return slices.Clone(m.notes) }

// Clone returns a copy with a life of its own, for a service's -o overrides.
func (m *Main) Clone() *Main {
	c := *m
	c.entries = maps.Clone(m.entries)
	c.order = slices.Clone(m.order)
	c.defaults = maps.Clone(m.defaults)
	c.notes = slices.Clone(m.notes)
	return &c
}

// Equal reports whether every parameter has the same value in o, wherever it
// is set.
func (m *Main) Equal(o *Main) bool {
	sameRaw := func(a, b entry) bool { return a.raw == b.raw }
	return maps.EqualFunc(m.entries, o.entries, sameRaw) && maps.Equal(m.defaults, o.defaults)
}

// Errorf returns an Error that blames the line on which the parameter name is set.
func (m *Main) Errorf(name, format string, args ...any) *Error {
	return &Error{m.name, m.Line(name), fmt.Sprintf(format, args...)}
}

// WriteMain writes m's settings as a main.cf that reads back the same, long
// values on several lines. A name or a value that no main.cf can hold (a null
// byte, a blank in a name) is an error; nothing is written then.
func WriteMain(w io.Writer, m *Main) error {
	var b strings.Builder
	var errs Errors
	for _, name := range m.order {
		e := m.entries[name]
		if name == "" || name[0] == '#' || strings.ContainsAny(name, white+"=\x00") {
			errs = append(errs, m.Errorf(name, "%q: no name of a parameter: main.cf has no way to write it", name))
		}
		if strings.Contains(e.raw, "\x00") {
			errs = append(errs, m.Errorf(name, "%s: a null byte: main.cf has no way to write it", name))
		}
		b.WriteString(strings.TrimRight(name+" = "+fold(e.raw, len(name)+3), " "))
		b.WriteByte('\n')
	}
	if errs != nil {
		return errs
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fold breaks value before spaces, so that lines stay within 100 columns
// where possible; the first begins at column col. The space before which a
// line is broken is what makes the rest a continuation.
func fold(value string, col int) string {
	const width = 100
	var b strings.Builder
	for col+len(value) > width {
		at := breakAt(value, max(width-col, 1))
		if at < 0 {
			break
		}
		b.WriteString(value[:at])
		b.WriteByte('\n')
		value, col = value[at:], 0
	}
	b.WriteString(value)
	return b.String()
}

// breakAt returns the last place within n bytes where value may be broken, or
// the first one after; -1 if there is none. A line must not consist of blanks
// only, nor begin with a "#", or it would be dropped.
func breakAt(value string, n int) int {
	at := -1
	content := len(value) - len(trimLeft(value))
	for i := content + 1; i < len(value); i++ {
		if value[i] != ' ' || isSpace(value[i-1]) {
			continue
		}
		if next := trimLeft(value[i:]); next == "" || next[0] == '#' {
			continue
		}
		if i > n && at >= 0 {
			break
		}
		at = i
	}
	return at
}
