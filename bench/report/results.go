// SPDX-License-Identifier: ISC

package report

import (
	"fmt"
	"strings"
)

// Results is all that RESULTS.md says.
type Results struct {
	Command  string // that made it
	Facts    []Fact // about the machine and the run
	Sections []Section
}

// Fact is a name and its value.
type Fact struct{ Name, Value string }

// Section is one workload.
type Section struct {
	Title    string
	Text     string
	Tables   []Table
	Commands []Fact // which server was started how
}

// String is the text of RESULTS.md.
func (r *Results) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results\n\nMade by `%s`; README.md says how it measures and what the columns mean. Ratios travel, absolute numbers do not.\n\n", r.Command)
	for _, f := range r.Facts {
		fmt.Fprintf(&b, "- %s: %s\n", f.Name, f.Value)
	}
	for _, s := range r.Sections {
		b.WriteString("\n" + s.String())
	}
	return b.String()
}

// String is the section's text, as it is published and printed.
func (s *Section) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n", s.Title)
	if s.Text != "" {
		b.WriteString("\n" + s.Text + "\n")
	}
	for i := range s.Tables {
		b.WriteString("\n" + s.Tables[i].String())
	}
	if len(s.Commands) > 0 {
		b.WriteString("\n### Commands\n")
		for _, c := range s.Commands {
			fmt.Fprintf(&b, "\n%s:\n\n", c.Name)
			for line := range strings.Lines(c.Value) {
				b.WriteString(strings.TrimRight("    "+line, " \n") + "\n")
			}
		}
	}
	return b.String()
}
