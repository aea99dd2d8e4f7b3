// SPDX-License-Identifier: ISC

package maillog

import (
	"errors"
	"syscall"
)

// Strerror returns the text that the C library, and so Postfix, has for the
// system's error inside err, and err's own text if there is none: Go begins
// these texts with a small letter.
func Strerror(err error) string {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return err.Error()
	}
	text := []byte(no.Error())
	if len(text) > 0 && 'a' <= text[0] && text[0] <= 'z' {
		text[0] -= 'a' - 'A'
	}
	return string(text)
}

// Reason returns err as an error that reads as Strerror has it.
func Reason(err error) error { return reason{err} }

// reason is a system error that prints as in the C library.
type reason struct{ err error }

func (r reason) Error() string { return Strerror(r.err) }
func (r reason) Unwrap() error { return r.err }
