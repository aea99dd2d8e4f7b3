// SPDX-License-Identifier: ISC

//go:build !looppoll

package skeleton

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postloop/services/skeleton/mastertest"
)

// TestNobodyIsWokenForNothing has many idle processes on one socket, and
// clients one by one: for each of these one process is woken, and the others
// sleep on. Then the master goes, and all notice.
func TestNobodyIsWokenForNothing(t *testing.T) {
	const processes, clients = 20, 50
	m := mastertest.New(t, mastertest.Options{})
	var all []*mastertest.Daemon
	var held []net.Conn
	for range processes { // all hold a client at once, so that each has started
		all = append(all, mastertest.Start(t, mastertest.Options{Master: m}))
		conn := m.Dial()
		mastertest.Line(t, conn)
		held = append(held, conn)
	}
	leave := func(conn net.Conn) {
		t.Helper()
		must(t, conn.Close())
		for m.Status().Avail != available {
		}
	}
	for _, conn := range held {
		leave(conn)
	}
	woken := 0
	before := switches(t, all)
	for range clients {
		conn := m.Dial()
		mastertest.Line(t, conn)
		leave(conn)
		after := switches(t, all)
		for pid, n := range after {
			if n != before[pid] {
				woken++
			}
		}
		before = after
	}
	t.Logf("%d processes, %d clients: %d times was a process awake", processes, clients, woken)
	// One serves, and the runtime's threads of the one before may have been
	// late to sleep. If all woke it would be 1000 times.
	if most := 4 * clients; woken > most {
		t.Errorf("for %d clients %d processes were awake, more than %d", clients, woken, most)
	}
	m.Reload()
	for _, d := range all {
		d.Exits(0)
	}
}

// switches returns how many times the threads of each process went to sleep,
// once all do.
func switches(t *testing.T, all []*mastertest.Daemon) map[int]int {
	t.Helper()
	asleep(t, all)
	counts := map[int]int{}
	for _, d := range all {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", d.Pid))
		must(t, err)
		for _, thread := range threads {
			text, err := os.ReadFile(thread)
			must(t, err)
			_, after, found := strings.Cut(string(text), "\nvoluntary_ctxt_switches:")
			if !found {
				t.Fatalf("no such line in %s", thread)
			}
			n := 0
			_, err = fmt.Sscan(after, &n)
			must(t, err)
			counts[d.Pid] += n
		}
	}
	return counts
}

// asleep waits until every process waits for something.
func asleep(t *testing.T, all []*mastertest.Daemon) {
	t.Helper()
	for _, d := range all {
		mastertest.Until(t, "asleep", func() bool {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.Pid))
			must(t, err)
			_, after, _ := strings.Cut(string(text), ") ")
			return strings.HasPrefix(after, "S")
		})
	}
}
