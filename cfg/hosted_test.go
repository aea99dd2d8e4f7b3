// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]Rate{
		"":            {},
		"30/60s":      {30, time.Minute},
		"1/1s":        {1, time.Second},
		"5/2m":        {5, 2 * time.Minute},
		"1000000/1w":  {1_000_000, 7 * 24 * time.Hour},
		"7/1h":        {7, time.Hour},
		"100/86400s":  {100, 24 * time.Hour},
		"100/1d":      {100, 24 * time.Hour},
		"30/604800s":  {30, 7 * 24 * time.Hour},
		"999999/999s": {999_999, 999 * time.Second},
	} {
		if got, err := parseRate(text); got != want || err != nil {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"30", "30/", "/60s", "30/60", "30 / 60s", "30/60s/1", "-1/60s", "+1/60s", "01/60s", "0x1/60s", "1.5/60s", "30/1.5s",
		"30/1m30s", "30/500ms", "0/60s", "30/0s", "1000001/1s", "30/2w", "30/99999999999s", "99999999999999999999/1s", "many/1s", "1/1y",
	} {
		if got, err := parseRate(text); err == nil || !strings.HasPrefix(err.Error(), "bad rate: "+text+"; specify ") {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
}

func TestParseClients(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "[]",
		" , ":                                  "[]",
		"192.0.2.1":                            "[192.0.2.1]",
		"[192.0.2.1]/32":                       "[192.0.2.1]",
		"10.0.0.0/8,192.168.0.0/16 ::1":        "[10.0.0.0/8 192.168.0.0/16 ::1]",
		"[2001:db8::]/32 2001:db8::/33":        "[2001:db8::/32 2001:db8::/33]",
		"[::1] [::1]/128":                      "[::1 ::1]",
		"::/0 0.0.0.0/0":                       "[::/0 0.0.0.0/0]",
		"::ffff:10.0.0.1":                      "[10.0.0.1]",
		"[::ffff:127.0.0.0]/104 ::ffff:0:0/96": "[127.0.0.0/8 0.0.0.0/0]", // Debian's mynetworks
		"uid:box uid:0 uid:1000 uid:a-b_c.d":   "[uid:box uid:0 uid:1000 uid:a-b_c.d]",
		"uid:4294967294":                       "[uid:4294967294]",
	} {
		if got, err := parseClients(text); fmt.Sprint(got) != want || err != nil {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	const form = "specify an address, a network such as 10.0.0.0/8 or [2001:db8::]/32, or uid: and a user"
	for text, want := range map[string]string{
		"localhost":         "localhost: " + form,
		"10.0.0":            "10.0.0: " + form,
		"010.0.0.1":         "010.0.0.1: " + form,
		"!10.0.0.1":         "!10.0.0.1: " + form,
		"hash:/etc/x":       "hash:/etc/x: " + form,
		"fe80::1%eth0":      "fe80::1%eth0: " + form,
		"[::1":              "[::1: " + form,
		"::1]":              "::1]: " + form,
		"[::1/128]":         "[::1/128]: " + form,
		"uid:":              "uid:: " + form,
		"/8":                "/8: " + form,
		"10.0.0.0/":         "10.0.0.0/: specify a prefix length from 0 to 32",
		"10.0.0.0/33":       "10.0.0.0/33: specify a prefix length from 0 to 32",
		"10.0.0.0/08":       "10.0.0.0/08: specify a prefix length from 0 to 32",
		"10.0.0.0/-1":       "10.0.0.0/-1: specify a prefix length from 0 to 32",
		"10.0.0.0/8.0":      "10.0.0.0/8.0: specify a prefix length from 0 to 32",
		"::/129":            "::/129: specify a prefix length from 0 to 128",
		"10.0.0.1/8":        "10.0.0.1/8: non-null host address bits; did you mean 10.0.0.0/8",
		"2001:db8::1/64":    "2001:db8::1/64: non-null host address bits; did you mean 2001:db8::/64",
		"::ffff:10.0.0.0/8": "::ffff:10.0.0.0/8: specify an IPv4 network without IPv6's prefix",
		"uid:4294967295":    "uid:4294967295: that is no user's number",
		"a, 10.0.0.1, b":    "a: " + form + "; b: " + form,
	} {
		if got, err := parseClients(text); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
}

func TestParseRefuse(t *testing.T) {
	for text, want := range map[string]Refuse{
		"close":                        {},
		"reset":                        {Reset: true},
		"text 421 4.3.2 Service shut":  {Text: "421 4.3.2 Service shut"},
		"text   action=defer_if  busy": {Text: "action=defer_if  busy"},
		"text close":                   {Text: "close"},
	} {
		if got, err := parseRefuse(text); got != want || err != nil {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"":                                 `unrecognized value: ; specify close, reset, or text and a line such as "text 421 come back later"`,
		"Close":                            `unrecognized value: Close; specify close, reset, or text and a line such as "text 421 come back later"`,
		"close now":                        `unrecognized value: close now; specify close, reset, or text and a line such as "text 421 come back later"`,
		"text":                             `text without a line; specify one, such as "text 421 come back later"`,
		"text a\r\nb":                      "a control character cannot be part of the line",
		"text " + strings.Repeat("x", 511): "a line of 511 bytes is too long; specify at most 510",
	} {
		if got, err := parseRefuse(text); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
}

func TestHosted(t *testing.T) {
	m := parseMain(t, "mynetworks = 127.0.0.0/8 [::1]/128\nhosted_client_allow = $mynetworks, uid:box\nhosted_queue_limit = 7\n")
	m.Set("hosted_client_rate", "5/10s")
	h, err := m.Hosted()
	if err != nil || fmt.Sprint(h.Allow) != "[127.0.0.0/8 ::1 uid:box]" || h.QueueLimit != 7 || h.ClientRate.String() != "5/10s" || h.IPv6Prefix != 64 {
		t.Errorf("got %+v, %v", h, err)
	}
	if p, err := m.Params(); err != nil || p.Hosted.QueueLimit != 7 {
		t.Errorf("got %v", err)
	}
	if h, err := NewMain("main.cf").Hosted(); err != nil || h.QueueLimit != Backlog || h.QueueTime != 100*time.Second || h.IPv4Prefix != 32 {
		t.Errorf("by default: %+v, %v", h, err)
	}
}

// TestHostedErrors: bad values, alone.
func TestHostedErrors(t *testing.T) {
	for line, want := range map[string]string{
		"hosted_client_limit = -1":            "invalid hosted_client_limit parameter value -1 < 0",
		"hosted_client_ipv4_prefix_length=33": "invalid hosted_client_ipv4_prefix_length parameter value 33 > 32",
		"hosted_client_ipv6_prefix_length=x":  "bad numerical configuration: hosted_client_ipv6_prefix_length = x; specify a whole number",
		"hosted_client_rate = 5":              "parameter hosted_client_rate: bad rate: 5; specify a number, a slash and a time, such as 30/60s",
		"hosted_client_allow = x":             "parameter hosted_client_allow: x: specify an address, a network such as 10.0.0.0/8 or [2001:db8::]/32, or uid: and a user",
		"hosted_client_deny = ::1/64":         "parameter hosted_client_deny: ::1/64: non-null host address bits; did you mean ::/64",
		"hosted_queue_limit = none":           "parameter hosted_queue_limit: bad number of clients: none; specify a whole number from 0 on, or nothing for the listen backlog",
		"hosted_queue_time = 0":               "invalid hosted_queue_time: 0 (min 1)",
		"hosted_refuse =":                     "bad string length 0 < 1: hosted_refuse = ",
		"hosted_refuse = drop":                `parameter hosted_refuse: unrecognized value: drop; specify close, reset, or text and a line such as "text 421 come back later"`,
	} {
		_, err := parseMain(t, "\n"+line+"\n").Params()
		if err == nil || err.Error() != "main.cf, line 2: "+want {
			t.Errorf("%s: got %v, want %s", line, err, want)
		}
		name, value, _ := strings.Cut(line, "=")
		m := NewMain("main.cf")
		m.Set(strings.TrimSpace(name), value) // as -o does, which is not a line of the file
		if _, err := m.Hosted(); err == nil || err.Error() != "main.cf: "+want {
			t.Errorf("-o %s: got %v, want %s", line, err, want)
		}
	}
}

// FuzzHosted: no text is a panic, and what was understood says so in a form
// that is understood the same.
func FuzzHosted(f *testing.F) {
	for _, text := range []string{
		"30/60s", "1/1w", "10.0.0.0/8, [2001:db8::]/32 ::1 uid:box", "[::ffff:10.0.0.0]/104", "uid:1000", "text 421 busy", "reset", "7",
		"::ffff:0:0/95", "uid:4294967295", "uid:]", "1/99999999999w", "fe80::1%lo/128",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := parseRate(text); err == nil && text != "" {
			if again, err := parseRate(r.String()); again != r || err != nil || r.Count < 1 || r.Per < time.Second {
				t.Errorf("%q: %v, then %v, %v", text, r, again, err)
			}
		}
		if list, err := parseClients(text); err == nil {
			var words []string
			for _, c := range list {
				words = append(words, c.String())
			}
			again, err := parseClients(strings.Join(words, ", "))
			if !slices.Equal(again, list) || err != nil {
				t.Fatalf("%q: %v, then %v, %v", text, list, again, err)
			}
			for i, c := range list {
				if c.Net.IsValid() && (c.Net.Masked() != c.Net || c.Net.Addr().Is4In6()) {
					t.Errorf("%q: %+v, then %+v", text, c, again[i])
				}
			}
		}
		if r, err := parseRefuse(text); err == nil && (len(r.Text) > maxRefuseText || strings.ContainsAny(r.Text, "\r\n\x00")) {
			t.Errorf("%q: %+v", text, r)
		}
		if n, err := parseQueueLimit(text); err == nil && (n < 0) != (text == "") {
			t.Errorf("%q: %d", text, n)
		}
	})
}
