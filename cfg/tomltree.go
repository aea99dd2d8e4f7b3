// SPDX-License-Identifier: ISC

package cfg

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// item is one key of a TOML file with its value, and where it stands: the
// library returns maps, which know neither lines nor order.
type item struct {
	key   string
	line  int
	value any     // string, int64, float64, bool, a time; nil for the next two
	items []*item // of a table, in the order of the text
	list  []*item // of an array; the elements have no key
	kind  itemKind
	found bool // in the text; if not, line is that of what it is in
}

type itemKind uint8

const (
	scalarItem itemKind = iota
	tableItem
	listItem
)

// parseTree reads TOML text into a tree of items.
func parseTree(name, text string) (*item, *Error) {
	text = strings.TrimPrefix(text, "\ufeff") // as the library does
	l := locator{text: text, line: 1, places: map[string]place{}, last: map[string]int{}}
	l.document()
	if l.deep > 0 {
		return nil, &Error{name, l.deep, fmt.Sprintf("nested more than %d deep", maxNesting)}
	}
	var values map[string]any
	if _, err := toml.Decode(text, &values); err != nil {
		wrong := &Error{File: name, Text: err.Error()}
		if syntax, ok := errors.AsType[toml.ParseError](err); ok {
			// Its line is wrong where a line ends in the middle of a word, and its
			// place is before the text where that begins with the fault.
			before := text[:min(max(syntax.Position.Start, 0), len(text))]
			wrong.Line, wrong.Text = strings.Count(before, "\n")+1, strings.Map(noControl, syntax.Message)
		}
		return nil, wrong
	}
	return l.tree("", "", values, place{line: 1}), nil
}

// noControl keeps a message to one line.
func noControl(r rune) rune {
	if isControl(r) {
		return ' '
	}
	return r
}

// tree joins what the library read with where the locator found it.
func (l *locator) tree(key, path string, value any, at place) *item {
	found, ok := l.places[path]
	if ok {
		at = found
	}
	it := &item{key: key, line: at.line, found: ok}
	switch value := value.(type) {
	case map[string]any:
		it.kind = tableItem
		for key, value := range value {
			it.items = append(it.items, l.tree(key, path+keyPath(key), value, at))
		}
		slices.SortFunc(it.items, func(a, b *item) int {
			return cmp.Or(l.places[path+keyPath(a.key)].order-l.places[path+keyPath(b.key)].order, strings.Compare(a.key, b.key))
		})
	case []map[string]any:
		it.kind = listItem
		for i, value := range value {
			it.list = append(it.list, l.tree("", path+indexPath(i), value, at))
		}
	case []any:
		it.kind = listItem
		for i, value := range value {
			it.list = append(it.list, l.tree("", path+indexPath(i), value, at))
		}
	default:
		it.value = value
	}
	return it
}

// A path names a place in the tree; quoting keeps any key unambiguous.
func keyPath(key string) string { return "." + strconv.Quote(key) }
func indexPath(i int) string    { return "#" + strconv.Itoa(i) }

// place is where a key or an element begins.
type place struct{ line, order int }

// maxNesting keeps a file from costing more than its length: each level of
// nesting is a call, here and in the library, and makes all paths longer.
const maxNesting = 50

// locator walks over TOML text, and notes where each key and each element
// stands. It understands no more of TOML than that takes: of text that is not
// correct it makes something, the library refuses it, and nobody asks.
type locator struct {
	text   string
	pos    int
	line   int // at pos
	level  int // of nesting in a value
	deep   int // the line on which there was too much of it, which ended the walk
	places map[string]place
	last   map[string]int // of an array of tables, by path: its last index
}

func (l *locator) document() {
	base := ""
	for l.skip("\n"); l.pos < len(l.text); l.skip("\n") {
		start := l.line
		if !l.take('[') {
			l.pair(base)
			continue
		}
		array := l.take('[')
		base = ""
		keys := l.keys()
		for i, key := range keys {
			base += keyPath(key)
			l.mark(base, start)
			n, isArray := l.last[base]
			if array && i == len(keys)-1 {
				if isArray {
					n++
				}
				l.last[base], isArray = n, true
			}
			if isArray {
				base += indexPath(n)
				l.mark(base, start)
			}
		}
		for l.take(']') {
		}
	}
}

