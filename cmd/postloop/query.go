// SPDX-License-Identifier: ISC

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"
	"postloop/services/attr"
	"postloop/services/proxymap"
	"postloop/services/table"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// asker answers keys from a table.
type asker interface {
	ask(key string) (value string, found bool, err error)
	close()
}

func (a *app) queryCommand() *cobra.Command {
	var sameCase bool
	c := &cobra.Command{
		Use:   "query TYPE:NAME KEY...",
		Short: "Ask a lookup table, directly or through proxymap",
		Long: `Prints the value of each KEY that the table TYPE:NAME has, as postmap -q does. The
only KEY - stands for those in the lines of the standard input; key and value are
printed then, with a tab in between. proxy:TYPE:NAME has proxymap ask the table.

Exit status: 0 if at least one key was found, or 1.`,
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			return a.query(args[0], args[1:], sameCase)
		},
	}
	c.Flags().BoolVarP(&sameCase, "no-fold", "n", false, "the key as it is: no lower case")
	c.Flags().DurationVar(&a.wait, "timeout", defaultWait, "how long an answer may take")
	return c
}

func (a *app) query(ref string, keys []string, sameCase bool) error {
	conf, err := a.load()
	if err != nil {
		return err
	}
	flags := table.Lock
	if !sameCase {
		flags |= table.FoldFix
	}
	if utf8, err := conf.Main.Bool("smtputf8_enable"); err != nil {
		return badConfig(err)
	} else if utf8 {
		flags |= table.UTF8Request
	}
	var t asker
	if name, proxied := strings.CutPrefix(ref, "proxy:"); proxied {
		t, err = a.askProxy(conf, name, flags)
	} else {
		t, err = a.askTable(conf, ref, flags)
	}
	if err != nil {
		return err
	}
	defer t.close()
	some := false
	one := func(key, before string) error {
		value, found, err := t.ask(key)
		if found {
			some = true
			fmt.Fprintf(a.out, "%s\n", before+value)
		}
		return err
	}
	if len(keys) == 1 && keys[0] == "-" {
		lines := bufio.NewReader(a.in)
		for err == nil {
			var line string
			line, err = lines.ReadString('\n')
			if key := strings.TrimRight(line, " \t\r\n"); key != "" {
				if err := one(key, key+"\t"); err != nil {
					return err
				}
			}
		}
		if !errors.Is(err, io.EOF) {
			return fail(exitNot, "standard input: %w", err)
		}
	} else {
		for _, key := range keys {
			if err := one(key, ""); err != nil {
				return err
			}
		}
	}
	if !some {
		return &failure{status: exitNot}
	}
	return nil
}

// direct is a table that this process has open.
type direct struct {
	l     *loop.Loop
	t     table.Table
	flags table.Flags
	wait  time.Duration
}

func (a *app) askTable(conf *cfg.Config, ref string, flags table.Flags) (asker, error) {
	l, err := loop.New()
	if err != nil {
		return nil, err
	}
	log := maillog.New("postloop")
	if err := log.Open(maillog.Dest{Kind: maillog.Stderr}); err != nil {
		return nil, err
	}
	env, err := proxymap.Env(l, log, conf.Main, conf.Params)
	if err != nil {
		return nil, badConfig(err)
	}
	t, err := env.Open(ref, table.ReadOnly, flags)
	if err != nil {
		return nil, fail(exitNot, "%w", err)
	}
	return &direct{l: l, t: t, flags: flags, wait: a.wait}, nil
}

func (d *direct) ask(key string) (string, bool, error) {
	var answer table.Answer
	got := false
	later := func(a table.Answer) {
		answer, got = a, true
		d.l.Stop()
	}
	answer = d.t.Get(key, d.flags, later)
	if answer.Status == table.Later {
		timer := d.l.After(d.wait, d.l.Stop)
		if err := d.l.Run(); err != nil {
			return "", false, err
		}
		timer.Stop()
		if !got {
			return "", false, fail(exitNot, "%s: no answer within %s", key, d.wait)
		}
	}
	return result(key, answer)
}

