// SPDX-License-Identifier: ISC

package cfg

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestSource: a configuration that was read as text is the one in the files, and
// is known to be.
func TestSource(t *testing.T) {
	for _, files := range []map[string]string{
		{"main.cf": "queue_directory = /q\n", "master.cf": "a unix - - n - - b\n"},
		{"postloop.toml": "state = \"run\"\n[[service]]\nname = \"a\"\nlisten = \"127.0.0.1:7007\"\nrun = [\"/bin/cat\"]\n"},
	} {
		dir := t.TempDir()
		write := func(name, text string) {
			if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for name, text := range files {
			write(name, text)
		}
		want, err := Load(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		s, err := ReadSource(dir)
		if err != nil {
			t.Fatal(err)
		}
		if s.Sum() != want.Sum() || !reflect.DeepEqual(s.Files, files) {
			t.Errorf("sums %x and %x of %q", s.Sum(), want.Sum(), s.Files)
		}
		for name := range files {
			write(name, "nonsense, which nobody reads")
		}
		got, err := s.Load(nil)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.Services, want.Services) || got.Sum() != want.Sum() {
			t.Errorf("got %+v, want %+v", got.Services, want.Services)
		}
		if changed, err := ReadSource(dir); err != nil || changed.Sum() == want.Sum() {
			t.Errorf("a change is not seen: %v", err)
		}
	}
	s := Source{Dir: "/etc", Files: map[string]string{"main.cf": ""}}
	if _, err := s.Load(nil); err == nil || !strings.Contains(err.Error(), "master.cf") {
		t.Errorf("without master.cf: %v", err)
	}
}
