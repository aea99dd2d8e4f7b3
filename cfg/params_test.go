// SPDX-License-Identifier: ISC

package cfg

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func parseMain(t *testing.T, text string) *Main {
	t.Helper()
	m := NewMain("main.cf")
	m.SetDefault("myhostname", "host.example.com")
	if err := m.read(strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTime(t *testing.T) {
	const day = 24 * time.Hour
	for _, test := range []struct {
		name, raw string
		want      time.Duration
	}{
		{"max_idle", "10", 10 * time.Second},
		{"max_idle", "10s", 10 * time.Second},
		{"max_idle", "10sec", 10 * time.Second},
		{"max_idle", "2m", 2 * time.Minute},
		{"max_idle", "2ms", 2 * time.Minute},
		{"max_idle", "3h", 3 * time.Hour},
		{"max_idle", "4d", 4 * day},
		{"max_idle", "5w", 35 * day},
		{"max_idle", " +7", 7 * time.Second},
		{"in_flow_delay", "0", 0},
		{"in_flow_delay", "s", 0},
		{"service_throttle_time_limit", "off", 0},
		{"service_throttle_time_limit", "15", 15 * time.Minute},
		{"service_stop_time_limit", "250ms", 250 * time.Millisecond},
		{"service_stop_time_limit", "2", 2 * time.Second},
		{"max_idle", "$x", 9 * time.Second},
	} {
		m := NewMain("main.cf")
		m.Set("x", "9")
		m.entries[test.name] = entry{raw: test.raw}
		if got, err := m.Time(test.name); got != test.want || err != nil {
			t.Errorf("%s = %s: got %v, %v, want %v", test.name, test.raw, got, err, test.want)
		}
	}
}

func TestTimeParam(t *testing.T) {
	m := parseMain(t, "command_time_limit = 50\na_time_limit = 1h\nb_time_limit = 0\n")
	for name, want := range map[string]time.Duration{"a_time_limit": time.Hour, "c_time_limit": 50 * time.Second} {
		if got, err := m.TimeParam(name, "$command_time_limit", time.Second); got != want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, want)
		}
	}
	if _, err := m.TimeParam("b_time_limit", "$command_time_limit", time.Second); err == nil || err.Error() != "main.cf, line 3: invalid b_time_limit: 0 (min 1)" {
		t.Errorf("got %v", err)
	}
}

