// SPDX-License-Identifier: ISC

// Package mycnf reads the option files of MySQL's and MariaDB's clients.
//
// A file has groups of options, [client] and the like. Of an option that is
// there more than once the last one counts, whatever its group. A line that is
// nothing of what it could be is passed over, as the client library does it.
//
//	[group]
//	name = value      # is part of the value
//	name              with an empty value
//	# a comment
//	; another
//	!include /path/file
//	!includedir /path
//
// A dash in a name may be written as an underscore. A value may be in quotes of
// either sort, which are for blanks at its ends: within it, too, a backslash
// before b, n, r, s, t, a quote or a backslash makes of them what it does
// elsewhere, with \s for a blank; before anything else it is itself.
//
// # See also
//
// "Using Option Files" in the manuals of MySQL and MariaDB.
package mycnf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Line is something that a file says.
type Line struct {
	Group       string
	Name, Value string // of an option, with dashes in its name
	Include     string // instead: a file to be read here
	Dir         string // instead: a directory with files to be read here
}

// Parse returns what text says, in its order.
func Parse(text string) (lines []Line) {
	group := ""
	for line := range strings.Lines(text) {
		line = strings.Trim(line, " \t\r\n\v\f")
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if name, ok := strings.CutPrefix(line, "["); ok {
			if name, _, ok = strings.Cut(name, "]"); ok {
				group = name
			}
			continue
		}
		if directive, ok := strings.CutPrefix(line, "!"); ok {
			word, path, _ := strings.Cut(strings.ReplaceAll(directive, "\t", " "), " ")
			path = strings.Trim(path, " ")
			switch {
			case path == "":
			case word == "include":
				lines = append(lines, Line{Group: group, Include: path})
			case word == "includedir":
				lines = append(lines, Line{Group: group, Dir: path})
			}
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		name = strings.ReplaceAll(strings.Trim(name, " \t"), "_", "-")
		if group != "" && name != "" {
			lines = append(lines, Line{Group: group, Name: name, Value: unquote(strings.Trim(value, " \t"))})
		}
	}
	return lines
}

// unquote makes of a value what it means.
func unquote(text string) string {
	if text != "" && (text[0] == '"' || text[0] == '\'') {
		quote := text[:1]
		text = strings.TrimSuffix(text[1:], quote)
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			if at := strings.IndexByte(`bnrst"'\`, text[i+1]); at >= 0 {
				b.WriteByte("\b\n\r \t\"'\\"[at])
				i++
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// Limits on files that are in files.
const (
	maxDepth = 10
	maxFiles = 100
	maxSize  = 1 << 20
)

// Options are those of some groups, by their names.
type Options struct {
	groups []string
	values map[string]string
	files  int
}

// New makes an empty set of options, which Read fills from some groups.
func New(groups ...string) *Options {
	return &Options{groups: groups, values: map[string]string{}}
}

// Get returns the value of an option, and whether it is there.
func (o *Options) Get(name string) (value string, ok bool) {
	value, ok = o.values[name]
	return value, ok
}

// Read reads a file, and those that it includes. The error is why this one
// cannot be read; the others may be missing.
func (o *Options) Read(path string) error { return o.read(path, 0) }

func (o *Options) read(path string, depth int) error {
	if o.files++; o.files > maxFiles || depth > maxDepth {
		return fmt.Errorf("%s: too many files include each other", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSize {
		return fmt.Errorf("%s: no regular file of at most %d bytes", path, maxSize)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, line := range Parse(string(text)) {
		var list []string
		switch {
		case line.Include != "":
			list = []string{line.Include}
		case line.Dir != "":
			list, err = directory(line.Dir)
		case slices.Contains(o.groups, line.Group):
			o.values[line.Name] = line.Value
		}
		for _, path := range list {
			err = errors.Join(err, o.read(path, depth+1))
		}
		if err != nil && !missing(err) {
			return err
		}
		err = nil
	}
	return nil
}

// missing reports whether err says only that a file is not there, or not for
// us.
func missing(err error) bool {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range list.Unwrap() {
			if !missing(err) {
				return false
			}
		}
		return true
	}
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission)
}

// directory returns the option files of a directory, in the order of their
// names.
func directory(path string) (list []string, err error) {
	entries, err := os.ReadDir(path)
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".cnf") {
			list = append(list, filepath.Join(path, entry.Name()))
		}
	}
	return list, err
}
