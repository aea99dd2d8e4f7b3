// SPDX-License-Identifier: ISC

package loop_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

func benchLoop(b *testing.B) *loop.Loop {
	b.Helper()
	l, err := loop.New()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	b.ReportAllocs()
	return l
}

// in runs f inside a turn, where the time is not read for each call.
func in(b *testing.B, l *loop.Loop, f func()) {
	b.Helper()
	l.Later(f)
	if err := l.Turn(0); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkTimer sets and stops one timer among n others; moves one of them to
// later, as idle limits are; and moves one to anywhere.
func BenchmarkTimer(b *testing.B) {
	for _, n := range []int{1000, 100_000, 1_000_000} {
		l := benchLoop(b)
		list := make([]*loop.Timer, n)
		for i := range list {
			list[i] = l.After(time.Hour+time.Duration(rand.Int64N(3600e9)), func() {})
		}
		t := l.After(0, func() {})
		t.Stop()
		b.Run(fmt.Sprintf("set+stop/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			in(b, l, func() {
				for b.Loop() {
					t.Reset(2 * time.Hour)
					t.Stop()
				}
			})
		})
		b.Run(fmt.Sprintf("later/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			in(b, l, func() {
				i := 0
				for b.Loop() {
					list[i].Reset(3 * time.Hour)
					if i++; i == n {
						i = 0
					}
				}
			})
		})
		b.Run(fmt.Sprintf("move/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			r := rand.New(rand.NewPCG(1, 2))
			in(b, l, func() {
				for b.Loop() {
					list[r.IntN(n)].Reset(time.Duration(r.Int64N(7200e9)))
				}
			})
		})
	}
}

// BenchmarkFire sets and fires timers, a thousand in a turn.
func BenchmarkFire(b *testing.B) {
	l := benchLoop(b)
	var list [1000]*loop.Timer
	for i := range list {
		list[i] = l.After(0, func() {})
	}
	for b.Loop() {
		if err := l.Turn(0); err != nil {
			b.Fatal(err)
		}
		for _, t := range list {
			t.Reset(0)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(list)), "ns/timer")
}

// BenchmarkTurn is what a turn costs with nothing to do, and with the watchdog
// and the stall report asked for.
func BenchmarkTurn(b *testing.B) {
	for _, watched := range []bool{false, true} {
		name := "plain"
		if watched {
			name = "watched"
		}
		b.Run(name, func(b *testing.B) {
			l := benchLoop(b)
			if watched {
				l.Watchdog(time.Minute, func(string) {})
				l.OnStall(time.Second, func(string, time.Duration) {})
			}
			for b.Loop() {
				if err := l.Turn(0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCallback is what a callback costs, per callback of a busy turn.
func BenchmarkCallback(b *testing.B) {
	for _, mode := range []string{"plain", "watchdog", "stall"} {
		b.Run(mode, func(b *testing.B) {
			l := benchLoop(b)
			switch mode {
			case "watchdog":
				l.Watchdog(time.Minute, func(string) {})
			case "stall":
				l.OnStall(time.Second, func(string, time.Duration) {})
			}
			f := func() {}
			for b.Loop() {
				for range 1000 {
					l.Later(f)
				}
				if err := l.Turn(0); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/callback")
		})
	}
}

// BenchmarkWant turns interest on and off again within a turn: no system call.
func BenchmarkWant(b *testing.B) {
	l := benchLoop(b)
	r, w := pipe(b)
	defer closeFd(b, r)
	defer closeFd(b, w)
	watched := watch(b, l, r, readable, func(loop.Ready) {})
	defer watched.Stop()
	for b.Loop() {
		watched.Want(readable | writable)
		watched.Want(readable)
	}
}

type echo struct{}

func (echo) Data(c *loop.Conn, in []byte) int { c.Write(in); return len(in) }
func (echo) Closed(*loop.Conn, error)         {}

// BenchmarkEcho answers 64 bytes on each of n connections per turn; the other
// ends are in this very thread, so it is the system calls of both.
func BenchmarkEcho(b *testing.B) {
	for _, n := range []int{1, 64, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := benchLoop(b)
			var peers []int
			for range n {
				ours, theirs := socketpair(b)
				defer func() { _ = unix.Close(theirs) }()
				peers = append(peers, theirs)
				if _, err := l.Conn(ours, echo{}, loop.Limits{Idle: time.Minute}); err != nil {
					b.Fatal(err)
				}
			}
			buf := make([]byte, 64)
			for b.Loop() {
				for _, fd := range peers {
					_, _ = unix.Write(fd, buf)
				}
				for _, fd := range peers {
					for {
						if n, _ := unix.Read(fd, buf); n > 0 {
							break
						}
						if err := l.Turn(-1); err != nil {
							b.Fatal(err)
						}
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/message")
		})
	}
}

// BenchmarkSpawn starts a program and waits for its end, with few descriptors
// open and with many. SPAWN names one that ends faster than /bin/true.
func BenchmarkSpawn(b *testing.B) {
	path := cmp.Or(os.Getenv("SPAWN"), "/bin/true")
	for _, mode := range []string{"pidfd", "sigchld"} {
		for _, open := range []int{0, 10000} {
			b.Run(fmt.Sprintf("%s/open=%d", mode, open), func(b *testing.B) {
				l := benchLoop(b)
				if mode == "sigchld" {
					l.OnOrphan(nil)
				}
				for range open {
					fd, err := unix.FcntlInt(uintptr(l.WakeFd()), unix.F_DUPFD_CLOEXEC, 0)
					if err != nil {
						b.Fatal(err)
					}
					defer closeFd(b, fd)
				}
				c := &loop.Cmd{Path: path, Args: []string{"program"}, Files: []int{-1, -1, -1}}
				for b.Loop() {
					if _, err := l.Spawn(c, nil); err != nil {
						b.Fatal(err)
					}
					for l.Children() > 0 {
						if err := l.Turn(-1); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// BenchmarkAccept connects and accepts.
func BenchmarkAccept(b *testing.B) {
	l := benchLoop(b)
	fd, sa := socket(b, unix.AF_INET)
	defer closeFd(b, fd)
	n := 0
	ln := listen(b, l, fd, func(fd int, _ loop.Peer) { n++; _ = unix.Close(fd) })
	defer ln.Stop()
	for want := 1; b.Loop(); want++ {
		c := dial(b, unix.AF_INET, sa)
		for n < want {
			if err := l.Turn(-1); err != nil {
				b.Fatal(err)
			}
		}
		_ = unix.Close(c)
	}
}
