// SPDX-License-Identifier: ISC

// Package record is what the processes have in common that qmail-lspawn asks
// about virtual domains and their users: they are workers as package
// services/table/worker has them, and this is what they are asked.
//
// A key with an at sign is a mailbox and its domain, as the recipient has them;
// the last at sign counts. The answer is one value, the user's record; none is
// that there is no such user. A key without one is a domain; the answer is one
// empty value if it is a virtual one, and none if it is not. Only a library is
// asked that: who has no opinion of its own about domains answers
// that it cannot.
package record

import (
	"fmt"
	"strings"
)

// Record is a user of a virtual domain. UID and GID are IndiMail's flags, and
// nobody's numbers.
type Record struct {
	Name, Passwd      string
	UID, GID          uint32
	Gecos, Dir, Shell string
	Inactive          bool
}

// Text is the record as the variable PWSTRUCT has it. domain is the recipient's,
// as it was written. Nothing is quoted, whatever is in the fields; they end at a
// null byte.
func (r *Record) Text(domain string) string {
	inactive := 0
	if r.Inactive {
		inactive = 1
	}
	return fmt.Sprintf("%s@%s:%s:%d:%d:%s:%s:%s:%d", cut(r.Name), domain, cut(r.Passwd), r.UID, r.GID, cut(r.Gecos), cut(r.Dir), cut(r.Shell), inactive)
}

func cut(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

// Split returns the two parts of a key that is about a mailbox.
func Split(key string) (user, domain string, ok bool) {
	at := strings.LastIndexByte(key, '@')
	if at < 0 {
		return "", "", false
	}
	return key[:at], key[at+1:], true
}

// Lower returns s with the capital letters of ASCII made small.
func Lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
