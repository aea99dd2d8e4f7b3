// SPDX-License-Identifier: ISC

package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postloop/cfg"
)

// anchors are the places within a page that a link may name.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		anchor := strings.ToLower(strings.ReplaceAll(heading[1], " ", "-"))
		found[regexp.MustCompile(`[^\p{L}\p{N}_-]`).ReplaceAllString(anchor, "")] = true
	}
	return found
}

// TestLinks: what a page points at is there.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)]+)\)|(?:src|srcset|href)="([^"]+)"`)
	for _, page := range pages(t) {
		text, err := os.ReadFile(filepath.Join(repository, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target := m[1] + m[2]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(target, "#")
			there := text
			if file != "" {
				file = filepath.Join(repository, filepath.Dir(page), file)
				if _, err := os.Stat(file); err != nil {
					t.Errorf("%s: %v", page, err)
					continue
				}
				if anchor != "" {
					if there, err = os.ReadFile(file); err != nil {
						t.Errorf("%s: %v", page, err)
					}
				}
			}
			if anchor != "" && !anchors(string(there))[anchor] {
				t.Errorf("%s: %s: no such heading", page, target)
			}
		}
	}
}

// TestBlocks: what is not run is at least what it says it is.
func TestBlocks(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(repository, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages(t) {
		blocks, err := readBlocks(filepath.Join(repository, page))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, b := range blocks {
			b.check(t, page, string(makefile))
		}
	}
}

func (b *block) check(t *testing.T, page, makefile string) {
	t.Helper()
	_, how, _ := strings.Cut(b.info, " ")
	var err error
	switch b.language() {
	case "toml":
		_, _, _, err = cfg.ParseTOML("postloop.toml", strings.NewReader(b.text), nil)
	case "main.cf":
		_, err = cfg.ParseMain("main.cf", strings.NewReader(b.text))
	case "master.cf":
		_, _, err = cfg.ParseMaster("master.cf", strings.NewReader(b.text), cfg.NewMain("main.cf"))
	}
	if (how == "refused") != (err != nil) {
		t.Errorf("%s, line %d: %v", page, b.line, err)
	}
	if b.from != "" {
		source, err := os.ReadFile(filepath.Join(repository, b.from))
		if err != nil || !strings.Contains(string(source), b.text) {
			t.Errorf("%s, line %d: not to be found in %s (%v)", page, b.line, b.from, err)
		}
	}
	if b.isText && strings.Contains("\n"+b.text, "\n$ ") {
		t.Errorf("%s, line %d: there are commands in it", page, b.line)
	}
	if !b.commands() {
		return
	}
	for _, m := range regexp.MustCompile(`(?m)^(?:\$ )?(?:sudo )?make ([a-z][a-z-]*)`).FindAllStringSubmatch(b.text, -1) {
		if !regexp.MustCompile(`(?m)^` + m[1] + `:`).MatchString(makefile) {
			t.Errorf("%s, line %d: make has no target %s", page, b.line, m[1])
		}
	}
	if b.notRun == "" {
		return
	}
	text := b.text
	if list := transcript(text); list != nil {
		text = ""
		for _, e := range list {
			text += e.command
		}
	}
	sh := exec.Command("sh", "-n")
	sh.Stdin = strings.NewReader(text)
	if out, err := sh.CombinedOutput(); err != nil {
		t.Errorf("%s, line %d: %v: %s", page, b.line, err, out)
	}
}
