// SPDX-License-Identifier: ISC

//go:build interop

package main

import (
	"os/exec"
	"strings"
	"testing"

	"postloop/cmd/internal/pftest"
)

// TestRealPostconf: the options that both have mean the same to the real one.
// Fields of master.cf are compared where they say what counts: postconf shows "-"
// for a default.
func TestRealPostconf(t *testing.T) {
	pftest.Require(t)
	s := newSite(t)
	s.write("main.cf", postfixMain)
	s.write("master.cf", strings.NewReplacer("y       -       -       smtpd", "y       -       100     smtpd").Replace(postfixMaster))
	for _, args := range []string{
		"-n", "-n -x", "-n -h", "-n -H", "max_idle myhostname", "-h max_idle relayhost", "-x smtpd_banner", "-d max_idle max_use relayhost",
		"-P", "-P smtp/inet", "-P smtp/inet/smtpd_tls_security_level", "-P smtp", "-M smtp", "-M", "-M pickup/unix", "-o max_idle=7 -n",
		"-P -x",
	} {
		words := strings.Fields(args)
		out, err := exec.Command("postconf", append([]string{"-c", s.dir}, words...)...).Output()
		must(t, err)
		ours := s.ok(append([]string{"conf", "-p"}, words...)...)
		theirs := strings.ReplaceAll(string(out), "config_directory = "+s.dir+"\n", "") // which is set by its -c
		if args == "-n -h" || args == "-n -H" {
			theirs = strings.NewReplacer(s.dir+"\n", "", "config_directory\n", "").Replace(string(out))
		}
		if strings.Contains(args, "-M") { // the same words, whatever the columns
			ours, theirs = joined(ours), joined(theirs)
		}
		if ours != theirs {
			t.Errorf("%s: got\n%s\npostconf says\n%s", args, ours, theirs)
		}
	}
}

// joined is text with its words in a row. Braces are where an argument needs them.
func joined(text string) string {
	return strings.NewReplacer("{ ", "{", " }", "}", " = ", "=").Replace(strings.Join(strings.Fields(text), " "))
}
