// SPDX-License-Identifier: ISC

package loop

import "time"

// Stats is what a loop has done and what it holds.
type Stats struct {
	Turns  uint64 // waits, each with its callbacks
	Events uint64 // descriptors reported ready

	Watches   int // the loop's own not counted
	Conns     int // each of them is a watch as well
	Listeners int // likewise
	Timers    int // idle limits of connections included
	Children  int
	Pending   int // callbacks that the next turn will make without waiting

	// The longest so far, while OnStall measures; 0: nobody does. A turn's is
	// that of its callbacks together.
	LongestTurn     time.Duration
	LongestCallback time.Duration
	LongestName     string // of that callback
}

// Stats counts what the loop has done and what it holds.
func (l *Loop) Stats() Stats {
	record := l.dog.record()
	return Stats{
		Turns:     l.turn,
		Events:    l.events,
		Watches:   l.watching - l.ours,
		Conns:     l.conns,
		Listeners: l.listeners,
		Timers:    len(l.timers.heap),
		Children:  len(l.children),
		Pending:   len(l.later) + len(l.dirty) + len(l.again) + len(l.exits) + l.mail.waiting(),

		LongestTurn:     record.turn,
		LongestCallback: record.callback,
		LongestName:     record.name,
	}
}
