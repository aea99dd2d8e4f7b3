// SPDX-License-Identifier: ISC

package bdb

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// bytesReader is a file in memory.
type bytesReader struct{ *bytes.Reader }

func (r bytesReader) Size() (int64, error) { return r.Reader.Size(), nil }

func inMemory(b []byte, m Method) *File { return New(bytesReader{bytes.NewReader(b)}, m) }

// onDisk is a file of the system.
type onDisk struct{ *os.File }

func (r onDisk) Size() (int64, error) {
	st, err := r.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

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

// pairs makes n keys with values, of many lengths; some need pages of their
// own, if that is wanted.
func pairs(rnd *rand.Rand, n int, long bool) map[string]string {
	m := make(map[string]string)
	for len(m) < n {
		size := 1 + rnd.IntN(40)
		if long && rnd.IntN(50) == 0 {
			size = rnd.IntN(6000)
		}
		valueSize := rnd.IntN(60)
		if long && rnd.IntN(50) == 0 {
			valueSize = rnd.IntN(100_000)
		}
		m[text(rnd, size)] = text(rnd, valueSize)
	}
	return m
}

// text is printable, with something beyond ASCII in it.
func text(rnd *rand.Rand, n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789@.-_+=/\xc3\xbc\xff\x01"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[rnd.IntN(len(letters))]
	}
	return string(b)
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func isFormat(err error) (*FormatError, bool) {
	var e *FormatError
	return e, errors.As(err, &e)
}
