// SPDX-License-Identifier: ISC

package skeleton

import (
	"testing"

	"postloop/cfg"
	"postloop/master/proto"

	"golang.org/x/sys/unix"
)

// TestStatusRecordsWait: nobody waits for a master that does not read, and it
// learns in the end what is the case.
func TestStatusRecordsWait(t *testing.T) {
	s := newStage(t, cfg.Unix, cfg.Params{})
	filler := proto.Status{Avail: 7}.Append(nil)
	n := 0
	for ; unix.Send(s.statusFD, filler, unix.MSG_DONTWAIT) == nil; n++ {
	}
	for range 5 {
		s.dial()
		s.Done()
		s.turn()
	}
	s.dial()
	if len(s.status.waiting) > 2 {
		t.Errorf("%v wait", s.status.waiting)
	}
	var buf [proto.StatusSize]byte
	for range n {
		if got, err := unix.Read(s.master, buf[:]); got != len(buf) {
			t.Fatalf("%d, %v", got, err)
		}
	}
	s.turn()
	s.says(taken)
	s.Done()
	s.says(available)
	if s.uses != 6 || len(s.s.clients) != 6 {
		t.Errorf("%d uses, %d clients", s.uses, len(s.s.clients))
	}
	// One that has gone meanwhile is noticed all the same.
	for unix.Send(s.statusFD, filler, unix.MSG_DONTWAIT) == nil {
	}
	s.dial()
	must(t, unix.Close(s.master))
	s.turn()
	if s.ended() {
		t.Fatal("it left its client")
	}
	s.Done()
	if !s.ended() {
		t.Error("it does not end")
	}
}