// result is what an answer means.
func result(key string, a table.Answer) (string, bool, error) {
	switch a.Status {
	case table.OK:
		return a.Value, true, nil
	case table.NoKey:
		return "", false, nil
	case table.Config:
		return "", false, fail(exitNot, "%s: the table is not as it should be; see the log", key)
	case table.Retry, table.Later:
	}
	return "", false, fail(exitNot, "%s: the table cannot answer now", key)
}

func (d *direct) close() {
	d.t.Close()
	_ = d.l.Close()
}

// proxy is a table that proxymap is asked for, in the dialect of Postfix before 3.11,
// which ours speaks as well.
type proxy struct {
	*line
	ref   string
	flags table.Flags
}

func (a *app) askProxy(conf *cfg.Config, ref string, flags table.Flags) (asker, error) {
	service, err := conf.Main.Value("proxymap_service_name")
	if err != nil {
		return nil, badConfig(err)
	}
	if err := os.Chdir(conf.Params.QueueDirectory); err != nil {
		return nil, fail(exitNot, "%w", err)
	}
	path := "private/" + service
	l, err := connect(path, a.wait)
	if err != nil {
		return nil, fail(exitNot, "connect to proxymap: %s: %s", filepath.Join(conf.Params.QueueDirectory, path), maillog.Strerror(err))
	}
	p := &proxy{line: l, ref: ref, flags: flags}
	if err := p.begin(); err != nil {
		l.close()
		return nil, err
	}
	return p, nil
}

// begin takes the greeting and opens the table.
func (p *proxy) begin() error {
	list, err := p.list()
	if err == nil && (len(list) != 1 || list[0].Value != "proxymap_protocol") {
		err = fail(exitNot, "this is not proxymap: it says %v", list)
	}
	if err != nil {
		return err
	}
	list, err = p.exchange("open")
	if err != nil {
		return err
	}
	_, err = p.status(list, "open")
	return err
}

// exchange sends a request, and returns the answer.
func (p *proxy) exchange(request string, more ...attr.Attr) ([]attr.Attr, error) {
	list := append([]attr.Attr{
		{Name: "request", Value: request},
		{Name: "table", Value: p.ref},
		{Name: "flags", Value: strconv.Itoa(int(p.flags))},
	}, more...)
	if err := p.write(attr.Append(nil, list...)); err != nil {
		return nil, err
	}
	return p.list()
}

// list returns the next list of attributes.
func (p *proxy) list() ([]attr.Attr, error) {
	for {
		list, used, err := attr.Scan(p.in)
		if err != nil {
			return nil, fail(exitNot, "proxymap: %w", err)
		}
		if used > 0 {
			p.in = p.in[used:]
			return list, nil
		}
		if err := p.read(); err != nil {
			return nil, fail(exitNot, "proxymap: %s", lostText(err))
		}
	}
}

func lostText(err error) string {
	switch {
	case errors.Is(err, unix.EAGAIN):
		return "no answer in time"
	case errors.Is(err, io.EOF):
		return "it has hung up"
	}
	return maillog.Strerror(err)
}

// status takes it from an answer.
func (p *proxy) status(list []attr.Attr, what string) (table.Status, error) {
	for _, a := range list {
		if a.Name != "status" {
			continue
		}
		switch n, err := strconv.Atoi(a.Value); {
		case err != nil:
		case table.Status(n) == proxymap.StatusDeny:
			return 0, fail(exitNot, "proxymap refuses the table %s: it is not in proxy_read_maps", p.ref)
		case table.Status(n) == proxymap.StatusBad:
			return 0, fail(exitNot, "proxymap does not understand the request %s; another version of Postfix?", what)
		default:
			return table.Status(n), nil
		}
	}
	return 0, fail(exitNot, "proxymap: an answer without a status: %v", list)
}

func (p *proxy) ask(key string) (string, bool, error) {
	list, err := p.exchange("lookup", attr.Attr{Name: "key", Value: key})
	if err != nil {
		return "", false, err
	}
	answer := table.Answer{}
	if answer.Status, err = p.status(list, "lookup"); err != nil {
		return "", false, err
	}
	for _, a := range list {
		if a.Name == "value" {
			answer.Value = a.Value
		}
	}
	return result(key, answer)
}
