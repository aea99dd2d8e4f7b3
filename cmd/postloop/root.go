// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"postloop/cfg"
	"postloop/master/report"

	"github.com/spf13/cobra"
)

// waiting is how long an answer may take.
type waiting = time.Duration

const defaultWait = time.Minute

// root is the command line.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "postloop",
		Short: "Ask a postloop master, have it do something, look at configurations and tables",
		Long: `postloop talks to a running master over its control socket, and looks at
configurations and tables without one. The configuration directory is that of -c,
or of MAIL_CONFIG, or /etc/postfix.

Exit status: 0 done, 1 not done, 64 usage, 69 no master runs, 78 bad configuration.`,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		Args:                       cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			var known []string
			for _, one := range c.Commands() {
				if one.IsAvailableCommand() {
					known = append(known, one.Name())
				}
			}
			return fail(exitUsage, "unknown command %q%s", args[0], cfg.Suggest(args[0], known))
		},
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetIn(a.in)
	flags := root.PersistentFlags()
	flags.StringVarP(&a.dir, "config", "c", "", "configuration `directory`")
	flags.StringVarP(&a.file, "file", "f", "", "configuration `file` in TOML, whatever its name")
	flags.StringVar(&a.control, "socket", "", "control `socket` of the master, instead of the one that the configuration names")
	root.MarkFlagsMutuallyExclusive("config", "file")
	_ = root.MarkPersistentFlagDirname("config")
	_ = root.MarkPersistentFlagFilename("file", "toml")
	root.AddGroup(
		&cobra.Group{ID: "master", Title: "A master that runs:"},
		&cobra.Group{ID: "files", Title: "Configurations and tables:"})
	for _, c := range a.talking() {
		c.GroupID = "master"
		c.Flags().DurationVar(&a.wait, "timeout", defaultWait, "how long the answer may take")
		root.AddCommand(c)
	}
	for _, c := range a.looking() {
		c.GroupID = "files"
		root.AddCommand(c)
	}
	return root
}

// talking are the commands that need a master.
func (a *app) talking() []*cobra.Command {
	list := []*cobra.Command{a.statusCommand(), a.topCommand()}
	for _, c := range []struct {
		use, short string
		services   int // at least, or -1: it may be left out
	}{
		{"reload [SERVICE]", "Take the configuration files as they are now, in whole or not at all", -1},
		{"reopen", "Open the log's file anew, after a rotation", 0},
		{"stop", "End the master; processes get the time to finish", 0},
		{"abort", "End the master, and kill its processes at once", 0},
		{"pause SERVICE...", "Stop listening; clients wait in the backlog until resume", 1},
		{"resume SERVICE...", "Listen again", 1},
		{"kick SERVICE...", "Wake a service up now", 1},
		{"unthrottle SERVICE...", "Have a throttled service start processes again", 1},
		{"restart SERVICE...", "Have processes leave when they have nothing to do", 1},
	} {
		name, _, _ := strings.Cut(c.use, " ")
		cmd := &cobra.Command{
			Use: c.use, Short: c.short,
			Args:              wanted(c.services),
			RunE:              func(_ *cobra.Command, args []string) error { return a.command(report.Request{Command: name}, args) },
			ValidArgsFunction: cobra.NoFileCompletions,
		}
		if c.services != 0 {
			cmd.ValidArgsFunction = a.completeService(c.services > 0)
		}
		list = append(list, cmd)
	}
	upgrade := &cobra.Command{
		Use: "upgrade", Short: "Have another program take the master's place; or the master goes on",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	program := upgrade.Flags().String("program", "", "the program; without it, the one that is where the master's was")
	upgrade.RunE = func(*cobra.Command, []string) error {
		path := *program
		if path != "" {
			var err error
			if path, err = filepath.Abs(path); err != nil {
				return err
			}
		}
		return a.command(report.Request{Command: "upgrade", Program: path}, nil)
	}
	return append(list, upgrade, &cobra.Command{
		Use: "signal SERVICE SIGNAL", Short: "Send a signal to the processes of a service",
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.command(report.Request{Command: "signal", Signal: args[1]}, args[:1])
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return []string{"HUP", "TERM", "INT", "QUIT", "USR1", "USR2", "KILL", "STOP", "CONT"}, cobra.ShellCompDirectiveNoFileComp
			}
			return a.completeService(false)(c, args, begin)
		},
	})
}

// wanted is how many services a command takes.
func wanted(services int) cobra.PositionalArgs {
	switch {
	case services < 0:
		return cobra.MaximumNArgs(1)
	case services == 0:
		return cobra.NoArgs
	}
	return cobra.MinimumNArgs(services)
}

// completeService offers the names of services, of the master or else of the
// configuration.
func (a *app) completeService(more bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
		if len(args) > 0 && !more {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		conf, err := a.load()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		count := map[string]int{}
		for _, s := range conf.Services {
			count[s.Name]++
		}
		for _, s := range conf.Services {
			name := s.Name
			if count[name] > 1 {
				name = s.FullName()
			}
			if s.Label != "" {
				name = s.Label
			}
			names = append(names, fmt.Sprintf("%s\t%s %s", name, s.Type, s.Command))
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
