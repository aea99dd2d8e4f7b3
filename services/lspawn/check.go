// SPDX-License-Identifier: ISC

package lspawn

import "strings"

// What is said of a command that cannot be one. Texts are qmail's: people and
// programs search for them.
const (
	noMemory    = "Zqmail-spawn out of memory. (#4.3.0)\n"
	isNegative  = "ZInternal error: delnum negative. (#4.3.5)\n"
	isTooBig    = "ZInternal error: delnum too big. (#4.3.5)\n"
	isInUse     = "ZInternal error: delnum in use. (#4.3.5)\n"
	notNumeric  = "DInternal error: messid has nonnumerics. (#5.3.5)\n"
	messidLong  = "DInternal error: messid too long. (#5.3.5)\n"
	messidShort = "DInternal error: messid too short. (#5.3.5)\n"
	noHost      = "DSorry, address must include host name. (#5.1.3)\n"
)

// maxMessid is the longest name of a message.
const maxMessid = 99

// check returns the report on a command that is refused for what it says, or
// nothing. What is looked at first counts.
func check(c *Command) (report string) {
	for i, b := range []byte(c.Messid) {
		if (b < '0' || b > '9') && (b != '/' || i == 0) {
			return notNumeric
		}
	}
	switch {
	case len(c.Messid) > maxMessid:
		return messidLong
	case c.Messid == "":
		return messidShort
	case !strings.Contains(c.Recipient, "@"):
		return noHost
	}
	return ""
}

// split returns the two parts of an address, which has an at sign. The last
// one counts.
func split(address string) (local, host string) {
	at := strings.LastIndexByte(address, '@')
	return address[:at], address[at+1:]
}
