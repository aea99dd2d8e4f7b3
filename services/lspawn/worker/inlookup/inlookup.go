// SPDX-License-Identifier: ISC

//go:build unix

// Package inlookup asks IndiMail's inlookup(8), which keeps users of virtual
// domains in its memory, for a worker: see package record.
//
// # Order
//
// A request goes into one of the fifos of the servers, in one write. The answer
// comes over a fifo that we make for it and that goes with it; its name cannot be
// guessed, and nobody but the server's user and we may write to it.
//
// # Failures
//
// Where no server has a fifo open, or the answer does not come or makes no sense,
// there is an error. That there is no such user is for a server to say.
//
// # See also
//
// inlookup(8), libindimail's inquery.
package inlookup

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"postloop/services/lspawn/worker/record"
	"postloop/services/table/worker"
)

// client is one who asks.
type client struct {
	getenv  func(string) string
	control string // the directory of control files
	tmp     string // where fifos for answers are
	next    int    // which server's turn it is
}

// Open is for the setting control, the directory of control files. The rest is in
// the environment.
func Open(getenv func(string) string, tmp string) worker.Open {
	return func(s *worker.Settings) (worker.Table, error) {
		return &client{getenv: getenv, control: s.String("control"), tmp: tmp}, nil
	}
}

// Close does nothing: nothing is open between two requests.
func (c *client) Close() {}

// passwordQuery asks for a user's record.
const passwordQuery = 3

// pipeBuf is how much goes into a fifo in one piece, on every system.
const pipeBuf = 4096

// maxReply is the longest answer.
const maxReply = 64 << 10

// Lookup finds a user.
func (c *client) Lookup(ctx context.Context, key string) (values []string, err error) {
	if _, _, ok := record.Split(key); !ok {
		return nil, errors.New("inlookup: no mailbox: " + key)
	}
	dir, err := os.MkdirTemp(c.tmp, "inlookup")
	if err != nil {
		return nil, fmt.Errorf("inlookup: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the server may have removed it
	path := filepath.Join(dir, "reply")
	request := appendRequest(nil, key, path)
	if len(request) > pipeBuf {
		return nil, nil // no user has a name of that length
	}
	// It is open for writing, too, so that it does not end before it begins.
	reply, err := c.replyFifo(dir, path)
	if err != nil {
		return nil, fmt.Errorf("inlookup: %w", err)
	}
	defer reply.Close() //nolint:errcheck // nothing is written
	if err := c.send(ctx, request); err != nil {
		return nil, fmt.Errorf("inlookup: %w", err)
	}
	if err := reply.SetReadDeadline(c.until(ctx, "timeoutread")); err != nil {
		return nil, fmt.Errorf("inlookup: %w", err)
	}
	text, err := readReply(reply)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errors.New("inlookup: no answer in time")
	case err != nil:
		return nil, fmt.Errorf("inlookup: %w", err)
	}
	text, ok := strings.CutPrefix(text, "PWSTRUCT=")
	switch {
	case !ok:
		return nil, fmt.Errorf("inlookup: unexpected answer: %.40q", text)
	case strings.HasPrefix(text, "No such user"):
		return nil, nil
	}
	return []string{text}, nil
}

// appendRequest appends a request: its length, in the byte order of this machine,
// the kind, and three strings, of which the last is an address that nobody needs.
func appendRequest(b []byte, email, reply string) []byte {
	body := append([]byte{passwordQuery, 0}, email+"\x00"+reply+"\x00\x00"...)
	return append(binary.NativeEndian.AppendUint32(b, uint32(len(body))), body...)
}

// replyFifo makes the fifo for an answer, which the server's user may write to.
func (c *client) replyFifo(dir, path string) (*os.File, error) {
	mode, err := strconv.ParseUint(c.or("FIFO_MODE", "0660"), 8, 9)
	if err != nil {
		return nil, fmt.Errorf("FIFO_MODE: not a mode: %s", c.getenv("FIFO_MODE"))
	}
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return nil, &os.PathError{Op: "mkfifo", Path: path, Err: err}
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err = os.Chmod(path, os.FileMode(mode)); err == nil {
		err = os.Chmod(dir, 0o711) // the way to it; its mode says who may use it
	}
	if u, unknown := user.Lookup("indimail"); err == nil && unknown == nil && os.Geteuid() == 0 {
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err = os.Chown(path, uid, gid); err == nil {
			err = os.Chown(dir, uid, gid) // it removes the fifo
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// send writes a request to the next server who is there.
func (c *client) send(ctx context.Context, request []byte) error {
	base := filepath.Join(c.or("FIFODIR", "/var/indimail/inquery"), c.or("INFIFO", "infifo")) + "."
	n := 0
	for {
		if _, err := os.Stat(base + strconv.Itoa(n+1)); err != nil {
			break
		}
		n++
	}
	err := fmt.Errorf("no server: %s1 is not there", base)
	for range n {
		c.next = c.next%n + 1
		var f *os.File
		if f, err = os.OpenFile(base+strconv.Itoa(c.next), os.O_WRONLY|unix.O_NONBLOCK, 0); err != nil {
			continue // nobody reads it
		}
		if err = isFifo(f); err == nil {
			err = f.SetWriteDeadline(c.until(ctx, "timeoutwrite"))
		}
		if err == nil {
			_, err = f.Write(request)
		}
		_ = f.Close()
		if err == nil {
			return nil
		}
	}
	return err
}

// isFifo makes sure that a file is one, which nothing stays in.
func isFifo(f *os.File) error {
	info, err := f.Stat()
	if err == nil && info.Mode()&os.ModeNamedPipe == 0 {
		err = fmt.Errorf("%s: not a fifo", f.Name())
	}
	return err
}

// readReply reads an answer: its length, and a string with a null byte at its
// end. A length of 0 or -1 is an error of the server's.
func readReply(f io.Reader) (string, error) {
	in := bufio.NewReaderSize(f, pipeBuf)
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return "", err
	}
	size := int32(binary.NativeEndian.Uint32(head[:]))
	switch {
	case size <= 0:
		return "", errors.New("the server has an error")
	case size > maxReply:
		return "", fmt.Errorf("an answer of %d bytes", size)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(in, text); err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\x00")
	return line, nil
}

// until is when to give up: a number of seconds in a control file from now, 4
// without it, or when the request is given up.
func (c *client) until(ctx context.Context, control string) time.Time {
	seconds := 4
	text, err := os.ReadFile(filepath.Join(c.control, control))
	if err == nil {
		line, _, _ := strings.Cut(string(text), "\n")
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && n > 0 && n < 1<<20 {
			seconds = n
		}
	}
	until := time.Now().Add(time.Duration(seconds) * time.Second)
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		return end
	}
	return until
}

func (c *client) or(variable, other string) string {
	if text := c.getenv(variable); text != "" {
		return text
	}
	return other
}
