// SPDX-License-Identifier: ISC

package loop_test

import (
	"fmt"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

func init() { roles["subreaper"] = subreaper }

// subreaper starts a child before and one after it asks for orphans, then one
// that leaves a child of its own behind, and tells what ends.
func subreaper() {
	must(unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	l, err := loop.New()
	must(err)
	own := func(e loop.Exit) { fmt.Println("own", e.Status.ExitStatus()) }
	_, err = l.Spawn(sh("exit 5"), own)
	must(err)
	l.OnOrphan(func(e loop.Exit) {
		fmt.Println("orphan", e.Status.ExitStatus())
		l.Stop()
	})
	for l.Children() > 0 {
		must(l.Turn(-1))
	}
	// The grandchild ends when the child is gone, which is when it has been
	// reaped.
	_, err = l.Spawn(sh("(while kill -0 $$ 2>/dev/null; do :; done; exit 7) & exit 6", 0, 1, 2), own)
	must(err)
	must(l.Run())
}
