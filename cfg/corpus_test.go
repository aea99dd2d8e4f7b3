// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpus calls f for each main.cf under testdata/postconf. The same files go
// through the real postconf, under the tag interop.
func corpus(t *testing.T, f func(t *testing.T, file, content string)) {
	t.Helper()
	files, err := filepath.Glob("testdata/postconf/*.cf")
	if err != nil || len(files) < 30 {
		t.Fatalf("corpus: %d files, %v", len(files), err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".cf"), func(t *testing.T) { f(t, file, string(content)) })
	}
}

func TestCorpus(t *testing.T) {
	corpus(t, func(t *testing.T, file, content string) {
		m := NewMain("/etc/postfix/main.cf")
		m.SetDefault("myhostname", "host")
		err := m.read(strings.NewReader(content))
		checkGolden(t, strings.TrimSuffix(file, ".cf")+".golden", describe(m, err))
	})
}

// describe tells all that m says: errors, notes, settings, and the values
// that are not what they are with an empty main.cf.
func describe(m *Main, err error) string {
	var b strings.Builder
	if err != nil {
		for _, one := range All(err) {
			fmt.Fprintf(&b, "error %v\n", one)
		}
	}
	for _, n := range m.Notes() {
		fmt.Fprintf(&b, "note %s\n", n.Text)
	}
	for _, name := range m.Names() {
		raw, _ := m.Raw(name)
		fmt.Fprintf(&b, "line %d: %s = %q\n", m.Line(name), name, raw)
	}
	empty := m.Clone()
	empty.entries = nil
	names := slices.Sorted(maps.Keys(parameters))
	for _, name := range m.Names() {
		if _, known := parameters[name]; !known {
			names = append(names, name)
		}
	}
	for _, name := range names {
		value, err := m.Value(name)
		without, _ := empty.Value(name)
		_, set := m.Raw(name)
		switch {
		case err != nil:
			fmt.Fprintf(&b, "%s: %v\n", name, err)
		case set || value != without:
			fmt.Fprintf(&b, "%s -> %q\n", name, value)
		}
	}
	return b.String()
}

// TestCorpusRoundTrip: what is written reads back the same.
func TestCorpusRoundTrip(t *testing.T) {
	corpus(t, func(t *testing.T, _, content string) {
		m, _ := ParseMain("main.cf", strings.NewReader(content))
		var b strings.Builder
		if err := WriteMain(&b, m); err != nil {
			t.Fatal(err)
		}
		again, err := ParseMain("main.cf", strings.NewReader(b.String()))
		if err != nil {
			t.Fatalf("%v\nin\n%s", err, b.String())
		}
		sameSettings(t, m, again)
	})
}

// sameSettings compares settings and their order.
func sameSettings(t *testing.T, m, again *Main) {
	t.Helper()
	if !slices.Equal(m.Names(), again.Names()) {
		t.Errorf("names %q, want %q", again.Names(), m.Names())
	}
	for _, name := range m.Names() {
		want, _ := m.Raw(name)
		if got, _ := again.Raw(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
