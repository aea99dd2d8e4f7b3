// SPDX-License-Identifier: ISC

package master

import (
	"fmt"
	"strings"
)

// summaryNames is how many services a summary names.
const summaryNames = 5

// Summary says in one sentence how everything is: what there is, and then what
// an operator should look at.
func (m *Master) Summary() string {
	clients := 0
	var throttled, paused []string
	for _, s := range m.services {
		clients += s.total - s.procs
		switch {
		case s.throttled:
			throttled = append(throttled, s.fullName())
		case s.paused:
			paused = append(paused, s.fullName())
		}
	}
	text := counted(len(m.services), "service") + ", " + counted(len(m.children), "process")
	if clients > 0 {
		text += ", " + counted(clients, "client") + " of the master's own"
	}
	if n := len(m.leaving); n > 0 {
		text += ", " + counted(n, "removed service") + " leaving"
	}
	return text + named("throttled", throttled) + named("paused", paused)
}

func counted(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "s"):
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// named lists the services that are in some state, or none.
func named(state string, list []string) string {
	if list == nil {
		return ""
	}
	rest := ""
	if n := len(list) - summaryNames; n > 0 {
		list, rest = list[:summaryNames], fmt.Sprintf(" and %d more", n)
	}
	return "; " + state + ": " + strings.Join(list, ", ") + rest
}
