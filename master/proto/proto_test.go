// SPDX-License-Identifier: ISC

package proto_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"postloop/master/proto"
)

// Records as Postfix's own daemons wrote them on a little-endian machine.
var golden = []struct {
	status proto.Status
	little string
}{
	{proto.Status{Pid: 10370, Generation: 3, Avail: proto.Taken}, "\x82\x28\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00"},
	{proto.Status{Pid: 10370, Generation: 3, Avail: proto.Available}, "\x82\x28\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00"},
	{proto.Status{Pid: -1, Generation: math.MaxUint32, Avail: math.MinInt32}, "\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x80"},
}

func TestStatusBytes(t *testing.T) {
	for _, c := range golden {
		want := []byte(c.little)
		if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
			for i := 0; i < len(want); i += 4 {
				want[i], want[i+1], want[i+2], want[i+3] = want[i+3], want[i+2], want[i+1], want[i]
			}
		}
		if got := c.status.Append([]byte("before")); !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Errorf("%+v: got % x, want % x after the prefix", c.status, got, want)
		}
		if got, ok := proto.ParseStatus(want); !ok || got != c.status {
			t.Errorf("% x: got %+v, %v", want, got, ok)
		}
		if len(want) != proto.StatusSize {
			t.Errorf("a record is %d bytes, not %d", len(want), proto.StatusSize)
		}
	}
}

func TestStatusOfAnyOtherLength(t *testing.T) {
	for n := range 3 * proto.StatusSize {
		if _, ok := proto.ParseStatus(make([]byte, n)); ok != (n == proto.StatusSize) {
			t.Errorf("%d bytes: got %v", n, ok)
		}
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	b := make([]byte, 0, proto.StatusSize)
	if n := testing.AllocsPerRun(100, func() { proto.Status{Pid: 1}.Append(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParseStatus(f *testing.F) {
	for _, c := range golden {
		f.Add([]byte(c.little))
	}
	f.Add([]byte{})
	f.Add(make([]byte, 13))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, ok := proto.ParseStatus(in)
		if ok != (len(in) == proto.StatusSize) {
			t.Fatalf("%d bytes: got %v", len(in), ok)
		}
		if ok && !bytes.Equal(s.Append(nil), in) {
			t.Fatalf("% x became % x", in, s.Append(nil))
		}
	})
}

func TestGeneration(t *testing.T) {
	for _, c := range []struct {
		text string
		gen  uint32
	}{
		{"0", 0},
		{"1", 1},
		{"7", 7},
		{"10", 8},
		{"777", 511},
		{"37777777777", math.MaxUint32},
	} {
		if got := proto.FormatGeneration(c.gen); got != c.text {
			t.Errorf("%d: got %q, want %q", c.gen, got, c.text)
		}
		if got, ok := proto.ParseGeneration(c.text); !ok || got != c.gen {
			t.Errorf("%q: got %d, %v", c.text, got, ok)
		}
	}
	for _, bad := range []string{"", "8", "-1", "+1", " 1", "1 ", "0x1", "0o1", "1_0", "40000000000", "1\x00"} {
		if got, ok := proto.ParseGeneration(bad); ok {
			t.Errorf("%q: got %d, want none", bad, got)
		}
	}
}

func FuzzParseGeneration(f *testing.F) {
	for _, s := range []string{"1", "012", "37777777777", "40000000000", "+7", "1_0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g, ok := proto.ParseGeneration(s)
		if !ok {
			return
		}
		if again, ok := proto.ParseGeneration(proto.FormatGeneration(g)); !ok || again != g {
			t.Fatalf("%q: %d became %d, %v", s, g, again, ok)
		}
	})
}