// pair reads "key = value" in the table with the path base.
func (l *locator) pair(base string) {
	start := l.line
	for _, key := range l.keys() {
		base += keyPath(key)
		l.mark(base, start)
	}
	l.take('=')
	l.skip("")
	l.value(base)
}

func (l *locator) value(path string) {
	switch {
	case l.pos >= len(l.text):
	case l.text[l.pos] == '"' || l.text[l.pos] == '\'':
		l.quoted()
	case l.nested():
	case l.take('['):
		for i := 0; l.more(']'); i++ {
			l.mark(path+indexPath(i), l.line)
			l.value(path + indexPath(i))
		}
		l.level--
	case l.take('{'):
		for l.more('}') {
			l.pair(path)
		}
		l.level--
	default:
		n := strings.IndexAny(l.text[l.pos:], ",]}#\n")
		if n == 0 {
			n = 1 // whatever it is, do not stop here
		}
		l.advance(n)
	}
}

// nested counts a level if one begins here, and reports whether that is one
// too many.
func (l *locator) nested() bool {
	if c := l.text[l.pos]; c != '[' && c != '{' {
		return false
	}
	l.level++
	return l.tooDeep(l.level)
}

// tooDeep ends the walk when n levels are too many.
func (l *locator) tooDeep(n int) bool {
	if n <= maxNesting {
		return false
	}
	l.deep = l.line
	l.pos = len(l.text)
	return true
}

// more goes on to the next element of an array or inline table, and past its
// end when there is none.
func (l *locator) more(end byte) bool {
	for l.skip("\n"); l.take(','); l.skip("\n") {
	}
	return l.pos < len(l.text) && !l.take(end)
}

// keys reads a key, which may be several with dots between.
func (l *locator) keys() []string {
	var keys []string
	for {
		l.skip("")
		start := l.pos
		if l.pos < len(l.text) && (l.text[l.pos] == '"' || l.text[l.pos] == '\'') {
			l.quoted()
			var one map[string]any
			if _, err := toml.Decode(l.text[start:l.pos]+"=0", &one); err == nil {
				for key := range one {
					keys = append(keys, key)
				}
			}
		} else {
			l.advance(strings.IndexAny(l.text[l.pos:], " \t.=]"))
			keys = append(keys, l.text[start:l.pos])
		}
		l.skip("")
		if l.tooDeep(len(keys)) || !l.take('.') {
			return keys
		}
	}
}

// quoted passes over a string of any of the four kinds.
func (l *locator) quoted() {
	quote := l.text[l.pos : l.pos+1]
	escapes := quote == `"`
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(l.text[l.pos:], triple) {
		quote = triple
	}
	l.advance(len(quote))
	for l.pos < len(l.text) && !strings.HasPrefix(l.text[l.pos:], quote) {
		if escapes && l.text[l.pos] == '\\' {
			l.advance(1)
		}
		l.advance(1)
	}
	l.advance(len(quote))
	// One or two quotes may stand right before the closing three.
	for len(quote) == 3 && l.pos < len(l.text) && l.text[l.pos] == quote[0] {
		l.advance(1)
	}
}

func (l *locator) mark(path string, line int) {
	if _, known := l.places[path]; !known {
		l.places[path] = place{line, len(l.places) + 1}
	}
}

// skip passes over blanks, and where newlines count as such over comments.
func (l *locator) skip(newlines string) {
	for l.pos < len(l.text) {
		switch c := l.text[l.pos]; {
		case c == ' ' || c == '\t' || c == '\r' || newlines != "" && c == '\n':
			l.advance(1)
		case c == '#' && newlines != "":
			l.advance(strings.IndexByte(l.text[l.pos:], '\n'))
		default:
			return
		}
	}
}

func (l *locator) take(c byte) bool {
	if l.pos >= len(l.text) || l.text[l.pos] != c {
		return false
	}
	l.advance(1)
	return true
}

// advance moves on by n bytes, or to the end if n is negative or too large.
func (l *locator) advance(n int) {
	if n < 0 || n > len(l.text)-l.pos {
		n = len(l.text) - l.pos
	}
	l.line += strings.Count(l.text[l.pos:l.pos+n], "\n")
	l.pos += n
}
