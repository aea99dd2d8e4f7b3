// SPDX-License-Identifier: ISC

package notify

import (
	"fmt"
	"os"
	"testing"
)

// TestAbstract: a socket without a file.
func TestAbstract(t *testing.T) {
	name := fmt.Sprintf("@postloop-notify-test-%d", os.Getpid())
	fd := manager(t, name)
	n, err := New(func(v string) string { return map[string]string{"NOTIFY_SOCKET": name}[v] }, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if err := n.Send(Reloading, Now()); err != nil {
		t.Fatal(err)
	}
	var usec int64
	if _, err := fmt.Sscanf(receive(t, fd), "RELOADING=1\nMONOTONIC_USEC=%d", &usec); err != nil || usec <= 0 {
		t.Errorf("%d, %v", usec, err)
	}
}
