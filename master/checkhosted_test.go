// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"postloop/cfg"
)

// TestHostedParameters: what is wrong is refused, at the line where it is.
func TestHostedParameters(t *testing.T) {
	w := newWorld(t)
	w.host(nil)
	us := fmt.Sprint(os.Getuid())
	basis := w.main
	for _, c := range []struct{ main, entry, want string }{
		{"", kept(1, "hosted_client_rate = 5"), `master.cf, line 2: service "k": parameter hosted_client_rate: bad rate: 5; specify a number, a slash and a time, such as 30/60s`},
		{"", kept(1, "hosted_client_limit = -1"), `master.cf, line 2: service "k": invalid hosted_client_limit parameter value -1 < 0`},
		{"", kept(1, "hosted_client_deny = uid:no-such-user"), `master.cf, line 2: service "k": parameter hosted_client_deny: unknown user name: no-such-user`},
		{"hosted_client_allow = uid:no-such-user\n", kept(1), `main.cf, line 6: parameter hosted_client_allow: unknown user name: no-such-user`},
		{
			"hosted_client_allow = uid:no-such-user, uid:nor-this\nhosted_client_deny = uid:nobody-either\n", kept(1, "hosted_client_deny ="),
			"main.cf, line 6: parameter hosted_client_allow: unknown user name: no-such-user\n" +
				"main.cf, line 6: parameter hosted_client_allow: unknown user name: nor-this\n" +
				"main.cf, line 7: parameter hosted_client_deny: unknown user name: nobody-either",
		},
		{"", "fifo fifo n - 1 keep -o hosted_client_limit=1", `master.cf, line 2: service "fifo": hosted_client_limit is for what master serves itself, and keep of type fifo it does not; see builtin_services`},
		{"", "d unix n - 1 echod -o hosted_client_deny=::1", `master.cf, line 2: service "d": hosted_client_deny is for what master serves itself, and echod of type unix it does not; see builtin_services`},
	} {
		w.main = basis + c.main
		err := w.try(func(done func(error)) { w.m.Start(w.config("x unix n - 1 keep", c.entry), nil, done) })
		if err == nil || err.Error() != c.want {
			t.Errorf("%s%s: got %v, want %s", c.main, c.entry, err, c.want)
		}
		w.m.started = false
	}
	w.main = basis + "hosted_client_allow = uid:" + us + "\n"
	w.start("x unix n - 1 keep", kept(1, "hosted_client_rate = 5/1s"), "y unix n - 1 keep")
	list := w.m.services
	if p := list[0].host.gate.policy; p != list[2].host.gate.policy || p == list[1].host.gate.policy {
		t.Error("policies that are the same are not one")
	}
	if p := list[1].host.gate.policy; p.ClientRate != (cfg.Rate{Count: 5, Per: time.Second}) || !p.restricts() {
		t.Errorf("an override hides what main.cf says: %+v", p)
	}
}

// TestAccessListOfAServiceLeftToAProcess: an entry that master cannot serve
// itself for now is left to a process, unless that would serve everybody.
func TestAccessListOfAServiceLeftToAProcess(t *testing.T) {
	w := newWorld(t)
	w.m.opt.Hosted = map[string]HostFunc{"echod": func(*Host) (Hosted, error) { return nil, errors.New("no such command") }}
	w.main = "builtin_services =\n"
	w.start("e unix n - 1 echod")
	w.main = "builtin_services = echod\nhosted_client_limit = 5\n"
	w.must(w.reload("e unix n - 1 echod"))
	w.m.opt.Hosted["echod"] = func(h *Host) (Hosted, error) { h.Binding = true; return nil, errors.New("no such limit") }
	if err := w.reload("e unix n - 1 echod"); err == nil || err.Error() != `master.cf, line 1: service "e": no such limit` {
		t.Errorf("with a confinement: %v", err)
	}
	w.m.opt.Hosted["echod"] = func(*Host) (Hosted, error) { return nil, errors.New("no such command") }
	if w.lines(`warning: master.cf, line 1: service "e": no such command`) != 1 || w.service("public/e", cfg.Unix).isHosted() {
		t.Error("it is not left to a process")
	}
	w.main += "hosted_client_deny = ::1\n"
	if err := w.reload("e unix n - 1 echod"); err == nil || err.Error() != `master.cf, line 1: service "e": no such command` {
		t.Errorf("with a list: %v", err)
	}
}
