// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"strings"
)

// Override is one "-o name=value" of a service: a parameter with a value for
// this service only. The value is raw text, as in main.cf.
type Override struct {
	Name, Value string
}

// ParseOverride reads what follows -o. The error is in Postfix's words.
func ParseOverride(text string) (Override, error) {
	name, raw, reason := splitNameValue(text)
	if reason != "" {
		return Override{}, fmt.Errorf("invalid \"-o %s\" option value: %s", text, reason)
	}
	return Override{name, raw}, nil
}

// Overrides returns the parameters that the service's arguments override, in
// order, and the arguments that are left when the -o options are taken away.
// As in the daemons, options end at the first argument that is none.
//
// An -o that is not in the form name=value is an error at the service's line;
// the overrides before it are returned all the same.
func (s *Service) Overrides() (overrides []Override, rest []string, err error) {
	args := s.Args
	for len(args) > 0 {
		option := args[0]
		if len(option) < 2 || option[0] != '-' || option == "--" {
			break
		}
		args = args[1:]
		// A word may hold several options, the last of which may have a value.
		at := strings.IndexAny(option[1:], withValue) + 1
		if at == 0 {
			rest = append(rest, option)
			continue
		}
		value := option[at+1:]
		separate := value == ""
		if separate && len(args) > 0 {
			value, args = args[0], args[1:]
		} else if separate {
			return overrides, rest, &Error{s.File, s.Line, fmt.Sprintf("option -%c requires a value", option[at])}
		}
		if option[at] != 'o' {
			rest = append(rest, option)
			if separate {
				rest = append(rest, value)
			}
			continue
		}
		if at > 1 {
			rest = append(rest, option[:at])
		}
		override, err := ParseOverride(value)
		if err != nil {
			return overrides, rest, &Error{s.File, s.Line, err.Error() + "; specify -o name=value"}
		}
		overrides = append(overrides, override)
	}
	return overrides, append(rest, args...), nil
}

// withValue holds the generic options of Postfix's daemons that take a value.
const withValue = "imnorst"
