// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"os"
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
}

// domain is one element of the list; the first that matches decides.
type domain struct {
	not   bool
	name  string // folded
	table Table  // instead of name
}

// Limits on lists that name files.
const (
	deepestList = 10
	longestList = 1 << 20
)

// openDomains reads a list of domains, of files with such lists in them, and of
// type:name tables, any of them with ! before it. An empty list is no list.
func (e *Env) openDomains(list string) (*domains, error) {
	d := &domains{}
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
			t, err := e.Open(direct(word), ReadOnly, domainFlags)
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
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("open file %s: %s", path, maillog.Strerror(err))
	}
	if !info.Mode().IsRegular() || info.Size() > longestList {
		return fmt.Errorf("open file %s: not a regular file of up to %d bytes", path, longestList)
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open file %s: %s", path, maillog.Strerror(err))
	}
	defer f.Close() //nolint:errcheck // nothing was written
	lines, notes, errs := cfg.ReadLines(path, f)
	for _, n := range notes {
		e.Log.Warnf("%s", n.Text)
	}
	if errs != nil {
		return errs
	}
	for _, l := range lines {
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

func (d *domains) close() {
	if d != nil {
		for _, t := range d.tables {
			t.Close()
		}
	}
}

// direct is the table ref without proxy: in front. A table that is named
// inside another one is opened here, whoever asks.
func direct(ref string) string {
	for strings.HasPrefix(ref, "proxy:") {
		ref = ref[len("proxy:"):]
	}
	return ref
}
