// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"postloop/internal/manual"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestManual: postloop(1) is what its source, docs/postloop.md and the program's
// help come to.
func TestManual(t *testing.T) {
	const page = "../../man/postloop.1"
	want, err := manual.Page("../..", "../../man/src/postloop.1", map[string]string{"commands": manualCommands()})
	must(t, err)
	if *update {
		must(t, os.WriteFile(page, []byte(want), 0o644))
	}
	if got, err := os.ReadFile(page); err != nil || string(got) != want {
		t.Errorf("%s is not up to date (%v): make man", page, err)
	}
}

// manualCommands lists the commands as their help has them.
func manualCommands() string {
	root := (&app{in: os.Stdin, out: &sink{File: os.Stdout}, err: os.Stderr}).root()
	var b strings.Builder
	b.WriteString(".Bl -tag -width Ds\n")
	for _, c := range root.Commands() {
		if !c.IsAvailableCommand() || c.Name() == "help" {
			continue
		}
		name, args, _ := strings.Cut(c.Use, " ")
		fmt.Fprintf(&b, ".It Cm %s", name)
		if args != "" {
			fmt.Fprintf(&b, " Ar %s", strings.ReplaceAll(args, " ", " Ar "))
		}
		fmt.Fprintf(&b, "\n%s", manual.Prose(c.Short+"."))
		manualFlags(&b, c)
	}
	b.WriteString(".El\n")
	return b.String()
}

func manualFlags(b *strings.Builder, c *cobra.Command) {
	if !c.HasAvailableLocalFlags() {
		return
	}
	b.WriteString(".Bl -tag -width Ds\n")
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		b.WriteString(".It ")
		if f.Shorthand != "" {
			fmt.Fprintf(b, "Fl %s , ", f.Shorthand)
		}
		fmt.Fprintf(b, `Fl \-%s`, strings.ReplaceAll(f.Name, "-", `\-`))
		if value != "" {
			fmt.Fprintf(b, " Ar %s", value)
		}
		if def := f.DefValue; def != "" && def != "false" && def != "[]" && def != "-1" {
			fmt.Fprintf(b, " Pq default: %s", def)
		}
		fmt.Fprintf(b, "\n%s", manual.Prose(strings.TrimSuffix(usage, ".")+"."))
	})
	b.WriteString(".El\n")
}
