// SPDX-License-Identifier: ISC

package report

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Table is a heading, what has to be known about the numbers, and the numbers.
type Table struct {
	Title string
	Text  string // before the table; may be empty
	Head  []string
	Rows  [][]string
	Words []int // the columns that are words, beside the first
	Plot  *Plot // may be nil
}

// String is the table in Markdown, with its columns aligned, so that it can be
// read as it is. The first column and those
// of Words are aligned to the left, as words are, all others as numbers.
func (t *Table) String() string {
	var b strings.Builder
	if t.Title != "" {
		b.WriteString("### " + t.Title + "\n\n")
	}
	if t.Text != "" {
		b.WriteString(t.Text + "\n\n")
	}
	widths := make([]int, len(t.Head))
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	t.writeRow(&b, t.Head, widths)
	for i, w := range widths {
		if t.words(i) {
			b.WriteString("|" + strings.Repeat("-", w+2))
		} else {
			b.WriteString("|" + strings.Repeat("-", w+1) + ":")
		}
	}
	b.WriteString("|\n")
	for _, row := range t.Rows {
		t.writeRow(&b, row, widths)
	}
	return b.String()
}

// words reports whether a column is no numbers.
func (t *Table) words(column int) bool { return column == 0 || slices.Contains(t.Words, column) }

func (t *Table) writeRow(b *strings.Builder, row []string, widths []int) {
	for i, cell := range row {
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if t.words(i) {
			b.WriteString("| " + cell + pad + " ")
		} else {
			b.WriteString("| " + pad + cell + " ")
		}
	}
	b.WriteString("|\n")
}
