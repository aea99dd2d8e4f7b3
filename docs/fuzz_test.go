// SPDX-License-Identifier: ISC

package docs

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzParseBlocks: every block begins within the page, and a transcript has all
// of its lines.
func FuzzParseBlocks(f *testing.F) {
	pages, err := filepath.Glob("*.md")
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range pages {
		text, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		blocks, err := parseBlocks(text)
		if err != nil {
			return
		}
		line := 0
		for _, b := range blocks {
			if b.line < line {
				t.Errorf("line %d after %d", b.line, line)
			}
			line = b.line
			for _, e := range transcript(b.text) {
				shows(e.output, e.output)
			}
		}
	})
}
