// SPDX-License-Identifier: ISC

package loop

// event is one descriptor's readiness, as a wait found it.
type event struct {
	fd    int
	ready Ready
}

// batch is how many events one wait fetches, and how many orphans a turn
// reaps. What does not fit is not lost: the kernel puts descriptors that it
// has reported at the end of its list.
const batch = 256

// Each backend (poller_epoll.go, poller_kqueue.go, poller_poll.go) has a type
// poller with the same five functions; the rest of the package knows no more
// of the kernel's way of waiting than this:
//
//	newPoller() (*poller, error)
//	close() error
//	set(fd int, old, want Ready) error
//	wait(d time.Duration) ([]event, error)
//
// The constant asksFirst says that to ask without waiting, before each wait, costs
// nothing that would not be spent anyway. A loop with much to do then need not work
// out each time how long it could wait.
//
// set changes what is reported of fd from old to want; 0 stands for "nothing,
// and the kernel has forgotten fd". The bit exclusive never comes alone, and is
// a wish; a change from or to it that fails for want of something leaves
// nothing watched. The caller knows what old is: nothing here keeps a second
// copy of it. A closed descriptor is an error; a valid one
// that the kernel cannot watch (a regular file) is not, it is always ready.
//
// wait waits no longer than d, without limit when d is negative, and not at
// all when it is 0; it never returns early because of rounding, or timers
// would spin. Its result is valid until the next call, holds each descriptor
// at most once, and is empty when a signal interrupted the wait. Reports are
// level-triggered: what is still so is said again. A hang-up or an error is
// readable and writable both, so that whoever looks next finds it.
