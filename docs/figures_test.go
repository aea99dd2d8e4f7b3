// SPDX-License-Identifier: ISC

package docs

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of figures in README.md anew")

const (
	figuresBegin = "<!-- figures: made of bench/RESULTS.md by make figures -->\n"
	figuresEnd   = "<!-- end of figures -->\n"
)

// rivals are the rows of README's table, by the names of RESULTS.md.
var rivals = []struct{ name, title string }{
	{"postloop, hosted", "**postloop**, by itself"},
	{"Postfix + our spawn", "Postfix's master with our `spawn`"},
	{"Postfix", "Postfix"},
	{"tcpserver", "tcpserver"},
	{"xinetd", "xinetd"},
	{"openbsd-inetd", "openbsd-inetd"},
	{"systemd-socket-activate", "systemd-socket-activate"},
	{"C limit", "a program in C that does nothing else"},
}

// TestFigures: README's table is RESULTS.md's, in short.
func TestFigures(t *testing.T) {
	results, err := os.ReadFile(filepath.Join(repository, "bench/RESULTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := figures(string(results))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(repository, "README.md")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), figuresBegin)
	got, after, ends := strings.Cut(rest, figuresEnd)
	if !begins || !ends {
		t.Fatal("README.md has no place for figures")
	}
	if *update {
		got = want
		if err := os.WriteFile(name, []byte(before+figuresBegin+want+figuresEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got != want {
		t.Errorf("README.md has other figures than bench/RESULTS.md: make figures\n%swant\n%s", got, want)
	}
}

// figures is the table, made of two of RESULTS.md's.
func figures(results string) (string, error) {
	spawner, err := resultTable(results, "## spawner", "### pin, 8 at once")
	if err != nil {
		return "", err
	}
	held, err := resultTable(results, "## held", "### 1000 connections")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("\n| | commands a second | times Postfix | processor time for one | memory of the manager, 1000 clients |\n|---|---|---|---|---|\n")
	for _, r := range rivals {
		run, keep := spawner[r.name], held[r.name]
		if run == nil || keep == nil && r.name != "C limit" {
			return "", fmt.Errorf("RESULTS.md knows nothing of %s", r.name)
		}
		memory := "-"
		if keep != nil {
			memory = median(keep["PSS MB"]) + " MB"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s µs | %s |\n", r.title,
			median(run["connections/s"]), median(run["x Postfix"]), median(run["CPU us"]), memory)
	}
	b.WriteString("\n")
	return b.String(), nil
}

// median is what stands before the quartiles.
func median(cell string) string {
	value, _, _ := strings.Cut(cell, " (")
	return strings.Replace(value, "~", "", 1)
}

// resultTable is the first table below two headings, by rows and columns.
func resultTable(results, section, heading string) (map[string]map[string]string, error) {
	_, text, found := strings.Cut(results, "\n"+section+"\n")
	if found {
		text, _, _ = strings.Cut(text, "\n## ")
		_, text, found = strings.Cut(text, "\n"+heading)
	}
	var head []string
	rows := map[string]map[string]string{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			if head != nil {
				break
			}
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case head == nil:
			head = cells
		case len(cells) == len(head) && !strings.HasPrefix(cells[0], "---"):
			row := map[string]string{}
			for i, c := range cells {
				row[head[i]] = c
			}
			rows[cells[0]] = row
		}
	}
	if !found || len(rows) == 0 {
		return nil, fmt.Errorf("RESULTS.md has no table below %s, %s", section, heading)
	}
	return rows, nil
}
