// SPDX-License-Identifier: ISC

package docs

import (
	"strings"
	"testing"
)

func TestParseBlocks(t *testing.T) {
	page := strings.Join([]string{
		"# A page", "", "Prose.", "",
		"    make build", "", "    make run", "",
		"* an item", "", "    of two paragraphs", "",
		"More prose.", "",
		"<!-- stays: true -->", "<!-- first:", "one", "two", "-->", "", "```sh", "three", "```", "",
		"<!-- first: alone -->", "", "Prose", "    that goes on.", "",
		"<!-- a comment -->", "", "```yaml", "a: b", "```", "",
		"<!-- text -->", "", "    a log", "",
		"<!-- as root -->", "<!-- first: last -->", "",
	}, "\n")
	blocks, err := parseBlocks(page)
	if err != nil {
		t.Fatal(err)
	}
	want := []block{
		{line: 5, text: "make build\n\nmake run\n"},
		{line: 22, info: "sh", text: "three\n", stays: "true", first: []string{"one\ntwo"}},
		{line: 27, first: []string{"alone"}},
		{line: 33, info: "yaml", text: "a: b\n"},
		{line: 38, text: "a log\n", isText: true},
		{line: 42, asRoot: true, first: []string{"last"}},
	}
	runs := []string{"both", "both", "both", "none", "none", "machine"}
	if len(blocks) != len(want) {
		t.Fatalf("got %d blocks, want %d: %+v", len(blocks), len(want), blocks)
	}
	for i, b := range blocks {
		w := want[i]
		if b.line != w.line || b.info != w.info || b.text != w.text || b.isText != w.isText || b.asRoot != w.asRoot ||
			b.stays != w.stays || strings.Join(b.first, "|") != strings.Join(w.first, "|") {
			t.Errorf("got %+v, want %+v", b, w)
		}
		got := map[[2]bool]string{{true, true}: "both", {false, true}: "machine", {false, false}: "none"}[[2]bool{b.runs(false), b.runs(true)}]
		if got != runs[i] {
			t.Errorf("line %d: runs on %s, want %s", b.line, got, runs[i])
		}
	}
}

func TestParseBlocksRefuses(t *testing.T) {
	for _, c := range []struct{ page, want string }{
		{"```sh\nx\n", "without an end"},
		{"<!-- text\n", "without an end"},
		{"<!-- text -->\n\nProse.\n", "this is no block"},
		{"<!-- not run: no reason -->\n\n    x\n", "that is no reason"},
		{"<!-- not run -->\n\n    x\n", "too little"},
		{"<!-- text: really -->\n\n    x\n", "too much"},
		{"<!-- stays: true -->\n\n```yaml\nx\n```\n", "there are none"},
		{"```go\nx\n```\n", "from which file"},
	} {
		_, err := parseBlocks(c.page)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.page, err, c.want)
		}
	}
}
