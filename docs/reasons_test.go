// SPDX-License-Identifier: ISC

package docs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReasons: every difference has a reason.
func TestReasons(t *testing.T) {
	rows := 0
	for _, page := range []string{"docs/differences.md", "docs/qmail-lspawn.md"} {
		text, err := os.ReadFile(filepath.Join(repository, page))
		if err != nil {
			t.Fatal(err)
		}
		reasons := false // this table has them
		for i, line := range strings.Split(string(text), "\n") {
			switch {
			case strings.HasSuffix(line, "| here | why |"):
				reasons = true
			case !strings.HasPrefix(line, "|"):
				reasons = false
			case reasons && !strings.HasPrefix(line, "|---"):
				rows++
				cells := strings.Split(strings.Trim(line, "|"), "|")
				if len(cells) != 3 || strings.TrimSpace(cells[2]) == "" {
					t.Errorf("%s, line %d: a difference without a reason", page, i+1)
				}
			}
		}
	}
	if rows < 100 {
		t.Errorf("%d differences are not all", rows)
	}
}
