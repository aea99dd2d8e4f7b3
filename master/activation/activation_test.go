// SPDX-License-Identifier: ISC

package activation

import (
	"os"
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		pid, fds, names string
		want            []Socket
		bad             bool
	}{
		{"42", "1", "", []Socket{{3, ""}}, false},
		{"42", "2", "smtp:unknown", []Socket{{3, "smtp"}, {4, ""}}, false},
		{"42", "2", "smtp", []Socket{{3, ""}, {4, ""}}, false},
		{"42", "0", "", nil, false},
		{"41", "1", "", nil, false},
		{"", "1", "", nil, false},
		{"42", "", "", nil, true},
		{"42", "-1", "", nil, true},
		{"42", "x", "", nil, true},
		{"42", "99999999", "", nil, true},
	} {
		env := map[string]string{"LISTEN_PID": c.pid, "LISTEN_FDS": c.fds, "LISTEN_FDNAMES": c.names}
		got, err := parse(func(name string) string { return env[name] }, 42)
		if !slices.Equal(got, c.want) || (err != nil) != c.bad {
			t.Errorf("%v: %v, %v", env, got, err)
		}
	}
}

func TestTake(t *testing.T) {
	for _, name := range variables {
		t.Setenv(name, "1")
	}
	if list, err := Take(); list != nil || err != nil {
		t.Errorf("%v, %v", list, err)
	}
	for _, name := range variables {
		if _, set := os.LookupEnv(name); set {
			t.Errorf("%s is still set", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1", "2", "a:b")
	f.Add("1", "3", ":::")
	f.Fuzz(func(t *testing.T, pid, fds, names string) {
		env := map[string]string{"LISTEN_PID": pid, "LISTEN_FDS": fds, "LISTEN_FDNAMES": names}
		list, err := parse(func(name string) string { return env[name] }, 1)
		if len(list) > most || err != nil && list != nil {
			t.Errorf("%d, %v", len(list), err)
		}
	})
}
