// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"strings"

	"postloop/bench/report"
	"postloop/bench/rivals"
)

// isOurs reports whether the program is; it may run under Postfix's master.
func (x *resident) isOurs() bool { return isOurs(x.rival) }

// idleTargets are what is to be reached by every program of ours, beside that of
// Postfix which does the same, where there is one.
func idleTargets(list []*resident) (targets []report.Target) {
	what := func(x *resident) string { return x.name[strings.LastIndex(x.name, " ")+1:] }
	for _, x := range list {
		if !x.isOurs() {
			continue
		}
		targets = append(targets, report.AtMost(x.name+", context switches in the time that it is watched", 0, "", report.Summarize(x.switches)).
			Because("its server uses %s us of processor time meanwhile", report.Summarize(x.cpu)))
		if x.first {
			targets = append(targets, report.AtMost(x.name+", resident memory", 5, "MB", inMegabytes(x.rss)).Because("%s", runtimeWhy))
		}
		for _, them := range list {
			if them.rival.Name != rivals.PostfixName || what(them) != what(x) {
				continue
			}
			targets = append(targets,
				report.AtMost(x.name+", resident memory beside Postfix", 0.75, "x", report.Summarize(report.Ratios(x.rss, them.rss))).Because("%s", runtimeWhy))
			if x.first {
				targets = append(targets, report.AtMost(x.name+", start to listening beside Postfix", 1, "x", report.Summarize(report.Ratios(x.listens, them.listens))).
					Because("%s ms, Postfix %s ms", millis(x.listens), millis(them.listens)))
			}
			targets = append(targets, report.AtMost(x.name+", first answer beside Postfix", 1, "x", report.Summarize(report.Ratios(x.answer, them.answer))).
				Because("%s ms, Postfix %s ms", millis(x.answer), millis(them.answer)))
		}
	}
	return targets
}

// runtimeWhy is what memory is resident for.
const runtimeWhy = "what is resident is mostly Go's runtime and the pages of the program itself"
