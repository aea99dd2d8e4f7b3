// SPDX-License-Identifier: ISC

package loop

import (
	"runtime"
	"sync"
)

// ReserveThreads has the runtime make the threads now that it may want later.
// It gives the whole process up when it wants one and the system has no room
// for it, which is when no process can be made either: the very time that a
// program which starts processes has to outlive.
//
// How many it may want depends on the processors that it uses: two from now
// on, one for the loop and one for what there is beside it. With these it has
// been seen to want nine.
func ReserveThreads() {
	const processors, threads = 2, 8
	if runtime.GOMAXPROCS(0) > processors {
		runtime.GOMAXPROCS(processors)
	}
	var all sync.WaitGroup
	all.Add(threads)
	for range threads {
		go func() {
			// A thread of its own, until every one of them has one. It is kept
			// when the goroutine, bound to it no longer, has ended.
			runtime.LockOSThread()
			all.Done()
			all.Wait()
			runtime.UnlockOSThread()
		}()
	}
	all.Wait()
}
