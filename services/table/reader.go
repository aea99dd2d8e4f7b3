// SPDX-License-Identifier: ISC

package table

import (
	"strconv"

	"postloop/services/table/cf"
)

// settingsReader reads the settings of a driven table, until one of them makes no
// sense, and keeps what its worker is to be told.
type settingsReader struct {
	*keyed
	list []string // name, value, name, value
	err  error    // the first
}

// fail is for the first error.
func (s *settingsReader) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// add has the worker told.
func (s *settingsReader) add(name, value string) { s.list = append(s.list, name, value) }

// text, number and flag read a setting.
func (s *settingsReader) text(name, def string, least int) string {
	text, err := s.String(name, def, least)
	s.fail(err)
	return text
}

func (s *settingsReader) number(name string, def, least int) int {
	n, err := s.Int(name, def, least)
	s.fail(err)
	return n
}

func (s *settingsReader) flag(name string, def bool) bool {
	on, err := s.Bool(name, def)
	s.fail(err)
	return on
}

// addText and addNumber read a setting of which the worker is told.
func (s *settingsReader) addText(name, def string, least int) {
	s.add(name, s.text(name, def, least))
}

func (s *settingsReader) addNumber(name string, def, least int) int {
	n := s.number(name, def, least)
	s.add(name, strconv.Itoa(n))
	return n
}

// addTemplate has the worker told of a template that was made, if it could be.
func (s *settingsReader) addTemplate(name string, t *cf.Template, err error) *cf.Template {
	s.fail(err)
	if err == nil {
		s.add(name, t.String())
	}
	return t
}

// done returns what was read, and the templates that a key must suit; one that
// could not be read is nil.
func (s *settingsReader) done(templates ...*cf.Template) ([]string, []*cf.Template, error) {
	return s.list, templates, s.err
}

// yes is a setting that is on or off.
func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
