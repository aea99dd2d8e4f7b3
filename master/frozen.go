// SPDX-License-Identifier: ISC

package master

import (
	"fmt"

	"postloop/cfg"
)

// freeze gives the parameters that a running master cannot follow the values
// of its start, and has the log say so, in the words that Postfix has for
// those of them that it knows. What services are checked against is then what
// they will run with.
func (t *transaction) freeze() {
	m, now := t.m, t.params
	t.frozen = t.frozen[:0]
	if !m.started {
		return
	}
	old := m.params
	for _, p := range []struct{ name, old, now string }{
		{"config_directory", m.conf.Dir, t.conf.Dir},
		{"queue_directory", old.QueueDirectory, now.QueueDirectory},
		{"data_directory", old.DataDirectory, now.DataDirectory},
		{"inet_protocols", old.InetProtocols.Text, now.InetProtocols.Text},
		{"rootless", yesNo(old.Rootless), yesNo(now.Rootless)},
	} {
		if p.old != p.now {
			t.frozen = append(t.frozen,
				fmt.Sprintf("ignoring %s parameter value change", p.name),
				fmt.Sprintf("old value: %q, new value: %q", p.old, p.now),
				fmt.Sprintf("to change %s, stop and start Postfix", p.name))
		}
	}
	if old.InetInterfaces != now.InetInterfaces {
		for _, s := range t.conf.Services {
			if s.Type == cfg.Inet {
				t.frozen = append(t.frozen,
					fmt.Sprintf("service %s: ignoring inet_interfaces change", s.Name),
					"to change inet_interfaces, stop and start Postfix")
			}
		}
	}
	now.QueueDirectory, now.DataDirectory = old.QueueDirectory, old.DataDirectory
	now.InetProtocols, now.InetInterfaces = old.InetProtocols, old.InetInterfaces
	now.Rootless = old.Rootless
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
