// SPDX-License-Identifier: ISC

//go:build linux

package main

import (
	"fmt"

	"postloop/bench/report"
	"postloop/bench/rivals"
)

// proxiedBy is what the proxymap of that name has come to.
func proxiedBy(list []*proxied, name string, job lookups) series {
	for _, x := range list {
		if x.rival.Name == name {
			return x.series[job]
		}
	}
	return nil
}

// proxiedAgree reports whether the rounds agree about what a lookup costs ours,
// and about how many there are beside Postfix's.
func proxiedAgree(list []*proxied) bool {
	for _, x := range list {
		if x.rival.Name != rivals.OursProxymapName {
			continue
		}
		for job, got := range x.series {
			if !narrow(got.of(cpu), got.over(proxiedBy(list, rivals.PostfixName, job), rate)) {
				return false
			}
		}
	}
	return true
}

// proxymapTargets are what is to be reached, for every type of table.
func proxymapTargets(list []*proxied, tables []proxymapTable) (targets []report.Target) {
	ours := func(job lookups) series { return proxiedBy(list, rivals.OursProxymapName, job) }
	beside := func(job lookups, value func(sample) float64) report.Figure {
		return ours(job).over(proxiedBy(list, rivals.PostfixName, job), value)
	}
	for _, t := range tables {
		one, eight, many := lookups{t.kind, 1, 1, false}, lookups{t.kind, 8, 1, false}, lookups{t.kind, 64, 1, false}
		targets = append(targets,
			report.AtLeast(t.kind+", lookups/s of 8 clients, beside Postfix", 3, "x", beside(eight, rate)).Because("%s", kernels(ours(eight))),
			report.AtLeast(t.kind+", lookups/s of 64 clients, beside Postfix", 4, "x", beside(many, rate)).Because("%s", kernels(ours(many))),
			report.AtMost(t.kind+", processor time of a lookup, 64 clients", 3, "us", ours(many).of(cpu)).Because("%s", kernels(ours(many))),
			report.AtMost(t.kind+", p50 of one client, beside Postfix", 0.85, "x", beside(one, p50)).Because("%s", kernels(ours(one))))
	}
	last := tables[len(tables)-1].kind
	left := 0.0
	for _, job := range deepLookups(last) {
		targets = append(targets, report.AtLeast(fmt.Sprintf("%s, lookups/s of %d clients with %d under way, beside Postfix", last, job.clients, job.depth), 8, "x", beside(job, rate)).
			Because("%s", kernels(ours(job))))
		for _, x := range list {
			if x.rival.Name == rivals.OursProxymapName {
				left += float64(x.left[job])
			}
		}
	}
	each := eachLookup(last)
	return append(targets,
		report.AtMost(fmt.Sprintf("%s, never answered with %d under way", last, proxymapDepth), 0, "", report.Summarize([]float64{left})).Because("in the round that left most"),
		report.AtLeast(last+", lookups/s with a connection for each, beside Postfix", 2, "x", beside(each, rate)).Because("%s", kernels(ours(each))))
}
