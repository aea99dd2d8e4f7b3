// SPDX-License-Identifier: ISC

package loop_test

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// shout answers each line in capitals, and keeps nothing of its own: what is
// not a whole line yet stays with the connection.
type shout struct{ l *loop.Loop }

func (s shout) Data(c *loop.Conn, in []byte) (used int) {
	used = bytes.LastIndexByte(in, '\n') + 1
	c.Write(bytes.ToUpper(in[:used]))
	return used
}

func (s shout) Closed(_ *loop.Conn, err error) {
	fmt.Println("closed:", err)
	s.l.Stop()
}

// A connection whose peer sends in pieces and leaves in the middle of a line.
func ExampleLoop_Conn() {
	l, err := loop.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = l.Close() }()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := l.Conn(pair[0], shout{l}, loop.Limits{Idle: 30 * time.Second, Input: 1024}); err != nil {
		fmt.Println(err)
		return
	}
	l.After(0, func() { _, _ = unix.Write(pair[1], []byte("hello\nwor")) })
	l.After(time.Millisecond, func() { _, _ = unix.Write(pair[1], []byte("ld\nand th")) })
	l.After(2*time.Millisecond, func() { _ = unix.Shutdown(pair[1], unix.SHUT_WR) })
	if err := l.Run(); err != nil {
		fmt.Println(err)
		return
	}
	reply := make([]byte, 100)
	n, _ := unix.Read(pair[1], reply)
	_ = unix.Close(pair[1])
	fmt.Printf("%s", reply[:n])
	// Output:
	// closed: unexpected EOF
	// HELLO
	// WORLD
}

// A child whose end is told, and one that cannot be started.
func ExampleLoop_Spawn() {
	l, err := loop.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = l.Close() }()
	_, err = l.Spawn(&loop.Cmd{
		Path:  "/bin/sh",
		Args:  []string{"sh", "-c", "exit 75"},
		Files: []int{-1, 1, 2}, // no input
	}, func(e loop.Exit) {
		fmt.Println("exit status", e.Status.ExitStatus())
		l.Stop()
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = l.Spawn(&loop.Cmd{Path: "/nonexistent"}, nil)
	var failed *loop.ExecError
	fmt.Println(err, errors.As(err, &failed))
	if err := l.Run(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// exec /nonexistent: no such file or directory true
	// exit status 75
}

// Timers fire in the order of their times, however they were set.
func ExampleLoop_After() {
	l, err := loop.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = l.Close() }()
	l.After(2*time.Millisecond, func() {
		fmt.Println("second")
		l.After(0, l.Stop) // in the next turn
		l.Later(func() { fmt.Println("end of the turn") })
	})
	l.After(time.Millisecond, func() { fmt.Println("first") })
	never := l.After(3*time.Millisecond, func() { fmt.Println("never") })
	never.Stop()
	if err := l.Run(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// first
	// second
	// end of the turn
}

// Another goroutine has one way into the loop.
func ExampleLoop_Post() {
	l, err := loop.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = l.Close() }()
	go l.Post(func() {
		fmt.Println("on the loop")
		l.Stop()
	})
	if err := l.Run(); err != nil {
		fmt.Println(err)
	}
	// Output: on the loop
}
