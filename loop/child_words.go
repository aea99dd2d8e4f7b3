// SPDX-License-Identifier: ISC

//go:build linux && (amd64 || arm64) && !loopforkexec

package loop

import "golang.org/x/sys/unix"

// kept is what stays with a Cmd from one start to the next.
type kept struct{ words *words } // nil at first

// words is what a Cmd says, as the kernel takes it.
type words struct {
	path, dir, root word
	args, env       list
}

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
	return w.env.take(c.Env)
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

func (l *list) take(from []string) error {
	if len(l.ptrs) != len(from)+1 {
		l.words, l.ptrs = make([]word, len(from)), make([]*byte, len(from)+1)
	}
	for i, s := range from {
		if err := l.words[i].take(s); err != nil {
			return err
		}
		l.ptrs[i] = l.words[i].p
	}
	return nil
}
