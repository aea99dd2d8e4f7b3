// SPDX-License-Identifier: ISC

package manual

import (
	"regexp"
	"strings"
)

var (
	links = regexp.MustCompile(`\[([^\]]+)\]\(([^)]+)\)`)
	bold  = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	// piece is code with what clings to it, or a manual page, or any other word.
	piece = regexp.MustCompile("([^\\s`]*)`([^`]+)`([^\\s`]*)(?:\\s|$)|\\S+")
	page  = regexp.MustCompile(`^([(]?)([a-zA-Z][\w.-]*)\((\d)\)([.,:;)]*)$`)
)

// pages says which page of a manual answers to one of docs.
var pages = map[string]string{
	"postloop.md": "postloop(1)", "qmail-lspawn.md": "qmail-lspawn(8)", "tables.md": "postloop-tables(5)",
}

// systems have macros of their own.
var systems = map[string]string{"OpenBSD": "Ox", "NetBSD": "Nx", "FreeBSD": "Fx"}

// parts says which page answers to a part of docs/configuration.md.
var parts = strings.NewReplacer("part 1", "postloop.toml(5)", "part 2", "postloop-master.cf(5)",
	"part 4", "postloop-master.cf(5)", "part 5", "postloop-master.cf(5)", "part 6", "master(8)",
	"Part 6", "master(8)", "Part 5", "postloop-master.cf(5)")

// prose writes a paragraph: a line for each sentence or less, code as macros.
func (w *writer) prose(text string) {
	text = links.ReplaceAllStringFunc(text, func(link string) string {
		m := links.FindStringSubmatch(link)
		file, anchor, _ := strings.Cut(m[2], "#")
		if name := pages[file]; name != "" && anchor == "" {
			return name
		}
		return m[1]
	})
	text = parts.Replace(text)
	text = bold.ReplaceAllString(strings.TrimSpace(text), "$1")
	var line []string
	length := 0
	flush := func() {
		if len(line) > 0 {
			first := line[0]
			if strings.HasPrefix(first, ".") || strings.HasPrefix(first, "'") {
				line[0] = `\&` + first
			}
			w.line(strings.Join(line, " "))
		}
		line, length = nil, 0
	}
	add := func(word string) {
		if length+len(word) > 74 {
			flush()
		}
		line = append(line, word)
		length += len(word) + 1
	}
	for _, m := range piece.FindAllStringSubmatch(text, -1) {
		word := strings.TrimSpace(m[0])
		if p := page.FindStringSubmatch(word); p != nil {
			flush()
			w.macro("Xr", strings.TrimSpace(strings.TrimSpace(p[1]+" ")+" "+p[2]+" "+p[3]+" "+spread(p[4])))
			continue
		}
		if system := systems[strings.TrimRight(word, ".,:;)")]; system != "" {
			flush()
			w.macro(system, spread(word[len(strings.TrimRight(word, ".,:;)")):]))
			continue
		}
		before, after := m[1], m[3]
		if m[2] != "" && strings.Trim(before, "([") == "" && strings.Trim(after, ".,:;)]?!") == "" && len(m[2]) < 60 {
			flush()
			w.macro("Ql", strings.TrimSpace(strings.TrimSpace(spread(before)+" "+words(m[2]))+" "+spread(after)))
			continue
		}
		if m[2] != "" { // something clings to it
			for _, one := range strings.Fields(escape(before) + `\(oq` + code(m[2]) + `\(cq` + strings.ReplaceAll(after, `\`, `\e`)) {
				add(one)
			}
		} else {
			add(escape(strings.ReplaceAll(word, "`", "")))
		}
		if strings.HasSuffix(word, ".") || strings.HasSuffix(word, "?") || strings.HasSuffix(word, ".)") {
			flush()
		}
	}
	flush()
}

// spread is delimiters as arguments.
func spread(s string) string { return strings.Join(strings.Split(s, ""), " ") }
