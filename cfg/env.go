// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"slices"
	"strings"
)

// EnvEntry is one element of import_environment or export_environment: a
// variable that may pass, or one that is set whatever it was.
type EnvEntry struct {
	Name, Value string
	Forced      bool // to Value
}

// ParseEnv reads a list of environment variables: NAME, NAME=value, or
// { NAME = value } where the value has separators in it. parameter is where
// the list comes from, for the error.
func ParseEnv(parameter, text string) ([]EnvEntry, error) {
	words, err := SplitBraced(text, ", \t\r\n")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", parameter, err)
	}
	var list []EnvEntry
	for _, word := range words {
		if !strings.Contains(word, "=") {
			list = append(list, EnvEntry{Name: word})
			continue
		}
		name, value, reason := splitNameValue(word)
		if reason != "" {
			return nil, fmt.Errorf("%s: %s in: %s; specify NAME, NAME=value or { NAME = value }", parameter, reason, word)
		}
		list = append(list, EnvEntry{Name: name, Value: value, Forced: true})
	}
	return list, nil
}

// CleanEnv returns the variables of environ that list lets through and those
// that it sets, in its order. Where one is repeated the last element counts,
// in the place of the first.
func CleanEnv(environ []string, list []EnvEntry) []string {
	var out []string
	for _, e := range list {
		value := e.Value
		if !e.Forced {
			var set bool
			if value, set = lookupEnv(environ, e.Name); !set {
				continue
			}
		}
		prefix := e.Name + "="
		at := slices.IndexFunc(out, func(v string) bool { return strings.HasPrefix(v, prefix) })
		if at < 0 {
			at = len(out)
			out = append(out, "")
		}
		out[at] = prefix + value
	}
	return out
}

// lookupEnv finds a variable; the last one counts, as after setenv.
func lookupEnv(environ []string, name string) (value string, set bool) {
	for _, v := range slices.Backward(environ) {
		if value, ours := strings.CutPrefix(v, name+"="); ours {
			return value, true
		}
	}
	return "", false
}
