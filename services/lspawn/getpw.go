// SPDX-License-Identifier: ISC

package lspawn

import (
	"errors"
	"os"
	"slices"
	"time"

	"postloop/loop"

	"golang.org/x/sys/unix"
)

// Limits on a qmail-getpw, which the original does not have. An account is a
// few words; nothing has been delivered while one looks for it.
const (
	getpwTime   = 5 * time.Minute
	getpwOutput = 64 << 10
)

// askGetpw runs qmail-getpw for a local part, as a user who owns nothing, with
// nothing but the pipe for its answer.
func (d *delivery) askGetpw() {
	s := d.s
	var answer []byte
	p := &process{l: s.loop, buf: s.buf, lasts: getpwTime, held: getpwTime}
	p.said = func(b []byte) { answer = append(answer, b[:min(len(b), getpwOutput-len(answer))]...) }
	p.ended = func(status unix.WaitStatus) { d.getpwEnded(status, answer) }
	w, err := p.open()
	if err != nil {
		d.report(noSystem)
		return
	}
	err = p.start(&loop.Cmd{
		Path: s.c.Getpw, Dir: s.c.Dir, Args: []string{s.c.Getpw, d.local}, Env: append(slices.Clip(s.c.Env), "MESSID="+d.c.Messid),
		Files: []int{s.null, w, s.null}, Rlimits: s.c.Rlimits, User: s.c.GetpwUser,
	}, w)
	if err != nil {
		d.report(getpwUnstarted(err))
	}
}

// getpwUnstarted is the report on a delivery whose qmail-getpw could not be
// made.
func getpwUnstarted(err error) string {
	var call *os.SyscallError
	var exec *loop.ExecError
	switch {
	case errors.As(err, &exec) && (exec.Step == "" || exec.Step == "exec"), errors.As(err, &call) && call.Syscall == "exec":
		return execGetpw
	case exec != nil:
		return ownBug
	}
	return noSystem
}

// getpwEnded takes the answer. A qmail-getpw that fails ends the delivery as a
// qmail-local would that ends so and says nothing.
func (d *delivery) getpwEnded(status unix.WaitStatus, answer []byte) {
	switch {
	case status.Signaled():
		d.report(noSystem)
		return
	case status.ExitStatus() != 0:
		d.report(d.s.c.Protocol.verdict(status, nil))
		return
	}
	a, report := parseAccount(answer)
	if report != "" {
		d.report(report)
		return
	}
	d.resolved(a)
}
