// SPDX-License-Identifier: ISC

package cfg

import "fmt"

// Suggest returns a question naming the known word nearest to word, or
// nothing if none is near: of a short word, more has to be right.
func Suggest(word string, known []string) string {
	best, least := "", max(min(2, len(word)/2), len(word)/3)+1
	for _, one := range known {
		if d := distance(word, one); d < least && d < len(one) {
			best, least = one, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean \"%s\"?", best)
}

// distance counts the bytes to insert, delete, replace or swap with their
// neighbour to make b of a.
func distance(a, b string) int {
	var before, above []int // the two rows before the current one
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, above = above, row
		row = make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replaced := above[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
