// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"

	"postloop/cfg"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// freeze gives the parameters that a running master cannot follow the values
// of its start, and has the log say so, in the words that Postfix has for
// those of them that it knows. What services are checked against is then what
// they will run with.
func (t *transaction) freeze() {
	m, now := t.m, t.params
	t.frozen = t.frozen[:0]
	if !m.started {
		t.dropFamilies()
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

// dropFamilies does without what the kernel does not have, as Postfix does:
// inet_protocols = all must not keep a host without IPv6 from starting.
func (t *transaction) dropFamilies() {
	p := &t.params.InetProtocols
	for _, f := range []struct {
		want   *bool
		family int
		name   string
	}{{&p.IPv4, unix.AF_INET, "IPv4"}, {&p.IPv6, unix.AF_INET6, "IPv6"}} {
		if !*f.want {
			continue
		}
		fd, err := unix.Socket(f.family, unix.SOCK_STREAM, 0)
		if err == nil {
			unix.Close(fd)
		} else if errors.Is(err, unix.EAFNOSUPPORT) {
			*f.want = false
			t.frozen = append(t.frozen, fmt.Sprintf("inet_protocols: disabling %s name/address support: %s", f.name, maillog.Strerror(err)))
		}
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
