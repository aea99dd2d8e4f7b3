// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"postloop/cfg"
	"postloop/master/maillog"
)

// texthash is the text that postmap(1) makes an index from, in memory instead.
type texthash struct {
	common
	sources
	rows index
}

func openTexthash(e *Env, name string, m Mode, f Flags) (Table, error) {
	if err := readOnly("texthash", name, m); err != nil {
		return nil, err
	}
	t := &texthash{common: common{e, "texthash:" + name, Fixed}, sources: e.newSources(), rows: newIndex(f)}
	text, err := t.read(name)
	if failed, ok := errors.AsType[*sourceError](err); ok && failed.op == "open" {
		return nil, fmt.Errorf("open database %s: %s", name, maillog.Strerror(failed.err))
	}
	if err != nil {
		return nil, err
	}
	if err := t.load(name, text, f); err != nil {
		return nil, err
	}
	return t, nil
}

// load fills the index. What is wrong with a line is logged and costs that line,
// but for a duplicate that nobody has said what to do with.
func (t *texthash) load(name, text string, f Flags) error {
	var line cfg.Line
	warn := func(format string, args ...any) {
		t.env.Log.Warnf("%s, line %d: %s", name, line.Num, fmt.Sprintf(format, args...))
	}
	lines := t.env.sourceLines(name, text)
	t.rows.expect(len(lines))
	for _, line = range lines {
		if f&(UTF8Request|UTF8Active) != 0 && !utf8.ValidString(line.Text) {
			warn("non-UTF-8 input \"%s\" -- ignoring this line", line.Text)
			continue
		}
		key, value, balanced := cutKey(line.Text, space)
		if !balanced {
			warn("unbalanced '\"' in '%s' -- ignoring this line", line.Text)
			continue
		}
		value = strings.Trim(value, space)
		if key == "" || value == "" {
			warn("expected format: key whitespace value -- ignoring this line")
			continue
		}
		if strings.HasSuffix(key, ":") {
			warn("record is in \"key: value\" format; is this an alias file?")
		}
		value, err := t.value(value, f)
		if err != nil {
			warn("%s: skipping this entry", err)
			continue
		}
		key, dup := t.rows.put(key, value, f&DupReplace != 0)
		switch {
		case !dup || f&(DupIgnore|DupReplace) != 0:
		case f&DupWarn != 0:
			warn("duplicate entry: \"%s\"", key)
		default:
			return fmt.Errorf("%s, line %d: duplicate entry: \"%s\"", name, line.Num, key)
		}
	}
	return nil
}

func (t *texthash) Get(key string, f Flags, _ func(Answer)) Answer { return t.find(&t.rows, key, f) }

func (t *texthash) Next(first bool, _ Flags, _ func(Pair, Status)) (Pair, Status) {
	return t.rows.next(first)
}

// find answers from an index.
func (c *common) find(x *index, key string, f Flags) Answer {
	folded, ok := c.key(key, f)
	if !ok {
		return Answer{Status: NoKey}
	}
	value, ok := x.get(folded, f)
	if !ok {
		return Answer{Status: NoKey}
	}
	return c.answer(folded, value, f)
}

// space is what C's isspace takes for white space.
const space = " \t\n\v\f\r"

// cutKey splits text before the first byte of ends that is neither between
// double quotes nor behind a backslash. Both stay in the key.
func cutKey(text, ends string) (key, rest string, balanced bool) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && strings.IndexByte(ends, c) >= 0:
			return text[:i], text[i:], true
		}
	}
	return text, "", !quoted
}
