// SPDX-License-Identifier: ISC

package master

import (
	"encoding/binary"
	"testing"
	"time"

	"postloop/cfg"
)

func TestRate(t *testing.T) {
	rate := cfg.Rate{Count: 3, Per: 60 * time.Second}
	var a, b source
	b.bits = 1
	var r rates
	for i, c := range []struct {
		from source
		at   time.Duration // seconds
		want bool
	}{
		{a, 0, true},
		{a, 0, true},
		{a, 0, true}, // the bucket is empty
		{a, 0, false},
		{b, 0, true}, // another one is not
		{a, 19, false},
		{a, 20, true}, // one has come back
		{a, 20, false},
		{a, 39, false},
		{a, 40, true},
		{a, 1000, true}, // it never holds more than three
		{a, 1000, true},
		{a, 1000, true},
		{a, 1000, false},
		{a, 1010, false}, // trying does not make it longer
		{a, 1020, true},
	} {
		if got := r.take(c.from, rate, c.at*time.Second); got != c.want {
			t.Errorf("step %d, at %ds: %v", i+1, c.at, got)
		}
	}
}

// TestRateForgets: what is forgotten is never missed, and everything is
// forgotten in the end.
func TestRateForgets(t *testing.T) {
	rate := cfg.Rate{Count: 2, Per: 10 * time.Second}
	forgetful, faithful := rates{}, rates{}
	var s source
	for i := range 10_000 {
		now := time.Duration(i) * 700 * time.Millisecond
		if i%15 == 0 { // every 10.5 s
			forgetful.age()
		}
		binary.BigEndian.PutUint16(s.ip[:], uint16(i*i%23))
		if got, want := forgetful.take(s, rate, now), faithful.take(s, rate, now); got != want {
			t.Fatalf("at %v: %v, and %v with a perfect memory", now, got, want)
		}
	}
	if forgetful.age(); forgetful.age() || len(forgetful.young)+len(forgetful.old) > 0 {
		t.Error("something is left")
	}
}

// TestRateIsBounded: more sources than anybody could keep do not add up, and
// the last ones are remembered.
func TestRateIsBounded(t *testing.T) {
	rate := cfg.Rate{Count: 1, Per: time.Hour}
	var r rates
	var s source
	for i := range 10 * maxSources {
		binary.BigEndian.PutUint32(s.ip[:], uint32(i))
		if !r.take(s, rate, 0) {
			t.Fatalf("source %d is taken for another", i)
		}
		if n := len(r.young) + len(r.old); n > 2*maxSources {
			t.Fatalf("%d sources are remembered", n)
		}
	}
	if r.take(s, rate, 0) {
		t.Error("the last source is not remembered")
	}
}
