// SPDX-License-Identifier: ISC

package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Results is all that RESULTS.md says.
type Results struct {
	Command  string // that made it
	Facts    []Fact // about the machine and the run
	Sections []Section
	Plots    string // the directory of the pictures, from that of the text; empty: there are none
}

// Fact is a name and its value.
type Fact struct{ Name, Value string }

// Section is one workload.
type Section struct {
	Title    string
	Text     string
	Tables   []Table
	Targets  []Target
	Commands []Fact // which server was started how
}

// String is the text of RESULTS.md.
func (r *Results) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results\n\nMade by `%s`; README.md says how it measures and what the columns mean. Ratios travel, absolute numbers do not.\n\n", r.Command)
	for _, f := range r.Facts {
		fmt.Fprintf(&b, "- %s: %s\n", f.Name, f.Value)
	}
	b.WriteString(summary(r.Sections))
	for _, s := range r.Sections {
		b.WriteString("\n" + s.text(r.Plots))
	}
	return b.String()
}

// Summary is the table of targets alone.
func (r *Results) Summary() string { return summary(r.Sections) }

// WritePlots writes the pictures into Plots below a directory, in the place of
// those that an earlier run has left there.
func (r *Results) WritePlots(below string) error {
	dir := filepath.Join(below, r.Plots)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	if err != nil {
		return err
	}
	for _, name := range old {
		if text, _ := os.ReadFile(name); strings.Contains(string(text), Made) {
			err = errors.Join(err, os.Remove(name))
		}
	}
	written := map[string]bool{}
	for _, s := range r.Sections {
		for i := range s.Tables {
			picture, name := s.Tables[i].picture(), s.plotName(i)
			switch {
			case picture == "":
				continue
			case written[name]:
				err = errors.Join(err, fmt.Errorf("two plots are called %s", name))
			}
			written[name] = true
			err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(picture), 0o644))
		}
	}
	return err
}

// picture is the table's plot; empty if it has none.
func (t *Table) picture() string {
	if t.Plot == nil {
		return ""
	}
	return t.Plot.SVG()
}

// plotName is the name of the file of a table's plot.
func (s *Section) plotName(table int) string {
	title, _, _ := strings.Cut(s.Tables[table].Title, ":")
	return slug(s.Title+" "+title) + ".svg"
}

// String is the section's text, as it is printed.
func (s *Section) String() string { return s.text("") }

// text is String, with the pictures, if there is a directory of them.
func (s *Section) text(plots string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n", s.Title)
	if s.Text != "" {
		b.WriteString("\n" + s.Text + "\n")
	}
	for i := range s.Tables {
		b.WriteString("\n" + s.Tables[i].String())
		if plots != "" && s.Tables[i].picture() != "" {
			fmt.Fprintf(&b, "\n![%s](%s/%s)\n", s.Tables[i].Plot.Title, plots, s.plotName(i))
		}
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
