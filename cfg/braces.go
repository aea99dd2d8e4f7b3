// SPDX-License-Identifier: ISC

package cfg

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// SplitList splits a parameter's value as Postfix's plain lists are split: at
// commas and blanks.
func SplitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
}

// SplitBraced splits text at runs of the separator bytes, as Postfix does
// wherever "{ ... }" may quote: a separator between braces does not split.
// A word that begins with a brace must be one balanced group; it is returned
// without its outer braces and without the whitespace inside them. Braces
// further on in a word are kept.
//
// On an error the words before the faulty one are returned with it.
func SplitBraced(text, separators string) ([]string, error) {
	var words []string
	for {
		word, rest := CutBraced(text, separators)
		if word == "" {
			return words, nil
		}
		if word[0] == '{' {
			inner, err := Unbrace(word)
			if errors.Is(err, errAfterBrace) {
				return words, fmt.Errorf("%w; specify whitespace there", err)
			}
			if err != nil {
				return words, err
			}
			word = inner
		}
		words, text = append(words, word), rest
	}
}

// CutBraced returns the first word of text as SplitBraced splits it, but as it
// stands, braces included, and what follows it; the word is empty where there
// is none.
func CutBraced(text, separators string) (word, rest string) {
	text = strings.TrimLeft(text, separators)
	level := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '{':
			level++
		case c == '}' && level > 0:
			level--
		case level == 0 && strings.IndexByte(separators, c) >= 0:
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// errAfterBrace is Unbrace's error for a word whose group ends too early.
var errAfterBrace = errors.New("syntax error after '}'")

// Unbrace returns what is inside the braces of a word that is one group, and
// not the whitespace at its ends.
func Unbrace(word string) (string, error) {
	if !strings.HasPrefix(word, "{") {
		return "", fmt.Errorf("no '{' at start of text in \"%s\"", word)
	}
	level := 0
	for i := range len(word) {
		switch word[i] {
		case '{':
			level++
		case '}':
			level--
		}
		if level > 0 {
			continue
		}
		if i+1 < len(word) {
			return "", fmt.Errorf("%w in \"%s\"", errAfterBrace, word)
		}
		return trim(word[1:i]), nil
	}
	return "", fmt.Errorf("missing '}' in \"%s\"", word)
}

// blanks separate the words of a master.cf entry.
const blanks = " \t\r\n"

// brace writes word so that SplitBraced with blanks as separators returns it,
// last saying whether it will be the last on its line. It fails for the few
// words that cannot be written at all.
func brace(word string, last bool) (string, error) {
	if strings.ContainsAny(word, "\x00\n") {
		return "", errors.New("a line break or a null byte")
	}
	// An unclosed brace swallows what follows it, but the end of the line has
	// nothing to swallow.
	want, tail := []string{word, "x"}, " x"
	if last {
		want, tail = want[:1], ""
	}
	for _, written := range []string{word, "{" + word + "}"} {
		if got, err := SplitBraced(written+tail, blanks); err == nil && slices.Equal(got, want) {
			return written, nil
		}
	}
	if trim(word) != word {
		return "", errors.New("whitespace at one end")
	}
	return "", errors.New("braces that do not match")
}
