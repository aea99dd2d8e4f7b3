// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"strings"
)

// defaults is what main.cf decides about the services of both languages.
type defaults struct {
	limit        int  // default_process_limit
	oldChroot    bool // "-" means chroot, for compatibility_level < 1
	rootless     bool
	noInterfaces bool     // inet_interfaces is empty
	disable      []string // master_service_disable, in order
}

// masterDefaults takes the defaults out of m. A parameter that does not
// evaluate counts as unset here: Params reports it, once.
func masterDefaults(m *Main) (d defaults, notes []Note) {
	d.limit = 100
	if n, err := m.Int("default_process_limit"); err == nil {
		d.limit = int(n)
	}
	d.rootless, _ = m.Bool("rootless")
	if interfaces, err := m.Value("inet_interfaces"); err == nil {
		d.noInterfaces = interfaces == ""
	}
	if level, err := m.Value("compatibility_level"); err == nil && !d.rootless {
		order, err := compareLevels(level, "1")
		d.oldChroot = err == nil && order < 0
	}
	disable, _ := m.Value("master_service_disable")
	d.disable = SplitList(disable)
	if protocols, err := m.Value("inet_protocols"); err == nil && len(SplitList(protocols)) == 0 {
		d.disable = append([]string{"inet"}, d.disable...)
		notes = append(notes,
			Note{Warning, fmt.Sprintf("all network protocols are disabled (inet_protocols = %s)", protocols)},
			Note{Warning, `disabling all type "inet" services in master.cf`})
	}
	return d, notes
}

// disabled tells whether master_service_disable names the service: by its
// type, or by name/type. The first pattern that matches decides, and each "!"
// before it turns the answer round.
func (d *defaults) disabled(name, kind string) bool {
	for _, pattern := range d.disable {
		found := true
		for strings.HasPrefix(pattern, "!") {
			pattern, found = pattern[1:], !found
		}
		want := kind
		if !strings.Contains(pattern, "/") {
			// name.type is an older way to say name/type.
			if dot := strings.LastIndexByte(pattern, '.'); dot >= 0 {
				pattern = pattern[:dot] + "/" + pattern[dot+1:]
			}
		}
		if strings.Contains(pattern, "/") {
			want = name + "/" + kind
		}
		if strings.EqualFold(pattern, want) {
			return found
		}
	}
	return false
}
