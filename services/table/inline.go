// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"postloop/cfg"
)

// inline is a table that its name spells out: {key=value, {key = value}}.
type inline struct {
	common
	sources
	rows index
}

func openInline(e *Env, name string, m Mode, f Flags) (Table, error) {
	if err := readOnly("inline", name, m); err != nil {
		return nil, err
	}
	t := &inline{common: common{e, "inline:" + name, Fixed}, sources: e.newSources(), rows: newIndex(f)}
	if err := t.load(name, f); err != nil {
		value := "value"
		if f&RHSIsFile != 0 {
			value = "filename"
		}
		return nil, fmt.Errorf("%w: \"inline:%s\"; need \"inline:{name=%s...}\"", err, name, value)
	}
	return t, nil
}

func (t *inline) load(name string, f Flags) error {
	rest, err := cfg.Unbrace(name)
	if err != nil || name == "{}" {
		return errors.New("bad syntax")
	}
	if f&(UTF8Request|UTF8Active) != 0 && !utf8.ValidString(name) {
		return errors.New("bad UTF-8 syntax")
	}
	for {
		var word string
		if word, rest = cfg.CutBraced(rest, commaBlank); word == "" {
			break
		}
		key, value, err := cutEntry(word)
		if err != nil {
			return err
		}
		if value, err = t.value(value, f); err != nil {
			return err
		}
		t.rows.put(key, value, true)
	}
	if len(t.rows.pairs) == 0 {
		return errors.New("empty table")
	}
	return nil
}

// cutEntry splits key=value, or {key = value}.
func cutEntry(word string) (key, value string, err error) {
	if word[0] == '{' {
		if word, err = cfg.Unbrace(word); err != nil {
			return "", "", err
		}
		if word == "" {
			return "", "", errors.New("no key found; expected format: key = value")
		}
	}
	key, value, balanced := cutKey(word, space+"=")
	if !balanced {
		return "", "", errors.New("unbalanced '\"'")
	}
	value, found := strings.CutPrefix(strings.TrimLeft(value, space), "=")
	if !found {
		return "", "", errors.New("missing '=' after attribute name")
	}
	return key, strings.Trim(value, space), nil
}

func (t *inline) Get(key string, f Flags, _ func(Answer)) Answer { return t.find(&t.rows, key, f) }

func (t *inline) Next(first bool, _ Flags, _ func(Pair, Status)) (Pair, Status) {
	return t.rows.next(first)
}
