// SPDX-License-Identifier: ISC

package loop_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

func init() {
	roles["signal-default"] = signalDefault
	roles["limit"] = limit
	roles["idle"] = idle
	roles["stuck"] = stuck
}

// must ends a role that cannot go on.
func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// signalDefault takes a signal over, gives it back, and dies of it.
func signalDefault() {
	l, err := loop.New()
	must(err)
	calls := 0
	l.OnSignal(unix.SIGTERM, func() { calls++; l.Stop() })
	must(unix.Kill(unix.Getpid(), unix.SIGTERM))
	must(l.Run())
	l.OnSignal(unix.SIGTERM, nil)
	must(unix.Kill(unix.Getpid(), unix.SIGTERM))
	must(l.Turn(10 * time.Second))
}

// limit starts a child that tells its limit of open files.
func limit() {
	l, err := loop.New()
	must(err)
	_, err = l.Spawn(sh("ulimit -S -n", 0, 1, 2), func(loop.Exit) { l.Stop() })
	must(err)
	must(l.Run())
}

// idle waits for a timer with everything set up that a busy process has, and
// tells how often the loop and the process woke up meanwhile.
func idle() {
	debug.SetGCPercent(-1)
	l, err := loop.New()
	must(err)
	for range 100 {
		var p [2]int
		must(unix.Pipe(p[:]))
		_, err := l.Watch(p[0], loop.Readable, func(loop.Ready) {})
		must(err)
	}
	l.OnSignal(unix.SIGHUP, func() {})
	l.Watchdog(20*time.Millisecond, func(string) { os.Exit(1) })
	for range 10_000 {
		l.After(time.Hour, func() {})
	}
	// Timers that are moved to later must not wake anybody at their old time.
	for range 100 {
		l.After(time.Millisecond, func() {}).Reset(time.Hour)
	}
	var before, after unix.Rusage
	var turns uint64
	// The first timer lets everything come to rest, the watchdog too.
	l.After(300*time.Millisecond, func() {
		turns = l.Stats().Turns
		must(unix.Getrusage(unix.RUSAGE_SELF, &before))
	})
	l.After(time.Second, func() { l.Stop() })
	must(l.Run())
	must(unix.Getrusage(unix.RUSAGE_SELF, &after))
	fmt.Println(l.Stats().Turns-turns, after.Nvcsw-before.Nvcsw)
}

// stuck never comes back from a callback; its watchdog says which.
func stuck() {
	l, err := loop.New()
	must(err)
	l.Watchdog(100*time.Millisecond, func(name string) {
		fmt.Println(name)
		os.Exit(3)
	})
	l.Later(func() {})
	l.After(time.Millisecond, neverReturns)
	must(l.Run())
}

func neverReturns() {
	for n := 0; ; n++ {
	}
}
