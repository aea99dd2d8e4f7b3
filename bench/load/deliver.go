// SPDX-License-Identifier: ISC

//go:build linux

package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"postloop/services/lspawn/lspawntest"
)

// Deliver is a qmail-send with so many deliveries under way: for every report
// it asks for the next one.
type Deliver struct {
	In, Out *os.File // of a qmail-lspawn that has announced its limit
	Command lspawntest.Command
	Clients int           // deliveries under way
	Warm    time.Duration // before anything is counted
	Time    time.Duration // that is counted
	Mark    Mark
}

// deliverProtocol is how qmail-send and qmail-lspawn speak.
const deliverProtocol = "indimail"

// delivering is a run of Deliver.
type delivering struct {
	*Deliver
	in, out int
	began   []time.Time // of each delivery
	busy    int
	unread  []byte
	r       Result
	counted bool
}

// Run makes the load, and waits for all reports in the end. The latency in the
// Result is that of each delivery from its command to its report. An error is
// about the load itself, or ctx is done; a report that is no success is in the
// Result, and ends it.
func (d *Deliver) Run(ctx context.Context) (*Result, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	run := &delivering{Deliver: d, in: int(d.In.Fd()), out: int(d.Out.Fd()), began: make([]time.Time, d.Clients)}
	err := run.run(ctx)
	slices.Sort(run.r.Latency)
	return &run.r, err
}

func (d *delivering) run(ctx context.Context) error {
	all := make([]int, d.Clients)
	for i := range all {
		all[i] = i
	}
	if err := d.send(all); err != nil {
		return err
	}
	began, over := time.Now(), false
	var counted, used time.Duration
	for d.busy > 0 {
		done, err := d.reports()
		if err != nil {
			d.r.Failed, d.r.Failure = d.busy, err
			return nil
		}
		switch at := time.Since(began); {
		case ctx.Err() != nil:
			return ctx.Err()
		case at > d.Warm+d.Time+2*drainTime:
			d.r.Failed, d.r.Failure = d.busy, errNoAnswer
			return nil
		case !d.counted && !over && at >= d.Warm:
			d.Mark.now()
			counted, used, d.counted = time.Since(began), threadCPU(), true
		case d.counted && at-counted >= d.Time && len(d.r.Latency) > 0:
			d.r.Took, d.r.CPU = time.Since(began)-counted, threadCPU()-used
			d.Mark.now()
			d.counted, over = false, true
		}
		if over {
			continue
		}
		if err := d.send(done); err != nil {
			return err
		}
	}
	return nil
}

// send asks for deliveries of these numbers.
func (d *delivering) send(numbers []int) error {
	var b []byte
	for _, n := range numbers {
		c := d.Command
		c.Number = n
		b = append(b, c.Encode(deliverProtocol)...)
		d.began[n] = time.Now()
		d.busy++
	}
	for len(b) > 0 {
		n, err := unix.Write(d.in, b)
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("write", err)
		}
		b = b[max(n, 0):]
	}
	return nil
}

// reports waits for some, for no longer than waitTime, and returns whose they
// are.
func (d *delivering) reports() (done []int, err error) {
	ready := []unix.PollFd{{Fd: int32(d.out), Events: unix.POLLIN}}
	if n, err := unix.Poll(ready, waitTime); n <= 0 {
		if err == nil || err == unix.EINTR {
			return nil, nil
		}
		return nil, os.NewSyscallError("poll", err)
	}
	var buf [8192]byte
	n, err := unix.Read(d.out, buf[:])
	switch {
	case err == unix.EINTR:
		return nil, nil
	case err != nil:
		return nil, os.NewSyscallError("read", err)
	case n == 0:
		return nil, errors.New("there is nobody to report")
	}
	d.unread = append(d.unread, buf[:n]...)
	for {
		var r lspawntest.Report
		var ok bool
		if r, d.unread, ok = lspawntest.Cut(deliverProtocol, d.unread); !ok {
			return done, nil
		}
		if r.Number >= len(d.began) || r.Text == "" || r.Text[0] != 'K' {
			return done, fmt.Errorf("delivery %d is reported as %q", r.Number, r.Text)
		}
		if d.busy--; d.counted {
			d.r.Latency = append(d.r.Latency, time.Since(d.began[r.Number]))
		}
		done = append(done, r.Number)
	}
}
