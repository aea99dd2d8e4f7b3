// SPDX-License-Identifier: ISC

package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxNesting is how deep a document may be where the way to a member leads.
const maxNesting = 100

// Errors of documents.
var (
	errJSON      = errors.New("the answer is not JSON")
	errSurrogate = errors.New("half a character in the answer")
)

// find returns what a JSON document (RFC 8259) has at a member: strings without
// their quotes, numbers and booleans as they are written, of an array each element.
// Of an array on the way there, each element is looked into, or if the name is a
// number that one. What is absent or null is nothing.
func find(doc []byte, names []string) (values []string, err error) {
	if !utf8.Valid(doc) || !json.Valid(doc) {
		return nil, errJSON
	}
	err = walk(doc, names, 0, &values)
	return values, err
}

func walk(doc []byte, names []string, depth int, values *[]string) error {
	doc = bytes.TrimLeft(doc, " \t\r\n")
	if depth > maxNesting {
		return lasting("the answer is nested too deeply")
	}
	switch doc[0] {
	case 'n':
		return nil
	case '[':
		return walkArray(doc, names, depth, values)
	case '{':
		if len(names) == 0 {
			return lasting("an object instead of a value in the answer")
		}
		return walkObject(doc, names, depth, values)
	}
	if len(names) > 0 {
		return lasting("a value instead of an object with \"%s\" in the answer", names[0])
	}
	if doc[0] != '"' {
		*values = append(*values, string(bytes.TrimRight(doc, " \t\r\n")))
		return nil
	}
	if !paired(doc) {
		return errSurrogate
	}
	var text string
	if err := json.Unmarshal(doc, &text); err != nil {
		return errJSON
	}
	*values = append(*values, text)
	return nil
}

func walkArray(doc []byte, names []string, depth int, values *[]string) error {
	only := -1
	if len(names) > 0 {
		if n, err := strconv.ParseUint(names[0], 10, 31); err == nil {
			only, names = int(n), names[1:]
		}
	}
	return each(doc, func(i int, _ string, element []byte) error {
		if only >= 0 && i != only {
			return nil
		}
		return walk(element, names, depth+1, values)
	})
}

func walkObject(doc []byte, names []string, depth int, values *[]string) error {
	times := 0
	return each(doc, func(_ int, name string, member []byte) error {
		if name != names[0] {
			return nil
		}
		if times++; times > 1 {
			return fmt.Errorf("\"%s\" is there twice in the answer", name)
		}
		return walk(member, names[1:], depth+1, values)
	})
}

// each calls found with every element of a valid array, or member of an object.
func each(doc []byte, found func(i int, name string, element []byte) error) error {
	d := json.NewDecoder(bytes.NewReader(doc))
	if _, err := d.Token(); err != nil {
		return errJSON
	}
	for i := 0; d.More(); i++ {
		var name string
		if doc[0] == '{' {
			token, err := d.Token()
			if err != nil {
				return errJSON
			}
			name, _ = token.(string)
		}
		var element json.RawMessage
		if err := d.Decode(&element); err != nil {
			return errJSON
		}
		if err := found(i, name, element); err != nil {
			return err
		}
	}
	return nil
}

// paired reports whether the surrogates that are written as escapes in a valid
// string all have their other halves. encoding/json makes U+FFFD of those that have
// none.
func paired(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		if text[i] != 'u' {
			continue
		}
		r := escaped(text[i+1:])
		i += 4
		if !utf16.IsSurrogate(r) {
			continue
		}
		low, ok := bytes.CutPrefix(text[i+1:], []byte(`\u`))
		if !ok || utf16.DecodeRune(r, escaped(low)) == utf8.RuneError {
			return false
		}
		i += 6
	}
	return true
}

// escaped is the number in four hexadecimal digits.
func escaped(digits []byte) rune {
	n, _ := strconv.ParseUint(string(digits[:4]), 16, 16)
	return rune(n)
}
