// SPDX-License-Identifier: ISC

//go:build linux && (amd64 || arm64) && !loopforkexec

package loop

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// kept is what stays with a Cmd from one start to the next.
type kept struct{ words *words } // nil at first

// words is what a Cmd says, as the kernel takes it.
type words struct {
	path, dir, root word
	args, env       list
	pid             []byte // the variable PidEnv, with null bytes behind it
	pidName         string
}

// pidRoom is what the number of a process has room in, with a null byte.
const pidRoom = 12

// take makes w agree with c. Most often there is nothing to do.
func (w *words) take(c *Cmd) error {
	for _, one := range [...]struct {
		w *word
		s string
	}{{&w.path, c.Path}, {&w.dir, c.Dir}, {&w.root, c.Root}} {
		if err := one.w.take(one.s); err != nil {
			return err
		}
	}
	if err := w.args.take(c.Args); err != nil {
		return err
	}
	if c.PidEnv == "" {
		return w.env.take(c.Env)
	}
	if w.pidName != c.PidEnv {
		if _, err := unix.BytePtrFromString(c.PidEnv); err != nil {
			return err
		}
		w.pidName = c.PidEnv
		w.pid = append([]byte(c.PidEnv+"="), make([]byte, pidRoom)...)
	}
	return w.env.take(c.Env, &w.pid[0])
}

// setPid writes the number into the variable. A number that is shorter than the
// last one leaves nothing of it.
func (w *words) setPid(pid int) {
	room := w.pid[len(w.pidName)+1:]
	clear(room)
	strconv.AppendInt(room[:0], int64(pid), 10)
}

// word is a string with a null byte behind it.
type word struct {
	s string
	p *byte
}

func (w *word) take(s string) (err error) {
	if w.p == nil || w.s != s {
		w.s = s
		w.p, err = unix.BytePtrFromString(s)
	}
	return err
}

// list is strings with null bytes behind them, and a null pointer behind all.
type list struct {
	words []word
	ptrs  []*byte
}

func (l *list) take(from []string, more ...*byte) error {
	if len(l.ptrs) != len(from)+len(more)+1 || len(l.words) != len(from) {
		l.words, l.ptrs = make([]word, len(from)), make([]*byte, len(from)+len(more)+1)
	}
	copy(l.ptrs[len(from):], more)
	for i, s := range from {
		if err := l.words[i].take(s); err != nil {
			return err
		}
		l.ptrs[i] = l.words[i].p
	}
	return nil
}
