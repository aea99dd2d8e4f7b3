// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"postloop/cfg"

	"github.com/spf13/cobra"
)

// conf shows a configuration as postconf(1) does, and says where it is from.
type conf struct {
	a         *app
	defaults  bool     // -d
	changed   bool     // -n
	services  bool     // -M
	own       bool     // -P
	expand    bool     // -x
	noName    bool     // -h
	noValue   bool     // -H
	plain     bool     // -p
	overrides []string // -o
}

func (a *app) confCommand() *cobra.Command {
	o := &conf{a: a}
	c := &cobra.Command{
		Use:   "conf [NAME...]",
		Short: "The settings in force, and where each is from",
		Long: `Each parameter that is set, or whose default is known here, with its value and
where that is from: a line of a file, -o, or nowhere. The options mean what they
mean to postconf(1); with -p the output is postconf's, too.

With -M a NAME is a service, or service/type; with -P also service/type/parameter.`,
		RunE: func(_ *cobra.Command, names []string) error { return o.run(names) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return cfg.Known(), cobra.ShellCompDirectiveNoFileComp
		},
	}
	f := c.Flags()
	f.Bool("help", false, "help for conf") // -h is postconf's
	f.BoolVarP(&o.defaults, "defaults", "d", false, "defaults instead of what is in force")
	f.BoolVarP(&o.changed, "changed", "n", false, "only what is set")
	f.BoolVarP(&o.services, "services", "M", false, "the services, as in master.cf")
	f.BoolVarP(&o.own, "own", "P", false, "what services override")
	f.BoolVarP(&o.expand, "expand", "x", false, "with references expanded")
	f.BoolVarP(&o.noName, "no-name", "h", false, "values only")
	f.BoolVarP(&o.noValue, "no-value", "H", false, "names only")
	f.BoolVarP(&o.plain, "plain", "p", false, "without where it is from")
	f.StringArrayVarP(&o.overrides, "option", "o", nil, "`name=value`, which wins over the files")
	c.MarkFlagsMutuallyExclusive("defaults", "changed", "services", "own")
	c.MarkFlagsMutuallyExclusive("no-name", "no-value")
	return c
}

func (o *conf) run(names []string) error {
	if o.defaults {
		path, isFile, err := o.a.where()
		if err != nil {
			return err
		}
		dir := path
		if isFile {
			dir = filepath.Dir(path)
		}
		m := cfg.NewMain(filepath.Join(dir, "main.cf"))
		prepare(m)
		return o.parameters(m, names)
	}
	c, err := o.a.load()
	if err != nil {
		return err
	}
	for _, text := range o.overrides {
		one, err := cfg.ParseOverride(text)
		if err != nil {
			return fail(exitUsage, "%w", err)
		}
		c.Main.Set(one.Name, one.Value)
	}
	switch {
	case o.services:
		return o.masterEntries(c, names)
	case o.own:
		return o.ownParameters(c, names)
	}
	return o.parameters(c.Main, names)
}

// parameters writes the settings of m, those named or all there are.
func (o *conf) parameters(m *cfg.Main, names []string) error {
	list, unknown := names, 0
	if len(names) == 0 {
		list = m.Names()
		if !o.changed {
			list = append(list, cfg.Known()...)
		}
		slices.Sort(list)
		list = slices.Compact(list)
	}
	for _, name := range list {
		raw, set := m.Raw(name)
		if !set {
			var known bool
			var err error
			if raw, known, err = m.Default(name); err != nil {
				return badConfig(err)
			}
			if !known {
				unknown++
				fmt.Fprintf(o.a.err, "postloop: warning: %s: unknown parameter%s\n", name, cfg.Suggest(name, cfg.Known()))
				continue
			}
			if o.changed {
				continue
			}
		}
		from := "default"
		switch line := m.Line(name); {
		case line > 0:
			from = fmt.Sprintf("%s:%d", m.File(), line)
		case set:
			from = "-o"
		}
		if err := o.write(m, name, raw, from); err != nil {
			return err
		}
	}
	if unknown > 0 {
		return &failure{status: exitNot}
	}
	return nil
}

// write writes one setting.
func (o *conf) write(m *cfg.Main, name, raw, from string) error {
	value := raw
	if o.expand {
		var err error
		if value, err = m.Expand(raw); err != nil {
			return badConfig(err)
		}
	}
	text := strings.TrimRight(name+" = "+value, " ")
	switch {
	case o.noName:
		text = value
	case o.noValue:
		text = name
	}
	if !o.plain && !o.noName && !o.noValue {
		text += "\t# " + from
	}
	fmt.Fprintf(o.a.out, "%s\n", text)
	return nil
}

// picks reports whether a service is among those named, of which there may be
// none; parameter is empty for the service itself.
func picks(names []string, s *cfg.Service, parameter string) bool {
	if len(names) == 0 {
		return true
	}
	return slices.ContainsFunc(names, func(name string) bool {
		service, typ, kind := strings.Cut(name, "/")
		typ, one, own := strings.Cut(typ, "/")
		return service == s.Name && (!kind || typ == s.Type.String()) && (!own || one == parameter)
	})
}

// masterEntries writes services as in master.cf, all fields as they are in force.
func (o *conf) masterEntries(c *cfg.Config, names []string) error {
	for i := range c.Services {
		s := &c.Services[i]
		if !picks(names, s, "") {
			continue
		}
		text, err := s.MasterEntry()
		if err != nil {
			return badConfig(err)
		}
		if !o.plain {
			fmt.Fprintf(o.a.out, "# %s:%d\n", s.File, s.Line)
		}
		fmt.Fprintf(o.a.out, "%s", text)
	}
	return nil
}

// ownParameters writes what services override.
func (o *conf) ownParameters(c *cfg.Config, names []string) error {
	for i := range c.Services {
		s := &c.Services[i]
		list, _, err := s.Overrides()
		if err != nil {
			return badConfig(err)
		}
		m := c.Main.Clone()
		for _, one := range list {
			m.Set(one.Name, one.Value)
		}
		m.SetDefault("service_name", s.Name)
		slices.Reverse(list) // of several with one name, the last counts
		slices.SortStableFunc(list, func(a, b cfg.Override) int { return strings.Compare(a.Name, b.Name) })
		list = slices.CompactFunc(list, func(a, b cfg.Override) bool { return a.Name == b.Name })
		for _, one := range list {
			if !picks(names, s, one.Name) {
				continue
			}
			name := fmt.Sprintf("%s/%s/%s", s.Name, s.Type, one.Name)
			if err := o.write(m, name, one.Value, fmt.Sprintf("%s:%d", s.File, s.Line)); err != nil {
				return err
			}
		}
	}
	return nil
}
