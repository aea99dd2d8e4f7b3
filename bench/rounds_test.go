// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"slices"
	"testing"
	"time"

	"postloop/bench/report"
)

// TestRounds: there are as many as were asked for, and further ones only as long
// as the rounds do not agree, the most there may be have not been made, and the
// whole run stays within its limit.
func TestRounds(t *testing.T) {
	for _, test := range []struct {
		name        string
		agreesAfter int // rounds
		further     int
		limit       time.Duration
		want        int
	}{
		{"agree at once", 2, 5, time.Hour, 2},
		{"agree later", 4, 5, time.Hour, 4},
		{"never agree", 1000, 3, time.Hour, 5},
		{"no further ones", 1000, 0, time.Hour, 2},
		{"no time", 1000, 3, 0, 2},
	} {
		b := &bench{o: &options{rounds: 2, further: test.further, limit: test.limit}, clock: clock{began: time.Now(), total: 3}}
		b.clock.begin(3)
		var got []int
		for round := range b.rounds(func() bool { return len(got) >= test.agreesAfter }) {
			got = append(got, round)
		}
		var want []int
		for i := range test.want {
			want = append(want, i)
		}
		if !slices.Equal(got, want) || b.further != test.want-2 {
			t.Errorf("%s: rounds %v, %d of them further ones; want %v", test.name, got, b.further, want)
		}
	}
}

// TestClock: what is left is estimated from what has been done, by shares.
func TestClock(t *testing.T) {
	c := clock{began: time.Now().Add(-time.Minute), total: 40}
	c.begin(10)
	if left := c.left(); left != 0 {
		t.Errorf("before anything was done %v is left", left)
	}
	c.part = 0.5
	if left := c.left().Round(time.Minute); left != 7*time.Minute {
		t.Errorf("after an eighth in a minute %v is left", left)
	}
	c.part = 1
	c.begin(30)
	if left := c.left().Round(time.Minute); left != 3*time.Minute {
		t.Errorf("after a quarter in a minute %v is left", left)
	}
	if got := clockTime(65*time.Minute + 9*time.Second); got != "65:09" {
		t.Errorf("65 minutes and 9 seconds are %s", got)
	}
}

func TestNarrow(t *testing.T) {
	same, wide := report.Summarize([]float64{1, 1, 1}), report.Summarize([]float64{1, 2, 3})
	if !narrow() || !narrow(same, report.Figure{}) || narrow(same, wide) {
		t.Error("rounds that agree do not, or others do")
	}
}

// TestOverBest: round by round, with the best of each, whoever it is.
func TestOverBest(t *testing.T) {
	ours := series{{p99: 10}, {p99: 10}, {p99: 10}}
	got := ours.overBest([]series{{{p99: 5}, {p99: 20}, {p99: 20}}, {{p99: 10}, {p99: 10}}}, p99)
	if got.Low != 0.75 || got.Mid != 1 || got.High != 1.5 {
		t.Errorf("%+v", got)
	}
}
