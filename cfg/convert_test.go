// SPDX-License-Identifier: ISC

package cfg

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// cases returns the files in testdata/dir that end in suffix, by what comes
// before it.
func cases(t *testing.T, dir, suffix string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*"+suffix))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s in %s: %v", suffix, dir, err)
	}
	found := map[string]string{}
	for _, file := range files {
		found[strings.TrimSuffix(filepath.Base(file), suffix)] = strings.TrimSuffix(file, suffix)
	}
	return found
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// settingsOf returns what m has set; order and lines do not count.
func settingsOf(m *Main) map[string]string {
	set := map[string]string{}
	for _, name := range m.Names() {
		set[name], _ = m.Raw(name)
	}
	return set
}

// unplaced returns services without the places they come from, and without what
// only TOML can say.
func unplaced(services []Service) []Service {
	out := make([]Service, len(services))
	for i, s := range services {
		s.File, s.Line, s.Label = "", 0, ""
		if len(s.Args) == 0 {
			s.Args = nil
		}
		out[i] = s
	}
	return out
}

// checkSame compares two configurations by what they say.
func checkSame(t *testing.T, what string, gotMain, wantMain *Main, got, want []Service) {
	t.Helper()
	if g, w := settingsOf(gotMain), settingsOf(wantMain); !maps.Equal(g, w) {
		t.Errorf("%s: settings\n%q\nwant\n%q", what, g, w)
	}
	g, w := unplaced(got), unplaced(want)
	if len(g) != len(w) {
		t.Fatalf("%s: %d services, want %d", what, len(g), len(w))
	}
	for i := range g {
		if !reflect.DeepEqual(g[i], w[i]) {
			t.Errorf("%s: service %d\n%+v\nwant\n%+v", what, i, g[i], w[i])
		}
	}
}

func mustTOML(t *testing.T, name, text string) (*Main, []Service) {
	t.Helper()
	m, services, _, err := ParseTOML(name, strings.NewReader(text), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return m, services
}

func mustPostfix(t *testing.T, mainText, masterText string) (*Main, []Service) {
	t.Helper()
	m, err := ParseMain("main.cf", strings.NewReader(mainText))
	if err != nil {
		t.Fatalf("%v\n%s", err, mainText)
	}
	services, _, err := ParseMaster("master.cf", strings.NewReader(masterText), m)
	if err != nil {
		t.Fatalf("%v\n%s", err, masterText)
	}
	return m, services
}

func written(t *testing.T, write func(*strings.Builder) error) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestConvertFromMaster(t *testing.T) {
	for name, file := range cases(t, "convert/from-master", ".master.cf") {
		t.Run(name, func(t *testing.T) {
			m, services := mustPostfix(t, readFile(t, file+".main.cf"), readFile(t, file+".master.cf"))

			text := written(t, func(b *strings.Builder) error { return WriteTOML(b, m, services) })
			checkGolden(t, file+".toml", text)

			m2, services2 := mustTOML(t, "postloop.toml", text)
			checkSame(t, "from TOML", m2, m, services2, services)
			checkPostfixRoundTrip(t, m2, services2)
		})
	}
}

func TestConvertFromTOML(t *testing.T) {
	for name, file := range cases(t, "convert/from-toml", ".toml") {
		t.Run(name, func(t *testing.T) {
			m, services := mustTOML(t, "postloop.toml", readFile(t, file+".toml"))

			mainText := written(t, func(b *strings.Builder) error { return WriteMain(b, m) })
			masterText := written(t, func(b *strings.Builder) error { return WriteMaster(b, services) })
			checkGolden(t, file+".main.cf", mainText)
			checkGolden(t, file+".master.cf", masterText)

			m2, services2 := mustPostfix(t, mainText, masterText)
			checkSame(t, "from master.cf", m2, m, services2, services)
			checkTOMLRoundTrip(t, m2, services2)
		})
	}
}

func checkPostfixRoundTrip(t *testing.T, m *Main, services []Service) {
	t.Helper()
	mainText := written(t, func(b *strings.Builder) error { return WriteMain(b, m) })
	masterText := written(t, func(b *strings.Builder) error { return WriteMaster(b, services) })
	m2, services2 := mustPostfix(t, mainText, masterText)
	checkSame(t, "written again\n"+masterText, m2, m, services2, services)
}

func checkTOMLRoundTrip(t *testing.T, m *Main, services []Service) {
	t.Helper()
	text := written(t, func(b *strings.Builder) error { return WriteTOML(b, m, services) })
	m2, services2 := mustTOML(t, "postloop.toml", text)
	checkSame(t, "written again\n"+text, m2, m, services2, services)
	for i, s := range services {
		if s.Label != services2[i].Label {
			t.Errorf("service %d is called %q, and was %q", i, services2[i].Label, s.Label)
		}
	}
}