// TestParamsErrors: each alone, in Postfix's words.
func TestParamsErrors(t *testing.T) {
	for line, want := range map[string]string{
		"max_use = x":                       "bad numerical configuration: max_use = x; specify a whole number",
		"max_use = 5 x":                     "bad numerical configuration: max_use = 5 x; specify a whole number",
		"max_use =":                         "bad numerical configuration: max_use = ; specify a whole number",
		"max_use = 2147483648":              "bad numerical configuration: max_use = 2147483648; specify a whole number",
		"max_use = 0":                       "invalid max_use parameter value 0 < 1",
		"delay_logging_resolution_limit= 7": "invalid delay_logging_resolution_limit parameter value 7 > 6",
		"max_idle = 10 s":                   "parameter max_idle: bad time value or unit: 10 s; specify a number and one of s, m, h, d, w",
		"max_idle = 10S":                    "parameter max_idle: bad time value or unit: 10S; specify a number and one of s, m, h, d, w",
		"max_idle = -1":                     "parameter max_idle: bad time value or unit: -1; specify a number and one of s, m, h, d, w",
		"max_idle = 9999999w":               "parameter max_idle: bad time value or unit: 9999999w; specify a number and one of s, m, h, d, w",
		"max_idle =":                        "parameter max_idle: bad time value or unit: ; specify a number and one of s, m, h, d, w",
		"max_idle = 0":                      "invalid max_idle: 0 (min 1)",
		"in_flow_delay = 11":                "invalid in_flow_delay: 11 (max 10)",
		"service_throttle_time = off":       "parameter service_throttle_time: bad time value or unit: off; specify a number and one of s, m, h, d, w",
		"soft_bounce = maybe":               "bad boolean configuration: soft_bounce = maybe; specify yes or no",
		"mail_owner =":                      "bad string length 0 < 1: mail_owner = ",
		"default_verp_delimiters = +=-":     "bad string length 3 > 2: default_verp_delimiters = +=-",
		"inet_protocols = ipv4, ipv5":       `unknown inet_protocols value "ipv5" in "ipv4, ipv5"; specify all, ipv4, or ipv6`,
		"compatibility_level = 3.x":         `malformed compatibility level syntax: "3.x"; specify a number such as 3.6`,
		"syslog_facility = post":            "parameter syslog_facility: unrecognized value: post; specify one of " + strings.Join(facilities, ", "),
		"log_to = disk":                     "parameter log_to: unrecognized value: disk; specify one of file, journal, stderr, stdout, syslog",
		"log_to = file":                     "parameter log_to: file: there is no maillog_file; specify the name of the file there",
		"myorigin = a, b":                   "myorigin parameter setting must not contain multiple values: a, b",
		"relayhost = HOST.example.com":      "myhostname and relayhost parameter settings must not be identical: host.example.com",
		"myhostname = a b":                  "parameter myhostname: bad parameter value: a b",
		"maillog_file = /etc/log":           "maillog_file value '/etc/log' does not match any prefix in maillog_file_prefixes",
		"import_environment = A {B=c":       "import_environment: missing '}' in \"{B=c\"",
		"import_environment = A =c":         "import_environment: missing attribute name in: =c; specify NAME, NAME=value or { NAME = value }",
		"log_format = json":                 "parameter log_format: json is for files, standard output and standard error; specify log_to = file, stdout or stderr as well",
	} {
		_, err := parseMain(t, "\n"+line+"\n").Params()
		if err == nil || err.Error() != "main.cf, line 2: "+want {
			t.Errorf("%s: got %v, want %s", line, err, want)
		}
	}
}

