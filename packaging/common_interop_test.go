// SPDX-License-Identifier: ISC

//go:build interop && linux

package packaging

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// patience is how long anything may take before it counts as never.
const patience = time.Minute

// repository is where these tests are run for.
func repository(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	must(t, err)
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// status runs a command in the repository, and returns what it printed, on
// both outputs, and its exit status.
func status(t *testing.T, env []string, argv ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.Dir = repository(t)
	c.Env = append(os.Environ(), env...)
	c.WaitDelay = time.Second // for those to whom it left its output
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		t.Fatalf("%q: %v\n%s", argv, err, out)
	}
	return string(out), c.ProcessState.ExitCode()
}

// run is status for a command that has to succeed.
func run(t *testing.T, argv ...string) string {
	t.Helper()
	out, code := status(t, nil, argv...)
	if code != 0 {
		t.Fatalf("%q: status %d\n%s", argv, code, out)
	}
	return out
}

// until waits for a condition.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// shortDir is a directory that everybody can go through, unlike t.TempDir, for
// those who are somebody else in a namespace.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pk")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}
