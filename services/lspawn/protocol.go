// SPDX-License-Identifier: ISC

package lspawn

import "fmt"

// Protocol is one of the ways in which qmail-sends talk to qmail-lspawns. It
// also stands for the distribution that speaks it: what else they do
// differently follows it.
type Protocol uint8

// The protocols.
const (
	IndiMail Protocol = iota // numbers of two bytes, and two strings more
	Classic                  // qmail, netqmail, notqmail: numbers of one byte
	Big                      // those with the patch for more than 255 deliveries: two bytes
)

// protocols are their names in settings.
var protocols = [...]string{IndiMail: "indimail", Classic: "classic", Big: "big"}

func (p Protocol) String() string { return protocols[p] }

// parseProtocol returns the protocol of that name.
func parseProtocol(name string) (Protocol, error) {
	for p, s := range protocols {
		if s == name {
			return Protocol(p), nil
		}
	}
	return 0, fmt.Errorf("unknown protocol: %s; specify classic, big or indimail", name)
}

// width is how many bytes a delivery's number has, in both directions.
func (p Protocol) width() int {
	if p == Classic {
		return 1
	}
	return 2
}

// words is how many strings a command has.
func (p Protocol) words() int {
	if p == IndiMail {
		return 5
	}
	return 3
}

// most is the highest limit that can be announced. A number above it has the
// bit that makes it negative, or does not exist.
func (p Protocol) most() int {
	if p == Classic {
		return 255
	}
	return 1<<15 - 1
}

// number returns what is announced, or sent, for n.
func (p Protocol) number(n int) string {
	if p == Classic {
		return string([]byte{byte(n)})
	}
	return string([]byte{byte(n), byte(n >> 8)})
}

// index is the opposite of number. It is negative where the sender's would be:
// qmail takes the second of two bytes for a signed one.
func (p Protocol) index(number string) int {
	if p == Classic {
		return int(number[0])
	}
	return int(int8(number[1]))<<8 | int(number[0])
}
