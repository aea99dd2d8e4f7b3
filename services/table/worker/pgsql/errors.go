// SPDX-License-Identifier: ISC

package pgsql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"postloop/master/maillog"
)

// lasting reports whether a server's error, by its SQLSTATE, is about what the
// query is or who asks it, and not about what it is asked with.
func lasting(code string) bool { return strings.HasPrefix(code, "42") || code == "3F000" }

// unable reports whether anybody else may get a server's error as well, now:
// conflicts, a lack of resources, locks, an operator's orders, limits of time, and
// faults of the system and of the server.
func unable(code string) bool {
	return len(code) < 2 || slices.Contains([]string{"08", "25", "40", "53", "55", "57", "58", "XX"}, code[:2])
}

// words are an error in the words of libpq, on one line.
func words(err error) string {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return answer.Severity + ":  " + answer.Message
	}
	err = leaf(err)
	name, isName := errors.AsType[*net.DNSError](err)
	_, isSystem := errors.AsType[syscall.Errno](err)
	switch {
	case isName && name.IsNotFound:
		return fmt.Sprintf("could not translate host name \"%s\" to address: Name or service not known", name.Name)
	case isName:
		return fmt.Sprintf("could not translate host name \"%s\" to address: %s", name.Name, name.Err)
	case isSystem:
		return maillog.Strerror(err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "server closed the connection unexpectedly"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout expired"
	case strings.HasSuffix(err.Error(), "server refused TLS connection"): // the library has no name for it
		return "server does not support SSL, but SSL was required"
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// leaf is what is at the bottom of an error, the last one of several.
func leaf(err error) error {
	for {
		var inner error
		switch e := err.(type) { //nolint:errorlint // it is unwrapped here
		case interface{ Unwrap() []error }:
			if list := e.Unwrap(); len(list) > 0 {
				inner = list[len(list)-1]
			}
		case interface{ Unwrap() error }:
			inner = e.Unwrap()
		}
		if inner == nil {
			return err
		}
		err = inner
	}
}

// unreached says why a server could not be reached.
func unreached(c *pgconn.Config, err error) string {
	text := words(err)
	switch network, address := pgconn.NetworkAddress(c.Host, c.Port); {
	case strings.HasPrefix(text, "could not translate"):
		return text
	case network == "unix":
		return fmt.Sprintf("connection to server on socket \"%s\" failed: %s", address, text)
	}
	return fmt.Sprintf("connection to server at \"%s\", port %d failed: %s", c.Host, c.Port, text)
}
