// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postloop/loop"
	"postloop/loop/looptest"
)

// newAsker is an Asker whose processes are fakeDrivers.
func newAsker(t *testing.T) (*drivenWorld, *Asker) {
	t.Helper()
	w := &drivenWorld{netWorld: newNetWorld(t, looptest.New(t))}
	exe, err := os.Executable()
	w.must(err)
	w.must(os.Symlink(exe, filepath.Join(w.dir, "table-fake")))
	w.Workers = w.dir
	w.Limits = func(string) Limits { return Limits{Connections: 2, Queue: 5, Deadline: 30 * time.Second} }
	a := w.Asker("askers", "table-fake", "dir", w.dir)
	t.Cleanup(func() {
		a.Close()
		w.until(func() bool { return w.Loop.Children() == 0 && w.Loop.Stats().Conns == 0 })
	})
	return w, a
}

// TestAsker: values come as they are, and a question that several have is asked
// once.
func TestAsker(t *testing.T) {
	w, a := newAsker(t)
	for _, row := range []struct{ key, want string }{
		{"value", `0 ["value-of-value"]`},
		{"VALUE", `1 []`},
		{"two", `0 ["one@a.example" "" "two@b.example"]`},
		{"", `1 []`},
		{"\xff", `1 []`},
		{"value-é", `0 ["value-of-value-é"]`},
		{"retry", `2 []`},
		{"config", `5 []`},
	} {
		got := ""
		a.Ask(row.key, func(values []string, s Status) { got = fmt.Sprintf("%d %q", s, values) })
		w.until(func() bool { return got != "" })
		if got != row.want {
			t.Errorf("%q: %s, want %s", row.key, got, row.want)
		}
	}
	var list []string
	for range 6 {
		a.Ask("wait-go", func(values []string, s Status) { list = append(list, fmt.Sprintf("%d %q", s, values)) })
	}
	if len(list) != 1 || list[0] != "2 []" { // one too many
		t.Errorf("%q", list)
	}
	w.until(func() bool { return w.Loop.Children() > 0 })
	w.must(os.WriteFile(filepath.Join(w.dir, "go"), nil, 0o600))
	w.until(func() bool { return len(list) == 6 })
	for _, got := range list[1:] {
		if got != `0 ["waited"]` {
			t.Errorf("%q", list)
		}
	}
	w.logs("server is down", "no such table", "too many requests")
}

// TestWorkersUser: the processes can be somebody else's.
func TestWorkersUser(t *testing.T) {
	w, a := newAsker(t)
	if os.Getuid() == 0 {
		w.WorkersUser = &loop.User{UID: 4001, GID: 4002, Groups: []int{4002}}
		w.must(os.RemoveAll(filepath.Join(w.dir, "table-fake")))
		w.must(os.Symlink("/bin/true", filepath.Join(w.dir, "table-fake")))
		w.must(os.Chmod(w.dir, 0o700)) // where somebody else does not get in
	} else {
		w.WorkersUser = &loop.User{UID: os.Getuid() + 1, GID: os.Getgid()}
	}
	got := Later
	a.Ask("value", func(_ []string, s Status) { got = s })
	w.until(func() bool { return got != Later })
	if got != Retry {
		t.Errorf("status %d", got)
	}
	w.logs("table-fake: ")
}
