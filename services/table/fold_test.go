// SPDX-License-Identifier: ISC

package table

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestFold(t *testing.T) {
	const fix, pat = Fixed, Pattern
	tests := []struct {
		key      string
		f, table Flags
		want     string
		ok       bool
	}{
		{"", FoldFix, fix, "", true},
		{"User@Example.COM", 0, fix, "User@Example.COM", true},
		{"User@Example.COM", FoldFix, fix, "user@example.com", true},
		{"User@Example.COM", FoldMul, fix, "User@Example.COM", true},
		{"User@Example.COM", FoldFix, pat, "User@Example.COM", true},
		{"User@Example.COM", FoldMul, pat, "user@example.com", true},
		{"User@Example.COM", FoldFix | FoldMul, 0, "User@Example.COM", true},
		{"@[`{AZ", FoldFix, fix, "@[`{az", true},

		{"STRASSEß", FoldFix, fix, "strasseß", true},
		{"ÄÖÜ", FoldFix, fix, "ÄÖÜ", true},
		{"\xff\xfeA", FoldFix, fix, "\xff\xfea", true},
		{"STRASSEß", FoldFix | UTF8Request, fix, "strassess", true},
		{"ÄÖÜ", FoldFix | UTF8Active, fix, "äöü", true},
		{"ÄÖÜ", FoldMul | UTF8Active, fix, "ÄÖÜ", true},
		{"aÄ", FoldMul | UTF8Request, pat, "aä", true},
		{"AÄA", FoldMul | UTF8Request, pat, "aäa", true},
		{"İ", FoldFix | UTF8Request, fix, "i̇", true},
		{"ΣΑΣς", FoldFix | UTF8Request, fix, "σασσ", true},
		{"ﬃ", FoldFix | UTF8Request, fix, "ffi", true},
		{"Ꭰꭰᏸ", FoldFix | UTF8Request, fix, "ᎠᎠᏰ", true},
		{"𐐀", FoldFix | UTF8Request, fix, "𐐨", true},

		{"\xff", UTF8Request, fix, "", false},
		{"a\xc0\x80", UTF8Request, fix, "", false},         // overlong
		{"a\xed\xa0\x80", UTF8Active, pat, "", false},      // a surrogate
		{"a\xf4\x90\x80\x80", UTF8Request, fix, "", false}, // above U+10FFFF
		{"a\xc3", UTF8Request, fix, "", false},
		{"a\xef\xbf\xbd", UTF8Request, fix, "a\ufffd", true},
	}
	for _, test := range tests {
		got, ok := Fold(test.key, test.f, test.table)
		if got != test.want || ok != test.ok {
			t.Errorf("Fold(%q, %v, %v): got %q, %v, want %q, %v", test.key, test.f, test.table, got, ok, test.want, test.ok)
		}
	}
}

// What is folded stays as it is, and letters that differ in case only fold to
// the same, as far as Unicode's simple folding knows them.
func TestFoldEveryCharacter(t *testing.T) {
	fold := func(s string) string {
		folded, ok := Fold(s, FoldFix|UTF8Request, Fixed)
		if !ok || !utf8.ValidString(folded) {
			t.Fatalf("Fold(%q): %q, %v", s, folded, ok)
		}
		return folded
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		folded := fold(string(r))
		if again := fold(folded); again != folded {
			t.Errorf("%U folds to %q and that to %q", r, folded, again)
		}
		if in := fold("Xy" + string(r) + "Z"); in != "xy"+folded+"z" {
			t.Errorf("%U in a word: %q", r, in)
		}
		if other := unicode.SimpleFold(r); fold(string(other)) != folded && !strings.ContainsRune("ıİIi", r) {
			t.Errorf("%U folds to %q, %U to %q", r, folded, other, fold(string(other)))
		}
	}
}

func TestUnlikeLowerIsSorted(t *testing.T) {
	for i, e := range unlikeLower[1:] {
		if before := unlikeLower[i]; before.from >= e.from {
			t.Errorf("%U before %U", before.from, e.from)
		}
	}
}

func TestFoldOfFoldedKeysCopiesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		if key, _ := Fold("user@example.com", FoldFix|UTF8Request, Fixed); key == "" {
			t.Error("empty")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzFold(f *testing.F) {
	f.Add("User@Example.COM", uint32(FoldFix|UTF8Request), uint32(Fixed))
	f.Add("ß\xff", uint32(FoldMul), uint32(Pattern))
	f.Fuzz(func(t *testing.T, key string, flags, table uint32) {
		once, ok := Fold(key, Flags(flags), Flags(table))
		if !ok {
			if utf8.ValidString(key) {
				t.Errorf("Fold(%q) refused", key)
			}
			return
		}
		if twice, ok := Fold(once, Flags(flags), Flags(table)); !ok || twice != once {
			t.Errorf("Fold(%q): %q, and of that %q, %v", key, once, twice, ok)
		}
	})
}
