// SPDX-License-Identifier: ISC

package report

import (
	"fmt"
	"strings"
)

// Target is something that is to be reached, and what was.
type Target struct {
	What  string
	Got   Figure
	Limit float64
	Most  bool   // Got is to be Limit at the most, not at the least
	Unit  string // of both; "x" is a ratio
	Why   string // what stops it, shown where it is not reached; may be empty
}

// AtLeast is a target that is reached by as much, or more.
func AtLeast(what string, limit float64, unit string, got Figure) Target {
	return Target{What: what, Limit: limit, Unit: unit, Got: got}
}

// AtMost is a target that is reached by as little, or less.
func AtMost(what string, limit float64, unit string, got Figure) Target {
	return Target{What: what, Limit: limit, Unit: unit, Got: got, Most: true}
}

// Because returns the target with the reason why it may be missed.
func (t Target) Because(format string, args ...any) Target {
	t.Why = fmt.Sprintf(format, args...)
	return t
}

// notMeasured is the verdict on what was not.
const notMeasured = "not measured"

// Verdict says whether it is reached. Rounds that disagree too much for a
// median say so only if all of their middle half lies on one side.
func (t Target) Verdict() string {
	low, high := t.Got.Mid, t.Got.Mid
	if t.Got.Wide() {
		low, high = t.Got.Low, t.Got.High
	}
	switch {
	case t.Got.N == 0:
		return notMeasured
	case t.reached(low) && t.reached(high):
		return "yes"
	case !t.reached(low) && !t.reached(high):
		return "no"
	}
	return "rounds disagree"
}

func (t Target) reached(x float64) bool {
	if t.Most {
		return x <= t.Limit
	}
	return x >= t.Limit
}

// wanted is the limit in words.
func (t Target) wanted() string {
	sign := "≥ "
	if t.Most {
		sign = "≤ "
	}
	return sign + Digits(t.Limit) + " " + t.Unit
}

// summary is the table of all targets, and how many are reached.
func summary(sections []Section) string {
	t := Table{Head: []string{"target", "wanted", "reached", "", "why not"}, Words: []int{3, 4}}
	yes, all := 0, 0
	for _, s := range sections {
		for _, one := range s.Targets {
			verdict, why := one.Verdict(), ""
			all++
			switch verdict {
			case "yes":
				yes++
			case notMeasured:
			default:
				why = one.Why
			}
			t.Rows = append(t.Rows, []string{s.Title + ": " + one.What, one.wanted(), strings.TrimSpace(one.Got.Range()), verdict, why})
		}
	}
	if all == 0 {
		return ""
	}
	return fmt.Sprintf("\n## Targets\n\n%d of %d are reached.\n\n%s", yes, all, t.String())
}
