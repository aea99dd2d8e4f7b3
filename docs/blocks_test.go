// SPDX-License-Identifier: ISC

package docs

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// block is a piece of a page that is no prose, with what the comments before it
// say. One without a line of its own has only comments.
type block struct {
	line int    // of the first line inside
	info string // what follows the backquotes; empty for an indented block
	text string

	isText, asRoot, ends bool
	notRun               string
	stays, when          string
	status, file, from   string
	first                []string
}

// language is the first word of info.
func (b *block) language() string {
	language, _, _ := strings.Cut(b.info, " ")
	return language
}

// commands reports whether the block is for a shell.
func (b *block) commands() bool {
	return !b.isText && b.text != "" && b.file == "" && slices.Contains([]string{"", "sh", "console"}, b.language())
}

// runs reports whether the block does anything when its page is played, on a
// machine of its own or not.
func (b *block) runs(onMachine bool) bool {
	if b.asRoot && !onMachine {
		return false
	}
	return b.file != "" || b.ends || len(b.first) > 0 || b.commands() && b.notRun == ""
}

// markers are what comments may begin with, and whether something has to follow.
var markers = map[string]bool{
	"text": false, "as root": false, "ends": false,
	"not run": true, "stays": true, "when": true, "status": true, "file": true, "from": true, "first": true,
}

// mark takes a comment up. One that begins with no marker is the page's own.
func (b *block) mark(comment string) (ok bool, err error) {
	name, rest, colon := strings.Cut(strings.TrimSpace(comment), ":")
	rest = strings.TrimSpace(rest)
	wants, known := markers[name]
	if !known {
		return false, nil
	}
	if wants != (colon && rest != "") {
		return false, fmt.Errorf("marker %q: too much, or too little", comment)
	}
	switch name {
	case "text":
		b.isText = true
	case "as root":
		b.asRoot = true
	case "ends":
		b.ends = true
	case "not run":
		if len(strings.Fields(rest)) < 3 {
			return false, fmt.Errorf("marker %q: that is no reason", comment)
		}
		b.notRun = rest
	case "stays":
		b.stays = rest
	case "when":
		b.when = rest
	case "status":
		b.status = rest
	case "file":
		b.file = rest
	case "from":
		b.from = rest
	case "first":
		b.first = append(b.first, rest)
	}
	return true, nil
}

// marked reports whether any comment was taken up.
func (b *block) marked() bool {
	return b.isText || b.asRoot || b.ends || b.notRun+b.stays+b.when+b.status+b.file+b.from != "" || len(b.first) > 0
}

// readBlocks reads a page.
func readBlocks(name string) ([]block, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	blocks, err := parseBlocks(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s, %w", name, err)
	}
	return blocks, nil
}

// parseBlocks finds the blocks of a page, and sees that each of them says what
// it is.
func parseBlocks(text string) (blocks []block, err error) {
	lines := strings.Split(text, "\n")
	var next block // what comments have said so far
	add := func(b block) error {
		if (b.stays != "" || b.status != "" || b.notRun != "") && !b.commands() {
			return fmt.Errorf("line %d: a marker for commands, and there are none", b.line)
		}
		if b.language() == "go" && b.from == "" && b.file == "" {
			return fmt.Errorf("line %d: code in Go says from which file it is", b.line)
		}
		blocks = append(blocks, b)
		return nil
	}
	list, empty := false, true // inside a list item; the line before is empty
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.HasPrefix(line, "<!--"):
			start := i
			for !strings.HasSuffix(lines[i], "-->") {
				if i++; i == len(lines) {
					return nil, fmt.Errorf("line %d: a comment without an end", start+1)
				}
			}
			comment := strings.Join(lines[start:i+1], "\n")
			if _, err := next.mark(strings.TrimSuffix(strings.TrimPrefix(comment, "<!--"), "-->")); err != nil {
				return nil, fmt.Errorf("line %d: %w", start+1, err)
			}
			empty = true
			continue
		case strings.HasPrefix(line, "```"):
			b := next
			next = block{}
			b.info, b.line = strings.TrimPrefix(line, "```"), i+2
			for i++; i < len(lines) && lines[i] != "```"; i++ {
				b.text += lines[i] + "\n"
			}
			if i == len(lines) {
				return nil, fmt.Errorf("line %d: a block without an end", b.line)
			}
			if err := add(b); err != nil {
				return nil, err
			}
		case strings.HasPrefix(line, "    ") && empty && !list:
			b := next
			next = block{}
			b.line = i + 1
			for ; i < len(lines) && (strings.HasPrefix(lines[i], "    ") || strings.TrimSpace(lines[i]) == ""); i++ {
				b.text += strings.TrimPrefix(lines[i], "    ") + "\n"
			}
			i--
			b.text = strings.TrimRight(b.text, "\n") + "\n"
			if err := add(b); err != nil {
				return nil, err
			}
			empty = true
			continue
		case strings.TrimSpace(line) != "":
			// Prose, or a list. Comments that say something stand before a block.
			if next.marked() {
				if len(next.first) == 0 && !next.ends {
					return nil, fmt.Errorf("line %d: a marker before it, and this is no block", i+1)
				}
				b := next
				b.line = i + 1
				blocks, next = append(blocks, b), block{}
			}
			if !strings.HasPrefix(line, " ") {
				list = strings.HasPrefix(line, "* ") || strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "1. ")
			}
		}
		empty = strings.TrimSpace(line) == ""
	}
	if next.marked() {
		next.line = len(lines)
		blocks = append(blocks, next)
	}
	return blocks, nil
}
