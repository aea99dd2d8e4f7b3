// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"slices"
	"testing"
)

func TestRealCdb(t *testing.T)          { compareIndex(t, "cdb") }
func TestRealCdbNotUTF8(t *testing.T)   { notUTF8(t, "cdb") }
func TestRealCdbRewritten(t *testing.T) { rewritten(t, "cdb") }

// TestRealCdbWalk: Postfix's own walks a cdb since 3.10 only. The order is that
// of the source.
func TestRealCdbWalk(t *testing.T) {
	s := newIndexStage(t)
	p := newRealPostmap(t)
	name := s.dir + "/x"
	source, want, _ := interopRows()
	p.make("cdb", name, source, "-f")
	got := walkAll(t, s.open(t, "cdb:"+name, 0).(Walker))
	if !slices.Equal(got, want) {
		t.Errorf("got %d rows, want %d", len(got), len(want))
	}
}
