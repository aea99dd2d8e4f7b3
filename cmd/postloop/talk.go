// SPDX-License-Identifier: ISC

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"postloop/master"
	"postloop/master/maillog"
	"postloop/master/report"

	"golang.org/x/sys/unix"
)

// line is a connection to a master.
type line struct {
	fd   int
	in   []byte // read, and not used
	wait time.Duration
}

// call connects to the master of the configuration.
func (a *app) call() (*line, error) {
	queue, path, wrong, err := a.socket()
	if err != nil {
		return nil, err
	}
	l, err := a.dialIn(queue, path)
	switch {
	case err == nil:
		return l, nil
	case wrong != nil: // it may well be elsewhere
		return nil, &failure{exitConfig, wrong, "the master cannot be found by this configuration; --socket says where its control socket is"}
	}
	full := path
	if !filepath.IsAbs(path) {
		full = filepath.Join(queue, path)
	}
	if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ECONNREFUSED) {
		return nil, fail(exitNot, "connect to %s: %s", full, maillog.Strerror(err))
	}
	if running, err := master.TestLock("pid/master.pid"); err == nil && running {
		return nil, fail(exitNot, "a master runs, and has no control socket %s", full)
	}
	return nil, fail(exitNobody, "no master runs: connect to %s: %s", full, maillog.Strerror(err))
}

// dialIn connects to a socket by its name in a directory. From then on nothing is
// relative to where we were: the names of sockets have to be short, and those of
// directories are not.
func (a *app) dialIn(dir, path string) (*line, error) {
	if err := os.Chdir(dir); err != nil {
		return nil, err
	}
	return connect(path, a.wait)
}

func connect(path string, wait time.Duration) (*line, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	l := &line{fd: fd, wait: wait}
	tv := unix.NsecToTimeval(max(wait, time.Millisecond).Nanoseconds())
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err == nil {
			err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &tv)
		}
	}
	if err == nil {
		err = again(func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) })
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return l, nil
}

// again repeats f when a signal has interrupted it.
func again(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (l *line) close() { unix.Close(l.fd) }

// ask sends a request and waits for the answer.
func (l *line) ask(q report.Request) (a report.Answer, err error) {
	q.Protocol = report.Protocol
	text, err := json.Marshal(q)
	if err != nil {
		return a, err
	}
	if len(text) >= report.RequestLimit {
		return a, fail(exitUsage, "a request of %d bytes is too long", len(text))
	}
	if err := l.write(append(text, '\n')); err != nil {
		return a, l.lost(err)
	}
	for bytes.IndexByte(l.in, '\n') < 0 {
		if err := l.read(); err != nil {
			return a, l.lost(err)
		}
	}
	answer, rest, _ := bytes.Cut(l.in, []byte("\n"))
	l.in = rest
	if err := json.Unmarshal(answer, &a); err != nil {
		return a, fail(exitNot, "the master's answer: %v", err)
	}
	if a.Protocol != report.Protocol {
		return a, fail(exitNot, "the master speaks version %d of the protocol, and this program version %d", a.Protocol, report.Protocol)
	}
	return a, refused(a)
}

// status asks how the master is, and one service, or all.
func (l *line) status(service string) (*report.Report, error) {
	answer, err := l.ask(report.Request{Command: "status", Service: service})
	if err == nil && answer.Report == nil {
		err = fail(exitNot, "the master's answer has no report")
	}
	return answer.Report, err
}

// refused is the error that an answer is.
func refused(a report.Answer) error {
	switch {
	case a.OK:
		return nil
	case len(a.Errors) == 0:
		return fail(exitNot, "%s", a.Text)
	}
	status := exitNot
	if a.Reject {
		status = exitUsage
	}
	list := make([]string, len(a.Errors))
	for i, e := range a.Errors {
		list[i] = e.String()
	}
	return fail(status, "%s", strings.Join(list, "\npostloop: "))
}

func (l *line) write(text []byte) error {
	for len(text) > 0 {
		var n int
		if err := again(func() (err error) { n, err = unix.Write(l.fd, text); return err }); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}

func (l *line) read() error {
	var buf [64 << 10]byte
	var n int
	err := again(func() (err error) { n, err = unix.Read(l.fd, buf[:]); return err })
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err == nil {
		l.in = append(l.in, buf[:n]...)
	}
	return err
}

func (l *line) lost(err error) error {
	switch {
	case errors.Is(err, unix.EAGAIN):
		return fail(exitNot, "no answer from the master within %s", l.wait)
	case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE):
		return fail(exitNot, "the master has hung up")
	}
	return fail(exitNot, "the connection to the master: %s", maillog.Strerror(err))
}

// ended waits for the master's end.
func (l *line) ended() error {
	for {
		switch err := l.read(); {
		case errors.Is(err, unix.EAGAIN):
			return fail(exitNot, "the master has not ended within %s, and goes on ending", l.wait)
		case err != nil:
			return nil
		}
	}
}

// command has the master do what q says, with one service after the other.
func (a *app) command(q report.Request, services []string) error {
	l, err := a.call()
	if err != nil {
		return err
	}
	defer l.close()
	if len(services) == 0 {
		services = []string{""}
	}
	var first error
	for _, s := range services {
		q.Service = s
		answer, err := l.ask(q)
		if err == nil {
			fmt.Fprintf(a.out, "%s\n", answer.Text)
			continue
		}
		if q.Command == "reload" {
			err = reloadRefused(err, answer)
		}
		if first == nil {
			first = err
		} else {
			fmt.Fprintf(a.err, "postloop: %v\n", err)
		}
	}
	if first == nil && (q.Command == "stop" || q.Command == "abort") {
		if first = l.ended(); first == nil {
			fmt.Fprintf(a.out, "it has ended\n")
		}
	}
	return first
}

// reloadRefused says what that means. A refused configuration is a bad one.
func reloadRefused(err error, answer report.Answer) error {
	if len(answer.Errors) == 0 || answer.Errors[0].File == "" {
		return err
	}
	return &failure{exitConfig, err, "reload refused -- everything that ran keeps running with the configuration it had"}
}
