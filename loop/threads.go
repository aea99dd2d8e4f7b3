// SPDX-License-Identifier: ISC

package loop

import "runtime"

// ReserveThreads has the Go runtime make n threads and keep them. It makes
// threads when it needs them, for its own business, and a runtime that cannot
// get one ends the process: just when the system has too many processes, which
// is nothing that a loop cannot wait out.
func ReserveThreads(n int) {
	there, leave := make(chan struct{}), make(chan struct{})
	for range n {
		go func() {
			runtime.LockOSThread() // and nobody else gets this one meanwhile
			there <- struct{}{}
			<-leave
			runtime.UnlockOSThread()
		}()
	}
	for range n {
		<-there
	}
	close(leave)
}
