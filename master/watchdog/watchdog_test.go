// SPDX-License-Identifier: ISC

package watchdog

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFifo: a fifo takes what a device takes, and none of the questions.
func TestFifo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watchdog")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(path, time.Minute); !errors.Is(err, unix.ENXIO) {
		t.Fatalf("with nobody behind it: %v", err)
	}
	reader, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(reader)
	d, warning, err := Open(path, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(warning, unix.ENOTTY) || d.Timeout() != time.Minute || d.Stoppable() {
		t.Errorf("warning %v, timeout %v, stoppable %v", warning, d.Timeout(), d.Stoppable())
	}
	for range 2 {
		if err := d.Feed(); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	if n, err := unix.Read(reader, buf); err != nil || string(buf[:n]) != "\x00\x00V" {
		t.Errorf("%q, %v", buf[:max(n, 0)], err)
	}
}

func TestMissing(t *testing.T) {
	if _, _, err := Open(filepath.Join(t.TempDir(), "none"), time.Minute); !errors.Is(err, unix.ENOENT) {
		t.Error(err)
	}
}
