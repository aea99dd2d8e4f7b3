// SPDX-License-Identifier: ISC

//go:build interop && linux

package pcre

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// oracle compiles testdata/oracle.c and returns what asks it.
func oracle(t *testing.T) func([]question) []string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "oracle")
	if out, err := exec.Command("cc", "-O1", "-o", program, "testdata/oracle.c", "-lpcre2-8").CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
	return func(list []question) []string {
		var in strings.Builder
		for _, q := range list {
			fmt.Fprintf(&in, "%s %x %x\n", q.options, q.expr, q.key)
		}
		c := exec.Command(program)
		c.Stdin, c.Stderr = strings.NewReader(in.String()), os.Stderr
		out, err := c.Output()
		answers := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		if err != nil || len(answers) != len(list) {
			t.Fatalf("%v: %d answers to %d questions; last asked %q", err, len(answers), len(list), list[min(len(answers), len(list)-1)])
		}
		return answers
	}
}

// The library and we are asked about expressions made at random.
func TestPlain(t *testing.T)      { compare(t, true, 20000) }
func TestEverything(t *testing.T) { compare(t, false, 30000) }

func compare(t *testing.T, plain bool, n int) {
	t.Helper()
	ask := oracle(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	var list []question
	for range n {
		list = append(list, (&generator{Rand: rnd, plain: plain}).question())
	}
	differ := 0
	kinds, why := map[string]int{}, map[string]int{}
	for i, theirs := range ask(list) {
		kinds[strings.Fields(theirs)[0]]++
		ours := list[i].ours()
		if ours == theirs {
			continue
		}
		if reason := reason(list[i].expr, ours, theirs); reason != "" {
			why[reason]++
		} else if differ++; differ < 40 {
			t.Errorf("%+q:\n ours   %s\n theirs %s", list[i], ours, theirs)
		}
	}
	t.Logf("%d of %d differ; answers: %v; differences with a reason: %v", differ, n, kinds, why)
}

// reason says why an answer may be another.
func reason(expr, ours, theirs string) string {
	switch {
	case strings.HasPrefix(ours, "error ") && strings.HasPrefix(theirs, "error "):
		return "several errors, another one first"
	case ours == "failed "+string(ErrRecursion) && theirs == "no":
		return "what must be in the key is looked for beforehand"
	case strings.HasPrefix(theirs, "failed match limit"):
		return "their limit is lower in this test"
	case strings.Contains(expr, "{0}") && theirs == "no" && strings.ContainsAny(expr, "^\n"):
		return "their fault: what is repeated no times is taken for a beginning of a line"
	case strings.Contains(expr, `\N`) && strings.Contains(expr, `\R`) && theirs == "no":
		return `their fault: \N is taken never to match what begins \R`
	}
	return ""
}

// TestAnswersAreTheirs asks the library about what TestAnswers has.
func TestAnswersAreTheirs(t *testing.T) {
	questions, answers := readAnswers(t)
	for i, theirs := range oracle(t)(questions) {
		if theirs != answers[i] {
			t.Errorf("%+q: %s, in the file %s", questions[i], theirs, answers[i])
		}
	}
}
