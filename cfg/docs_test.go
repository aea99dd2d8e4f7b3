// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const configurationPage = "../docs/configuration.md"

// fence is a block of a Markdown file between two lines of three backquotes.
type fence struct {
	line int    // of the first line inside
	info string // what follows the backquotes: the language, and what is to happen
	text string
}

func readFences(t *testing.T, file string) []fence {
	t.Helper()
	var fences []fence
	inside := false
	for i, line := range strings.Split(readPage(t, file), "\n") {
		switch info, mark := strings.CutPrefix(line, "```"); {
		case mark && inside:
			inside = false
		case mark:
			inside = true
			fences = append(fences, fence{line: i + 2, info: info})
		case inside:
			fences[len(fences)-1].text += line + "\n"
		}
	}
	if inside || len(fences) == 0 {
		t.Fatalf("%s: a block that does not end, or no block at all", file)
	}
	return fences
}

func readPage(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// reading is what a block comes to.
type reading struct {
	main     *Main // nil: the block has none
	services []Service
}

// read parses the block in its language. main.cf and TOML are evaluated, too.
func (f *fence) read() (r reading, err error) {
	text := strings.NewReader(f.text)
	language, _, _ := strings.Cut(f.info, " ")
	switch language {
	case "toml":
		r.main, r.services, _, err = ParseTOML("postloop.toml", text, nil)
	case "main.cf":
		r.main, err = ParseMain("main.cf", text)
	case "master.cf":
		r.services, _, err = ParseMaster("master.cf", text, NewMain("main.cf"))
	default:
		return r, fmt.Errorf("no language %q", f.info)
	}
	if err == nil && r.main != nil {
		_, err = r.main.Params()
	}
	return r, err
}

// String is the reading in Postfix's language: equal for equal meanings.
func (r *reading) String() string {
	var b strings.Builder
	if r.main != nil {
		if err := WriteMain(&b, r.main); err != nil {
			return err.Error()
		}
	}
	if err := WriteMaster(&b, r.services); err != nil {
		return err.Error()
	}
	return b.String()
}

// TestDocsExamples: what the pages show is accepted, or refused where they
// say so; blocks called "same" mean the same in both languages.
func TestDocsExamples(t *testing.T) {
	for _, file := range []string{configurationPage, "../README.md"} {
		var fromTOML, fromPostfix reading
		for _, f := range readFences(t, file) {
			r, err := f.read()
			switch _, how, _ := strings.Cut(f.info, " "); {
			case how == "refused" && err == nil:
				t.Errorf("%s, line %d: accepted", file, f.line)
			case how != "refused" && err != nil:
				t.Errorf("%s, line %d: %v", file, f.line, err)
			case how != "same":
			case strings.HasPrefix(f.info, "toml"):
				fromTOML = r
			case r.main != nil:
				fromPostfix.main = r.main
			default:
				fromPostfix.services = r.services
			}
		}
		if fromTOML.String() != fromPostfix.String() {
			t.Errorf("%s: not the same:\n%s\nand:\n%s", file, &fromTOML, &fromPostfix)
		}
	}
}

// TestDocsEntries: the two cells of each row in the table of entries mean the
// same.
func TestDocsEntries(t *testing.T) {
	rows := 0
	for _, cells := range tableRows(t, configurationPage) {
		if !strings.HasPrefix(cells[0], "`{ listen") {
			continue
		}
		rows++
		var got [2]string
		for i, f := range []fence{
			{info: "toml", text: "service = [" + strings.Trim(cells[0], "`") + "]"},
			{info: "master.cf", text: strings.Trim(cells[1], "`")},
		} {
			r, err := f.read()
			if err != nil {
				t.Errorf("%s: %v", f.text, err)
			}
			r.main = nil
			got[i] = r.String()
		}
		if got[0] != got[1] {
			t.Errorf("not the same:\n%s%s", got[0], got[1])
		}
	}
	if rows == 0 {
		t.Error("no table of entries")
	}
}

// TestDocsErrors: each row in the table of errors is an error, that one.
func TestDocsErrors(t *testing.T) {
	_, section, _ := strings.Cut(readPage(t, configurationPage), "## What is refused\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := 0
	for _, line := range strings.Split(section, "\n") {
		cells := splitRow(line)
		if cells == nil || !strings.HasPrefix(cells[0], "`") {
			continue
		}
		rows++
		f := fence{info: "toml", text: strings.Trim(cells[0], "`")}
		_, err := f.read()
		if want := "postloop.toml, line 1: " + strings.Trim(cells[1], "`"); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", f.text, err, want)
		}
	}
	if rows == 0 {
		t.Error("no table of errors")
	}
}

// TestDocsComplete: the page has a row for each key, with the parameter that
// it stands for, and for each parameter of ours; where the row of a parameter
// names a default, it is that of the table.
func TestDocsComplete(t *testing.T) {
	table, keys := "", map[string]bool{}
	for _, line := range strings.Split(readPage(t, configurationPage), "\n") {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			table = heading
		}
		cells := splitRow(line)
		if cells == nil || !strings.HasPrefix(cells[0], "`") {
			continue
		}
		name := strings.Trim(cells[0], "`")
		keys[table+" "+name] = true
		switch p, known := parameters[name]; {
		case table != "Parameters that master acts upon":
			keys[table+" "+name+" "+strings.Trim(cells[min(3, len(cells)-1)], "`")] = true
		case !known:
			t.Errorf("%s: nobody knows this parameter", name)
		case strings.HasPrefix(cells[1], "`") && strings.Trim(cells[1], "`") != p.def:
			t.Errorf("%s: the default is %q, and not %s", name, p.def, cells[1])
		}
	}
	for _, s := range settings {
		heading := "Above all tables"
		if s.table != "" {
			heading = "[" + s.table + "]"
		}
		if !keys[heading+" "+s.key+" "+s.parameter] {
			t.Errorf("%s of %s for %s is not in the page", s.key, heading, s.parameter)
		}
	}
	if !keys["Above all tables state"] || !keys["[[service]] listen"] {
		t.Error("state or listen is not in the page")
	}
	for _, key := range serviceKeys {
		if !keys["[[service]] "+key] {
			t.Errorf("%s of [[service]] is not in the page", key)
		}
	}
	for _, p := range ourParams {
		if !keys["Parameters that master acts upon "+p.name] {
			t.Errorf("parameter %s is not in the page", p.name)
		}
	}
}

