// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"time"

	"postloop/bench/load"
	"postloop/bench/report"
)

// newSample makes a sample of what a load has seen and what was used before
// and after it.
func newSample(r *load.Result, before, after usage) sample {
	n, took := float64(len(r.Latency)), r.Took.Seconds()
	server := after.server.Sub(before.server)
	elsewhere := after.busy - before.busy - server.Total() - r.CPU
	stolen := after.stolen - before.stolen
	return sample{
		rate: n / took,
		p50:  report.Quantile(r.Latency, 0.50) / float64(time.Microsecond),
		p99:  report.Quantile(r.Latency, 0.99) / float64(time.Microsecond),
		cpu:  micros(server.Total()) / n, user: micros(server.User) / n,
		own:   micros(after.own-before.own) / n,
		other: max(0, elsewhere.Seconds()/took) + stolen.Seconds()/took,
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// series is what was measured of one server in one place with so many clients,
// a sample per round.
type series []sample

// each returns one value of every sample.
func (s series) each(f func(sample) float64) []float64 {
	list := make([]float64, len(s))
	for i := range s {
		list[i] = f(s[i])
	}
	return list
}

func (s series) of(f func(sample) float64) report.Figure { return report.Summarize(s.each(f)) }

// over is the ratio to another series, round by round.
func (s series) over(o series, f func(sample) float64) report.Figure {
	return report.Summarize(report.Ratios(s.each(f), o.each(f)))
}

// overBest is the ratio to the smallest value of others, round by round.
func (s series) overBest(others []series, f func(sample) float64) report.Figure {
	best := make([]float64, len(s))
	for i := range s {
		for _, o := range others {
			if i < len(o) && (best[i] == 0 || f(o[i]) < best[i]) {
				best[i] = f(o[i])
			}
		}
	}
	return report.Summarize(report.Ratios(s.each(f), best))
}

func rate(s sample) float64 { return s.rate }
func p50(s sample) float64  { return s.p50 }
func p99(s sample) float64  { return s.p99 }
func cpu(s sample) float64  { return s.cpu }
func own(s sample) float64  { return s.own }
func user(s sample) float64 { return s.user }
