// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"fmt"
	"strings"

	"postloop/bench/report"
	"postloop/bench/rivals"
)

// plotOf is a plot of a value of series, as multiples of those of a base where
// that was measured.
type plotOf struct {
	*report.Plot
	value func(sample) float64
}

// newPlot makes one. There is a base if has says so.
func newPlot(title, what, base string, has bool, better string, value func(sample) float64) plotOf {
	title, _, _ = strings.Cut(title, ": ")
	p := &report.Plot{Title: title, Axis: what, Better: better}
	if has {
		p.Axis, p.Base = what+", as a multiple of that of "+base, base
	}
	return plotOf{p, value}
}

// add adds what a server has come to.
func (p plotOf) add(group string, r *rivals.Rival, got, base series) {
	f := got.of(p.value)
	if p.Base != "" {
		f = got.over(base, p.value)
	}
	p.Add(group, report.Bar{Label: r.Name, Value: f, Ours: isOurs(r)})
}

// isOurs reports whether a server is ours, or has a part that is.
func isOurs(r *rivals.Rival) bool {
	return r.Ours && r.Name != rivals.LimitName || strings.Contains(r.Name, "+ our ")
}

// kernels says how much of what a server costs is spent in the kernel: what it
// cannot save.
func kernels(s series) string {
	all, own := s.of(cpu).Mid, s.of(user).Mid
	return fmt.Sprintf("%s of its %s us are spent in the kernel", report.Digits(all-own), report.Digits(all))
}
