// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"fmt"

	"postloop/bench/report"
	"postloop/bench/rivals"
)

// hasPostfix reports whether Postfix's master is among those that have come to
// something.
func hasPostfix(list []*activated) bool {
	for _, a := range list {
		if a.rival.Name == rivals.PostfixName {
			return len(a.by) > 0
		}
	}
	return false
}

// furtherMemory is what each service beyond the smallest number takes, in KiB.
func (b *bench) furtherMemory(z sized, got, few *activations) report.Figure {
	more := float64(z.services - b.o.services[0])
	if more <= 0 || few == nil {
		return report.Figure{}
	}
	var list []float64
	for i := range min(len(got.rss), len(few.rss)) {
		list = append(list, (got.rss[i]-few.rss[i])/1024/more)
	}
	return report.Summarize(list)
}

// activatedAgree reports whether the rounds agree about what activation costs
// ours, beside Postfix's where that takes part.
func activatedAgree(list []*activated) bool {
	for _, a := range list {
		if !a.rival.Ours {
			continue
		}
		for z, got := range a.by {
			if !narrow(got.eight.of(cpu)) {
				return false
			}
			for _, other := range list {
				if postfix := other.by[z]; postfix != nil && !other.rival.Ours && !narrow(got.eight.over(postfix.eight, rate)) {
					return false
				}
			}
		}
	}
	return true
}

// activationTargets are what is to be reached, with the smallest and the largest
// number of services.
func (b *bench) activationTargets(list []*activated) (targets []report.Target) {
	least, most := b.o.services[0], b.o.services[len(b.o.services)-1]
	for _, network := range activationNetwork {
		add := func(n int, what string, target report.Target, why string) {
			target.What = fmt.Sprintf("%s, %d services, %s", network, n, what)
			targets = append(targets, target.Because("%s", why))
		}
		b.eachActivated(list, network, func(a *activated, z sized, got, postfix, few *activations) {
			if !a.rival.Ours {
				return
			}
			why := kernels(got.eight)
			if z.services == least {
				add(least, "connections/s beside Postfix, 8 clients back to back", report.AtLeast("", 3, "x", got.eight.over(postfix.eight, rate)), why)
				add(least, "first byte after a rest, beside Postfix", report.AtMost("", 0.5, "x", got.gap.over(postfix.gap, p50)), why)
			}
			if z.services != most {
				return
			}
			add(most, fmt.Sprintf("processor time of a connection, beside its own with %d", least), report.AtMost("", 1.5, "x", got.eight.over(few.eight, cpu)), why)
			add(most, "connections/s beside Postfix, 8 clients back to back", report.AtLeast("", 10, "x", got.eight.over(postfix.eight, rate)), why)
			add(most, "start beside Postfix", report.AtMost("", 0.5, "x", report.Summarize(report.Ratios(got.start, postfix.start))),
				fmt.Sprintf("%s ms, Postfix %s ms", millis(got.start), millis(postfix.start)))
			add(most, "reload with one changed", report.AtMost("", 20, "ms", millis(got.reload)),
				fmt.Sprintf("%s ms of it are processor time", millis(got.reloadCPU)))
			add(most, "reload with one changed, beside Postfix", report.AtMost("", 0.2, "x", report.Summarize(report.Ratios(got.reload, postfix.reload))),
				fmt.Sprintf("%s ms of it are processor time", millis(got.reloadCPU)))
			add(most, "sockets closed by that reload", report.AtMost("", 0, "", report.Summarize([]float64{float64(got.others - got.kept)})), fmt.Sprintf("of %d", got.others))
			if most > least {
				add(most, "memory of each further service", report.AtMost("", 1, "KiB", b.furtherMemory(z, got, few)),
					fmt.Sprintf("%s MB with %d services, %s with %d", megabytes(got.rss), most, megabytes(few.rss), least))
			}
		})
	}
	return targets
}
