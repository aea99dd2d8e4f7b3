// SPDX-License-Identifier: ISC

//go:build interop && linux

package bdb

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// load has Berkeley DB make a file.
func load(t *testing.T, path string, m Method, pageSize, order int, data map[string]string) {
	t.Helper()
	var in bytes.Buffer
	for _, key := range sortedKeys(data) {
		for _, s := range []string{key, data[key]} {
			for _, c := range []byte(s) {
				if c == '\\' || c < ' ' || c > '~' {
					fmt.Fprintf(&in, "\\%02x", c)
				} else {
					in.WriteByte(c)
				}
			}
			in.WriteByte('\n')
		}
	}
	run(t, &in, "db5.3_load", "-T", "-t", string(m), "-c", fmt.Sprint("db_pagesize=", pageSize), "-c", fmt.Sprint("db_lorder=", order), path)
}

func run(t *testing.T, in *bytes.Buffer, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	if in != nil {
		cmd.Stdin = in
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// open loads a file that is to be closed with the test.
func open(t *testing.T, path string, m Method) *File {
	t.Helper()
	r, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	f := New(onDisk{r}, m)
	if err := f.Load(); err != nil {
		t.Fatal(err)
	}
	return f
}

// Every page size, in both byte orders, with and without items that have pages
// of their own.
func TestLoadedByBerkeleyDB(t *testing.T) {
	for _, m := range []Method{Hash, Btree} {
		for pageSize := 512; pageSize <= maxPageSize; pageSize *= 2 {
			for _, order := range []int{1234, 4321} {
				for _, n := range []int{0, 1, 3000} {
					t.Run(fmt.Sprint(m, pageSize, order, n), func(t *testing.T) {
						t.Parallel()
						rnd := rand.New(rand.NewPCG(uint64(pageSize), uint64(order+n)))
						want := pairs(rnd, n, true)
						path := filepath.Join(t.TempDir(), "x.db")
						load(t, path, m, pageSize, order, want)
						holds(t, open(t, path, m), want)
					})
				}
			}
		}
	}
}
