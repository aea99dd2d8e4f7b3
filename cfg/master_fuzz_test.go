// SPDX-License-Identifier: ISC

package cfg

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// seed adds the files of the corpora that end in suffix.
func seed(f *testing.F, dir, suffix string) {
	entries, err := os.ReadDir("testdata/" + dir)
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			text, err := os.ReadFile("testdata/" + dir + "/" + e.Name())
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
}

// FuzzParseMaster: any text is read the same however it arrives, and what it
// says can be written in both languages and read again.
func FuzzParseMaster(f *testing.F) {
	seed(f, "convert/from-master", ".master.cf")
	seed(f, "postconf-master", ".cf")
	f.Fuzz(func(t *testing.T, text string) {
		m := mainWith()
		services, notes, err := ParseMaster("master.cf", strings.NewReader(text), m)
		again, notes2, err2 := ParseMaster("master.cf", iotest.OneByteReader(strings.NewReader(text)), m)
		if !reflect.DeepEqual(services, again) || !reflect.DeepEqual(notes, notes2) || !reflect.DeepEqual(err, err2) {
			t.Fatalf("in one piece %v, %v, %v\nbyte by byte %v, %v, %v", services, notes, err, again, notes2, err2)
		}
		for i := range services {
			_, _, _ = services[i].Overrides()
		}
		if err != nil {
			return
		}
		checkPostfixRoundTrip(t, m, services)
		if utf8.ValidString(text) {
			checkTOMLRoundTrip(t, m, services)
		}
	})
}

// FuzzParseTOML: what any file says can be written in both languages and read
// again, and every key in it has been found in the text.
func FuzzParseTOML(f *testing.F) {
	seed(f, "convert/from-toml", ".toml")
	seed(f, "convert/from-master", ".toml")
	seed(f, ".", ".toml")
	f.Fuzz(func(t *testing.T, text string) {
		checkPlaces(t, text)
		m, services, _, err := ParseTOML("postloop.toml", strings.NewReader(text), nil)
		if err != nil {
			list, ok := errors.AsType[Errors](err)
			if !ok || len(list) == 0 {
				t.Fatal(err)
			}
			for _, one := range list {
				if line := one.Line; line < 1 || line > strings.Count(text, "\n")+1 {
					t.Errorf("%v: no such line", one)
				}
			}
			return
		}
		// What a default of main.cf leaves out is not the point here.
		m.Set("compatibility_level", "3.6")
		m.Set("master_service_disable", "")
		m.Set("inet_protocols", "all")
		m.Set("inet_interfaces", "all")
		checkTOMLRoundTrip(t, m, services)
		checkPostfixRoundTrip(t, m, services)
	})
}

// checkPlaces checks that the locator sees the same keys as the library.
func checkPlaces(t *testing.T, text string) {
	t.Helper()
	root, wrong := parseTree("f", text)
	if wrong != nil {
		return
	}
	var check func(it *item)
	check = func(it *item) {
		if it.line < 1 || it.line > strings.Count(text, "\n")+1 {
			t.Errorf("%q at line %d", it.key, it.line)
		}
		for _, in := range it.items {
			if !in.found {
				t.Errorf("%q was not found", in.key)
			}
			check(in)
		}
		for _, in := range it.list {
			check(in)
		}
	}
	check(root)
}
