// SPDX-License-Identifier: ISC

package master

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"postloop/loop"
	"postloop/master/maillog"
	"postloop/master/report"

	"golang.org/x/sys/unix"
)

const (
	// operatorsAtOnce is how many connections the control socket has at once.
	operatorsAtOnce = 16
	// operatorIdle is how long one of them may say nothing, and how long it may
	// take no answer.
	operatorIdle = 30 * time.Second
	// operatorOutput is how much of an answer may wait before the next request is
	// looked at.
	operatorOutput = 1
)

// Operator is what the program does when an operator asks for it.
type Operator struct {
	// Reload reads the configuration anew. done is called once, when the
	// reload that has read it has ended.
	Reload func(done func(error))
	// Reopen opens the log's file anew, and says what has happened.
	Reopen func() (string, error)
	// Upgrade has the program in the file take the place of this one, or, if it
	// is empty, the one that is where this one was. done is called if that fails;
	// after a success this program is no more.
	Upgrade func(program string, done func(error))
	// Stop ends the master; if abort, without giving anybody time.
	Stop func(abort bool)
}

// Control is the operator's socket.
type Control struct {
	m    *Master
	op   Operator
	file *socketFile
	ln   *loop.Listener

	asker *operator // who waits for the outcome of an upgrade

	ops []*operator // the one who has been quiet for the longest time is the first
}

// operator is one connection.
type operator struct {
	c     *Control
	conn  *loop.Conn
	waits bool // for the answer to its request, which another turn will have
}

// OpenControl listens on the unix-domain socket path for operators: the user of
// this process, and root. A socket that is there already is taken for one that
// a former master has left.
func (m *Master) OpenControl(path string, op Operator) (*Control, error) {
	c := &Control{m: m, op: op}
	err := c.listen(path)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %s", path, maillog.Strerror(err))
	}
	return c, nil
}

// Path is the name of the socket.
func (c *Control) Path() string { return c.file.path }

func (c *Control) listen(path string) (err error) {
	if c.file, err = listenSocketFile(path, 0o177, operatorsAtOnce, nil); err != nil {
		return err
	}
	if c.ln, err = c.m.loop.Listen(c.file.fd, c.accepted); err != nil {
		c.file.close()
	}
	return err
}

// Close ends all connections, and removes the socket if it is still ours.
func (c *Control) Close() {
	if c == nil {
		return
	}
	c.ln.Stop()
	c.file.close()
	for _, o := range c.ops {
		o.conn.Close(nil)
	}
}

// Intact reports whether the socket is still where it was made.
func (c *Control) Intact() bool { return c.file.intact() }

// accepted takes an operator, if it is one. When there are too many, the one
// who has been quiet for the longest time goes.
func (c *Control) accepted(fd int, p loop.Peer) {
	if uid, _, _, known := p.Cred(); known && uid != 0 && uid != os.Geteuid() {
		c.m.log.Warnf("control socket: refused a client of user %d", uid)
		unix.Close(fd)
		return
	}
	if len(c.ops) >= operatorsAtOnce {
		i := slices.IndexFunc(c.ops, func(o *operator) bool { return !o.waits })
		if i < 0 { // all of them wait for us
			unix.Close(fd)
			return
		}
		o := c.ops[i]
		o.forget()
		o.conn.Close(loop.ErrClosed)
	}
	c.admit(fd)
}

// forget takes o out of the list, if it is there still.
func (o *operator) forget() {
	if i := slices.Index(o.c.ops, o); i >= 0 {
		o.c.ops = slices.Delete(o.c.ops, i, i+1)
	}
}

// Closed takes the end of a connection.
func (o *operator) Closed(*loop.Conn, error) {
	o.forget()
	if o.c.asker == o {
		o.c.asker = nil
	}
}

// Data answers one request.
func (o *operator) Data(conn *loop.Conn, in []byte) (used int) {
	end := bytes.IndexByte(in, '\n')
	if end < 0 || o.waits {
		return 0
	}
	o.forget()
	o.c.ops = append(o.c.ops, o)
	q, err := parseRequest(in[:end])
	if err != nil {
		o.answer(report.Answer{Reject: true, Errors: Errors(err)})
		return end + 1
	}
	o.waits = true
	if q.Command == "upgrade" && o.c.asker == nil {
		o.c.asker = o
	}
	o.c.do(q, func(a report.Answer) {
		o.waits = false
		if o.c.asker == o {
			o.c.asker = nil
		}
		o.answer(a)
		conn.Again()
	})
	if o.waits || o.c.m.stopping && (q.Command == "stop" || q.Command == "abort") {
		// Who waits is not in a hurry, and who has asked for the end sees it by
		// the end of the connection.
		conn.Hold()
	}
	return end + 1
}

// answer writes one line.
func (o *operator) answer(a report.Answer) {
	a.Protocol = report.Protocol
	line, err := json.Marshal(a)
	if err != nil {
		panic("master: an answer without JSON: " + err.Error())
	}
	o.conn.Write(append(line, '\n'))
}

// parseRequest reads a line. What it does not know it does not pass over: an
// operator wants something done, and not some of it.
func parseRequest(line []byte) (q report.Request, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	switch err := d.Decode(&q); {
	case err != nil:
		return q, fmt.Errorf("bad request: %w", err)
	case d.InputOffset() != int64(len(bytes.TrimRight(line, " \t\r"))):
		return q, errors.New("bad request: more than one object in the line")
	case q.Protocol != report.Protocol:
		return q, fmt.Errorf("this master speaks version %d of the protocol, and the request is of version %d", report.Protocol, q.Protocol)
	}
	return q, nil
}