// TestParamsAllErrors: at once, in the order of the lines, the same one once.
func TestParamsAllErrors(t *testing.T) {
	_, err := parseMain(t, "soft_bounce = x\nmydomain = ${\nmyhostname = host.$mydomain\nmax_use = 0\n").Params()
	want := `main.cf, line 1: bad boolean configuration: soft_bounce = x; specify yes or no
main.cf, line 2: parameter mydomain: truncated macro reference: "${"
main.cf, line 4: invalid max_use parameter value 0 < 1`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestParams(t *testing.T) {
	p, err := parseMain(t, strings.Join([]string{
		"compatibility_level = 3.6", "inet_protocols = ipv6", "default_process_limit = 12",
		"import_environment = TZ, LANG=C { X = a b } Y", "service_throttle_time_limit = off", "builtin_services =",
		"maillog_file_permissions = 640", "known_tcp_ports = a=b=1, c=2, bad, e=99999, a=3", "multi_instance_name = postfix-2",
		"mydomain = example.org", "rootless = YES",
	}, "\n")).Params()
	if err != nil {
		t.Fatal(err)
	}
	if p.ProcessLimit != 12 || p.ThrottleTime != time.Minute || p.ThrottleTimeLimit != 0 || p.StopTimeLimit != 10*time.Second ||
		p.MaxIdle != 100*time.Second || !p.Rootless || len(p.BuiltinServices) != 0 || p.MaillogFilePermissions != 0o640 {
		t.Errorf("got %+v", p)
	}
	if p.InetProtocols != (Protocols{Text: "ipv6", IPv6: true}) || p.SyslogName != "postfix-2" || p.MyHostname != "host.example.com" {
		t.Errorf("got %+v", p)
	}
	if want := []EnvEntry{{"TZ", "", false}, {"LANG", "C", true}, {"X", "a b", true}, {"Y", "", false}}; !slices.Equal(p.ImportEnvironment, want) {
		t.Errorf("got %v, want %v", p.ImportEnvironment, want)
	}
	if want := map[string]uint16{"a": 1, "b": 1, "c": 2}; !maps.Equal(p.KnownTCPPorts, want) {
		t.Errorf("got %v, want %v", p.KnownTCPPorts, want)
	}
	var notes []string
	for _, n := range p.Notes {
		notes = append(notes, n.Text)
	}
	if want := []string{
		`main.cf, line 8: known_tcp_ports: in "bad" is not in "name = value" form`,
		`main.cf, line 8: known_tcp_ports: in "e=99999": port number out of range`,
		`main.cf, line 8: known_tcp_ports: in "a=3": duplicate service name`,
	}; !slices.Equal(notes, want) {
		t.Errorf("got %q", notes)
	}
}

// TestParamsDefaults: an empty main.cf is a good one, and every default in
// the tables is of its kind.
func TestParamsDefaults(t *testing.T) {
	m := NewMain("main.cf")
	if _, err := m.Params(); err != nil {
		t.Error(err)
	}
	for name, p := range parameters {
		var err error
		switch p.kind {
		case textKind:
			_, err = m.Value(name)
		case numberKind, longKind:
			_, err = m.Int(name)
		case boolKind:
			_, err = m.Bool(name)
		case timeKind, offKind, fineKind:
			_, err = m.Time(name)
		}
		if err != nil && p.def != "" {
			t.Error(err)
		}
	}
	if len(parameters) != len(commonParams)+len(ourParams)+len(tableParams)+len(laterParams) {
		t.Error("a parameter is in two tables")
	}
}

func TestHostAndDomain(t *testing.T) {
	for _, test := range []struct{ own, text, host, domain string }{
		{"vm", "", "vm.localdomain", "localdomain"},
		{"vm.example.org", "", "vm.example.org", "example.org"},
		{"vm", "mydomain = x.y", "vm.x.y", "x.y"},
		{"vm", "myhostname = host", "host", "localdomain"},
		{"vm", "myhostname = host.$mydomain", "host.", ""},
		{"vm", "mydomain = a.$myhostname", "vm.a.", "a.vm.a."},
	} {
		m := NewMain("main.cf")
		m.SetDefault("myhostname", test.own)
		if err := m.read(strings.NewReader(test.text)); err != nil {
			t.Fatal(err)
		}
		x := expansion{m: m, work: maxWork}
		host, err := x.value("myhostname")
		domain, err2 := x.value("mydomain")
		if host != test.host || domain != test.domain || err != nil || err2 != nil {
			t.Errorf("%s, %s: got %q, %q, %v, %v", test.own, test.text, host, domain, err, err2)
		}
	}
}

func TestCleanEnv(t *testing.T) {
	list, err := ParseEnv("import_environment", "B A LANG=C {X = y z} A=forced NONE")
	if err != nil {
		t.Fatal(err)
	}
	got := CleanEnv([]string{"A=1", "B=2", "LANG=de", "PATH=/bin", "B=3"}, list)
	if want := []string{"B=3", "A=forced", "LANG=C", "X=y z"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParsePorts(t *testing.T) {
	for element, want := range map[string]string{
		"a":       `in "a" is not in "name = value" form`,
		"a=":      `in "a=": missing port value after "="`,
		"a=1 2":   `in "a=1 2": whitespace in port number`,
		"=1":      `in "=1": missing service name before "="`,
		"a b=1":   `in "a b=1": whitespace in service name`,
		"1=1":     `in "1=1": numerical service name`,
		"a=x":     `in "a=x": non-numerical service port`,
		"a=65536": `in "a=65536": port number out of range`,
		"smtp=2":  `in "smtp=2": duplicate service name`,
	} {
		ports, wrong := parsePorts("smtp=25, " + element + ", z = 9")
		if len(ports) != 2 || ports["smtp"] != 25 || ports["z"] != 9 || len(wrong) != 1 || wrong[0] != want {
			t.Errorf("%s: got %v, %q", element, ports, wrong)
		}
	}
}
