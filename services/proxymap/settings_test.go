// SPDX-License-Identifier: ISC

package proxymap

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/cfg"
	"postloop/services/table"
)

// settled returns the settings that a main.cf has.
func settled(t testing.TB, main string) (*allSettings, error) {
	t.Helper()
	m, err := cfg.ParseMain("main.cf", strings.NewReader(main))
	must(t, err)
	return readSettings(m)
}

// spell writes settings with what differs from other ones.
func (s Settings) spell(from Settings) string {
	var list []string
	add := func(name string, value, was any) {
		if value != was {
			list = append(list, fmt.Sprintf("%s=%v", name, value))
		}
	}
	add("connections", s.Connections, from.Connections)
	add("queue", s.Queue, from.Queue)
	add("deadline", s.Deadline, from.Deadline)
	add("failures", s.Failures, from.Failures)
	add("backoff", s.Backoff, from.Backoff)
	add("most", s.MaxBackoff, from.MaxBackoff)
	add("positive", s.Cache.Positive, from.Cache.Positive)
	add("negative", s.Cache.Negative, from.Cache.Negative)
	add("size", s.Cache.Size, from.Cache.Size)
	return strings.Join(list, " ")
}

// TestDefaultSettings: those of the parameters are those of who has none.
func TestDefaultSettings(t *testing.T) {
	a, err := settled(t, "")
	must(t, err)
	got := a.of("tcp:x")
	if got.Cache != (CacheLimits{Size: 1 << 20}) {
		t.Errorf("the cache has %+v", got.Cache)
	}
	got.Cache.Size = 0
	if got != DefaultSettings {
		t.Errorf("got %+v, want %+v", got, DefaultSettings)
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct{ main, ref, want string }{
		{"proxymap_time_limit = 5s", "tcp:x", "deadline=5s"},
		{"proxymap_time_limit = 5", "tcp:x", "deadline=5s"},
		{"proxymap_failure_limit = 0", "tcp:x", "failures=0"},
		{
			"proxymap_connection_limit=1\nproxymap_queue_limit=2\nproxymap_time_limit=3m\nproxymap_failure_limit=4\nproxymap_minimal_backoff_time=5\n" +
				"proxymap_maximal_backoff_time=6h\nproxymap_cache_time=7d\nproxymap_negative_cache_time=8\nproxymap_cache_size_limit=9", "x:y",
			"connections=1 queue=2 deadline=3m0s failures=4 backoff=5s most=6h0m0s positive=168h0m0s negative=8s size=9",
		},
		{"proxymap_table_settings = { tcp:x, time_limit = 5s }", "tcp:x", "deadline=5s"},
		{"proxymap_table_settings = { tcp:x, time_limit = 5s }", "tcp:y", ""},
		{"proxymap_table_settings = { tcp:x time_limit=5s cache_time=1 }", "tcp:x", "deadline=5s positive=1s"},
		{"proxymap_table_settings = {tcp:x,time_limit=5s,cache_time =1,queue_limit= 7}", "tcp:x", "queue=7 deadline=5s positive=1s"},
		{"proxymap_table_settings = {tcp:x, { time_limit = 5s }, {cache_time=1}}", "tcp:x", "deadline=5s positive=1s"},
		{"proxymap_table_settings = { proxy:tcp:x, time_limit = 5s }", "tcp:x", "deadline=5s"},
		{"proxymap_table_settings =\n {tcp:y, time_limit=6s},\n {tcp:x, time_limit=5s}\n {tcp:z}", "tcp:x", "deadline=5s"},
		{"proxymap_table_settings = { unionmap:{tcp:a,tcp:b}, cache_time = 9 } {tcp:a, queue_limit=1}", "unionmap:{tcp:a,tcp:b}", "positive=9s"},
		{"proxymap_table_settings = { unionmap:{tcp:a,tcp:b}, cache_time = 9 } {tcp:a, queue_limit=1}", "tcp:a", "queue=1"},
		{"proxymap_table_settings = { inline:{ {a = b}, c = d }, cache_time = 9 }", "inline:{ {a = b}, c = d }", "positive=9s"},
		{"proxymap_time_limit = 5s\nproxymap_table_settings = { tcp:x, cache_time = 1s }, {tcp:y, time_limit = 6s}", "tcp:x", "deadline=5s positive=1s"},
		{"proxymap_time_limit = 5s\nproxymap_table_settings = { tcp:x, cache_time = 1s }, {tcp:y, time_limit = 6s}", "tcp:y", "deadline=6s"},
		{"long = 6s\nproxymap_table_settings = { mysql:$config_directory/x, time_limit = $long }", "mysql:/etc/postfix/x", "deadline=6s"},
	} {
		a, err := settled(t, "config_directory = /etc/postfix\n"+c.main+"\n")
		must(t, err)
		from := DefaultSettings
		from.Cache.Size = 1 << 20
		if got := a.of(c.ref).spell(from); got != c.want {
			t.Errorf("%s: %s: got %q, want %q", c.main, c.ref, got, c.want)
		}
	}
}

// TestBadSettings: what is refused names the parameter, and the table where it
// is about one.
func TestBadSettings(t *testing.T) {
	for _, c := range []struct{ main, want string }{
		{"proxymap_connection_limit = 0", "main.cf, line 1: invalid proxymap_connection_limit parameter value 0 < 1"},
		{"proxymap_queue_limit = -1", "main.cf, line 1: invalid proxymap_queue_limit parameter value -1 < 1"},
		{"proxymap_failure_limit = -1", "main.cf, line 1: invalid proxymap_failure_limit parameter value -1 < 0"},
		{"proxymap_cache_size_limit = -1", "main.cf, line 1: invalid proxymap_cache_size_limit parameter value -1 < 0"},
		{"proxymap_cache_size_limit = 1M", "main.cf, line 1: bad numerical configuration: proxymap_cache_size_limit = 1M; specify a whole number"},
		{"proxymap_time_limit = 0s", "main.cf, line 1: invalid proxymap_time_limit: 0 (min 1)"},
		{"proxymap_cache_time = x", "main.cf, line 1: parameter proxymap_cache_time: bad time value or unit: x; specify a number and one of s, m, h, d, w"},
		{"proxymap_minimal_backoff_time = 0", "main.cf, line 1: invalid proxymap_minimal_backoff_time: 0 (min 1)"},
		{"proxymap_table_settings = ${x", "main.cf, line 1: parameter proxymap_table_settings: truncated macro reference: \"${x\""},
	} {
		if _, err := settled(t, c.main+"\n"); err == nil || !strings.HasPrefix(err.Error(), strings.Split(c.want, ": \"")[0]) {
			t.Errorf("%s: got %v, want %s", c.main, err, c.want)
		}
	}
	for list, want := range map[string]string{
		"tcp:x":                                  `expecting "{ type:name, setting = value }" instead of "tcp:x"`,
		"{ tcp:x":                                `missing '}' in "{ tcp:x"`,
		"{tcp:x}y":                               `syntax error after '}' in "{tcp:x}y"`,
		"{}":                                     `expecting "type:name" form instead of ""`,
		"{ time_limit = 5s }":                    `expecting "type:name" form instead of "time_limit"`,
		"{ :x, time_limit = 5s }":                `expecting "type:name" form instead of ":x"`,
		"{ tcp:, time_limit = 5s }":              `expecting "type:name" form instead of "tcp:"`,
		"{tcp:x} {tcp:x, queue_limit=1}":         `table tcp:x is there twice`,
		"{ tcp:x, deadline = 5s }":               `table tcp:x: unknown setting "deadline"; specify one of cache_size_limit, cache_time, `,
		"{ tcp:x, proxymap_time_limit = 5s }":    `table tcp:x: unknown setting "proxymap_time_limit"; `,
		"{ tcp:x, table_settings = x }":          `table tcp:x: unknown setting "table_settings"; `,
		"{ tcp:x, time_limit }":                  `table tcp:x: expecting "setting = value" at "time_limit"`,
		"{ tcp:x, = 5s }":                        `table tcp:x: expecting "setting = value" at "= 5s"`,
		"{ tcp:x, time_limit, queue_limit=1 }":   `table tcp:x: expecting "setting = value" at "time_limit, queue_limit=1"`,
		"{ tcp:x, time_limit = }":                `table tcp:x: parameter proxymap_time_limit: bad time value or unit: `,
		"{ tcp:x, time_limit = , queue_limit=1}": `table tcp:x: parameter proxymap_time_limit: bad time value or unit: `,
		"{ tcp:x, {time_limit=1 cache_time=1} }": `table tcp:x: more than a setting in "{time_limit=1 cache_time=1}"`,
		"{ tcp:x, time_limit = 5s 6s }":          `table tcp:x: expecting "setting = value" at "6s"`,
		"{ tcp:x, time_limit = 0 }":              `table tcp:x: invalid proxymap_time_limit: 0 (min 1)`,
		"{ tcp:x, connection_limit = many }":     `table tcp:x: bad numerical configuration: proxymap_connection_limit = many; specify a whole number`,
		"{ tcp:x, failure_limit = -1 }":          `table tcp:x: invalid proxymap_failure_limit parameter value -1 < 0`,
	} {
		want = "main.cf, line 2: proxymap_table_settings: " + want
		if _, err := settled(t, "# a comment\nproxymap_table_settings = "+list+"\n"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", list, err, want)
		}
	}
}

// TestUnlisted: settings of what nobody can ask for are settings of nothing.
func TestUnlisted(t *testing.T) {
	a := &allSettings{own: map[string]Settings{"tcp:a": {}, "tcp:b": {}, "mysql:/x": {}, "unionmap:{tcp:a,tcp:c}": {}, "tcp:d": {}}}
	lists := []map[string]bool{{"tcp:b": true, "unionmap:{tcp:a,tcp:c}": true}, {"mysql:/x": true}}
	if got := fmt.Sprint(a.unlisted(lists...)); got != "[tcp:d]" {
		t.Errorf("got %s", got)
	}
	if got := fmt.Sprint(a.unlisted()); got != fmt.Sprint(slices.Sorted(maps.Keys(a.own))) {
		t.Errorf("without a list: %s", got)
	}
}

// TestOtherList: a list of the other service's that cannot be read is its affair,
// whatever it means for the warnings.
func TestOtherList(t *testing.T) {
	m, err := cfg.ParseMain("main.cf", strings.NewReader("proxy_write_maps = ${x\nproxymap_table_settings = {tcp:x, time_limit=5s}\n"))
	must(t, err)
	var warnings []string
	of, err := listedSettings(m, table.ReadOnly, map[string]bool{}, func(format string, args ...any) {
		warnings = append(warnings, fmt.Sprintf(format, args...))
	})
	if err != nil || of("tcp:x").Deadline != 5*time.Second || warnings != nil {
		t.Errorf("got %v, and the warnings %q", err, warnings)
	}
}

// FuzzSettings: what is taken is in bounds, and says so in any order of words.
func FuzzSettings(f *testing.F) {
	for _, text := range []string{
		"{ mysql:/etc/postfix/x.cf, connection_limit = 2, cache_time = 60s }, { tcp:127.0.0.1:9999, time_limit = 5s }",
		"{ unionmap:{a:b,c:d}, {cache_time=10s} }", "{x:y,queue_limit==}", "{x:y {a}}", "{{}}", "}{", "{x:y,a= {b}}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := cfg.NewMain("main.cf")
		m.Set(settingsParam, text)
		a, err := readSettings(m)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "main.cf: ") {
				t.Errorf("%q: the error is %v", text, err)
			}
			return
		}
		for ref, s := range a.own {
			if !strings.Contains(ref, ":") || strings.HasPrefix(ref, proxy) {
				t.Errorf("%q: a table %q", text, ref)
			}
			if s.Connections < 1 || s.Queue < 1 || s.Deadline < time.Second || s.Failures < 0 || s.Backoff < time.Second || s.Cache.Positive < 0 || s.Cache.Size < 0 {
				t.Errorf("%q: %+v", text, s)
			}
		}
	})
}
