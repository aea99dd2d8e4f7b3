// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestBreaker plays what happens, a word each: a request is let through (+), is
// the probe (?) or is refused (-); it is answered (a), fails (f), or as the probe
// fails (F) or is forgotten (x). A number lets so many milliseconds pass. "open"
// and "closed" are what is reported.
func TestBreaker(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit int
		play  string
	}{
		{"never", 0, "+ f + f + f + f + f + f +"},
		{"in a row", 3, "+ f f a f f a f f + f open - - 999 - 1 ? - -"},
		{"at the first", 1, "f open - 1000 ? - a closed + f open - 1000 ?"},
		{"the probe fails", 1, "f open 1000 ? F - 1999 - 1 ? F 3999 - 1 ? F 4999 - 1 ? F 4999 - 1 ? a closed + f open 999 - 1 ?"},
		{"nobody comes", 1, "f open 500000 ? F 1999 - 1 ?"},
		{"the probe is forgotten", 1, "f open 1000 ? - x ? - F 1999 - 1 ?"},
		{"those from before fail", 2, "+ + + + f f open f f 999 - 1 ? f - F 1999 - 1 ?"},
		{"one from before is answered", 2, "+ + + f f open - a closed + f + f open"},
		{"and the probe fails afterwards", 2, "f f open 1000 ? a closed F + f open - 1000 ?"},
	} {
		b := breaker{limit: c.limit, first: time.Second, most: 5 * time.Second}
		now := time.Unix(1e9, 0)
		said := ""
		words := strings.Fields(c.play)
		for i, word := range words {
			got := word
			switch word {
			case "+", "?", "-":
				switch ok, probe := b.admit(now); {
				case probe:
					got = "?"
				case ok:
					got = "+"
				default:
					got = "-"
				}
			case "a":
				if b.succeeded() {
					said = "closed"
				}
			case "f", "F":
				if b.failed(now, word == "F") {
					said = "open"
				}
			case "x":
				b.abandoned()
			case "open", "closed":
				got, said = said, ""
			default:
				var n int
				if _, err := fmt.Sscan(word, &n); err != nil {
					t.Fatal(err)
				}
				now = now.Add(time.Duration(n) * time.Millisecond)
			}
			if got != word {
				t.Errorf("%s: %s: got %q", c.name, strings.Join(words[:i+1], " "), got)
			}
			if said != "" && (i+1 == len(words) || words[i+1] != said) {
				t.Errorf("%s: %s: unexpected: %s", c.name, strings.Join(words[:i+1], " "), said)
			}
		}
	}
}
