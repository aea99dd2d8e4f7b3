// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"
	"strings"

	"postloop/cfg"
	"postloop/master/maillog"
	"postloop/services/table/cf"
)

// domains is the domain parameter of a table: the domains whose addresses it
// is asked about. A nil list is asked about everything.
type domains struct {
	items  []domain
	tables []Table
	files  *sources // which read the files
}

// domain is one element of the list; the first that matches decides.
type domain struct {
	not   bool
	name  string // folded
	table Table  // instead of name
}

// deepestList is how deeply lists may name files with lists.
const deepestList = 10

// openDomains reads a list of domains, of files with such lists in them, and of
// type:name tables, any of them with ! before it. An empty list is no list.
func (e *Env) openDomains(list string, from *sources) (*domains, error) {
	d := &domains{files: from}
	if err := d.add(e, list, false, 0); err != nil {
		d.close()
		return nil, err
	}
	if len(d.items) == 0 {
		return nil, nil
	}
	return d, nil
}

func (d *domains) add(e *Env, list string, not bool, depth int) error {
	words, err := cfg.SplitBraced(list, ", \t\r\n")
	if err != nil {
		return err
	}
	for _, word := range words {
		not := not
		for strings.HasPrefix(word, "!") {
			not, word = !not, word[1:]
		}
		switch {
		case word == "":
			return fmt.Errorf("no pattern after '!' in \"%s\"", list)
		case word[0] == '/':
			if err := d.addFile(e, word, not, depth+1); err != nil {
				return err
			}
		case strings.Contains(word, ":"):
			t, err := e.Open(word, ReadOnly, domainFlags)
			if err != nil {
				return err
			}
			d.tables = append(d.tables, t)
			d.items = append(d.items, domain{not: not, table: t})
		default:
			name, _ := Fold(word, FoldFix|UTF8Request, Fixed)
			if name == "" { // not UTF-8
				name, _ = Fold(word, FoldFix, Fixed)
			}
			d.items = append(d.items, domain{not: not, name: name})
		}
	}
	return nil
}

// domainFlags are what the tables in a list are opened and asked with.
const domainFlags = Lock | FoldFix | UTF8Request

// addFile adds what a file lists, which is in main.cf's sort of lines.
func (d *domains) addFile(e *Env, path string, not bool, depth int) error {
	if depth > deepestList {
		return fmt.Errorf("open file %s: a list in a list in a list, without an end", path)
	}
	text, err := d.files.read(path)
	if failed, ok := errors.AsType[*sourceError](err); ok {
		return fmt.Errorf("%s file %s: %s", failed.op, path, maillog.Strerror(failed.err))
	}
	if err != nil {
		return err
	}
	for _, l := range e.sourceLines(path, text) {
		if err := d.add(e, l.Text, not, depth); err != nil {
			return err
		}
	}
	return nil
}

// match reports whether the table is to be asked about key: OK or NoKey, or
// Retry if a table in the list does not answer. later is as for Table.Get.
func (d *domains) match(key string, later func(Status)) Status {
	if d == nil {
		return OK
	}
	name, ok := cf.Domain(key)
	if !ok {
		return NoKey
	}
	if folded, ok := Fold(name, domainFlags, Fixed); ok {
		name = folded
	} else {
		name, _ = Fold(name, FoldFix, Fixed)
	}
	return d.from(0, name, later)
}

// from is match from the i-th element on.
func (d *domains) from(i int, name string, later func(Status)) Status {
	for ; i < len(d.items); i++ {
		it := d.items[i]
		status := NoKey
		if it.table == nil {
			if it.name == name {
				status = OK
			}
		} else {
			status = it.table.Get(name, domainFlags, func(a Answer) {
				s, over := it.decide(a.Status)
				if !over {
					s = d.from(i+1, name, later)
				}
				if s != Later {
					later(s)
				}
			}).Status
		}
		if s, over := it.decide(status); over {
			return s
		}
	}
	return NoKey
}

// decide returns what an element's answer means for the list, and whether that
// is the end of it.
func (it domain) decide(status Status) (s Status, over bool) {
	switch status {
	case OK:
		if it.not {
			return NoKey, true
		}
		return OK, true
	case NoKey:
		return NoKey, false
	case Later:
		return Later, true
	case Retry, Config:
	}
	return Retry, true
}

func (d *domains) changed() bool {
	if d != nil {
		for _, t := range d.tables {
			if c, ok := t.(Changer); ok && c.Changed() {
				return true
			}
		}
	}
	return false
}

func (d *domains) close() {
	if d != nil {
		for _, t := range d.tables {
			t.Close()
		}
	}
}
