// SPDX-License-Identifier: ISC

package table

import (
	"math/rand/v2"
)

// random is a table with one of several values, whatever the key.
type random struct {
	common
	sources
	values []string
}

func openRandmap(e *Env, name string, m Mode, f Flags) (Table, error) {
	if err := readOnly("randmap", name, m); err != nil {
		return nil, err
	}
	words, err := cutList("randmap", name, "value")
	if err != nil {
		return nil, err
	}
	t := &random{common: common{e, "randmap:" + name, Pattern}, sources: e.newSources()}
	for _, word := range words {
		value, err := t.value(word, f)
		if err != nil {
			return nil, err
		}
		t.values = append(t.values, value)
	}
	return t, nil
}

func (t *random) Get(key string, f Flags, _ func(Answer)) Answer {
	if _, ok := t.key(key, f); !ok {
		return Answer{Status: NoKey}
	}
	return t.answer(key, t.values[rand.IntN(len(t.values))], f)
}
