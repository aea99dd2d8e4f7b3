// SPDX-License-Identifier: ISC

package attr

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// golden are lists as Postfix's programs sent them.
var golden = []struct {
	bytes string
	list  []Attr
}{
	{"protocol\x00proxymap_protocol\x00\x00", []Attr{{"protocol", "proxymap_protocol"}}},
	{
		"client_address\x00127.0.0.1\x00client_port\x0050076\x00server_address\x00127.0.0.1\x00server_port\x0044787\x00\x00", // postscreen's
		[]Attr{{"client_address", "127.0.0.1"}, {"client_port", "50076"}, {"server_address", "127.0.0.1"}, {"server_port", "44787"}},
	},
	{"status\x000\x00value\x00\x00\x00", []Attr{{"status", "0"}, {"value", ""}}},
	{"key\x00two\nlines = \xff\x00\x00", []Attr{{"key", "two\nlines = \xff"}}},
	{"\x00", nil},
}

func TestGolden(t *testing.T) {
	for _, c := range golden {
		list, used, err := Scan([]byte(c.bytes))
		if err != nil || used != len(c.bytes) || !slices.Equal(list, c.list) {
			t.Errorf("%q: got %q, %d, %v", c.bytes, list, used, err)
		}
		if got := Append([]byte("before"), c.list...); string(got) != "before"+c.bytes {
			t.Errorf("%q: got %q", c.list, got)
		}
		for cut := range c.bytes {
			if list, used, err := Scan([]byte(c.bytes[:cut])); list != nil || used != 0 || err != nil {
				t.Errorf("%q: got %q, %d, %v", c.bytes[:cut], list, used, err)
			}
		}
	}
}

// TestWhatFollows is the next list, and not this one's business.
func TestWhatFollows(t *testing.T) {
	in := []byte("a\x00b\x00\x00c\x00d\x00\x00")
	list, used, err := Scan(in)
	if err != nil || used != 5 || !slices.Equal(list, []Attr{{"a", "b"}}) {
		t.Fatalf("got %q, %d, %v", list, used, err)
	}
	if list, used, err = Scan(in[used:]); err != nil || used != 5 || !slices.Equal(list, []Attr{{"c", "d"}}) {
		t.Errorf("got %q, %d, %v", list, used, err)
	}
}

func TestGroups(t *testing.T) {
	for _, in := range []string{"{\x00a\x00b\x00}\x00\x00", "{\x00}\x00a\x00b\x00\x00", "a\x00b\x00{\x00}\x00\x00"} {
		if list, used, err := Scan([]byte(in)); err != nil || used != len(in) || !slices.Equal(list, []Attr{{"a", "b"}}) {
			t.Errorf("%q: got %q, %d, %v", in, list, used, err)
		}
	}
	for _, in := range []string{"{\x00\x00", "{\x00{\x00", "}\x00", "{\x00a\x00b\x00}\x00}\x00", "{\x00a\x00b\x00\x00"} {
		if list, used, err := Scan([]byte(in)); !errors.Is(err, ErrGroup) || list != nil || used != 0 {
			t.Errorf("%q: got %q, %d, %v", in, list, used, err)
		}
	}
	if list, _, err := Scan([]byte("a\x00{\x00\x00")); err != nil || len(list) != 1 {
		t.Errorf("a value that is a brace: got %q, %v", list, err)
	}
}

func TestTextsEndAtNUL(t *testing.T) {
	if got := Append(nil, Attr{"a\x00b", "c\x00d"}); string(got) != "a\x00c\x00\x00" {
		t.Errorf("got %q", got)
	}
	for _, name := range []string{"", "\x00a", "{", "}\x00"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("the name %q was taken", name)
				}
			}()
			Append(nil, Attr{Name: name})
		}()
	}
}

