// SPDX-License-Identifier: ISC

//go:build interop

package docs

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestManualPages: mandoc has nothing to say about the manual pages. Which pages
// of others are installed makes no difference.
func TestManualPages(t *testing.T) {
	pages, err := filepath.Glob(repository + "/man/*.[1-8]")
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages", err)
	}
	ours := map[string]bool{}
	for _, p := range pages {
		ours[filepath.Base(p)] = true
	}
	out, err := exec.Command("mandoc", append([]string{"-T", "lint", "-W", "all"}, pages...)...).CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		_, name, reference := strings.Cut(line, "referenced manual not found: Xr ")
		fields := strings.Fields(name)
		switch {
		case strings.Contains(line, "outdated mandoc.db"):
		case reference && len(fields) > 1 && ours[fields[0]+"."+fields[1]]:
		case reference && !strings.HasPrefix(name, "postloop"):
		default:
			t.Error(strings.TrimSpace(line))
		}
	}
}
