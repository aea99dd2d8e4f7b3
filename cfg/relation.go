// SPDX-License-Identifier: ISC

package cfg

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// relation evaluates the "{left} operator {right}" that text begins with:
// "true" or nothing. rest is what follows, blanks skipped.
func (x *expansion) relation(text string) (value, rest string, err error) {
	left, rest, err := cutOperand(text)
	if err != nil {
		return "", "", err
	}
	n := 0
	for n < len(rest) && strings.IndexByte("<>!=?+-*/~&|%", rest[n]) >= 0 {
		n++
	}
	op, after := rest[:n], rest[n:]
	holds := operators[op]
	if holds == nil {
		return "", "", fmt.Errorf(`"==" or "!="" or "<"" or "<="" or ">="" or ">" expected at: "...%s}>>>%s"`, left, first(rest, 20))
	}
	n = 0
	for n < len(after) && isAlnum(after[n]) {
		n++
	}
	suffix, after := after[:n], after[n:]
	if suffix != "" && suffix != "level" {
		return "", "", fmt.Errorf(`bad operator suffix at: "...%s>>>%s"`, op, suffix)
	}
	if rest = trimLeft(after); !strings.HasPrefix(rest, "{") {
		return "", "", fmt.Errorf(`"{expression}" expected at: "...{%s} %s>>>%s"`, left, op, first(after, 20))
	}
	right, rest, err := cutOperand(rest)
	if err != nil {
		return "", "", err
	}
	if rest != "" && rest[0] != '?' && rest[0] != ':' {
		return "", "", fmt.Errorf(`"?" or ":" expected at: "...}>>>%s"`, first(rest, 20))
	}
	if left, err = x.operand(left); err != nil {
		return "", "", err
	}
	if right, err = x.operand(right); err != nil {
		return "", "", err
	}
	compare := compareText
	if suffix == "level" {
		compare = compareLevels
	}
	order, err := compare(left, right)
	if err != nil {
		return "", "", err
	}
	if holds(order) {
		value = "true"
	}
	return value, rest, nil
}

// operand expands one side of a comparison. The nesting of references is
// counted anew inside, as Postfix does; the nesting of comparisons is not.
func (x *expansion) operand(text string) (string, error) {
	if x.relations >= maxRelations {
		return "", tooDeep(text)
	}
	x.relations++
	value, err := x.apart(text)
	x.relations--
	return value, err
}

// operators says for which outcome of a comparison each operator holds.
var operators = map[string]func(order int) bool{
	"==": func(order int) bool { return order == 0 },
	"!=": func(order int) bool { return order != 0 },
	"<":  func(order int) bool { return order < 0 },
	"<=": func(order int) bool { return order <= 0 },
	">=": func(order int) bool { return order >= 0 },
	">":  func(order int) bool { return order > 0 },
}

// compareText compares two numbers, or else two texts.
func compareText(left, right string) (int, error) {
	if !allDigits(left) || !allDigits(right) {
		return strings.Compare(left, right), nil
	}
	var numbers [2]int64
	for i, text := range []string{left, right} {
		var err error
		if numbers[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			return 0, fmt.Errorf("bad conversion: %s; a number to compare must be below 2^63", text)
		}
	}
	return cmp.Compare(numbers[0], numbers[1]), nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// compareLevels compares two compatibility levels.
func compareLevels(left, right string) (int, error) {
	l, err := parseLevel(left)
	if err != nil {
		return 0, err
	}
	r, err := parseLevel(right)
	if err != nil {
		return 0, err
	}
	return l.compare(r), nil
}

// level is a compatibility level: major, minor, patch.
type level [3]int64

func (l level) compare(r level) int {
	for i := range l {
		if order := cmp.Compare(l[i], r[i]); order != 0 {
			return order
		}
	}
	return 0
}

// parseLevel reads "major[.minor[.patch]]".
func parseLevel(text string) (level, error) {
	limits := level{math.MaxInt64 >> 20, 1023, 1023} // what Postfix's packed form holds
	var l level
	rest := text
	for i := range l {
		n, after, ok := leadingInt(rest)
		if !ok || n < 0 || n > limits[i] {
			break
		}
		l[i] = n
		if after == "" {
			return l, nil
		}
		var dot bool
		if rest, dot = strings.CutPrefix(after, "."); !dot {
			break
		}
	}
	return l, fmt.Errorf(`malformed compatibility level syntax: "%s"`, text)
}

// leadingInt reads the decimal number that text begins with, as strtol does:
// blanks and a sign may come first. Without a digit n is 0 and rest is all of
// text. ok is false where the number does not fit, or there is none.
func leadingInt(text string) (n int64, rest string, ok bool) {
	digits := trimLeft(text)
	sign := ""
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		sign, digits = digits[:1], digits[1:]
	}
	end := 0
	for end < len(digits) && isDigit(digits[end]) {
		end++
	}
	if end == 0 {
		return 0, text, false
	}
	n, err := strconv.ParseInt(sign+digits[:end], 10, 64)
	return n, digits[end:], err == nil
}
