// SPDX-License-Identifier: ISC

package lspawn

// Lookup finds out what has to be known of a recipient before its user is
// looked for: AUTHSELF's place, where virtual domains have users of their own.
// It calls done once: before it returns, or from a later callback of the loop.
// The delivery waits until then, and no other does.
type Lookup func(recipient string, done func(Found))

// Found is what a Lookup has to say. The zero value is that there is nothing.
type Found struct {
	Report    string   // if not empty, there is no delivery, and this is why
	Recipient string   // if not empty, the one to deliver to instead
	Env       []string // for this delivery's qmail-local, and nobody else
}

// noAuthself is the Lookup of a program that is told to look virtual users up
// and cannot yet. Delivering regardless would bounce mail: what reads the mail
// of a virtual domain relies on what was to be looked up.
func noAuthself(_ string, done func(Found)) {
	done(Found{Report: "Zqmail-lspawn: AUTHSELF is set, and this qmail-lspawn cannot look virtual users up yet. (#4.3.5)\n"})
}
