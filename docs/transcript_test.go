// SPDX-License-Identifier: ISC

package docs

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// exchange is a command of a transcript and what it prints.
type exchange struct {
	command, output string
}

// transcript takes a block with prompts apart; of one without, it is nil.
func transcript(text string) (list []exchange) {
	more, mark := false, "" // the command goes on in the next line; a here-document does up to mark
	for line := range strings.Lines(text) {
		last := len(list) - 1
		command, prompt := strings.CutPrefix(line, "$ ")
		switch {
		case mark != "":
			list[last].command += line
			if strings.TrimSpace(line) == mark {
				mark = ""
			}
			continue
		case more:
			list[last].command += strings.TrimPrefix(line, "> ")
		case prompt:
			list = append(list, exchange{command: command})
			line = command
		case last < 0:
			if strings.TrimSpace(line) != "" {
				return nil
			}
			continue
		default:
			list[last].output += line
			continue
		}
		more = strings.HasSuffix(line, "\\\n")
		if here := regexp.MustCompile(`<<-?'?"?(\w+)`).FindStringSubmatch(line); here != nil {
			mark = here[1]
		}
	}
	return list
}

// separator stands in the output before the status of a command.
const separator = "\x01"

// script is what a shell is given, so that outputs can be told apart.
func script(list []exchange) string {
	var b strings.Builder
	for _, e := range list {
		fmt.Fprintf(&b, "{ %s\n} 2>&1; printf '%s%%s\\n' $?\n", strings.TrimSuffix(e.command, "\n"), `\001`)
	}
	return b.String()
}

// answers takes the output of a script apart.
func answers(out string) (outputs []string, statuses []int) {
	for {
		output, rest, ok := strings.Cut(out, separator)
		if !ok {
			return outputs, statuses
		}
		number, after, _ := strings.Cut(rest, "\n")
		status, err := strconv.Atoi(number)
		if err != nil {
			return outputs, statuses
		}
		outputs, statuses, out = append(outputs, output), append(statuses, status), after
	}
}

var blanks = regexp.MustCompile(`[ \t]+`)

// tidy has one blank for many, and none at the ends of lines, nor empty lines
// at the end.
func tidy(s string) string {
	lines := strings.Split(strings.TrimRight(strings.ToValidUTF8(s, "?"), "\n "), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(blanks.ReplaceAllString(line, " "))
	}
	return strings.Join(lines, "\n")
}

// shows reports whether a page that has want may print got.
func shows(want, got string) bool {
	var re strings.Builder
	re.WriteString(`\A`)
	for line := range strings.Lines(tidy(want) + "\n") {
		line = strings.TrimSuffix(line, "\n")
		if line == "..." {
			re.WriteString(`(?:.*\n)*?`)
			continue
		}
		re.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), `\.\.\.`, `.*?`) + `\n`)
	}
	re.WriteString(`\z`)
	return regexp.MustCompile(re.String()).MatchString(tidy(got) + "\n")
}

func TestShows(t *testing.T) {
	for _, c := range []struct {
		want, got string
		ok        bool
	}{
		{"a\n", "a\n", true},
		{"a\n", "a", true},
		{"a\n", "b\n", false},
		{"a\n", "a\nb\n", false},
		{"", "", true},
		{"", "a\n", false},
		{"a   b\n", "  a b  \n", true},
		{"pid ... left\n", "pid 17 left\n", true},
		{"pid ... left\n", "pid 17\nleft\n", false},
		{"a\n...\n", "a\nb\nc\n", true},
		{"a\n...\nc\n", "a\nc\n", true},
		{"...\n", "anything\nat all\n", true},
		{"a.c\n", "abc\n", false},
	} {
		if got := shows(c.want, c.got); got != c.ok {
			t.Errorf("%q for %q: %v", c.want, c.got, got)
		}
	}
}

func TestTranscript(t *testing.T) {
	got := transcript("$ echo a \\\n    b\na b\n$ cat <<EOF\n$ x\nEOF\n$ x\n$ true\n")
	want := []exchange{{"echo a \\\n    b\n", "a b\n"}, {"cat <<EOF\n$ x\nEOF\n", ""}, {"x\n", ""}, {"true\n", ""}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := transcript("make build\n$ x\n"); got != nil {
		t.Errorf("not a transcript: %q", got)
	}
	outputs, statuses := answers("a\n\x010\n\x013\n")
	if fmt.Sprint(outputs, statuses) != fmt.Sprint([]string{"a\n", ""}, []int{0, 3}) {
		t.Errorf("got %q %v", outputs, statuses)
	}
}
