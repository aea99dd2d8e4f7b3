// SPDX-License-Identifier: ISC

//go:build interop && linux

package posix

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ours answers in the words of oracle.c.
func (q question) ours() string {
	r, err := Compile(q.expr, q.mode())
	if err != nil {
		return "error " + err.Error()
	}
	m, err := r.Find(q.key)
	ok, err2 := r.Match(q.key)
	switch {
	case err != nil || err2 != nil:
		return "failed"
	case ok != (m != nil):
		return "in contradiction with itself"
	case m == nil:
		return "no"
	}
	return "yes " + strings.Trim(fmt.Sprint(m), "[]")
}

// oracle compiles testdata/oracle.c and returns what asks it.
func oracle(t *testing.T) func([]question) []string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "oracle")
	if out, err := exec.Command("cc", "-O1", "-o", program, "testdata/oracle.c").CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
	return func(list []question) (answers []string) {
		for len(answers) < len(list) {
			var in strings.Builder
			for _, q := range list[len(answers):] {
				fmt.Fprintf(&in, "%s %x %x\n", q.flags, q.expr, q.key)
			}
			c := exec.Command(program)
			c.Stdin, c.Stderr = strings.NewReader(in.String()), os.Stderr
			out, err := c.Output()
			answers = append(answers, strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")...)
			if err != nil || len(out) == 0 {
				t.Fatalf("%v: %d answers to %d questions", err, len(answers), len(list))
			}
		}
		return answers
	}
}

// TestGenerated asks the C library and us about expressions made at random.
func TestGenerated(t *testing.T)  { compare(t, true) }
func TestReferences(t *testing.T) { compare(t, false) }

func compare(t *testing.T, plain bool) {
	t.Helper()
	ask := oracle(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	var list []question
	for range 15000 {
		g := generator{Rand: rnd, plain: plain}
		list = append(list, g.question())
	}
	differ := 0
	kinds, why := map[string]int{}, map[string]int{}
	for i, theirs := range ask(list) {
		q := list[i]
		kinds[strings.Fields(theirs)[0]]++
		ours := q.ours()
		if ours == theirs {
			continue
		}
		if fault := q.fault(ours, theirs); fault != "" {
			why[fault]++
		} else if differ++; differ < 40 {
			t.Errorf("%+q:\n ours   %s\n theirs %s", q, ours, theirs)
		}
	}
	t.Logf("%d differ; answers: %v; faults of theirs: %v", differ, kinds, why)
}

// fault names the fault of the C library's that makes for the difference.
func (q question) fault(ours, theirs string) string {
	places := strings.ContainsAny(q.expr, "^$") || regexp.MustCompile(`\\[bB<>`+"`"+`']`).MatchString(q.expr)
	references := regexp.MustCompile(`\\[1-9]`).MatchString(q.expr)
	a, b := strings.Fields(ours), strings.Fields(theirs)
	a, b = a[:min(3, len(a))], b[:min(3, len(b))]
	from, to, sure := q.reference()
	right := sure && (fmt.Sprintf("yes %d %d", from, to) == strings.Join(a, " ") || from < 0 && ours == "no")
	switch {
	case theirs == "hung":
		return "hangs"
	case strings.Contains(q.key, "\n") && !strings.Contains(q.flags, "n") && strings.ContainsAny(q.expr, "^$") && (right || !sure):
		return "^ and $ at line breaks within a match"
	case !slices.Equal(a, b) && right && references:
		return "the match with back-references"
	case !slices.Equal(a, b) && right && places:
		return "the match with places in repetitions"
	case slices.Equal(a, b) && right && places:
		return "groups beside places"
	case slices.Equal(a, b) && right && references:
		return "groups with back-references"
	}
	return ""
}
