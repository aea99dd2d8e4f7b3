// SPDX-License-Identifier: ISC

package skeleton

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"postloop/services/skeleton/mastertest"
)

// TestNobodyStartsItByHand: with a terminal for standard input it says so
// there.
func TestNobodyStartsItByHand(t *testing.T) {
	t.Parallel()
	tty := terminal(t)
	d := mastertest.Start(t, mastertest.Options{Stdin: tty})
	d.Exits(1)
	if got := d.Log(); !strings.HasPrefix(got, "daemon: fatal: do not run this command by hand\n") {
		t.Errorf("got %q", got)
	}
	d = mastertest.Start(t, mastertest.Options{Stdin: tty, Args: []string{"-d"}})
	mastertest.Line(t, d.Dial())
}

// terminal returns one.
func terminal(t *testing.T) *os.File {
	t.Helper()
	controller, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = controller.Close() })
	fd := int(controller.Fd())
	must(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	must(t, err)
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { _ = tty.Close() })
	return tty
}
