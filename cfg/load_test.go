// SPDX-License-Identifier: ISC

package cfg

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func writeFiles(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoad(t *testing.T) {
	const echo = "[[service]]\nlisten = \"127.0.0.1:7007\"\ncommand = \"echo\"\n"
	const want = "127.0.0.1:7007"
	for name, files := range map[string]map[string]string{
		"postfix": {"main.cf": "compatibility_level = 3.6\nx = $config_directory\n", "master.cf": want + " inet n - n - - echo\n"},
		"toml":    {"postloop.toml": "[parameters]\ncompatibility_level = \"3.6\"\nx = \"$config_directory\"\n" + echo},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeFiles(t, files)
			c, err := Load(dir, func(m *Main) { m.SetDefault("myhostname", "given") })
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Services) != 1 || c.Services[0].Name != want || c.Services[0].Command != "echo" || len(c.Notes) != 0 {
				t.Errorf("got %+v, notes %q", c.Services, c.Notes)
			}
			if x, err := c.Main.Expand("$x $myhostname"); x != dir+" given.localdomain" || err != nil {
				t.Errorf("got %q, %v", x, err)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"nothing":      {nil, []string{"open DIR/main.cf: no such file or directory"}},
		"no master.cf": {map[string]string{"main.cf": ""}, []string{"open DIR/master.cf: no such file or directory"}},
		"both": {
			map[string]string{"postloop.toml": "", "master.cf": ""},
			[]string{"DIR/postloop.toml: stands beside master.cf, and only one of them can count: remove postloop.toml, or else main.cf and master.cf"},
		},
		"all files": {
			map[string]string{"main.cf": "oops\nmax_use = 0\n", "master.cf": "\nx unix\n"},
			[]string{"DIR/main.cf, line 1: missing '='", "DIR/master.cf, line 2: ", "DIR/main.cf, line 2: invalid max_use"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeFiles(t, test.files)
			c, err := Load(dir, nil)
			if c != nil || err == nil {
				t.Fatalf("got %v, %v", c, err)
			}
			all := All(err)
			if len(all) != len(test.want) {
				t.Fatalf("got %v", err)
			}
			for i, want := range test.want {
				if got := all[i].Error(); !strings.HasPrefix(got, strings.ReplaceAll(want, "DIR", dir)) {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}

func TestModified(t *testing.T) {
	if got := Modified(t.TempDir()); !got.IsZero() {
		t.Errorf("no file: %v", got)
	}
	dir := writeFiles(t, map[string]string{"main.cf": "", "master.cf": ""})
	for i, name := range []string{"main.cf", "master.cf", "main.cf"} {
		when := time.Unix(int64(1_000_000+i), 0)
		if err := os.Chtimes(filepath.Join(dir, name), when, when); err != nil {
			t.Fatal(err)
		}
		// What another file says does not matter when it is older.
		if name == "main.cf" && i == 0 {
			if err := os.Chtimes(filepath.Join(dir, "master.cf"), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		}
		if got := Modified(dir); !got.Equal(when) {
			t.Errorf("%s: got %v, want %v", name, got, when)
		}
	}
}

// TestLoadRefusesPipes does not wait for whoever may write.
func TestLoadRefusesPipes(t *testing.T) {
	for _, pipe := range []string{"main.cf", "master.cf", "postloop.toml"} {
		dir := t.TempDir()
		if pipe == "master.cf" {
			if err := os.WriteFile(filepath.Join(dir, "main.cf"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := syscall.Mkfifo(filepath.Join(dir, pipe), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir, nil); err == nil || !strings.Contains(err.Error(), pipe+": not a regular file") {
			t.Errorf("%s is a fifo: %v", pipe, err)
		}
	}
}

// TestLoadMain reads main.cf beside a master.cf that nobody could read.
func TestLoadMain(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"main.cf": "queue_directory = /q\n", "master.cf": "nonsense\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(dir, nil); err == nil {
		t.Error("Load does not mind a bad master.cf")
	}
	m, err := LoadMain(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if q, err := m.Value("queue_directory"); q != "/q" || err != nil {
		t.Errorf("queue_directory = %q, %v", q, err)
	}
}
