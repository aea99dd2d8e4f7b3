// SPDX-License-Identifier: ISC

package record

import (
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	r := Record{Name: "user1", Passwd: "$1$salt$hash", GID: 8, Gecos: "Real Name", Dir: "/home/mail/x", Shell: "5000000S"}
	if got, want := r.Text("Virt.example"), "user1@Virt.example:$1$salt$hash:0:8:Real Name:/home/mail/x:5000000S:0"; got != want {
		t.Errorf("%s", got)
	}
	r = Record{Name: "a\x00b", UID: 1<<32 - 1, Inactive: true, Shell: "\xff:\x00"}
	if got, want := r.Text(""), "a@::4294967295:0:::\xff::1"; got != want {
		t.Errorf("%q", got)
	}
}

func TestSplit(t *testing.T) {
	for key, want := range map[string]string{"a@b": "a b true", "a@b@c": "a@b c true", "a": "  false", "@": "  true"} {
		user, domain, ok := Split(key)
		got := user + " " + domain + " false"
		if ok {
			got = user + " " + domain + " true"
		}
		if got != want {
			t.Errorf("%s: %s", key, got)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("user", "pw", "domain")
	f.Fuzz(func(t *testing.T, name, passwd, domain string) {
		r := Record{Name: name, Passwd: passwd}
		if strings.Contains(domain, "\x00") {
			return
		}
		if text := r.Text(domain); strings.Contains(text, "\x00") || !strings.HasSuffix(text, ":0:0::::0") {
			t.Errorf("%q", text)
		}
	})
}
