// SPDX-License-Identifier: ISC

package main

import (
	"testing"

	"postloop/loop"
	"postloop/loop/looptest"
	"postloop/services/skeleton"

	"golang.org/x/sys/unix"
)

// TestConversation: given a client whose lines come in pieces, each whole line
// is answered; and when the service ends, so does the connection.
func TestConversation(t *testing.T) {
	l := looptest.New(t)
	ours, theirs := looptest.Pair(t)
	clients := skeleton.NewClients(l, &tally{most: 2, seen: map[string]int{}})
	if err := clients.Accept(ours, loop.PeerOf(ours), func() {}); err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, step := range []struct{ send, want string }{
		{"alice\n", "1\n"},
		{"bob\nal", "1\n"},
		{"ice\nalice\n", "2\n3\n"},
		{"carol\n", "full\n"},
		{"bob\r\n", "2\n"},
	} {
		if _, err := unix.Write(theirs, []byte(step.send)); err != nil {
			t.Fatal(err)
		}
		got = ""
		looptest.Until(t, l, func() bool {
			answer := make([]byte, 100)
			if n, err := unix.Read(theirs, answer); err == nil {
				got += string(answer[:n])
			}
			return len(got) >= len(step.want)
		})
		if got != step.want {
			t.Errorf("%q: got %q, want %q", step.send, got, step.want)
		}
	}
	clients.Leave(0)
	looptest.Until(t, l, func() bool { return clients.Len() == 0 })
}
