// SPDX-License-Identifier: ISC

//go:build interop && linux

package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"postloop/cmd/internal/pftest"
	"postloop/master/report"
)

// TestUnderPostfix: a whole Postfix on our master, with the operator's command. The
// socket is where Postfix's own checks have nothing to say about it, and what is
// said about processes is what the system says.
func TestUnderPostfix(t *testing.T) {
	p := pftest.New(t, pftest.Options{Master: pftest.Ours(t, "master")})
	s := &site{t: t, dir: p.Config, env: append(os.Environ(), "MAIL_CONFIG="+p.Config)}
	s.fails(exitNobody, "no master runs", "status")
	if out := s.ok("check"); strings.Contains(out, "error: ") {
		t.Errorf("check before the start: %s", out)
	}
	p.Start()
	must(t, pftest.Send(p.MailAddr, 0, 20, 5))
	p.WaitDelivered(20)
	// Processes come and go: what is said is true when nothing has changed meanwhile.
	until(t, "the report agrees with /proc", func() bool {
		before := len(pftest.Children(p.Pid()))
		r := s.report()
		sum := 0
		for _, one := range r.Services {
			sum += one.Processes
		}
		return before > 0 && before == len(pftest.Children(p.Pid())) && r.Master.Processes == before && sum == before && r.Loop.Children == before
	})
	smtpd := s.service(p.MailAddr)
	if smtpd.Starts == 0 || smtpd.Ready.Count == 0 || smtpd.Ready.Count > smtpd.Starts || smtpd.Ready.Max <= 0 || smtpd.Hosted {
		t.Errorf("%+v", smtpd)
	}
	info, err := os.Lstat(p.Queue + "/control")
	must(t, err)
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if r := p.Must("check"); strings.Contains(r.Output, "control") || len(p.Grep("/control")) > 0 {
		t.Errorf("postfix check: %s %q", r.Output, p.Grep("/control"))
	}
	out := s.ok("check", "--json")
	var v verdict
	must(t, json.Unmarshal([]byte(out), &v))
	if !v.OK {
		t.Errorf("check beside the running master: %s", out)
	}
	s.ok("reload")
	s.ok("pause", p.MailAddr)
	if one := s.service(p.MailAddr); one.State != report.Paused {
		t.Errorf("%+v", one)
	}
	until(t, "the idle processes have left", func() bool { return s.service(p.MailAddr).Processes == 0 })
	s.ok("resume", p.MailAddr)
	must(t, pftest.Send(p.MailAddr, 20, 1, 1))
	s.ok("stop")
	p.AllGone()
}
