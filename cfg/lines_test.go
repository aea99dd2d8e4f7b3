// SPDX-License-Identifier: ISC

package cfg

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadLines(t *testing.T) {
	for _, test := range []struct {
		in    string
		lines []Line
		notes []string
	}{
		{"", nil, nil},
		{"\n \n# x\n", nil, nil},
		{"a", []Line{{1, "a"}}, nil},
		{"a\nb\n", []Line{{1, "a"}, {2, "b"}}, nil},
		{"a\n b\n\tc\n", []Line{{1, "a b\tc"}}, nil},
		{"\n# x\na\n# y\n\n  # z\n b\nc", []Line{{3, "a b"}, {8, "c"}}, nil},
		{"a # b\n", []Line{{1, "a # b"}}, nil},
		{"a\r\n b\r\n\r\nc\r\n", []Line{{1, "a\r b\r"}, {4, "c\r"}}, nil},
		{"a\n\vb\n", []Line{{1, "a\vb"}}, nil},
		{" a\n b\nc\n", []Line{{3, "c"}}, []string{`f: logical line must not start with whitespace: " a b"`}},
		{"# x\n\ta\n", nil, []string{"f: logical line must not start with whitespace: \"\ta\""}},
		{" 3456789012345678901234567890\n", nil, []string{`f: logical line must not start with whitespace: " 3456789012345678901234567890"`}},
		{" 345678901234567890123456789012\n", nil, []string{`f: logical line must not start with whitespace: " 34567890123456789012345678901..."`}},
		{"a\x00b\nc\n", []Line{{1, "a"}, {2, "c"}}, []string{"f, line 1: text after null byte may be ignored"}},
		{"a\n b\x00c\n d\ne\n", []Line{{1, "a b"}, {4, "e"}}, []string{"f, line 1-3: text after null byte may be ignored"}},
		{"a\n\x00b\nc\n", []Line{{1, "a"}, {3, "c"}}, nil},
	} {
		// However the text arrives, it is the same.
		for _, r := range []io.Reader{strings.NewReader(test.in), iotest.OneByteReader(strings.NewReader(test.in))} {
			lines, notes, errs := ReadLines("f", r)
			if errs != nil || !slices.Equal(lines, test.lines) {
				t.Errorf("%q: got %+v, %v, want %+v", test.in, lines, errs, test.lines)
			}
			if !slices.EqualFunc(notes, test.notes, func(n Note, text string) bool { return n.Severity == Warning && n.Text == text }) {
				t.Errorf("%q: notes %q, want %q", test.in, notes, test.notes)
			}
		}
	}
}

func TestReadLinesError(t *testing.T) {
	r := io.MultiReader(strings.NewReader("a\nb\n"), iotest.ErrReader(errors.New("bad disk")))
	lines, _, errs := ReadLines("f", r)
	if !slices.Equal(lines, []Line{{1, "a"}, {2, "b"}}) || errs == nil || errs.Error() != "f: read: bad disk" {
		t.Errorf("got %+v, %v", lines, errs)
	}
}
