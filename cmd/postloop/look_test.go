// SPDX-License-Identifier: ISC

package main

import (
	"os"
	"strings"
	"testing"
)

const postfixMain = `compatibility_level = 3.6
queue_directory = @DIR@/run
max_idle = 50s
myhostname = mail.example.com
smtpd_banner = $myhostname ESMTP
relayhost =
`

const postfixMaster = `smtp      inet  n       -       y       -       -       smtpd
  -o smtpd_tls_security_level=may -o { smtpd_client_restrictions = permit_mynetworks reject }
smtp      unix  -       -       y       -       20      smtp
pickup    unix  n       -       y       60?     1       pickup
`

func TestConf(t *testing.T) {
	s := newSite(t)
	s.write("main.cf", postfixMain)
	s.write("master.cf", postfixMaster)
	for name, args := range map[string]string{
		"conf-changed":  "-n",
		"conf-expanded": "-n -x -p",
		"conf-option":   "-o max_idle=7 -o more=$max_idle -n -x",
		"conf-services": "-M",
		"conf-own":      "-P",
	} {
		s.golden(name, s.ok(append([]string{"conf"}, strings.Fields(args)...)...))
	}
	for args, want := range map[string]string{
		"max_idle":            "max_idle = 50s\t# " + s.dir + "/main.cf:3\n",
		"max_use relayhost":   "max_use = 100\t# default\nrelayhost =\t# " + s.dir + "/main.cf:6\n",
		"-d max_idle max_use": "max_idle = 100s\t# default\nmax_use = 100\t# default\n",
		"-h max_idle":         "50s\n",
		"-H max_idle":         "max_idle\n",
		"-p relayhost":        "relayhost =\n",
		"-M -p smtp/unix":     "smtp      unix  -       -       y       -       20      smtp\n",
		"-P -p smtp/inet/smtpd_tls_security_level": "smtp/inet/smtpd_tls_security_level = may\n",
		"-h -x daemon_directory":                   programs + "\n",
	} {
		if got := s.ok(append([]string{"conf"}, strings.Fields(args)...)...); got != want {
			t.Errorf("conf %s: %q, want %q", args, got, want)
		}
	}
	all := s.ok("conf")
	for _, line := range []string{"max_idle = 50s\t# " + s.dir + "/main.cf:3\n", "rootless = no\t# default\n", "smtpd_banner = $myhostname ESMTP\t# "} {
		if !strings.Contains(all, line) {
			t.Errorf("conf: no %q", line)
		}
	}
	status, out, errOut := s.run("conf", "max_idel", "max_use")
	if status != exitNot || out != "max_use = 100\t# default\n" || errOut != "postloop: warning: max_idel: unknown parameter; did you mean \"max_idle\"?\n" {
		t.Errorf("status %d: %s%s", status, out, errOut)
	}
	s.fails(exitUsage, "[defaults changed services own]", "conf", "-n", "-d")
	s.fails(exitUsage, `invalid "-o nothing" option value`, "conf", "-o", "nothing")
	s.write("main.cf", "max_idle = soon\nx\n")
	s.fails(exitConfig, `main.cf, line 2: missing '=' after attribute name: "x"`, "conf")
}

// TestConvert: what comes out is what the package that writes it is known for, and
// the way back leads home.
func TestConvert(t *testing.T) {
	s := newSite(t)
	s.write("main.cf", strings.ReplaceAll(postfixMain, "@DIR@/run", "/var/spool/x"))
	s.write("master.cf", postfixMaster)
	toml := s.ok("convert")
	s.golden("convert.toml", toml)
	s.write("toml/postloop.toml", toml)
	out := s.ok("convert", "-c", "toml")
	s.golden("convert.cf", out)
	if again := s.ok("convert", "-f", "toml/postloop.toml", "--to", "toml"); again != toml {
		t.Errorf("from TOML to TOML:\n%s\nwant\n%s", again, toml)
	}
	must(t, os.Mkdir(s.dir+"/back", 0o755))
	s.ok("convert", "-c", "toml", "-O", "back")
	if again := s.ok("convert", "-c", "back"); again != toml {
		t.Errorf("there and back:\n%s\nwant\n%s", again, toml)
	}
	s.fails(exitNot, "main.cf: file exists", "convert", "-c", "toml", "-O", "back")
	s.fails(exitUsage, "--to yaml: specify toml or postfix", "convert", "--to", "yaml")
}

func TestQuery(t *testing.T) {
	s := newSite(t)
	s.write("postloop.toml", strings.Replace(echoes, "[[service]]", `[parameters]
builtin_services = "spawn, proxymap"
virtual_alias_maps = "proxy:texthash:@DIR@/aliases"
proxy_read_maps = "$virtual_alias_maps"
[[service]]
listen = "unix:private/proxymap"
command = "proxymap"
limit = 1
[[service]]`, 1))
	s.write("aliases", "postmaster root\nroot joe@example.com\n")
	table := "texthash:" + s.dir + "/aliases"
	try := func(want int, out, text, input string, args ...string) {
		t.Helper()
		status, gotOut, errOut := s.runWith(input, append([]string{"query"}, args...)...)
		if status != want || gotOut != out || !strings.Contains(errOut, text) || text == "" && errOut != "" {
			t.Errorf("query %q: status %d: %s%s", args, status, gotOut, errOut)
		}
	}
	try(exitNot, "", "chdir "+s.dir+"/run: no such file or directory", "", "proxy:"+table, "root")
	s.start()
	for _, ref := range []string{table, "proxy:" + table} {
		try(exitDone, "root\n", "", "", ref, "postmaster")
		try(exitDone, "joe@example.com\n", "", "", ref, "nobody", "ROOT")
		try(exitNot, "", "", "", ref, "nobody")
		try(exitNot, "", "", "", "-n", ref, "ROOT")
		try(exitDone, "postmaster\troot\nroot\tjoe@example.com\n", "", "postmaster\nnobody \n\nroot", ref, "-")
		try(exitNot, "", "", "", ref, "-")
	}
	try(exitNot, "", "proxymap refuses the table static:x: it is not in proxy_read_maps", "", "proxy:static:x", "y")
	try(exitNot, "", "unsupported dictionary type: nosuch", "", "nosuch:x", "y")
	try(exitNot, "", "open database "+s.dir+"/none: No such file or directory", "", "texthash:"+s.dir+"/none", "y")
	s.kill()
	try(exitNot, "", "connect to proxymap: "+s.dir+"/run/private/proxymap: Connection refused", "", "proxy:"+table, "root")
	try(exitUsage, "", "requires at least 2 arg(s)", "", "static:x")
}
