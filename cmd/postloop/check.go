// SPDX-License-Identifier: ISC

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"

	"postloop/cfg"
	"postloop/cmd/internal/builtin"
	"postloop/loop"
	"postloop/master"
	"postloop/master/maillog"
	"postloop/master/report"

	"github.com/spf13/cobra"
)

func (a *app) checkCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "check",
		Short: "Find all that is wrong with a configuration, without a master",
		Long: `Does all that a master does before it takes a configuration into service, by the
same code, and changes nothing: reads it, looks up users, groups, hosts and
programs, and tries the endpoints. What a running master of this configuration has
is not in its way. A warning keeps no master from starting.

Exit status: 78 if a master would not start, or 0.`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(*cobra.Command, []string) error { return a.check() },
	}
	c.Flags().BoolVar(&a.json, "json", false, "the findings as a JSON object")
	return c
}

// verdict is what check has to say.
type verdict struct {
	Version  int              `json:"version"`
	OK       bool             `json:"ok"`
	Findings []master.Finding `json:"findings"`
}

func (a *app) check() error {
	list, err := a.findings()
	if err != nil {
		return err
	}
	slices.SortStableFunc(list, byPlace)
	list = slices.CompactFunc(list, func(a, b master.Finding) bool { return a == b })
	v := verdict{Version: report.Version, OK: true, Findings: list}
	for _, f := range list {
		v.OK = v.OK && f.Warning
	}
	if a.json {
		if v.Findings == nil {
			v.Findings = []master.Finding{}
		}
		err = writeJSON(a.out, v)
	} else {
		a.writeFindings(list)
	}
	if err == nil && !v.OK {
		return &failure{status: exitConfig}
	}
	return err
}

// byPlace has what is about one file stand together, in the order of the lines;
// what has no place comes last.
func byPlace(a, b master.Finding) int {
	switch {
	case a.File == b.File:
		return a.Line - b.Line
	case a.File == "":
		return 1
	case b.File == "" || a.File < b.File:
		return -1
	}
	return 1
}

func (a *app) writeFindings(list []master.Finding) {
	colour := isColoured(a.out.File)
	warnings := 0
	for _, f := range list {
		word, begin := "error", "\x1b[31m"
		if f.Warning {
			word, begin = "warning", "\x1b[33m"
			warnings++
		}
		if colour {
			word = begin + word + plain
		}
		fmt.Fprintf(a.out, "%s: %s\n", word, f.Error)
	}
	fmt.Fprintf(a.out, "%d error(s), %d warning(s)\n", len(list)-warnings, warnings)
}

// findings are all there are.
func (a *app) findings() (list []master.Finding, err error) {
	path, isFile, err := a.where()
	if err != nil {
		return nil, err
	}
	conf, wrong := cfg.LoadPartly(path, isFile, prepare)
	add := func(warning bool, err error) {
		for _, e := range master.Errors(err) {
			list = append(list, master.Finding{Error: e, Warning: warning})
		}
	}
	add(false, wrong)
	if conf == nil {
		return list, nil
	}
	for _, n := range conf.Notes {
		if n.Severity == cfg.Warning {
			list = append(list, master.Finding{Error: placed(n.Text), Warning: true})
		}
	}
	for _, e := range append(conf.Lint(), lintTables(conf, wrong == nil)...) {
		add(true, e)
	}
	if conf.Params == nil {
		return list, nil
	}
	list = append(list, checkLog(conf)...)
	found, err := a.rehearse(conf)
	return append(list, found...), err
}

var place = regexp.MustCompile(`^(/[^:]*), line ([0-9]+): (.*)$`)

// placed takes the place out of a text that begins with one.
func placed(text string) report.Error {
	m := place.FindStringSubmatch(text)
	if m == nil {
		return report.Error{Text: text}
	}
	line, err := strconv.Atoi(m[2])
	if err != nil {
		return report.Error{Text: text}
	}
	return report.Error{File: m[1], Line: line, Text: m[3]}
}

// rehearse has the master's own code check conf.
func (a *app) rehearse(conf *cfg.Config) (list []master.Finding, err error) {
	l, err := loop.New()
	if err != nil {
		return nil, err
	}
	queue := func() { _ = os.Chdir(conf.Params.QueueDirectory) } // where it cannot be gone to, that is found out
	queue()
	var held []string
	asked, ended := false, false
	isHeld := func(addr netip.AddrPort) bool {
		if !asked {
			held, asked = a.held(), true
			queue() // the master may have been asked from elsewhere
		}
		return slices.Contains(held, addr.String())
	}
	err = master.Check(l, maillog.New("postloop"), conf, master.Options{
		Environ: os.Environ(), Hosted: builtin.Services, Exposed: builtin.Exposed,
	}, isHeld, func(found []master.Finding) {
		list, ended = found, true
		l.Stop()
	})
	if err == nil && !ended {
		err = l.Run()
	}
	return list, errors.Join(err, l.Close())
}

// held are the addresses that the master of this configuration listens on.
func (a *app) held() (list []string) {
	a.wait = defaultWait
	l, err := a.call()
	if err != nil {
		return nil
	}
	defer l.close()
	r, err := l.status("")
	if err != nil {
		return nil
	}
	list = append(list, r.Master.Metrics)
	for _, s := range r.Services {
		list = append(list, s.Address...)
	}
	return list
}
