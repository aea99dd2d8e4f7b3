// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"unicode/utf8"
)

// common is what tables of every kind have: where they live, what they are
// called, and what Flags says.
type common struct {
	env   *Env
	ref   string // type:name
	flags Flags
}

func (c *common) Flags() Flags { return c.flags }

// Close suffices for tables that hold nothing but memory.
func (c *common) Close() {}

// key is Fold for a request to the table; what it refuses is logged.
func (c *common) key(key string, f Flags) (folded string, ok bool) {
	folded, ok = Fold(key, f, c.flags)
	if !ok {
		c.env.Log.Warnf("%s: non-UTF-8 key \"%s\": malformed UTF-8 or invalid codepoint", c.ref, key)
	}
	return folded, ok
}

// answer is the answer that key has value, which those who asked for UTF-8 get
// only if it is.
func (c *common) answer(key, value string, f Flags) Answer {
	if f&(UTF8Request|UTF8Active) != 0 && !utf8.ValidString(value) {
		c.env.Log.Warnf("%s: key \"%s\": non-UTF-8 value \"%s\": malformed UTF-8 or invalid codepoint", c.ref, key, value)
		return Answer{Status: Config}
	}
	return Answer{Value: value, Status: OK}
}

// readOnly refuses to open for writing what can only be read.
func readOnly(typ, name string, m Mode) error {
	if m != ReadOnly {
		return fmt.Errorf("%s:%s map requires O_RDONLY access mode", typ, name)
	}
	return nil
}
