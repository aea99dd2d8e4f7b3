// SPDX-License-Identifier: ISC

package metrics

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sample is one line of numbers.
type sample struct {
	name   string
	labels string // sorted
	value  float64
}

var (
	nameForm   = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	sampleForm = regexp.MustCompile(`^([a-z][a-z0-9_]*)(?:\{(.*)\})? ([^ ]+)$`)
	labelForm  = regexp.MustCompile(`^([a-z][a-z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)`)
)

// check reads text as the format's description has it, and more strictly: each
// family once, its HELP and its TYPE right before its series, in its
// conventions; no series twice. It returns the series.
func check(text string) (list []sample, err error) {
	if !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("the last line has no end")
	}
	var family, typ string
	helped := ""
	families, seen := map[string]bool{}, map[string]bool{}
	empty := false // the family has no series yet
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		bad := func(format string, args ...any) error {
			return fmt.Errorf("line %d: %s: %s", i+1, fmt.Sprintf(format, args...), line)
		}
		switch word := strings.SplitN(line, " ", 4); {
		case strings.HasPrefix(line, "# HELP "):
			if len(word) < 4 || !nameForm.MatchString(word[2]) || families[word[2]] || empty || !strings.HasSuffix(line, ".") {
				return nil, bad("bad or second HELP")
			}
			helped = word[2]
			families[helped] = true
		case strings.HasPrefix(line, "# TYPE "):
			if len(word) != 4 || word[2] != helped || !slices.Contains([]string{"gauge", "counter", "summary"}, word[3]) {
				return nil, bad("bad TYPE")
			}
			family, typ, helped, empty = word[2], word[3], "", true
			if (typ == "counter") != strings.HasSuffix(family, "_total") {
				return nil, bad("a counter ends in _total, and nothing else does")
			}
		default:
			m := sampleForm.FindStringSubmatch(line)
			if m == nil || helped != "" {
				return nil, bad("no series")
			}
			if m[1] != family && (typ != "summary" || m[1] != family+"_sum" && m[1] != family+"_count") {
				return nil, bad("not one of %s", family)
			}
			labels, err := sortedLabels(m[2])
			if err != nil {
				return nil, bad("%v", err)
			}
			value, err := strconv.ParseFloat(m[3], 64)
			if err != nil || typ == "counter" && value < 0 {
				return nil, bad("bad value")
			}
			if seen[m[1]+labels] {
				return nil, bad("twice")
			}
			seen[m[1]+labels], empty = true, false
			list = append(list, sample{m[1], labels, value})
		}
	}
	if helped != "" || empty {
		return nil, fmt.Errorf("a family without series")
	}
	return list, nil
}

func sortedLabels(text string) (string, error) {
	var list, names []string
	for rest := text; rest != ""; {
		m := labelForm.FindStringSubmatch(rest)
		if m == nil {
			return "", fmt.Errorf("bad labels")
		}
		if slices.Contains(names, m[1]) {
			return "", fmt.Errorf("label %s twice", m[1])
		}
		rest = rest[len(m[0]):]
		if m[3] == "," && rest == "" {
			return "", fmt.Errorf("a comma at the end")
		}
		list, names = append(list, m[1]+"="+m[2]), append(names, m[1])
	}
	slices.Sort(list)
	return strings.Join(list, ";"), nil
}

// TestCheck: the reader finds what it is there for.
func TestCheck(t *testing.T) {
	const good = "# HELP a_total It.\n# TYPE a_total counter\na_total{x=\"1\",y=\"\\\\ \\\" \\n\"} 1\na_total 2.5e-07\n"
	if list, err := check(good); err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	for _, edit := range [][2]string{
		{" It.", ""},
		{"# HELP a_total It.\n", ""},
		{"# TYPE a_total counter\n", ""},
		{"counter", "gauge"},
		{"counter", "thing"},
		{"a_total{", "b_total{"},
		{"a_total 2", "a_total{} x"},
		{"a_total 2.5e-07", "a_total{y=\"\\\\ \\\" \\n\",x=\"1\"} 3"},
		{`x="1",`, `x="1" `},
		{`x="1"`, `x="\t"`},
		{`x="1"`, `y="1"`},
		{`x="1"`, `x="""`},
		{"2.5e-07", "-1"},
		{"2.5e-07\n", "1"},
		{"a_total 2.5e-07\n", "a_total 1\n\n"},
		{"a_total 2.5e-07", "# HELP a_total It.\n# TYPE a_total counter"},
		{"a_total 2.5e-07", "# HELP b It.\n# TYPE b gauge"},
	} {
		if list, err := check(strings.Replace(good, edit[0], edit[1], 1)); err == nil {
			t.Errorf("%q for %q: %v", edit[1], edit[0], list)
		}
	}
}
