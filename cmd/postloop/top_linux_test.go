// SPDX-License-Identifier: ISC

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: the end of who sits there, and the other.
func terminal(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	must(t, err)
	t.Cleanup(func() { _ = user.Close() })
	must(t, unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	must(t, err)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { _ = program.Close() })
	must(t, unix.IoctlSetWinsize(int(user.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 8, Col: 60}))
	return user, program
}

// TestTop: it draws within the window, a key ends it, and the terminal is as it was.
func TestTop(t *testing.T) {
	s := newSite(t)
	s.write("postloop.toml", echoes)
	s.start()
	for _, test := range []struct {
		key   string
		term  string
		extra string
		smart bool
	}{
		{"q", "xterm", "", true},
		{"\x03", "xterm", "NO_COLOR=1", true},
		{"Q", "dumb", "", false},
	} {
		user, program := terminal(t)
		before, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
		must(t, err)
		c := exec.Command(programs+"/postloop", "top", "-d", "20ms")
		c.Env = append(s.env, "TERM="+test.term, test.extra)
		c.Stdin, c.Stdout = program, program
		var errOut bytes.Buffer
		c.Stderr = &errOut
		echo(t, "unix", s.dir+"/run/public/echo") // or nothing would be busy, and coloured
		must(t, c.Start())
		var screen string
		buf := make([]byte, 64<<10)
		for strings.Count(screen, "SERVICE") < 3 {
			n, err := user.Read(buf)
			must(t, err)
			screen += string(buf[:n])
		}
		if _, err := user.WriteString(test.key); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- c.Wait() }()
		go func() { // or it could not write
			for {
				if _, err := user.Read(buf); err != nil {
					return
				}
			}
		}()
		if err := <-done; err != nil {
			t.Errorf("%q: %v: %s", test.key, err, &errOut)
		}
		after, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
		must(t, err)
		if *after != *before {
			t.Errorf("%q: the terminal is not as it was", test.key)
		}
		if got := strings.Contains(screen, "\x1b[H"); got != test.smart {
			t.Errorf("%s: drawn over: %v", test.term, got)
		}
		if got := strings.Contains(screen, "\x1b[32m"); got != (test.smart && test.extra == "") {
			t.Errorf("%s %s: coloured: %v", test.term, test.extra, got)
		}
		if !test.smart {
			continue
		}
		first, _, _ := strings.Cut(strings.SplitN(screen, "\x1b[H", 3)[1], "\x1b[J")
		lines := strings.Split(strings.TrimSuffix(first, "\r\n"), "\r\n")
		if len(lines) > 7 {
			t.Errorf("%d lines in a window of 8: %q", len(lines), lines)
		}
		for _, line := range lines {
			plainLine := strings.NewReplacer("\x1b[K", "", "\x1b[32m", "", plain, "").Replace(line)
			if len(plainLine) > 60 {
				t.Errorf("%d columns in a window of 60: %q", len(plainLine), line)
			}
		}
		_ = user.Close()
	}
}

func TestCut(t *testing.T) {
	red := colours["throttled"]
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{
		{"abcdef", 0, "abcdef"},
		{"abcdef", 6, "abcdef"},
		{"abcdef", 3, "abc"},
		{red + "abc" + plain + "def", 2, red + "ab" + plain},
		{red + "abc" + plain + "def", 4, red + "abc" + plain + "d"},
	} {
		if got := cut(test.text, test.width); got != test.want {
			t.Errorf("%q in %d: %q, want %q", test.text, test.width, got, test.want)
		}
	}
}
