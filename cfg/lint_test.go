// SPDX-License-Identifier: ISC

package cfg

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLint(t *testing.T) {
	m, services := mustPostfix(t, `max_use = 5
policy_time_limit = 5
polcy_time_limit = 5
other_time_limit = 7
smtp_connection_reuse_time_limit = 5
hosted_client_limit = 3
hosted_client_limt = 3
hosted_own = 5
spawn_foo = ${hosted_own}
proxymap_service_name = proxymap
anything = $other_time_limit
control_soket =
`, `policy unix - n n - - spawn -o spawn_nise=3 -o max_idle=${spawn_foo} argv=/bin/cat
`)
	c := &Config{Main: m, Services: services}
	want := []string{
		`main.cf, line 3: polcy_time_limit: there is no service "polcy"; did you mean "policy_time_limit"?`,
		`main.cf, line 7: hosted_client_limt: nobody knows this parameter; did you mean "hosted_client_limit"?`,
		`main.cf, line 12: control_soket: nobody knows this parameter; did you mean "control_socket"?`,
		`master.cf, line 1: service "policy": spawn_nise: nobody knows this parameter; did you mean "spawn_nice"?`,
	}
	check := func() {
		t.Helper()
		var got []string
		for _, e := range c.Lint() {
			got = append(got, e.Error())
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	check()
	c.incomplete, want = true, want[1:] // the service may be on a line that could not be read
	check()
}

// TestLoadPartly: what can be read is there, and all that is wrong is said.
func TestLoadPartly(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("main.cf", "max_idle = 5\nx\n")
	write("master.cf", "a unix - n n - - a\nb unix - n n\nc unix - n n - - c\n")
	c, err := LoadPartly(dir, false, nil)
	if c == nil || len(c.Services) != 2 || c.Params == nil || len(All(err)) != 2 || !c.incomplete {
		t.Errorf("%+v, %v", c, err)
	}
	if whole, err := Load(dir, nil); whole != nil || err == nil {
		t.Errorf("Load: %+v, %v", whole, err)
	}
	write("main.cf", "max_idle = never\nqueue_directory = /q\n")
	if c, err = LoadPartly(dir, false, nil); c == nil || c.Params != nil || err == nil {
		t.Errorf("%+v, %v", c, err)
	}
	m, err := Peek(dir, false, nil)
	if raw, _ := m.Raw("queue_directory"); raw != "/q" || err != nil {
		t.Errorf("Peek: %q, %v", raw, err)
	}
	write("x.toml", "state = \"run\"\nfoo = 1\n[[service]]\nlisten = 1\nrun = [\"/bin/cat\"]\n[[service]]\nlisten = 2\n")
	name := filepath.Join(dir, "x.toml")
	if c, err = LoadPartly(name, true, nil); c == nil || len(c.Services) != 1 || len(All(err)) != 2 || c.Dir != dir {
		t.Errorf("%+v, %v", c, err)
	}
	m, err = Peek(name, true, func(m *Main) { m.SetDefault("myhostname", "h.example") })
	if queue, qerr := m.Value("queue_directory"); queue != dir+"/run" || qerr != nil || err == nil {
		t.Errorf("Peek: %q, %v, %v", queue, qerr, err)
	}
	if m, err := Peek(filepath.Join(dir, "none"), false, nil); m != nil && len(m.Names()) > 0 || err == nil {
		t.Errorf("Peek of nothing: %v, %v", m, err)
	}
	if c, err := LoadPartly(filepath.Join(dir, "none.toml"), true, nil); c != nil || err == nil {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := LoadFile(filepath.Join(dir, "x.toml"), nil); c != nil || err == nil {
		t.Errorf("%+v, %v", c, err)
	}
}