// FuzzScan: a list that was read is written as it was, and it does not matter
// where the input is cut.
func FuzzScan(f *testing.F) {
	for _, c := range golden {
		f.Add([]byte(c.bytes), 3)
	}
	f.Add([]byte("{\x00a\x00b\x00}\x00\x00"), 2)
	f.Add([]byte("a\x00b\x00\x00more"), 5)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		list, used, err := Scan(in)
		if err != nil {
			if list != nil || used != 0 {
				t.Fatalf("%q: an error, and %q, %d", in, list, used)
			}
			return
		}
		if used == 0 {
			if list != nil {
				t.Fatalf("%q: %q of an incomplete list", in, list)
			}
			return
		}
		plain := !bytes.Contains(in, []byte("{\x00")) && !bytes.Contains(in, []byte("}\x00"))
		if got := Append(nil, list...); plain && !bytes.Equal(got, in[:used]) {
			t.Fatalf("%q became %q", in[:used], got)
		}
		if cut < 0 || cut > len(in) {
			return
		}
		var pieces Scanner
		part, some, err := pieces.Scan(in[:cut])
		if some == 0 && err == nil {
			whole, all, err := pieces.Scan(in)
			if err != nil || all != used || !slices.Equal(whole, list) {
				t.Fatalf("in pieces cut at %d: %q, %d, %v", cut, whole, all, err)
			}
			return
		}
		switch {
		case err != nil:
			t.Fatalf("cut at %d: %v", cut, err)
		case cut < used && some != 0, cut >= used && (some != used || !slices.Equal(part, list)):
			t.Fatalf("cut at %d: %q, %d", cut, part, some)
		}
	})
}

// TestPieces: a list that comes byte by byte is the same, and so is the next.
func TestPieces(t *testing.T) {
	var s Scanner
	for range 2 {
		for _, c := range golden {
			for n := range c.bytes {
				if list, used, err := s.Scan([]byte(c.bytes[:n])); list != nil || used != 0 || err != nil {
					t.Fatalf("%q: got %q, %d, %v", c.bytes[:n], list, used, err)
				}
			}
			list, used, err := s.Scan([]byte(c.bytes + "more"))
			if err != nil || used != len(c.bytes) || !slices.Equal(list, c.list) {
				t.Fatalf("%q: got %q, %d, %v", c.bytes, list, used, err)
			}
		}
		if _, _, err := s.Scan([]byte("a\x00b\x00}")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Scan([]byte("a\x00b\x00}\x00")); !errors.Is(err, ErrGroup) {
			t.Fatal(err)
		}
	}
	_, _, _ = s.Scan([]byte("name\x00val"))
	if !s.InValue() {
		t.Error("a value is not one")
	}
	_, _, _ = s.Scan([]byte("name\x00value\x00na"))
	if s.InValue() {
		t.Error("a name is a value")
	}
}

// TestNoGarbage: what it takes to read a list is one copy of it.
func TestNoGarbage(t *testing.T) {
	var s Scanner
	in := []byte("request\x00lookup\x00table\x00hash:/etc/aliases\x00flags\x0016448\x00key\x00somebody\x00\x00")
	if n := testing.AllocsPerRun(100, func() {
		for i := 1; i <= len(in); i++ {
			_, _, _ = s.Scan(in[:i])
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// TestMost: what is left out of a list is looked at all the same.
func TestMost(t *testing.T) {
	in := []byte("a\x001\x00b\x002\x00c\x003\x00\x00")
	for most, want := range []int{3, 1, 2, 3, 3} {
		s := Scanner{Most: most}
		for range 2 { // it counts from the start in each list
			if list, used, err := s.Scan(in); len(list) != want || used != len(in) || err != nil {
				t.Errorf("at most %d: %v, %d used, %v", most, list, used, err)
			}
		}
	}
	s := Scanner{Most: 1}
	if _, _, err := s.Scan([]byte("a\x001\x00}\x00\x00")); err == nil {
		t.Error("a brace behind the last attribute that counts is no error")
	}
}
