// SPDX-License-Identifier: ISC

package report

import (
	"strings"
	"unicode/utf8"
)

// Table is a heading, what has to be known about the numbers, and the numbers.
type Table struct {
	Title string
	Text  string // before the table; may be empty
	Head  []string
	Rows  [][]string
}

// String is the table in Markdown, with its columns aligned, so that it can be
// read as it is. The first column holds names, all others numbers.
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
	writeRow(&b, t.Head, widths)
	for i, w := range widths {
		switch i {
		case 0:
			b.WriteString("|" + strings.Repeat("-", w+2))
		default:
			b.WriteString("|" + strings.Repeat("-", w+1) + ":")
		}
	}
	b.WriteString("|\n")
	for _, row := range t.Rows {
		writeRow(&b, row, widths)
	}
	return b.String()
}

func writeRow(b *strings.Builder, row []string, widths []int) {
	for i, cell := range row {
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if i == 0 {
			b.WriteString("| " + cell + pad + " ")
		} else {
			b.WriteString("| " + pad + cell + " ")
		}
	}
	b.WriteString("|\n")
}
