// SPDX-License-Identifier: ISC

package master

import (
	"fmt"
	"testing"

	"postloop/cfg"
)

// TestClientLimitByNetwork: on Linux all of 127.0.0.0/8 is this machine.
func TestClientLimitByNetwork(t *testing.T) {
	w := newWorld(t)
	port := freePort(t)
	made := w.host(nil)
	entry := func(length int) string {
		return keptAt(fmt.Sprintf("127.0.0.1:%d inet", port), 100, "hosted_client_limit = 2", fmt.Sprintf("hosted_client_ipv4_prefix_length = %d", length))
	}
	w.start(entry(24))
	s := w.service(fmt.Sprintf("[127.0.0.1]:%d", port), cfg.Inet)
	dial := func(a, b byte) *client { return w.dialFrom([4]byte{127, 0, a, b}, port) }
	dial(0, 1)
	dial(0, 2)
	dial(1, 1)
	w.until(func() bool { return s.total == 3 })
	dial(0, 3).refused()
	if w.lines("refused client 127.0.0.3: more than 2 connections at once from 127.0.0.0/24") != 1 {
		t.Error("no line in the log")
	}

	// Those who are there count by what is one source now.
	w.must(w.reload(entry(32)))
	dial(0, 3)
	dial(0, 1)
	w.until(func() bool { return s.total == 5 })
	dial(0, 1).refused()
	w.must(w.reload(entry(16)))
	dial(2, 1).refused()
	for range 2 { // 127.0.0.1 and 127.0.0.2
		(*made)[0].release()
	}
	dial(2, 1).refused() // three are left
	(*made)[0].release()
	(*made)[1].release()
	dial(2, 1)
	w.until(func() bool { return s.total == 2 })
}
