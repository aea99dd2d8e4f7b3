// SPDX-License-Identifier: ISC

//go:build loopdebug

package loop_test

import (
	"testing"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// TestOwner: with the tag, whatever is called from another goroutine while a
// turn is taken panics, but for Post.
func TestOwner(t *testing.T) {
	l := looptest.New(t)
	ours, _ := looptest.Pair(t)
	w := watch(t, l, ours, readable, func(loop.Ready) {})
	timer := l.After(ms, func() {})
	c, _ := conn(t, l, &recorder{}, loop.Limits{})
	calls := map[string]func(){
		"Later":      func() { l.Later(func() {}) },
		"After":      func() { l.After(0, func() {}) },
		"Reset":      func() { timer.Reset(0) },
		"Stop timer": func() { timer.Stop() },
		"Watch":      func() { _, _ = l.Watch(ours, readable, nil) },
		"Want":       func() { w.Want(0) },
		"Stop watch": w.Stop,
		"Stop":       l.Stop,
		"Spawn":      func() { _, _ = l.Spawn(sh("exit 0"), nil) },
		"OnSignal":   func() { l.OnSignal(unix.SIGUSR1, nil) },
		"OnOrphan":   func() { l.OnOrphan(nil) },
		"Write":      func() { c.Write([]byte("x")) },
		"Close":      func() { c.Close(nil) },
		"Detach":     func() { c.Detach() },
	}
	l.Later(func() {
		for name, f := range calls {
			if other(f) == nil {
				t.Errorf("%s does not panic", name)
			}
		}
		if v := other(func() { l.Post(func() {}) }); v != nil {
			t.Errorf("Post: %v", v)
		}
	})
	turn(t, l)
	turn(t, l)
	timer.Stop()
	w.Stop()
	finish(t, l, c)
}

// other calls f from another goroutine and returns what it panics with.
func other(f func()) any {
	result := make(chan any)
	go func() { result <- panics(f) }()
	return <-result
}

// TestClosedWhileWatched: with the tag, Stop finds a descriptor that was
// closed, or closed and opened again, behind its back.
func TestClosedWhileWatched(t *testing.T) {
	for name, again := range map[string]bool{"closed": false, "reused": true} {
		t.Run(name, func(t *testing.T) {
			l, err := loop.New()
			if err != nil {
				t.Fatal(err)
			}
			ours, theirs := socketpair(t)
			w := watch(t, l, ours, readable, func(loop.Ready) {})
			closeFd(t, ours)
			if again {
				r, _ := pipe(t)
				if r != ours {
					dup2(t, r, ours)
				}
			}
			if panics(w.Stop) == nil {
				t.Error("no panic")
			}
			closeFd(t, theirs)
		})
	}
}