// TestTableDocs: each parameter about tables is on their page, with its default.
func TestTableDocs(t *testing.T) {
	rows := map[string]string{}
	for _, cells := range tableRows(t, "../docs/tables.md") {
		if len(cells) > 1 {
			rows[strings.Trim(cells[0], "`")] = strings.Trim(cells[1], "`")
		}
	}
	for _, p := range tableParams {
		if def, ok := rows[p.name]; !ok || def != p.def {
			t.Errorf("%s: the page has the default %q, %v; it is %q", p.name, def, ok, p.def)
		}
	}
}

// tableRows returns the cells of all rows of all tables.
func tableRows(t *testing.T, file string) (rows [][]string) {
	t.Helper()
	for _, line := range strings.Split(readPage(t, file), "\n") {
		if cells := splitRow(line); cells != nil {
			rows = append(rows, cells)
		}
	}
	return rows
}

// splitRow returns the cells of a line of a table, or nothing.
func splitRow(line string) []string {
	inner, ok := strings.CutPrefix(line, "|")
	if !ok {
		return nil
	}
	cells := strings.Split(strings.TrimSuffix(inner, "|"), "|")
	for i, cell := range cells {
		cells[i] = strings.TrimSpace(cell)
	}
	return cells
}

// TestDocsLogging: the examples of that page which are configurations.
func TestDocsLogging(t *testing.T) {
	read := 0
	for _, f := range readFences(t, "../docs/logging.md") {
		if f.info != "toml" {
			continue
		}
		read++
		if _, err := f.read(); err != nil {
			t.Errorf("line %d: %v", f.line, err)
		}
	}
	if read == 0 {
		t.Error("there are none")
	}
}
