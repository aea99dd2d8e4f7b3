// SPDX-License-Identifier: ISC

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"postloop/cfg"

	"github.com/spf13/cobra"
)

func (a *app) convertCommand() *cobra.Command {
	var to, dir string
	c := &cobra.Command{
		Use:   "convert",
		Short: "The configuration in the other language: TOML, or main.cf and master.cf",
		Long: `Writes what is configured in the other of the two languages, or in that of --to. What
comes out means the same; comments are not kept. On standard output main.cf comes
before master.cf, with a line "# master.cf" in between.`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(*cobra.Command, []string) error { return a.convert(to, dir) },
	}
	c.Flags().StringVar(&to, "to", "", "`language`: toml or postfix")
	c.Flags().StringVarP(&dir, "output", "O", "", "`directory` for the files, which must not be there yet; default: standard output")
	_ = c.MarkFlagDirname("output")
	_ = c.RegisterFlagCompletionFunc("to", cobra.FixedCompletions([]string{"toml", "postfix"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// output is a file to be written.
type output struct {
	name string
	text bytes.Buffer
}

func (a *app) convert(to, dir string) error {
	if to != "" && to != "toml" && to != "postfix" {
		return fail(exitUsage, "--to %s: specify toml or postfix", to)
	}
	c, err := a.load()
	if err != nil {
		return err
	}
	if to == "" {
		to = "toml"
		if strings.HasSuffix(c.Main.File(), ".toml") {
			to = "postfix"
		}
	}
	files := []*output{{name: "postloop.toml"}}
	if to == "toml" {
		err = cfg.WriteTOML(&files[0].text, c.Main, c.Services)
	} else {
		files = []*output{{name: "main.cf"}, {name: "master.cf"}}
		err = errors.Join(cfg.WriteMain(&files[0].text, c.Main), cfg.WriteMaster(&files[1].text, c.Services))
	}
	if err != nil {
		return badConfig(err)
	}
	if dir == "" {
		for i, f := range files {
			if i > 0 {
				fmt.Fprintf(a.out, "\n# %s\n", f.name)
			}
			if _, err := f.text.WriteTo(a.out); err != nil {
				return err
			}
		}
		return nil
	}
	for _, f := range files {
		if err := writeNew(filepath.Join(dir, f.name), &f.text); err != nil {
			return fail(exitNot, "%w", err)
		}
	}
	return nil
}

// writeNew makes a file that is not there.
func writeNew(name string, text io.WriterTo) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = text.WriteTo(f)
	return errors.Join(err, f.Close())
}
