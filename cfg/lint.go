// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"slices"
	"strings"
)

// ourPrefixes begin the names of parameters of ours, and of next to none of
// Postfix's.
var ourPrefixes = []string{"hosted_", "spawn_", "proxymap_", "proxywrite_", "control_", "hardware_"}

// postfixParams have such a name, or end in _time_limit, and are Postfix's.
var postfixParams = []string{
	"proxymap_service_name", "proxywrite_service_name", "postscreen_command_time_limit",
	"lmtp_connection_cache_time_limit", "lmtp_connection_reuse_time_limit",
	"smtp_connection_cache_time_limit", "smtp_connection_reuse_time_limit",
}

const timeLimit = "_time_limit"

// Lint finds what is most likely a slip: settings that nobody looks at. None of it
// keeps anything from running.
func (c *Config) Lint() (list []*Error) {
	l := lint{used: map[string]bool{}, incomplete: c.incomplete}
	for i := range c.Services {
		l.services = append(l.services, c.Services[i].Name)
	}
	for _, name := range c.Main.order {
		l.uses(c.Main.entries[name].raw)
	}
	overrides := make([][]Override, len(c.Services))
	for i := range c.Services {
		overrides[i], _, _ = c.Services[i].Overrides() // what is wrong with them is told elsewhere
		for _, o := range overrides[i] {
			l.uses(o.Value)
		}
	}
	for _, name := range c.Main.order {
		if text := l.slip(name); text != "" {
			list = append(list, c.Main.Errorf(name, "%s", text))
		}
	}
	for i := range c.Services {
		s := &c.Services[i]
		for _, o := range overrides[i] {
			if text := l.slip(o.Name); text != "" {
				list = append(list, &Error{s.File, s.Line, fmt.Sprintf("service %q: %s", s.Name, text)})
			}
		}
	}
	return list
}

type lint struct {
	services []string
	used     map[string]bool // parameters that others refer to

	incomplete bool // there may be more services
}

// uses takes the names that text refers to.
func (l *lint) uses(text string) {
	for {
		_, after, found := strings.Cut(text, "$")
		if !found {
			return
		}
		text = after
		name := strings.TrimLeft(after, "{( ")
		if n := nameLen(name); n > 0 {
			l.used[name[:n]] = true
		}
	}
}

// slip says what is odd about setting a parameter; empty: nothing.
func (l *lint) slip(name string) string {
	if _, known := parameters[name]; known || l.used[name] || slices.Contains(postfixParams, name) {
		return ""
	}
	if service, ok := strings.CutSuffix(name, timeLimit); ok {
		if l.incomplete || slices.Contains(l.services, service) {
			return ""
		}
		limits := make([]string, len(l.services))
		for i, s := range l.services {
			limits[i] = s + timeLimit
		}
		return fmt.Sprintf("%s: there is no service %q%s", name, service, Suggest(name, limits))
	}
	for _, prefix := range ourPrefixes {
		if strings.HasPrefix(name, prefix) {
			var known []string
			for _, table := range [][]param{ourParams, tableParams} {
				for _, p := range table {
					known = append(known, p.name)
				}
			}
			slices.Sort(known)
			return fmt.Sprintf("%s: nobody knows this parameter%s", name, Suggest(name, known))
		}
	}
	return ""
}
