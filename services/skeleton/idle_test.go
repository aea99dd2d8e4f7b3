// SPDX-License-Identifier: ISC

package skeleton

import (
	"testing"
	"time"

	"postloop/cfg"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// TestIdleWithAClientWaiting: whoever is about to leave looks for a client
// first. It may have been woken for that one, and nobody else then.
func TestIdleWithAClientWaiting(t *testing.T) {
	s := newStage(t, cfg.Unix, cfg.Params{MaxIdle: time.Minute})
	s.knock()
	s.idled()
	if s.ended() {
		t.Fatal("it has left")
	}
	for range 3 {
		s.turn()
	}
	if len(s.s.clients) != 1 {
		t.Fatal("the client is not served")
	}
	looptest.Advance(s.Loop, time.Hour) // a client is no idleness
	s.says(taken)
	s.Done()
	s.says(available)
	looptest.Advance(s.Loop, time.Minute-time.Second)
	if s.ended() {
		t.Error("it left too early")
	}
	looptest.Advance(s.Loop, time.Second)
	if !s.ended() {
		t.Error("it does not leave")
	}
}

// TestRetireWithAClientWaiting: that one is the last.
func TestRetireWithAClientWaiting(t *testing.T) {
	s := newStage(t, cfg.Unix, cfg.Params{})
	s.retire = s.Loop.After(time.Hour, s.retired)
	s.knock()
	s.retired()
	for range 3 {
		s.turn()
	}
	if len(s.s.clients) != 1 {
		t.Fatal("the client is not served")
	}
	s.Done()
	if !s.ended() {
		t.Error("it does not leave")
	}
	s.says(taken, available)
}

// TestRetireWhenSomebodyElseIsQuicker: the client that waited is another's.
func TestRetireWhenSomebodyElseIsQuicker(t *testing.T) {
	s := newStage(t, cfg.Unix, cfg.Params{})
	s.retire = s.Loop.After(time.Hour, s.retired)
	s.knock()
	s.retired()
	c, _, err := unix.Accept(s.listenFD)
	must(t, err)
	defer unix.Close(c)
	looptest.Advance(s.Loop, 2*time.Second)
	if !s.ended() || len(s.s.clients) != 0 {
		t.Errorf("ended %v, clients %v", s.ended(), s.s.clients)
	}
}
