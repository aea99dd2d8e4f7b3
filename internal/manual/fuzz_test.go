// SPDX-License-Identifier: ISC

package manual

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzMdoc: whatever a page has, what comes of it is lines that are macros of ours,
// or text that no reader of mdoc would take for one.
func FuzzMdoc(f *testing.F) {
	pages, err := filepath.Glob(root + "/docs/*.md")
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
	f.Add("    ")
	f.Add("```")
	f.Add("|a|\n|b|c|d|")
	f.Add("<!--")
	f.Fuzz(func(t *testing.T, page string) {
		for line := range strings.Lines(mdoc(parse(page))) {
			name, _, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
			if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !strings.Contains(" .Ss .Pp .Bl .It .El .Bd .Ed .Ql .Xr .Ox .Nx .Fx ", " "+name+" ") {
				t.Errorf("%q", line)
			}
		}
	})
}
