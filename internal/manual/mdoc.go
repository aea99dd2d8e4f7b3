// SPDX-License-Identifier: ISC

package manual

import (
	"regexp"
	"slices"
	"strings"
)

// mdoc writes blocks in the language of manual pages.
func mdoc(blocks []block) string {
	var w writer
	for i, b := range blocks {
		switch b.kind {
		case heading:
			w.macro("Ss", plain(b.text))
		case paragraph:
			if i > 0 && blocks[i-1].kind != heading {
				w.line(".Pp")
			}
			w.prose(b.text)
		case list:
			w.line(".Bl -bullet")
			for _, item := range b.rows {
				w.line(".It")
				w.prose(item[0])
			}
			w.line(".El")
		case table:
			w.table(b.rows)
		case literal:
			w.line(".Bd -literal -offset indent")
			for line := range strings.Lines(b.text) {
				w.line(escape(strings.TrimRight(line, "\n")))
			}
			w.line(".Ed")
		}
	}
	return w.String()
}

// Prose writes text, in which code stands between backquotes, as lines of mdoc.
func Prose(text string) string {
	var w writer
	w.prose(text)
	return w.String()
}

// Literal is text to be shown as it is.
func Literal(text string) string { return mdoc([]block{{kind: literal, text: text}}) }

type writer struct{ strings.Builder }

func (w *writer) line(s string) {
	w.WriteString(s)
	w.WriteByte('\n')
}

func (w *writer) macro(name, args string) { w.line(strings.TrimSpace("." + name + " " + args)) }

// table writes a list: what is in the first column is explained by the others.
// That which holds defaults goes beside the name.
func (w *writer) table(rows [][]string) {
	head := rows[0]
	beside := slices.Index(head, "default")
	last := len(head) - 1
	w.line(".Bl -tag -width Ds")
	for _, row := range rows[1:] {
		tag := tagOf(row[0])
		if beside > 0 {
			switch def := strings.Trim(row[beside], "`"); {
			case row[beside] == "" && head[0] == "key": // of TOML: it is not there, or has to be
			case row[beside] == "":
				tag += " Pq default: empty"
			case strings.HasPrefix(row[beside], "`") && strings.Count(row[beside], "`") == 2 && len(def) < 40:
				tag += " Pq default: " + words(def)
			default:
				tag += " Pq default: " + plain(row[beside])
			}
		}
		w.macro("It", tag)
		body := ""
		for i, cell := range row[1:] {
			switch i++; {
			case i == beside, cell == "":
			case i == last:
				body += sentence(cell)
			case head[i] != "":
				body += sentence(strings.ToUpper(head[i][:1]) + head[i][1:] + ": " + cell)
			default:
				body += sentence(cell)
			}
		}
		if body != "" {
			w.prose(body)
		}
	}
	w.line(".El")
}

// sentence is a cell with a full stop.
func sentence(cell string) string {
	if r := []rune(cell); len(r) > 1 && !strings.HasPrefix(cell, "`") {
		cell = strings.ToUpper(string(r[0])) + string(r[1:])
	}
	if strings.HasSuffix(cell, ".") || strings.HasSuffix(cell, ":") {
		return cell + "\n"
	}
	return cell + ".\n"
}

var (
	option = regexp.MustCompile("^`-(-?\\w+)(?: ([^`]+))?`$")
	number = regexp.MustCompile(`^\d+$`)
	macro  = regexp.MustCompile(`^([A-Z][a-z0-9]|Bsx|%[A-Z])$`)
)

// tagOf is the first cell of a row: an option, names, or words.
func tagOf(cell string) string {
	if m := option.FindStringSubmatch(cell); m != nil {
		tag := "Fl " + code(m[1])
		if m[2] != "" {
			tag += " Ar " + words(m[2])
		}
		return tag
	}
	if strings.HasPrefix(cell, "`") && strings.HasSuffix(cell, "`") && strings.Count(cell, "`")%2 == 0 {
		var names []string
		for _, name := range strings.Split(cell, "`, `") {
			if strings.Contains(name[1:len(name)-1], "`") {
				return plain(cell)
			}
			names = append(names, "Ic "+words(strings.Trim(name, "`")))
		}
		return strings.Join(names, " , ")
	}
	if number.MatchString(cell) {
		return "Er " + cell
	}
	return plain(cell)
}

// words are arguments of a macro that mean nothing but themselves.
func words(s string) string {
	list := strings.Fields(s)
	for i, word := range list {
		list[i] = quote(code(word))
	}
	if last := len(list) - 1; last >= 0 && len(list[last]) > 1 && strings.ContainsAny(list[last][len(list[last])-1:], ".,:;)]?!") {
		list[last] += `\&` // its own, and no delimiter
	}
	return strings.Join(list, " ")
}

// quote keeps an argument from being a macro, or a delimiter.
func quote(word string) string {
	if macro.MatchString(word) || len(word) == 1 && strings.Contains(".,:;()[]?!|", word) {
		return `\&` + word
	}
	return word
}

// code is what stands between backquotes, as text of a page.
func code(s string) string {
	return strings.NewReplacer(`\`, `\e`, `-`, `\-`, `"`, `\(dq`, `~`, `\(ti`, `^`, `\(ha`, "'", `\(aq`).Replace(s)
}

// plain is a piece of Markdown on one line, without macros.
func plain(s string) string {
	var list []string
	for i, part := range strings.Split(s, "`") {
		if i%2 == 1 {
			part = code(part)
		} else {
			part = escape(links.ReplaceAllString(part, "$1"))
		}
		list = append(list, part)
	}
	fields := strings.Fields(strings.Join(list, ""))
	for i, f := range fields {
		fields[i] = quote(f)
	}
	return strings.Join(fields, " ")
}

// escape makes a line of text mean itself.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
