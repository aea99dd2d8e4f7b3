// SPDX-License-Identifier: ISC

package proxymap

import (
	"os"
	"strings"
	"syscall"

	"postloop/cfg"
	"postloop/master/maillog"
	"postloop/services/table"
)

// proxy is what stands before the name of a table that is to be asked for
// here.
const proxy = "proxy:"

// separators stand between the tables of a list.
const separators = ", \t\r\n"

// maxFiles is how deeply a list may name files that hold more of it.
const maxFiles = 20

// listing is the list of the tables that a service may open, while it is
// being read.
type listing struct {
	tables map[string]bool
	param  string // that holds the list
	warn   func(format string, args ...any)
	all    bool // tables without proxy count as well
	files  int  // how deep we are
}

// readList returns the tables that a service may open, by their names without
// proxy. They are those in the value of proxy_read_maps or proxy_write_maps that
// have it; reading counts those in restriction classes as well.
//
// With all, those that clients open themselves are in the list, too.
func readList(m *cfg.Main, mode table.Mode, all bool, warn func(string, ...any)) (map[string]bool, error) {
	l := listing{tables: map[string]bool{}, param: listParam(mode), all: all, warn: warn}
	value, err := m.Value(l.param)
	if err != nil {
		return nil, err
	}
	l.scan(value)
	if mode == table.ReadWrite {
		return l.tables, nil
	}
	l.param = "smtpd_restriction_classes"
	classes, err := m.Value(l.param)
	if err != nil {
		return nil, err
	}
	for _, l.param = range cfg.SplitList(classes) {
		value, err := m.Value(l.param)
		if err != nil {
			return nil, err
		}
		l.scan(value)
	}
	return l.tables, nil
}

// listParam is the parameter that lists the tables for a mode.
func listParam(mode table.Mode) string {
	if mode == table.ReadWrite {
		return "proxy_write_maps"
	}
	return "proxy_read_maps"
}

// scan takes the tables in a text. What is no table with proxy before it, and
// no list of such, means something to somebody else.
func (l *listing) scan(text string) {
	for {
		var word string
		if word, text = cfg.CutBraced(text, separators); word == "" {
			return
		}
		if word[0] == '{' { // a table and its options
			inner, ok := l.unbrace(word)
			if !ok {
				continue
			}
			if word, _ = cfg.CutBraced(inner, separators); word == "" {
				continue
			}
		}
		typ, name, found := strings.Cut(word, ":")
		switch {
		case word[0] == '/':
			l.file(word)
		case !isAlnum(word[0]) || !found:
		case typ == "unionmap" || typ == "pipemap":
			if !strings.HasPrefix(name, "{") {
				continue
			}
			if inner, ok := l.unbrace(name); ok {
				l.scan(inner)
			}
		case typ == "proxy":
			l.tables[tableName(name)] = true
		case l.all:
			l.tables[word] = true
		}
	}
}

// unbrace returns what is between the braces around word.
func (l *listing) unbrace(word string) (string, bool) {
	inner, err := cfg.Unbrace(word)
	if err != nil {
		l.warn("bad syntax in %s content: %s", l.param, err)
		return "", false
	}
	return inner, true
}

// file takes the tables in a file that the list names.
func (l *listing) file(name string) {
	if l.files == maxFiles {
		l.warn("%s: files that name files are more than %d deep at %s", l.param, maxFiles, name)
		return
	}
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // not to wait for a pipe's writer
	if err != nil {
		l.warn("open %s: %s", name, maillog.Strerror(err))
		return
	}
	defer func() { _ = file.Close() }()
	lines, notes, errs := cfg.ReadLines(name, file)
	for _, n := range notes {
		l.warn("%s", n.Text)
	}
	for _, e := range errs {
		l.warn("%s", e)
	}
	l.files++
	for _, line := range lines {
		l.scan(line.Text)
	}
	l.files--
}

func isAlnum(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' }
