// SPDX-License-Identifier: ISC

package spawn

import (
	"os"
	"strings"
	"testing"

	"postloop/cfg"
	"postloop/loop"
	"postloop/loop/looptest"
	"postloop/master/maillog"
	"postloop/master/names"
	"postloop/services/skeleton"
)

// farGetent knows two users, and notes when it is asked.
const farGetent = `#!/bin/sh
echo "$2" >>"${0%/*}/asked"
case $2 in
far-user) echo "$2:x:4001:4002::/:/bin/sh" ;;
far-owner) echo "$2:x:5001:5002::/:/bin/sh" ;;
*) exit 2 ;;
esac
`

// newProgram returns the service of a daemon, on a system where nobody is in
// the files.
func newProgram(t *testing.T, l *loop.Loop, args ...string) (p *program, dir string) {
	t.Helper()
	dir = t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(dir+"/getent", []byte(farGetent), 0o700))
	main, err := cfg.ParseMain("main.cf", strings.NewReader("mail_owner = far-owner\n"))
	must(err)
	main.SetDefault("myhostname", "host.example")
	params, err := main.Params()
	must(err)
	n := names.New()
	n.Etc, n.Getent = dir, []string{dir + "/getent"}
	log := maillog.New("spawn")
	must(log.Open(maillog.Dest{Kind: maillog.File, File: dir + "/log"}))
	t.Cleanup(log.Close)
	return &program{d: &skeleton.Daemon{Loop: l, Log: log, Names: n, Main: main, Params: params, Name: "it", Args: args}}, dir
}

// TestFirstClientWaitsForNames: a user that no file knows is asked for, while
// the loop goes on; later clients find the answer.
func TestFirstClientWaitsForNames(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: the command is another user's")
	}
	l := looptest.New(t)
	p, dir := newProgram(t, l, "user=far-user", "argv=/usr/bin/id", "-u")
	s := &stage{t: t, l: l}
	for i := range 2 {
		ours, theirs := looptest.Pair(t)
		p.Accepted(theirs, loop.Peer{})
		if known := p.s != nil; known != (i > 0) {
			t.Errorf("client %d: the answer is there: %v", i, known)
		}
		if got := s.all(ours); got != "4001\n" {
			t.Errorf("client %d: got %q", i, got)
		}
		looptest.Until(t, l, func() bool { return l.Children() == 0 })
	}
	if asked, err := os.ReadFile(dir + "/asked"); err != nil || string(asked) != "far-user\nfar-owner\n" {
		t.Errorf("asked for %q, %v", asked, err)
	}
}

// TestUnknownNames are refused when that is certain.
func TestUnknownNames(t *testing.T) {
	for args, text := range map[string]string{
		"user=nobody-at-all argv=/bin/cat": "fatal: unknown user name: nobody-at-all",
		"user=far-user:no argv=/bin/cat":   "fatal: unknown group name: no",
	} {
		l := looptest.New(t)
		p, dir := newProgram(t, l, strings.Fields(args)...)
		_, theirs := looptest.Pair(t)
		p.Accepted(theirs, loop.Peer{})
		looptest.Until(t, l, func() bool {
			log, err := os.ReadFile(dir + "/log")
			return err == nil && strings.Contains(string(log), text)
		})
		if p.s != nil {
			t.Error("there is a service all the same")
		}
		looptest.Until(t, l, func() bool { return l.Children() == 0 })
	}
}
