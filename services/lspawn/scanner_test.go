// SPDX-License-Identifier: ISC

package lspawn

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"postloop/services/lspawn/lspawntest"
)

// scanAll returns the commands in a stream, which comes in pieces that next
// cuts.
func scanAll(s *Scanner, in []byte, next func(left int) int) (list []Command) {
	for len(in) > 0 {
		n := next(len(in))
		for piece := in[:n]; len(piece) > 0; {
			c, used, ok := s.Scan(piece)
			if piece = piece[used:]; ok {
				list = append(list, c)
			}
		}
		in = in[n:]
	}
	return list
}

func whole(left int) int { return left }
func single(int) int     { return 1 }

var streams = []struct {
	name string
	p    Protocol
	in   string
	want []Command
}{
	{"indimail", IndiMail, "\x00\x007/1234\x00s@b\x00\x00\x00joe@example.com\x00", []Command{
		{Number: "\x00\x00", Messid: "7/1234", Sender: "s@b", Recipient: "joe@example.com"},
	}},
	{"all strings", IndiMail, "\x0d\x007/1\x00s\x00X-Extra: one\n\x00FOO: bar\n\x00r@h\x00", []Command{
		{Number: "\x0d\x00", Messid: "7/1", Sender: "s", QQEH: "X-Extra: one\n", EnvH: "FOO: bar\n", Recipient: "r@h"},
	}},
	{"classic", Classic, "\x777/1234\x00\x00joe-e0@example.com\x00", []Command{
		{Number: "\x77", Messid: "7/1234", Recipient: "joe-e0@example.com"},
	}},
	{"a number that is a null byte", Classic, "\x001\x00s\x00r@h\x00\x002\x00\x00q@h\x00", []Command{
		{Number: "\x00", Messid: "1", Sender: "s", Recipient: "r@h"},
		{Number: "\x00", Messid: "2", Recipient: "q@h"},
	}},
	{"big", Big, "\xff\x807/1\x00#@[]\x00postmaster@h\x00", []Command{
		{Number: "\xff\x80", Messid: "7/1", Sender: "#@[]", Recipient: "postmaster@h"},
	}},
	{"nothing but null bytes", Big, strings.Repeat("\x00", 12), []Command{{Number: "\x00\x00"}, {Number: "\x00\x00"}}},
	{"half a command at the end", Classic, "\x011\x00s\x00r@h\x00\x022\x00s\x00r@", []Command{
		{Number: "\x01", Messid: "1", Sender: "s", Recipient: "r@h"},
	}},
	{"a number alone", IndiMail, "\x01\x00", nil},
	{"any byte in a string", Classic, "\x011\x00\xff\n \x80\x00\x01@\xfe\x00", []Command{
		{Number: "\x01", Messid: "1", Sender: "\xff\n \x80", Recipient: "\x01@\xfe"},
	}},
}

func TestScan(t *testing.T) {
	for _, test := range streams {
		t.Run(test.name, func(t *testing.T) {
			for how, next := range map[string]func(int) int{"in one piece": whole, "byte by byte": single} {
				if got := scanAll(NewScanner(test.p), []byte(test.in), next); !reflect.DeepEqual(got, test.want) {
					t.Errorf("%s: got %+v, want %+v", how, got, test.want)
				}
			}
		})
	}
}

// TestScanWhatWasEncoded: the driver of the other tests speaks the protocols.
func TestScanWhatWasEncoded(t *testing.T) {
	for p, name := range protocols {
		c := lspawntest.Command{Number: 77, Messid: "1/2", Sender: "s", QQEH: "q\n", EnvH: "e\n", Recipient: "r@h"}
		want := Command{Number: Protocol(p).number(77), Messid: "1/2", Sender: "s", Recipient: "r@h"}
		if Protocol(p) == IndiMail {
			want.QQEH, want.EnvH = c.QQEH, c.EnvH
		}
		got := scanAll(NewScanner(Protocol(p)), c.Encode(name), whole)
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if n := Protocol(p).index(got[0].Number); n != 77 {
			t.Errorf("%s: number %d", name, n)
		}
	}
}

// A command that is too long is passed over, and the next one understood.
func TestScanTooLong(t *testing.T) {
	const room = 40
	for size := range 2 * room {
		for how, next := range map[string]func(int) int{"in one piece": whole, "byte by byte": single} {
			s := NewScanner(IndiMail)
			s.max = room
			in := "\x07\x01" + "1\x00s\x00" + strings.Repeat("q", size) + "\x00\x00r@h\x00"
			in += "\x08\x012\x00\x00\x00\x00r@h\x00"
			got := scanAll(s, []byte(in), next)
			first := Command{Number: "\x07\x01", Messid: "1", Sender: "s", QQEH: strings.Repeat("q", size), Recipient: "r@h"}
			if len("\x07\x011sr@h")+size > room {
				first = Command{Number: "\x07\x01", TooLong: true}
			}
			want := []Command{first, {Number: "\x08\x01", Messid: "2", Recipient: "r@h"}}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%s, %d bytes: got %+v, want %+v", how, size, got, want)
			}
		}
	}
}

func TestScanKeepsNoLargeBuffer(t *testing.T) {
	s := NewScanner(Classic)
	in := append(append([]byte("\x011\x00"), bytes.Repeat([]byte("s"), 1<<20)...), "\x00r@h\x00"...)
	if got := scanAll(s, in, whole); len(got) != 1 || len(got[0].Sender) != 1<<20 {
		t.Fatalf("%d commands", len(got))
	}
	if cap(s.text) > keep {
		t.Errorf("a buffer of %d bytes is left", cap(s.text))
	}
}

func FuzzScan(f *testing.F) {
	for _, test := range streams {
		f.Add([]byte(test.in), uint8(test.p), uint64(1))
	}
	f.Add(bytes.Repeat([]byte("q"), 200), uint8(IndiMail), uint64(7))
	f.Fuzz(func(t *testing.T, in []byte, kind uint8, seed uint64) {
		p := Protocol(kind % uint8(len(protocols)))
		scanner := func() *Scanner {
			s := NewScanner(p)
			s.max = 64
			return s
		}
		random := rand.New(rand.NewPCG(seed, 0))
		want := scanAll(scanner(), in, whole)
		for how, next := range map[string]func(int) int{
			"byte by byte": single,
			"anywhere":     func(left int) int { return 1 + random.IntN(min(left, 40)) },
		} {
			if got := scanAll(scanner(), in, next); !reflect.DeepEqual(got, want) {
				t.Fatalf("cut %s: %+v, in one piece: %+v", how, got, want)
			}
		}
		for _, c := range want { // as often as the sender's words end
			if len(c.Number) != p.width() || c.TooLong && c.Messid+c.Sender+c.Recipient != "" {
				t.Errorf("%+v", c)
			}
		}
	})
}
