// SPDX-License-Identifier: ISC

package master

import (
	"fmt"
	"testing"

	"postloop/cfg"
)

// TestSummary: what there is, and then what an operator should look at, however
// many services there are.
func TestSummary(t *testing.T) {
	m := &Master{children: map[int]*child{}, leaving: map[*service]struct{}{}}
	add := func(name string, total, procs int) *service {
		s := &service{m: m, spec: &cfg.Service{Name: name, Type: cfg.Inet}, total: total, procs: procs}
		m.services = append(m.services, s)
		for i := range procs {
			m.children[len(m.children)+i] = &child{s: s}
		}
		return s
	}
	expect := func(want string) {
		t.Helper()
		if got := m.Summary(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	expect("0 services, 0 processes")
	smtp := add("smtp", 1, 1)
	expect("1 service, 1 process")
	add("echo", 3, 0).paused = true
	expect("2 services, 1 process, 3 clients of the master's own; paused: echo/inet")
	smtp.throttled = true
	m.leaving[&service{m: m}] = struct{}{}
	expect("2 services, 1 process, 3 clients of the master's own, 1 removed service leaving; throttled: smtp/inet; paused: echo/inet")
	for i := range 6 {
		add(fmt.Sprint(i), 0, 0).throttled = true
	}
	expect("8 services, 1 process, 3 clients of the master's own, 1 removed service leaving; " +
		"throttled: smtp/inet, 0/inet, 1/inet, 2/inet, 3/inet and 2 more; paused: echo/inet")
}
