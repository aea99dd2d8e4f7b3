// SPDX-License-Identifier: ISC

package worker

import "strings"

// Forms are the ways in which keys and values may be written: with a null byte
// at their end, or without. Both, or neither, leave it to the table, and to what
// is found in it.
type Forms struct{ Null, Plain bool }

var eitherForm = Forms{Null: true, Plain: true}

// forms reads what a request says of them: words with blanks between.
func forms(text string) (f Forms) {
	for _, word := range strings.Fields(text) {
		f.Null = f.Null || word == "null"
		f.Plain = f.Plain || word == "plain"
	}
	return f
}

// Written is how the keys of a table are written.
type Written struct {
	Table Forms // as in a request that says nothing
	Found Forms // what there is, once it is known
}

// NewWritten makes one of the settings "null" and "plain".
func NewWritten(s *Settings) Written {
	return Written{Table: Forms{Null: s.Bool("null"), Plain: s.Bool("plain")}}
}

// try is which forms a request that has these is about.
func (w *Written) try(f Forms) Forms {
	if f == (Forms{}) {
		f = w.Table
	}
	if f == eitherForm && w.Found != (Forms{}) {
		f = w.Found
	}
	return f
}

// Either has f try a key in one form, and if it is not found in the other.
func (w *Written) Either(key string, forms Forms, f func(key []byte) (found bool, err error)) (found bool, err error) {
	try := w.try(forms)
	if try.Null {
		if found, err = f(append([]byte(key), 0)); found {
			w.Found = Forms{Null: true}
		}
	}
	if try.Plain && !found && err == nil {
		if found, err = f([]byte(key)); found {
			w.Found = Forms{Plain: true}
		}
	}
	return found, err
}

// Entry is what is to be written for a key and its value. Where nothing is known it
// has a null byte at the end. as is to become Found once it is written.
func (w *Written) Entry(key, value string, forms Forms) (k, v []byte, as Forms) {
	k, v = []byte(key), []byte(value)
	if w.try(forms).Null {
		return append(k, 0), append(v, 0), Forms{Null: true}
	}
	return k, v, Forms{Plain: true}
}
