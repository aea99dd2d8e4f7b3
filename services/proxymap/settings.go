// SPDX-License-Identifier: ISC

package proxymap

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"postloop/cfg"
	"postloop/services/table"
)

// Settings are what main.cf says about a table: how much it may use of its
// server, and what is remembered of its answers.
type Settings struct {
	table.Limits
	Cache CacheLimits
}

// CacheLimits say for how long answers are remembered, and how many.
type CacheLimits struct {
	Positive, Negative time.Duration // for keys that are there, and that are not; 0: they are not remembered
	Size               int           // bytes
}

// DefaultSettings are those of tables for which there are no others.
var DefaultSettings = Settings{Limits: table.DefaultLimits}

const (
	settingsPrefix = "proxymap_"
	settingsParam  = "proxymap_table_settings"
)

// ownSettings are the parameters that a table may have for itself, without
// settingsPrefix.
var ownSettings = []string{
	"cache_size_limit", "cache_time", "connection_limit", "failure_limit", "maximal_backoff_time", "minimal_backoff_time",
	"negative_cache_time", "queue_limit", "time_limit",
}

// allSettings are the settings of all tables.
type allSettings struct {
	common Settings
	own    map[string]Settings // of those in proxymap_table_settings
}

// of returns the settings of the table called ref.
func (a *allSettings) of(ref string) Settings {
	if s, ok := a.own[ref]; ok {
		return s
	}
	return a.common
}

// readSettings reads the settings of all tables.
func readSettings(m *cfg.Main) (*allSettings, error) {
	common, err := evaluate(m)
	if err != nil {
		return nil, err
	}
	a := &allSettings{common: common, own: map[string]Settings{}}
	text, err := m.Value(settingsParam)
	if err != nil {
		return nil, err
	}
	for {
		var word string
		if word, text = cfg.CutBraced(text, separators); word == "" {
			return a, nil
		}
		if err := a.add(m, word); err != nil {
			return nil, m.Errorf(settingsParam, "%s: %s", settingsParam, err)
		}
	}
}

// add reads one element of the list: a table with its settings, in braces.
func (a *allSettings) add(m *cfg.Main, word string) error {
	if word[0] != '{' {
		return fmt.Errorf("expecting \"{ type:name, setting = value }\" instead of \"%s\"", word)
	}
	inner, err := cfg.Unbrace(word)
	if err != nil {
		return err
	}
	ref, rest := cfg.CutBraced(inner, separators)
	ref = tableName(ref)
	if typ, name, _ := strings.Cut(ref, ":"); typ == "" || name == "" {
		return fmt.Errorf("expecting \"type:name\" form instead of \"%s\"", ref)
	}
	if _, twice := a.own[ref]; twice {
		return fmt.Errorf("table %s is there twice", ref)
	}
	m = m.Clone() // in which they are the parameters
	for {
		var name, value string
		if name, value, rest, err = cutSetting(rest); err != nil {
			return fmt.Errorf("table %s: %w", ref, err)
		}
		if name == "" {
			break
		}
		if !slices.Contains(ownSettings, name) {
			return fmt.Errorf("table %s: unknown setting \"%s\"; specify one of %s", ref, name, strings.Join(ownSettings, ", "))
		}
		m.Set(settingsPrefix+name, value)
	}
	s, err := evaluate(m)
	if err != nil {
		text := err.Error()
		if e, ok := errors.AsType[*cfg.Error](err); ok { // the line is that of the list
			text = e.Text
		}
		return fmt.Errorf("table %s: %s", ref, text)
	}
	a.own[ref] = s
	return nil
}

// cutSetting takes the first "name = value", or "{ name = value }", from a list
// of such. At the end there is no name.
func cutSetting(text string) (name, value, rest string, err error) {
	text = strings.TrimLeft(text, separators)
	if strings.HasPrefix(text, "{") {
		word, rest := cfg.CutBraced(text, separators)
		inner, err := cfg.Unbrace(word)
		if err != nil {
			return "", "", "", err
		}
		name, value, more, err := cutSetting(inner)
		if err == nil && strings.TrimLeft(more, separators) != "" {
			err = fmt.Errorf("more than a setting in \"%s\"", word)
		}
		return name, value, rest, err
	}
	end := strings.IndexAny(text, "="+separators)
	if text == "" {
		return "", "", "", nil
	}
	if end < 0 {
		end = len(text)
	}
	const blanks = " \t\r\n"
	name = text[:end]
	value, ok := strings.CutPrefix(strings.TrimLeft(text[end:], blanks), "=")
	if !ok || name == "" {
		return "", "", "", fmt.Errorf("expecting \"setting = value\" at \"%s\"", strings.TrimRight(text, blanks))
	}
	value = strings.TrimLeft(value, blanks)
	if strings.HasPrefix(value, ",") {
		return name, "", value, nil
	}
	value, rest = cfg.CutBraced(value, separators)
	return name, value, rest, nil
}

// tableName is what a table is called here that a client may call
// proxy:type:name.
func tableName(ref string) string {
	for strings.HasPrefix(ref, proxy) {
		ref = ref[len(proxy):]
	}
	return ref
}

// listedSettings reads the settings of all tables, of which a service of that
// mode lets clients open the listed ones. warn is told of those that have
// settings and are for nobody.
func listedSettings(m *cfg.Main, mode table.Mode, listed map[string]bool, warn func(string, ...any)) (func(ref string) Settings, error) {
	all, err := readSettings(m)
	if err != nil {
		return nil, err
	}
	if len(all.own) > 0 {
		other := table.ReadWrite
		if mode == table.ReadWrite {
			other = table.ReadOnly
		}
		others, err := readList(m, other, false, func(string, ...any) {})
		if err == nil { // else that service says it
			for _, ref := range all.unlisted(listed, others) {
				warn("%s: table %s is neither in %s nor in %s", settingsParam, ref, listParam(table.ReadOnly), listParam(table.ReadWrite))
			}
		}
	}
	return all.of, nil
}

// unlisted returns the tables that have settings of their own, and are in none of
// the lists, nor a part of what is: it is most likely not what was meant.
func (a *allSettings) unlisted(lists ...map[string]bool) (refs []string) {
	for ref := range a.own {
		listed := slices.ContainsFunc(lists, func(list map[string]bool) bool {
			if list[ref] {
				return true
			}
			for name := range list {
				if strings.Contains(name, ref) { // unionmap:{ref,...}
					return true
				}
			}
			return false
		})
		if !listed {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	return refs
}

// evaluate reads the parameters that each table may have for itself.
func evaluate(m *cfg.Main) (s Settings, err error) {
	number := func(name string) int {
		n, e := m.Int(settingsPrefix + name)
		if e == nil && n < 0 {
			e = m.Errorf(settingsPrefix+name, "invalid %s%s parameter value %d < 0", settingsPrefix, name, n)
		}
		if err == nil {
			err = e
		}
		return int(n)
	}
	length := func(name string) time.Duration {
		d, e := m.Time(settingsPrefix + name)
		if err == nil {
			err = e
		}
		return d
	}
	s = Settings{
		Limits: table.Limits{
			Connections: number("connection_limit"), Queue: number("queue_limit"), Deadline: length("time_limit"),
			Failures: number("failure_limit"), Backoff: length("minimal_backoff_time"), MaxBackoff: length("maximal_backoff_time"),
		},
		Cache: CacheLimits{Positive: length("cache_time"), Negative: length("negative_cache_time"), Size: number("cache_size_limit")},
	}
	return s, err
}
