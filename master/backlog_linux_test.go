// SPDX-License-Identifier: ISC

package master

import (
	"testing"

	"golang.org/x/sys/unix"
)

// backlog returns that of a listening socket, which the kernel reports in
// the place of another number.
func backlog(t *testing.T, fd int) uint32 {
	t.Helper()
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sacked
}
