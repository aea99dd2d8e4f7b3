// SPDX-License-Identifier: ISC

//go:build interop && linux

package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"postloop/cmd/internal/pftest"
)

// example returns the first block in a language on the page about the log.
func example(t *testing.T, language string) string {
	t.Helper()
	m := regexp.MustCompile("(?s)\n```" + language + "\n(.*?)```\n").FindStringSubmatch(page(t, "logging.md"))
	if m == nil {
		t.Fatalf("no %s on the page", language)
	}
	return m[1]
}

// TestLogrotate: logrotate with the page's own configuration, twice, while a whole
// Postfix receives mail. Every line of every process is in one of the files,
// and who has the old one open has gone.
func TestLogrotate(t *testing.T) {
	p := pftest.New(t, pftest.Options{Master: pftest.Ours(t, "master")})
	s := &site{t: t, dir: p.Config, env: append(os.Environ(), "MAIL_CONFIG="+p.Config)}
	p.Start()
	must(t, os.Symlink(programs+"/postloop", p.Dir+"/postloop"))
	conf := strings.NewReplacer("/var/log/postfix.log", p.LogFile, "postloop reopen", p.Dir+"/postloop -c "+p.Config+" reopen").Replace(example(t, "logrotate"))
	must(t, os.WriteFile(p.Dir+"/logrotate.conf", []byte(conf), 0o644))
	rotate := func(want string) {
		t.Helper()
		c := exec.Command("/usr/sbin/logrotate", "--force", "--state", p.Dir+"/logrotate.state", p.Dir+"/logrotate.conf")
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), want) || want == "" && len(out) > 0 {
			t.Fatalf("%v: %s", err, out)
		}
	}
	const mails, rounds = 20, 2
	for round := range rounds {
		must(t, pftest.Send(p.MailAddr, round*mails, mails, 2))
		p.WaitDelivered((round + 1) * mails)
		daemon := p.Running("postlogd")
		rotate("")
		pftest.Gone(t, daemon[0])
		p.Until("the new file has lines", func() bool { return p.Count(`postfix/master\[\d+\]: log reopened; 1 process\(es\)`) == 1 })
	}
	must(t, pftest.Send(p.MailAddr, rounds*mails, mails, 2))
	p.WaitDelivered((rounds + 1) * mails)
	const sent = "status=sent"
	p.Until("the last round is in the newest file", func() bool { return p.Count(sent) == mails })

	old, err := os.ReadFile(p.LogFile + ".1")
	must(t, err)
	older, err := exec.Command("zcat", p.LogFile+".2.gz").Output()
	must(t, err)
	for name, text := range map[string]string{".1": string(old), ".2.gz": string(older)} {
		if n := strings.Count(text, sent); n != mails {
			t.Errorf("%s: %d of %d mails", name, n, mails)
		}
	}
	info, err := os.Stat(p.LogFile)
	must(t, err)
	if info.Mode() != 0o600 { // maillog_file_permissions
		t.Errorf("mode %v", info.Mode())
	}
	if r := s.report(); r.Master.LogLost != 0 || r.Master.Reloads != 0 {
		t.Errorf("%+v", r.Master)
	}

	// Without a master there is nothing to reopen, which is said, and no failure.
	s.ok("stop")
	p.AllGone()
	must(t, os.WriteFile(p.LogFile, []byte("kept\n"), 0o600))
	rotate("no master runs")
}

// TestJSONPipeline: the page's configuration and its question to jq.
func TestJSONPipeline(t *testing.T) {
	s := newSite(t)
	s.write("postloop.toml", strings.NewReplacer("7007", s.port, "/bin/cat", "/bin/false", "/var/lib/box", "run", "/var/log", "@DIR@").Replace(example(t, "toml"))+
		"[parameters]\nmaillog_file_prefixes = \"@DIR@\"\n")
	c := exec.Command(programs+"/master", "-d", "-c", s.dir)
	c.Env, c.Stderr = s.env, os.Stderr
	must(t, c.Start())
	s.master = c
	question := strings.ReplaceAll(example(t, "sh"), "/var/log", s.dir)
	answer := func() string {
		out, err := exec.Command("/bin/sh", "-c", question).CombinedOutput()
		if err != nil && !strings.Contains(string(out), "No such file") {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	until(t, "the master listens", func() bool { return s.answers() })
	_ = dial(t, "tcp", "127.0.0.1:"+s.port).Close()
	until(t, "the question has its answer", func() bool { return strings.HasSuffix(answer(), "status 1\n") })
	if line := regexp.MustCompile(`^\S+T\S+\.\d{6}Z\t` + s.port + "/inet\tcommand /bin/false exit status 1\n$"); !line.MatchString(answer()) {
		t.Errorf("%q", answer())
	}
}

// answers reports whether a master answers.
func (s *site) answers() bool {
	status, _, _ := s.run("status")
	return status == 0
}
