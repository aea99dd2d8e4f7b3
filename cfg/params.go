// SPDX-License-Identifier: ISC

package cfg

import (
	"math"
	"strings"
	"time"
)

// param says what a parameter holds and what it is when it is not set.
type param struct {
	name     string
	kind     kind
	def      string // unexpanded
	min, max int64  // of the length, number or seconds; 0: no check
	was      string // the default of Postfix 3.7, where it differs
	since312 bool   // later than Postfix 3.7
}

type kind uint8

const (
	textKind   kind = iota
	numberKind      // 32 bits
	longKind        // 64 bits
	boolKind        // yes or no
	timeKind        // whole seconds: number and unit
	offKind         // the same, or the word off
	fineKind        // the same as timeKind, and milliseconds
)

// parameters holds what is known about parameters, all tables together, by their
// names. The tables themselves are part of the program and take no time to make.
var parameters = index(commonParams, ourParams, tableParams, laterParams)

func index(tables ...[]param) map[string]*param {
	n := 0
	for _, table := range tables {
		n += len(table)
	}
	all := make(map[string]*param, n)
	for _, table := range tables {
		for i := range table {
			all[table[i].name] = &table[i]
		}
	}
	return all
}

// parameter returns what is known about one. Those that we have no use for are not
// known: they are text, and empty by default.
func parameter(name string) (p param, known bool) {
	if p := parameters[name]; p != nil {
		return *p, true
	}
	return p, false
}

// Value returns the value of a parameter: what it is set to, or else its
// default, with all references expanded. The error blames the line of the
// text that does not evaluate, which may be that of another parameter.
func (m *Main) Value(name string) (string, error) {
	x := expansion{m: m, work: maxWork}
	value, err := x.value(name)
	if err != nil {
		return "", m.located(err)
	}
	p, _ := parameter(name)
	switch n := int64(len(value)); {
	case p.kind != textKind:
	case p.min > 0 && n < p.min:
		return "", m.Errorf(name, "bad string length %d < %d: %s = %s", n, p.min, name, value)
	case p.max > 0 && n > p.max:
		return "", m.Errorf(name, "bad string length %d > %d: %s = %s", n, p.max, name, value)
	}
	return value, nil
}

// Bool returns the value of a parameter that is yes or no.
func (m *Main) Bool(name string) (bool, error) {
	value, err := m.Value(name)
	switch {
	case err != nil:
		return false, err
	case strings.EqualFold(value, "yes"):
		return true, nil
	case strings.EqualFold(value, "no"):
		return false, nil
	}
	return false, m.Errorf(name, "bad boolean configuration: %s = %s; specify yes or no", name, value)
}

// Int returns the value of a parameter that is a number, checked against its
// limits.
func (m *Main) Int(name string) (int64, error) {
	value, err := m.Value(name)
	if err != nil {
		return 0, err
	}
	p, _ := parameter(name)
	n, rest, ok := leadingInt(value)
	switch {
	case !ok || rest != "" || p.kind != longKind && (n < math.MinInt32 || n > math.MaxInt32):
		return 0, m.Errorf(name, "bad numerical configuration: %s = %s; specify a whole number", name, value)
	case p.min > 0 && n < p.min:
		return 0, m.Errorf(name, "invalid %s parameter value %d < %d", name, n, p.min)
	case p.max > 0 && n > p.max:
		return 0, m.Errorf(name, "invalid %s parameter value %d > %d", name, n, p.max)
	}
	return n, nil
}

// Time returns the value of a parameter that is a time: a number, and one of
// the units s, m, h, d, w (seconds to weeks). Without a unit, that of the
// default counts. "off", where it is allowed, is 0.
func (m *Main) Time(name string) (time.Duration, error) {
	p, _ := parameter(name)
	return m.time(name, p)
}

// TimeParam is Time for a parameter that no table can hold, as its name is
// made up of a service's: a time limit with a default, which may refer to
// another parameter, and a minimum.
func (m *Main) TimeParam(name, def string, least time.Duration) (time.Duration, error) {
	return m.time(name, param{kind: timeKind, def: def, min: int64(least / time.Second)})
}

func (m *Main) time(name string, p param) (time.Duration, error) {
	x := expansion{m: m, work: maxWork}
	raw, set, err := x.source(name)
	if err != nil {
		return 0, m.located(err)
	}
	if !set && raw == "" {
		raw = p.def
	}
	value, err := x.string(raw)
	if err != nil {
		return 0, m.located(blame(name, err))
	}
	if p.kind == offKind && value == "off" {
		return 0, nil
	}
	def, err := x.string(p.def)
	if err != nil {
		return 0, m.located(blame(name, err))
	}
	d, ok := parseTime(value, defaultUnit(def), p.kind == fineKind)
	switch {
	case !ok:
		return 0, m.Errorf(name, "parameter %s: bad time value or unit: %s; specify a number and one of s, m, h, d, w", name, value)
	case p.min > 0 && d < time.Duration(p.min)*time.Second:
		return 0, m.Errorf(name, "invalid %s: %d (min %d)", name, d/time.Second, p.min)
	case p.max > 0 && d > time.Duration(p.max)*time.Second:
		return 0, m.Errorf(name, "invalid %s: %d (max %d)", name, d/time.Second, p.max)
	}
	return d, nil
}

// defaultUnit returns the unit of a default value: its first letter.
func defaultUnit(def string) byte {
	for i := range len(def) {
		if isAlpha(def[i]) {
			return def[i]
		}
	}
	return 's'
}

// parseTime reads a time as Postfix does: only the first letter of the unit
// counts, whatever follows it. With fine, "ms" is milliseconds; without, it is
// minutes.
func parseTime(text string, unit byte, fine bool) (time.Duration, bool) {
	n, rest, ok := leadingInt(text)
	if !ok && rest == text {
		n, ok = 0, text != "" // no digits: none is 0, as it is to strtol
	}
	if !ok || n < 0 || n > math.MaxInt32 {
		return 0, false
	}
	if fine && rest == "ms" {
		return time.Duration(n) * time.Millisecond, true
	}
	if rest != "" {
		unit = rest[0]
	}
	seconds := map[byte]int64{'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}[unit]
	if seconds == 0 || n > math.MaxInt32/seconds {
		return 0, false
	}
	return time.Duration(n*seconds) * time.Second, true
}
