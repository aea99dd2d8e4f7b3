// SPDX-License-Identifier: ISC

//go:build linux

package pftest

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Ours builds one of our programs, by its name in cmd, as `make build` does,
// and returns its path.
func Ours(t testing.TB, name string) string {
	t.Helper()
	return Build(t, name, func(out string) error {
		c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, "postloop/cmd/"+name)
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, text)
		}
		return nil
	})
}
