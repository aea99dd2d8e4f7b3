// SPDX-License-Identifier: ISC

package http

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/url"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"postloop/master/maillog"
	"postloop/services/table/worker"
)

// link is a connection to a server.
type link struct {
	socket net.Conn // beneath
	conn   net.Conn // socket, or TLS over it
	limit  *bounded
	in     *bufio.Reader
	used   bool // it has carried a request
}

// Limits on what a server may say.
const (
	maxHead     = 64 << 10 // beside what is in the answer
	maxOverhead = 8        // bytes sent for each of that, in the smallest chunks
	maxInterim  = 5        // answers that announce another
)

// redirects are the statuses that lead elsewhere, for a GET.
var redirects = []int{
	nethttp.StatusMovedPermanently, nethttp.StatusFound, nethttp.StatusSeeOther, nethttp.StatusTemporaryRedirect, nethttp.StatusPermanentRedirect,
}

// answer is one that has come whole.
type answer struct {
	code     int
	location string // where a redirect leads to
	body     []byte // whole, if the code is 200
}

// Errors of an answer.
var (
	errGone  = errors.New("unexpected EOF") // before any of it has come
	errShort = errors.New("unexpected EOF")
	errLong  = errors.New("the answer is too long")
	errEnd   = errors.New("an answer that does not say where it ends")
)

// bounded is a reader of so many bytes, and then of an error.
type bounded struct {
	io.Reader
	left int64
	some bool  // it has read any
	err  error // that it has met
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.err = errLong
		return 0, errLong
	}
	n, err := b.Reader.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	b.some = b.some || n > 0
	b.err = err
	return n, err
}

// exchange asks for what is at an address, over a new connection if the old one
// turns out to be closed.
func (t *site) exchange(ctx context.Context, at *url.URL) (answer, error) {
	for {
		if t.link != nil && !t.link.quiet() {
			t.drop()
		}
		if t.link == nil {
			l, err := t.connect(ctx, at)
			if err != nil {
				return answer{}, err
			}
			t.link = l
		}
		old := t.link.used
		a, again, err := t.talk(ctx, at)
		if err != nil || !again {
			t.drop()
		}
		if !old || !errors.Is(err, errGone) {
			return a, reason(err)
		}
	}
}

// connect makes a connection.
func (t *site) connect(ctx context.Context, at *url.URL) (*link, error) {
	network, addr := "tcp", at.Host
	if at.Port() == "" {
		addr = net.JoinHostPort(at.Hostname(), at.Scheme) // the service of that name
	}
	if t.socket != "" {
		network, addr = "unix", t.socket
	}
	var d net.Dialer
	socket, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, reason(err))
	}
	l := &link{socket: socket, conn: socket}
	if at.Scheme == "https" {
		c := t.tls.Clone()
		if c.ServerName == "" {
			c.ServerName = at.Hostname()
		}
		over := tls.Client(socket, c)
		if err := over.HandshakeContext(ctx); err != nil {
			_ = socket.Close()
			return nil, fmt.Errorf("connect to %s: %w", addr, reason(err))
		}
		l.conn = over
	}
	l.limit = &bounded{Reader: l.conn}
	l.in = bufio.NewReader(l.limit)
	return l, nil
}

// close closes it without ceremony: a server that does not read is not waited for.
func (l *link) close() { _ = l.socket.Close() }

// quiet reports whether a connection can be used once more: the server has neither
// closed it nor sent what would be taken for the answer to what is asked next.
func (l *link) quiet() bool {
	raw, err := l.socket.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	var came error
	err = raw.Control(func(fd uintptr) {
		_, _, came = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	})
	if err != nil || !errors.Is(came, unix.EAGAIN) {
		return false
	}
	// What has been read already, and is kept by this reader or by TLS.
	l.limit.left = 1
	if l.conn.SetReadDeadline(time.Unix(1, 0)) != nil {
		return false
	}
	_, err = l.in.Peek(1)
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// talk sends a request and reads the answer. again is whether the connection can be
// used for the next one.
func (t *site) talk(ctx context.Context, at *url.URL) (a answer, again bool, err error) {
	l := t.link
	l.used = true
	l.limit.left, l.limit.some = maxHead, false
	until, _ := ctx.Deadline()
	if err := l.conn.SetDeadline(until); err != nil {
		return a, false, err
	}
	request, err := nethttp.NewRequestWithContext(ctx, nethttp.MethodGet, at.String(), nil)
	if err != nil {
		return a, false, err
	}
	request.Header = t.header.Clone()
	if t.host != "" {
		request.Host = t.host
	}
	if err := request.Write(l.conn); err != nil {
		return a, false, l.gone(err)
	}
	response, err := l.head(request)
	if err != nil {
		return a, false, l.gone(err)
	}
	a.code = response.StatusCode
	if slices.Contains(redirects, a.code) {
		a.location = response.Header.Get("Location")
	}
	l.limit.left += maxOverhead * t.limit
	a.body, err = t.body(response)
	if err != nil && a.code != nethttp.StatusOK {
		return a, false, nil // the status says all
	}
	return a, err == nil && !response.Close, err
}

// head reads an answer's, behind those that only announce it.
func (l *link) head(request *nethttp.Request) (*nethttp.Response, error) {
	for range maxInterim {
		response, err := nethttp.ReadResponse(l.in, request) //nolint:bodyclose // to close it would be to wait for the rest of it
		if err != nil && l.limit.err != nil {
			err = l.limit.err // which is why the head makes no sense
		}
		if err != nil || response.StatusCode >= 200 {
			return response, err
		}
		if response.StatusCode == nethttp.StatusSwitchingProtocols {
			break
		}
	}
	return nil, errors.New("an answer that does not come to an end")
}

// gone is an error before anything of an answer has come, if it is none of time.
func (l *link) gone(err error) error {
	if l.limit.some || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
		return errGone
	}
	return err
}

// body reads what is in an answer.
func (t *site) body(response *nethttp.Response) ([]byte, error) {
	if coding := response.Header.Values("Content-Encoding"); slices.ContainsFunc(coding, func(c string) bool { return c != "identity" }) {
		return nil, fmt.Errorf("an answer in a coding that was not asked for: %.50q", coding)
	}
	if response.ContentLength > t.limit {
		return nil, worker.Refused{Err: fmt.Errorf("%d bytes in the answer, above the limit of %d", response.ContentLength, t.limit)}
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, t.limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(body)) > t.limit:
		return nil, worker.Refused{Err: fmt.Errorf("more bytes in the answer than the limit of %d", t.limit)}
	case response.ContentLength < 0 && !slices.Contains(response.TransferEncoding, "chunked") && !t.ends(body):
		return nil, errEnd
	}
	return body, nil
}

// ends reports whether a body tells by itself that nothing is missing: JSON in
// brackets or quotes.
func (t *site) ends(body []byte) bool {
	for _, c := range body {
		switch c {
		case ' ', '\t', '\r', '\n':
		case '{', '[', '"':
			return t.json
		default:
			return false
		}
	}
	return false
}

// reason is an error in Postfix's words, if it has any.
func reason(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		err = unix.ETIMEDOUT
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errShort
	}
	if no, ok := errors.AsType[unix.Errno](err); ok {
		return errors.New(maillog.Strerror(no))
	}
	return err
}
