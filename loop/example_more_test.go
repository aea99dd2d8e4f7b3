// SPDX-License-Identifier: ISC

package loop_test

import (
	"bytes"
	"fmt"
	"time"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// A signal that comes while the loop waits, or works, is a callback of the next
// turn. What the process does by itself on this signal, it does no more.
func ExampleLoop_OnSignal() {
	l, err := loop.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = l.Close() }()
	l.OnSignal(unix.SIGHUP, func() {
		fmt.Println("reading the configuration anew")
		l.Stop()
	})
	if err := unix.Kill(unix.Getpid(), unix.SIGHUP); err != nil {
		fmt.Println(err)
		return
	}
	if err := l.Run(); err != nil {
		fmt.Println(err)
	}
	// Output: reading the configuration anew
}

// A descriptor of any kind: here a pipe. Watch says that it can be read, and
// reading is the callback's; one that leaves something is called again.
func ExampleLoop_Watch() {
	l, err := loop.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = l.Close() }()
	pipe := make([]int, 2)
	if err := unix.Pipe(pipe); err != nil {
		fmt.Println(err)
		return
	}
	_, _ = unix.Write(pipe[1], []byte("onetwo"))
	_ = unix.Close(pipe[1])

	var w *loop.Watch
	w, err = l.Watch(pipe[0], loop.Readable, func(loop.Ready) {
		word := make([]byte, 3)
		switch n, err := unix.Read(pipe[0], word); {
		case err != nil:
			fmt.Println(err)
		case n > 0:
			fmt.Printf("%s\n", word[:n])
			return
		default:
			fmt.Println("the end")
		}
		w.Stop() // first this
		_ = unix.Close(pipe[0])
		l.Stop()
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := l.Run(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// one
	// two
	// the end
}

// An inetd in a few lines: the client becomes the standard input and output of
// a program. The listener is paused meanwhile, so that there is one at a time.
func ExampleLoop_Listen() {
	l, err := loop.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = l.Close() }()
	socket, port := listenLoopback()
	defer func() { _ = unix.Close(socket) }()

	var ln *loop.Listener
	ln, err = l.Listen(socket, func(fd int, _ loop.Peer) {
		defer func() { _ = unix.Close(fd) }() // the program has its own by then
		_, err := l.Spawn(&loop.Cmd{Path: "/bin/cat", Args: []string{"cat"}, Files: []int{fd, fd, 2}}, func(e loop.Exit) {
			fmt.Println("cat has ended, status", e.Status.ExitStatus())
			ln.Stop()
			l.Stop()
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		ln.Pause()
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ln.Blocking() // as programs expect their standard input to be

	client := dialLoopback(port)
	defer func() { _ = unix.Close(client) }()
	_, _ = unix.Write(client, []byte("hello\n"))
	_ = unix.Shutdown(client, unix.SHUT_WR)
	if err := l.Run(); err != nil {
		fmt.Println(err)
		return
	}
	answer := make([]byte, 100)
	n, _ := unix.Read(client, answer)
	fmt.Printf("%s", answer[:n])
	// Output:
	// cat has ended, status 0
	// hello
}

// A timer is made once, and set again as often as is wanted: that is how a time
// limit is pushed back, or something is done every so often.
func ExampleTimer_Reset() {
	l, err := loop.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = l.Close() }()
	beats := 0
	var heart *loop.Timer
	heart = l.After(time.Millisecond, func() {
		beats++
		fmt.Println("beat", beats)
		if beats == 3 {
			l.Stop()
			return
		}
		heart.Reset(time.Millisecond)
	})
	if err := l.Run(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// beat 1
	// beat 2
	// beat 3
}

// oracle has to think before it answers.
type oracle struct {
	loop   *loop.Loop
	answer map[*loop.Conn]string // what it has thought of
}

// Data keeps the question until there is an answer, and what comes behind it as
// well: a client is answered in the order in which it has asked.
func (o *oracle) Data(c *loop.Conn, in []byte) (used int) {
	question, _, whole := bytes.Cut(in, []byte("\n"))
	if !whole {
		return 0
	}
	if answer, ok := o.answer[c]; ok {
		delete(o.answer, c)
		c.Write([]byte(answer))
		return len(question) + 1
	}
	thought := "yes, " + string(question) + "\n" // in is valid only now
	c.Hold()
	o.loop.After(time.Millisecond, func() { // it could as well be a child, or another connection
		o.answer[c] = thought
		c.Again()
	})
	return 0
}

func (o *oracle) Closed(c *loop.Conn, _ error) {
	delete(o.answer, c)
	o.loop.Stop()
}

// An answer that comes in a later turn.
func ExampleConn_Hold() {
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
	if _, err := l.Conn(pair[0], &oracle{l, map[*loop.Conn]string{}}, loop.Limits{}); err != nil {
		fmt.Println(err)
		return
	}
	_, _ = unix.Write(pair[1], []byte("it will rain\nit will not\n"))
	_ = unix.Shutdown(pair[1], unix.SHUT_WR)
	if err := l.Run(); err != nil {
		fmt.Println(err)
		return
	}
	answers := make([]byte, 100)
	n, _ := unix.Read(pair[1], answers)
	_ = unix.Close(pair[1])
	fmt.Printf("%s", answers[:n])
	// Output:
	// yes, it will rain
	// yes, it will not
}

// Later is for what is to be done once after all that a turn brings.
func ExampleLoop_Later() {
	l, err := loop.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = l.Close() }()
	changes := 0
	change := func() {
		if changes++; changes == 1 {
			l.Later(func() {
				fmt.Println(changes, "changes written at once")
				l.Stop()
			})
		}
	}
	for range 3 {
		l.Post(change)
	}
	if err := l.Run(); err != nil {
		fmt.Println(err)
	}
	// Output: 3 changes written at once
}
