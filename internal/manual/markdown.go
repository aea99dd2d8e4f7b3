// SPDX-License-Identifier: ISC

package manual

import (
	"fmt"
	"strings"
)

type kind uint8

const (
	heading kind = iota
	paragraph
	table
	list
	literal
)

// block is a piece of a page.
type block struct {
	kind  kind
	level int        // of a heading
	text  string     // of a heading, a paragraph, or literal lines
	rows  [][]string // of a table, the first one of them its head; of a list, its items
}

// section returns what stands below a heading, up to the next one that is not
// below it.
func section(page, name string) ([]block, error) {
	blocks := parse(page)
	for i, b := range blocks {
		if b.kind != heading || b.text != name {
			continue
		}
		rest := blocks[i+1:]
		for j, c := range rest {
			if c.kind == heading && c.level <= b.level {
				return rest[:j], nil
			}
		}
		return rest, nil
	}
	return nil, fmt.Errorf("no heading %q", name)
}

// parse takes a page apart.
func parse(page string) (blocks []block) {
	lines := strings.Split(page, "\n")
	at := func(i int) string { // beyond the end there is an empty line
		if i < len(lines) {
			return lines[i]
		}
		return ""
	}
	for i := 0; i < len(lines); {
		line := lines[i]
		switch {
		case strings.TrimSpace(line) == "":
			i++
		case strings.HasPrefix(line, "<!--"):
			for i < len(lines) && !strings.HasSuffix(lines[i], "-->") {
				i++
			}
			i++
		case strings.HasPrefix(line, "#"):
			level := len(line) - len(strings.TrimLeft(line, "#"))
			blocks = append(blocks, block{kind: heading, level: level, text: strings.TrimSpace(line[level:])})
			i++
		case strings.HasPrefix(line, "```"):
			b := block{kind: literal}
			for i++; i < len(lines) && lines[i] != "```"; i++ {
				b.text += lines[i] + "\n"
			}
			i++
			blocks = append(blocks, b)
		case strings.HasPrefix(line, "    "):
			b := block{kind: literal}
			for ; strings.HasPrefix(at(i), "    ") || strings.TrimSpace(at(i)) == "" && strings.HasPrefix(at(i+1), "    "); i++ {
				b.text += strings.TrimPrefix(at(i), "    ") + "\n"
			}
			blocks = append(blocks, b)
		case strings.HasPrefix(line, "|"):
			b := block{kind: table}
			for ; strings.HasPrefix(at(i), "|"); i++ {
				if !strings.HasPrefix(lines[i], "|---") {
					b.rows = append(b.rows, cells(lines[i]))
				}
			}
			for r, row := range b.rows { // as many as the head has
				head := b.rows[0]
				b.rows[r] = append(row, make([]string, max(0, len(head)-len(row)))...)[:len(head)]
			}
			if len(b.rows) > 0 {
				blocks = append(blocks, b)
			}
		case strings.HasPrefix(line, "* "):
			b := block{kind: list}
			for ; strings.HasPrefix(at(i), "* ") || strings.HasPrefix(at(i), "  "); i++ {
				if item, begins := strings.CutPrefix(lines[i], "* "); begins {
					b.rows = append(b.rows, []string{item})
				} else {
					b.rows[len(b.rows)-1][0] += " " + strings.TrimSpace(lines[i])
				}
			}
			blocks = append(blocks, b)
		default:
			b := block{kind: paragraph}
			for ; strings.TrimSpace(at(i)) != "" && !strings.HasPrefix(at(i), "* ") && !strings.HasPrefix(at(i), "|"); i++ {
				b.text += lines[i] + "\n"
			}
			blocks = append(blocks, b)
		}
	}
	return blocks
}

// cells are those of a line of a table.
func cells(line string) []string {
	list := strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), "|")
	for i, c := range list {
		list[i] = strings.TrimSpace(c)
	}
	return list
}
