// SPDX-License-Identifier: ISC

package lspawntest

import (
	"bytes"
	"strings"
)

// Command is what a qmail-send asks for.
type Command struct {
	Number    int
	Messid    string
	Sender    string
	QQEH      string // IndiMail only
	EnvH      string // IndiMail only
	Recipient string
}

// Report is what comes back.
type Report struct {
	Number int // as it would be sent, not as it would be understood
	Text   string
}

// Width is how many bytes a number has in a protocol: classic, big or indimail.
func Width(protocol string) int {
	if protocol == "classic" {
		return 1
	}
	return 2
}

// Encode returns the bytes of a command.
func (c Command) Encode(protocol string) []byte {
	b := []byte{byte(c.Number), byte(c.Number >> 8)}[:Width(protocol)]
	words := []string{c.Messid, c.Sender, c.Recipient}
	if protocol == "indimail" {
		words = []string{c.Messid, c.Sender, c.QQEH, c.EnvH, c.Recipient}
	}
	return append(b, strings.Join(words, "\x00")+"\x00"...)
}

// Cut takes the first report off in, if it is there.
func Cut(protocol string, in []byte) (r Report, rest []byte, ok bool) {
	width := Width(protocol)
	if len(in) <= width { // a null byte in the number ends nothing
		return Report{}, in, false
	}
	end := bytes.IndexByte(in[width:], 0)
	if end < 0 {
		return Report{}, in, false
	}
	for i := range width {
		r.Number |= int(in[i]) << (8 * i)
	}
	r.Text = string(in[width : width+end])
	return r, in[width+end+1:], true
}
