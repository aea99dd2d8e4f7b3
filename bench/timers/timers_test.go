// SPDX-License-Identifier: ISC

package timers_test

import (
	"testing"
	"time"

	"postloop/bench/timers"
)

func TestMeasure(t *testing.T) {
	for kind := range timers.Kinds {
		c, err := timers.Measure(kind, 50, time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if c.Set <= 0 || c.Reset <= 0 || c.Fire <= 0 || c.Allocs < 0 {
			t.Errorf("%s: %+v", kind, c)
		}
	}
	if _, err := timers.Measure("sundial", 1, time.Millisecond); err == nil {
		t.Error("a sundial was measured")
	}
}

func TestParse(t *testing.T) {
	want := timers.Cost{Set: 1.5, Allocs: 0.25, Reset: 100, Fire: 7.25}
	got, err := timers.Parse(want.String())
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", "set 1", "set x allocs 1 reset 1 fire 1", "reset 1 set 1 allocs 1 fire 1"} {
		if c, err := timers.Parse(text); err == nil {
			t.Errorf("%q is taken: %+v", text, c)
		}
	}
}
