// SPDX-License-Identifier: ISC

package lspawn

import "fmt"

// stage is how far a delivery has come.
//
//	accepted ──> asking ──> resolving ──> running
//	    │           │           │            │
//	    └───────────┴───────────┴────────────┴──> reported
//
// Asking is a Lookup's, resolving takes the local part to its user, running is
// qmail-local.
type stage uint8

const (
	accepted stage = iota
	asking
	resolving
	running
	reported
)

func (s stage) String() string {
	return [...]string{"accepted", "asking", "resolving", "running", "reported"}[s]
}

// leadsTo reports whether next is one arrow away.
func (s stage) leadsTo(next stage) bool {
	return s != reported && (next == reported || next == s+1)
}

// to is the only way from one stage to the next.
func (d *delivery) to(next stage) {
	if !d.stage.leadsTo(next) {
		panic(fmt.Sprintf("lspawn: a delivery that is %s cannot be %s", d.stage, next))
	}
	d.stage = next
}
