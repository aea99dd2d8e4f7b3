// SPDX-License-Identifier: ISC

package lspawn

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// account says on whose behalf qmail-local delivers, and what it is told of the
// address.
type account struct {
	user     string
	uid, gid int
	home     string
	dash     string
	ext      string
	groups   []int // all supplementary ones; nil: gid alone
}

// accountFields is how many fields users/cdb and qmail-getpw give an account,
// each of them with a null byte behind it.
const accountFields = 6

// parseAccount reads an account as both write it. What it cannot be is a
// report: mail waits until somebody has mended the record.
func parseAccount(record []byte) (a account, report string) {
	fields := bytes.SplitN(record, []byte{0}, accountFields+1)
	if len(fields) <= accountFields {
		return account{}, ownBug
	}
	a = account{user: string(fields[0]), home: string(fields[3]), dash: string(fields[4]), ext: string(fields[5])}
	uid, gid := string(fields[1]), string(fields[2])
	if isRoot(uid) {
		return account{}, asRoot
	}
	var ok1, ok2 bool
	a.uid, ok1 = parseID(uid)
	a.gid, ok2 = parseID(gid)
	if !ok1 || !ok2 {
		return account{}, ownBug
	}
	return a, ""
}

// isRoot reports whether the digits that s begins with are root's number. No
// digits at all are: they always were.
func isRoot(s string) bool {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	return strings.Trim(s[:digits], "0") == ""
}

// parseID returns the number of a user or a group. It is a whole one, or none:
// half of one is somebody else's. The highest means "as it is" to the system.
func parseID(s string) (int, bool) {
	id, err := strconv.ParseUint(s, 10, 32)
	return int(id), err == nil && id < math.MaxUint32
}

// lower returns s with the capital letters of ASCII made small.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
