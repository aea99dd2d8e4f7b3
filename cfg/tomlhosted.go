// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"math"
	"strings"
)

// backlogWord is for a queue what no number can say: there is none, and
// clients wait in the listen backlog.
const backlogWord = "backlog"

// noneWord is what no element of a list amounts to where an empty parameter
// means that there is no list.
const noneWord = "none"

// hostedKey is a key of a [[service]] with run that stands for a parameter of
// hosted services, or of spawn, for this one.
type hostedKey struct {
	key, parameter string
	form           form
	check          func(raw string) error // what the text means, once nothing in it refers to a parameter
}

// hostedSettings are in the order in which they become -o options.
var hostedSettings = []hostedKey{
	{"allow", "hosted_client_allow", listForm, checker(parseClients)},
	{"deny", "hosted_client_deny", listForm, checker(parseClients)},
	{"client_limit", "hosted_client_limit", numberForm, upTo("hosted_client_limit")},
	{"client_rate", "hosted_client_rate", textForm, checker(parseRate)},
	{"client_ipv4_prefix", "hosted_client_ipv4_prefix_length", numberForm, upTo("hosted_client_ipv4_prefix_length")},
	{"client_ipv6_prefix", "hosted_client_ipv6_prefix_length", numberForm, upTo("hosted_client_ipv6_prefix_length")},
	{"queue", "hosted_queue_limit", queueForm, upTo("hosted_queue_limit")},
	{"queue_time", "hosted_queue_time", secondsForm, nil},
	{"refuse", "hosted_refuse", textForm, checker(parseRefuse)},
	{"protocol", "spawn_protocol", textForm, checker(ParseProtocol)},
	{"client_environment", "spawn_client_environment", listForm, nil},
	{"nice", "spawn_nice", numberForm, nil},
	{"rlimits", "spawn_rlimits", listForm, nil},
	{"no_new_privs", "spawn_no_new_privs", boolForm, nil},
	{"capabilities", "spawn_capabilities", noneForm, nil},
}

func hostedKeys() (keys []string) {
	for _, h := range hostedSettings {
		keys = append(keys, h.key)
	}
	return keys
}

func checker[T any](parse func(string) (T, error)) func(string) error {
	return func(raw string) error {
		_, err := parse(raw)
		return err
	}
}

// upTo accepts the numbers that a parameter can have, and none at all.
func upTo(parameter string) func(string) error {
	most := parameters[parameter].max
	if most == 0 {
		most = math.MaxInt32
	}
	return func(raw string) error {
		if n, _, ok := leadingInt(raw); raw != "" && (!ok || n < 0 || n > most) {
			return fmt.Errorf("%s: specify a whole number from 0 to %d", raw, most)
		}
		return nil
	}
}

// hosted reads the keys that say whom the service serves, and how its commands
// are confined.
func (s *tomlService) hosted() {
	for _, h := range hostedSettings {
		in := s.keys[h.key]
		if in == nil {
			continue
		}
		before := len(s.errs)
		raw := s.formed(h.form, in)
		if len(s.errs) == before && h.check != nil && !strings.Contains(raw, "$") {
			if err := h.check(raw); err != nil {
				s.fail(in, "%s: %v", h.key, err)
			}
		}
		s.override(in, h.parameter, raw)
	}
}

// hosted writes the overrides at the end that have a key, as far as they are
// in the order that hosted reads them in, and returns those that are left.
func (t *tomlWriter) hosted(overrides []Override) (rest []Override) {
	lines := make([]string, 0, len(hostedSettings))
	next := len(hostedSettings)
	for len(overrides) > 0 {
		last := overrides[len(overrides)-1]
		at := next - 1
		for at >= 0 && hostedSettings[at].parameter != last.Name {
			at--
		}
		if at < 0 {
			break
		}
		h := hostedSettings[at]
		text, ok := h.form.value(last.Value)
		if !ok || h.check != nil && !strings.Contains(last.Value, "$") && h.check(last.Value) != nil {
			break // in options it is no error of the language
		}
		lines = append(lines, h.key+" = "+text+"\n")
		next, overrides = at, overrides[:len(overrides)-1]
	}
	for i := len(lines) - 1; i >= 0; i-- {
		t.out.WriteString(lines[i])
	}
	return overrides
}
