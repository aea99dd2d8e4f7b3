// SPDX-License-Identifier: ISC

package main

import (
	"os"
	"path/filepath"
	"testing"

	"postloop/services/skeleton/mastertest"
)

// denied is a variable that says which system call a spawn is not to have, and
// with which error, as "number errno".
const denied = "SPAWN_TEST_DENIED"

// TestMain runs the tests, or spawn when the test's executable is started under
// that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "spawn" {
		deny(os.Getenv(denied))
		main()
	}
	os.Exit(m.Run())
}

// start starts a rootless spawn, whose service is called "it".
func start(t *testing.T, o mastertest.Options, args ...string) *mastertest.Daemon {
	t.Helper()
	o.Name = "spawn"
	o.Args = append(append([]string{"-n", "it"}, o.Args...), args...)
	return mastertest.Start(t, o)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
}
