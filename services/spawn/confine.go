// SPDX-License-Identifier: ISC

package spawn

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"postloop/cfg"
	"postloop/loop"
)

// Confinement is what a command is denied that a user's programs have
// otherwise. The zero value denies nothing.
type Confinement struct {
	Nice       int
	Rlimits    []loop.Rlimit
	NoNewPrivs bool
	Caps       *loop.Caps // those it can ever have; nil: as they are
}

// confinement reads the spawn_ parameters that confine a command. One that
// cannot be had here is refused: who asks for it relies on it.
func (s *Setup) confinement() (c Confinement, err error) {
	for _, p := range []struct {
		name  string
		parse func(text string) error
	}{
		{"spawn_nice", func(text string) (err error) { c.Nice, err = parseNice(text); return }},
		{"spawn_rlimits", func(text string) (err error) { c.Rlimits, err = parseRlimits(text); return }},
		{"spawn_capabilities", func(text string) (err error) {
			if s.Params.Rootless {
				return errors.New("takes root, which rootless = yes rules out; remove it")
			}
			caps, err := parseCaps(text)
			c.Caps = &caps
			return err
		}},
	} {
		text, err := s.Main.Value(p.name)
		if err != nil {
			return c, err
		}
		if text == "" {
			continue
		}
		if err := p.parse(text); err != nil {
			return c, fmt.Errorf("parameter %s: %w", p.name, err)
		}
	}
	if c.NoNewPrivs, err = s.Main.Bool("spawn_no_new_privs"); err != nil {
		return c, err
	}
	if !s.Confines && (c.Nice != 0 || c.Rlimits != nil || c.NoNewPrivs || c.Caps != nil) {
		return c, errors.New("spawn_nice, spawn_rlimits, spawn_no_new_privs, spawn_capabilities: not to be had on this system; remove them")
	}
	return c, nil
}

// Confined reports whether main asks, rightly or wrongly, for a Confinement, or
// for anything else that another spawn would not do.
func Confined(main *cfg.Main) bool {
	for _, name := range []string{"spawn_nice", "spawn_rlimits", "spawn_capabilities"} {
		if text, err := main.Value(name); err != nil || text != "" {
			return true
		}
	}
	on, err := main.Bool("spawn_no_new_privs")
	if err != nil || on {
		return true
	}
	text, err := main.Value("spawn_protocol")
	return err != nil || text != "connection"
}

// parseNice reads what nice(1) takes: how much nicer than master a command is.
func parseNice(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < -40 || n > 40 {
		return 0, fmt.Errorf("bad value: %s; specify a number, from 1 for a little nicer to 19", text)
	}
	return n, nil
}

// parseRlimits reads a list of name=limit and name=soft:hard.
func parseRlimits(text string) (list []loop.Rlimit, err error) {
	for _, word := range cfg.SplitList(text) {
		name, value, found := strings.Cut(word, "=")
		if !found {
			return nil, fmt.Errorf("%s: specify name=limit or name=soft:hard", word)
		}
		resource, known := resources[strings.ToLower(name)]
		if !known {
			return nil, fmt.Errorf("unknown limit: %s; known are %s", name, strings.Join(slices.Sorted(maps.Keys(resources)), ", "))
		}
		soft, hard, both := strings.Cut(value, ":")
		if !both {
			hard = soft
		}
		l := loop.Rlimit{Resource: resource}
		if l.Cur, err = parseSize(soft); err == nil {
			l.Max, err = parseSize(hard)
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", word, err)
		case l.Cur > l.Max:
			return nil, fmt.Errorf("%s: the soft limit is above the hard one", word)
		case slices.ContainsFunc(list, func(other loop.Rlimit) bool { return other.Resource == resource }):
			return nil, fmt.Errorf("%s: there is one for %s already", word, name)
		}
		list = append(list, l)
	}
	return list, nil
}

// parseSize reads a number, which may have a unit of 1024 and its powers.
func parseSize(text string) (uint64, error) {
	if text == "unlimited" || text == "infinity" {
		return math.MaxUint64, nil
	}
	digits := strings.TrimRight(text, "kKmMgG")
	shift := 0
	if unit := strings.ToUpper(text[len(digits):]); unit != "" {
		if len(unit) > 1 {
			return 0, fmt.Errorf("bad number: %q", text)
		}
		shift = 10 * (strings.Index("KMG", unit) + 1)
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || n > math.MaxUint64>>1>>shift {
		return 0, fmt.Errorf("bad number: %q; specify one such as 64, 512k, 100M, 2G, or unlimited", text)
	}
	return n << shift, nil
}

// parseCaps reads a list of capabilities, with or without CAP_, or the word
// none.
func parseCaps(text string) (set loop.Caps, err error) {
	words := cfg.SplitList(text)
	if len(words) == 1 && words[0] == "none" {
		return 0, nil
	}
	for _, word := range words {
		name := strings.TrimPrefix(strings.ToLower(word), "cap_")
		n, known := capabilities[name]
		if !known {
			return 0, fmt.Errorf("unknown capability: %s; see capabilities(7), or specify none", word)
		}
		set |= 1 << n
	}
	return set, nil
}
