// SPDX-License-Identifier: ISC

package bdb

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// bytesReader is a file in memory.
type bytesReader struct{ *bytes.Reader }

func (r bytesReader) Size() (int64, error) { return r.Reader.Size(), nil }

func inMemory(b []byte, m Method) *File { return New(bytesReader{bytes.NewReader(b)}, m) }

// dump returns what Next finds.
func dump(f *File) (map[string]string, error) {
	all := make(map[string]string)
	var c Cursor
	for {
		key, value, ok, err := f.Next(&c)
		if !ok || err != nil {
			return all, err
		}
		if old, twice := all[string(key)]; twice {
			return all, fmt.Errorf("Next returned %.40q twice: %.40q, %.40q", key, old, value)
		}
		all[string(key)] = string(value)
	}
}

// holds asks f for everything that want has, for some that it has not, and for
// all in turn.
func holds(t *testing.T, f *File, want map[string]string) {
	t.Helper()
	for key, value := range want {
		got, ok, err := f.Get([]byte(key))
		if err != nil || !ok || string(got) != value {
			t.Fatalf("Get(%.60q) = %.60q, %v, %v; want %.60q", key, got, ok, err, value)
		}
		for _, other := range []string{key + "x", key[:len(key)/2], "no" + key} {
			value, there := want[other]
			got, ok, err := f.Get([]byte(other))
			if err != nil || ok != there || string(got) != value {
				t.Fatalf("Get(%.60q) = %.60q, %v, %v; want %.60q, %v", other, got, ok, err, value, there)
			}
		}
	}
	all, err := dump(f)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range all {
		if there, ok := want[key]; !ok || there != value {
			t.Fatalf("Next found %.60q with %.60q, want %.60q, %v", key, value, there, ok)
		}
	}
	if len(all) != len(want) {
		t.Fatalf("Next found %d pairs, want %d", len(all), len(want))
	}
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func isFormat(err error) (*FormatError, bool) {
	var e *FormatError
	return e, errors.As(err, &e)
}
