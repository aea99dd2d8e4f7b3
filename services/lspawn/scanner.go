// SPDX-License-Identifier: ISC

package lspawn

import "bytes"

// MaxCommand is how long a command may be. The bytes of a longer one are
// dropped, and it is answered as one for which there is no memory. No program
// can be given arguments of that length.
const MaxCommand = 4 << 20

// keep is the largest buffer that a Scanner holds from one command to the next.
const keep = 64 << 10

// Command asks for one delivery.
type Command struct {
	Number    string // of the delivery, as it was sent
	Messid    string // the message: its path below queue/mess
	Sender    string
	QQEH      string // IndiMail: header lines to be added
	EnvH      string // IndiMail: header lines that become the environment
	Recipient string
	TooLong   bool // it was: there is only its number
}

// Scanner cuts commands out of a stream of bytes. What it finds depends on the
// bytes alone, not on how they were cut on their way. It is not the unused
// input that says how far it has come, as elsewhere: nothing bounds the length
// of a string, and to look at a long one again with every byte would take for
// ever.
type Scanner struct {
	p    Protocol
	max  int
	text []byte // the number, and behind it the strings that have come
	ends []int  // where in text the whole ones end
	long bool   // text is not kept any more
}

// NewScanner returns a scanner that is at the beginning of a command.
func NewScanner(p Protocol) *Scanner { return &Scanner{p: p, max: MaxCommand} }

// Scan takes in what is there of a command. When that is all of it, ok is true,
// and used says where in in the next one begins; if not, used is all of in.
func (s *Scanner) Scan(in []byte) (c Command, used int, ok bool) {
	if missing := s.p.width() - len(s.text); missing > 0 {
		used = min(missing, len(in))
		s.text = append(s.text, in[:used]...)
	}
	for used < len(in) {
		end := bytes.IndexByte(in[used:], 0)
		if end < 0 {
			s.add(in[used:])
			break
		}
		s.add(in[used : used+end])
		used += end + 1
		s.ends = append(s.ends, len(s.text))
		if len(s.ends) == s.p.words() {
			return s.take(), used, true
		}
	}
	return Command{}, len(in), false
}

// add appends a piece of a string.
func (s *Scanner) add(piece []byte) {
	if s.long = s.long || len(s.text)+len(piece) > s.max; s.long {
		s.text = s.text[:s.p.width()]
		return
	}
	s.text = append(s.text, piece...)
}

// take returns the command that is complete, and begins the next.
func (s *Scanner) take() (c Command) {
	text := string(s.text) // for all of it
	word := func(i int) string { return text[s.ends[i]:s.ends[i+1]] }
	c.Number = text[:s.p.width()]
	if c.TooLong = s.long; !s.long {
		last := s.p.words() - 1
		c.Messid = text[s.p.width():s.ends[0]]
		c.Sender = word(0)
		c.Recipient = word(last - 1)
		if s.p == IndiMail {
			c.QQEH, c.EnvH = word(1), word(2)
		}
	}
	if cap(s.text) > keep {
		s.text = nil
	}
	s.text, s.ends, s.long = s.text[:0], s.ends[:0], false
	return c
}
