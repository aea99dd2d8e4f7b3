// SPDX-License-Identifier: ISC

package main

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"postloop/loop"
	"postloop/master/report"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// top is a status that is drawn anew now and then.
type top struct {
	a     *app
	l     *loop.Loop
	line  *line
	every time.Duration
	left  int // how many times more; negative: until somebody ends it
	err   error
}

func (a *app) topCommand() *cobra.Command {
	t := &top{a: a}
	c := &cobra.Command{
		Use:   "top",
		Short: "The status, live; q or Ctrl-C ends it",
		Long: `The status, drawn anew every second. q or Ctrl-C ends it. On a terminal that
cannot draw, and where the output is no terminal, one status follows the other.`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(*cobra.Command, []string) error { return t.run() },
	}
	c.Flags().DurationVarP(&t.every, "delay", "d", time.Second, "time between two")
	c.Flags().IntVarP(&t.left, "count", "n", -1, "how many to draw; -1: no end")
	return c
}

func (t *top) run() (err error) {
	if t.every < 10*time.Millisecond {
		return fail(exitUsage, "--delay %s: specify at least 10ms", t.every)
	}
	if t.line, err = t.a.call(); err != nil {
		return err
	}
	defer t.line.close()
	if t.l, err = loop.New(); err != nil {
		return err
	}
	for _, s := range []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP} {
		t.l.OnSignal(s, t.l.Stop)
	}
	if isTerminal(t.a.in) {
		undo, err := rawInput(t.a.in)
		if err != nil {
			return err
		}
		defer undo()
		watch, err := t.l.Watch(int(t.a.in.Fd()), loop.Readable, t.key)
		if err != nil {
			return err
		}
		defer watch.Stop()
	}
	if out := t.a.out.File; isTerminal(out) && isSmart() {
		t.l.OnSignal(unix.SIGWINCH, func() { t.redraw(out) })
		t.tick(func() { t.redraw(out) })
	} else {
		t.tick(t.append)
	}
	if err := t.l.Run(); err != nil {
		return err
	}
	return t.err
}

// tick draws, and again later.
func (t *top) tick(draw func()) {
	if t.left == 0 {
		t.l.Stop()
		return
	}
	draw()
	if t.left--; t.left == 0 || t.err != nil {
		t.l.Stop()
		return
	}
	t.left = max(t.left, -1)
	t.l.After(t.every, func() { t.tick(draw) })
}

// key ends it all if it is the right one.
func (t *top) key(loop.Ready) {
	var buf [64]byte
	n, err := unix.Read(int(t.a.in.Fd()), buf[:])
	const ctrlC = 3
	if n == 0 && err == nil || bytes.ContainsAny(buf[:max(n, 0)], string([]byte{'q', 'Q', ctrlC})) {
		t.l.Stop()
	}
}

// ask returns a fresh report; nil ends it all.
func (t *top) ask() *report.Report {
	r, err := t.line.status("")
	if err != nil {
		t.err = err
		t.l.Stop()
		return nil
	}
	return r
}

// redraw draws over what is there, in one write, so that nothing flickers.
func (t *top) redraw(out *os.File) {
	r := t.ask()
	if r == nil {
		return
	}
	var b bytes.Buffer
	columns, lines := window(out)
	p := &paper{w: &b, colour: isColoured(out), width: columns, lines: max(lines-1, 0)}
	p.all(r)
	text := bytes.ReplaceAll(b.Bytes(), []byte("\n"), []byte("\x1b[K\n")) // what was there before ends
	fmt.Fprintf(out, "\x1b[H%s\x1b[J", text)
}

func (t *top) append() {
	if r := t.ask(); r != nil {
		newPaper(t.a.out).all(r)
		fmt.Fprintf(t.a.out, "\n")
	}
}
