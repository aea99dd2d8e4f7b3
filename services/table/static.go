// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"strings"

	"postloop/cfg"
)

// static is a table with the same value for every key.
type static struct {
	common
	sources
	result string
}

func openStatic(e *Env, name string, _ Mode, f Flags) (Table, error) {
	t := &static{common: common{e, "static:" + name, Fixed}, sources: e.newSources()}
	text := name
	if strings.HasPrefix(name, "{") {
		var err error
		if text, err = cfg.Unbrace(name); err != nil {
			return nil, fmt.Errorf("bad static:name syntax: %w", err)
		}
	}
	var err error
	if t.result, err = t.value(text, f); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *static) Get(key string, f Flags, _ func(Answer)) Answer {
	if _, ok := t.key(key, f); !ok {
		return Answer{Status: NoKey}
	}
	return t.answer(key, t.result, f)
}
