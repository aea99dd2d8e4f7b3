// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// Nesting costs no more than the text is long.
func TestParseTOMLDeep(t *testing.T) {
	for _, text := range []string{
		"\na = " + strings.Repeat("[", 1e6) + strings.Repeat("]", 1e6),
		"\na = " + strings.Repeat("{a=", 1e6) + "1" + strings.Repeat("}", 1e6),
		"\n" + strings.Repeat("a.", 1e6) + "a = 1",
		"\n[" + strings.Repeat("a.", 1e6) + "a]",
		"\n" + strings.Repeat("'a'.", 1e6) + "a = 1",
	} {
		_, _, _, err := ParseTOML("f", strings.NewReader(text), nil)
		if err == nil || err.Error() != "f, line 2: nested more than 50 deep" {
			t.Errorf("%.20s...: %.200v", text, err)
		}
	}
}

// Lines are found where much of TOML lies in between.
func TestTOMLPlaces(t *testing.T) {
	text, err := os.ReadFile("testdata/places.toml")
	if err != nil {
		t.Fatal(err)
	}
	root, wrong := parseTree("f", "\ufeff"+string(text))
	if wrong != nil {
		t.Fatal(wrong)
	}
	var got []string
	var list func(it *item, path string)
	list = func(it *item, path string) {
		if path != "" {
			got = append(got, fmt.Sprintf("%d:%s", it.line, path))
		}
		for _, in := range it.items {
			if !in.found {
				t.Errorf("%s was not found", in.key)
			}
			list(in, path+"/"+in.key)
		}
		for i, in := range it.list {
			list(in, fmt.Sprintf("%s/%d", path, i))
		}
	}
	list(root, "")
	want := []string{
		"2:/a # b",
		"3:/c.d", "3:/c.d/e",
		"7:/f", "8:/f/0", "8:/f/1", "10:/f/2", "10:/f/2/g", "10:/f/2/h", "11:/f/2/h/0", "12:/f/3", "14:/f/4",
		"16:/j", "16:/j/k", "17:/j/k/l", "17:/j/k/l/m", "17:/j/k/l/m/n", "17:/j/k/l/o",
		"18:/p", "18:/p/0", "19:/p/0/q", "19:/p/0/q/0", "20:/p/0/q/1", "21:/p/0/q/1/r",
		"22:/p/1", "23:/p/1/s", "24:/p/1/s/t",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}
