// SPDX-License-Identifier: ISC

package master

import (
	"testing"
	"time"

	"postloop/cfg"
	"postloop/master/handover"
)

// TestRecordHandedOver: what a program in this one's place reports of the past is
// what this one would have.
func TestRecordHandedOver(t *testing.T) {
	w := newWorld(t)
	w.start("echo unix n - 2 echod")
	s := w.service("public/echo", cfg.Unix)
	s.past().wait(3 * time.Second)
	s.past().wait(2 * time.Second)
	s.throttle()
	s.unthrottle()
	s.blame(handover.ExitFault, 7, 8)
	want := s.report()
	var st handover.State
	w.must(w.m.HandOver(&st))
	s.record = (&inheritance{old: map[*service]*handover.Service{}}).service(w.m, &st.Services[0]).record
	got := s.report()
	if got.Throttles != want.Throttles || want.Throttles != 1 || got.Ready != want.Ready || want.Ready.Last == 0 || *got.Error != *want.Error {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
