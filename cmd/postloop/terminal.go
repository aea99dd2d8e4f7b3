// SPDX-License-Identifier: ISC

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// isTerminal reports whether f is one.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), termiosOf)
	return err == nil
}

// isColoured reports whether what is written to f may have colours: it is a
// terminal, not a dumb one, and NO_COLOR is not set.
func isColoured(f *os.File) bool {
	return isTerminal(f) && os.Getenv("NO_COLOR") == "" && isSmart()
}

// isSmart reports whether the terminal understands escape sequences.
func isSmart() bool {
	term := os.Getenv("TERM")
	return term != "" && term != "dumb"
}

// window is the size of a terminal; 0 where nobody knows.
func window(f *os.File) (columns, lines int) {
	ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(ws.Col), int(ws.Row)
}

// rawInput has keys come one by one, unseen and without a signal, until undo.
func rawInput(f *os.File) (undo func(), err error) {
	fd := int(f.Fd())
	old, err := unix.IoctlGetTermios(fd, termiosOf)
	if err != nil {
		return nil, err
	}
	raw := *old
	raw.Lflag &^= unix.ICANON | unix.ECHO | unix.ISIG
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, setTermios, &raw); err != nil {
		return nil, err
	}
	return func() { _ = unix.IoctlSetTermios(fd, setTermios, old) }, nil
}
