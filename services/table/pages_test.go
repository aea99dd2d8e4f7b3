// SPDX-License-Identifier: ISC

package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"postloop/loop/looptest"
)

// counted is a file that counts how often it is read, and may fail.
type counted struct {
	b   []byte
	n   int
	err error
}

func (c *counted) ReadAt(b []byte, at int64) (int, error) {
	c.n++
	if c.err != nil {
		return 0, c.err
	}
	return bytes.NewReader(c.b).ReadAt(b, at)
}

// TestPages reads at random, and compares with the file itself.
func TestPages(t *testing.T) {
	for _, size := range []int{0, 1, pageSize - 1, pageSize, 3*pageSize + 5, (pageSlots + 9) * pageSize} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(size)))
			file := &counted{b: make([]byte, size)}
			for i := range file.b {
				file.b[i] = byte(r.Uint32())
			}
			p := &pages{file: file, keep: func() bool { return true }}
			for range 2000 {
				at, n := r.Int64N(int64(size)+10), r.IntN(10)
				switch r.IntN(4) {
				case 0:
					n = r.IntN(pageReads + 2*pageSize)
				case 1:
					at = at / pageSize * pageSize
					n = pageSize
				}
				got, want := make([]byte, n), make([]byte, n)
				gotN, gotErr := p.ReadAt(got, at)
				wantN, wantErr := bytes.NewReader(file.b).ReadAt(want, at)
				if n == 0 { // readers differ in what they say of nothing
					gotErr, wantErr = nil, nil
				}
				if gotN != wantN || !bytes.Equal(got, want) || (gotErr != nil) != (wantErr != nil) {
					t.Fatalf("%d at %d: %d, %v; want %d, %v", n, at, gotN, gotErr, wantN, wantErr)
				}
			}
		})
	}
}

// TestPagesKept: no page is read twice before forget, and none is kept while keep
// says that it may change.
func TestPagesKept(t *testing.T) {
	file, keep := &counted{b: make([]byte, 2*pageSize)}, true
	p := &pages{file: file, keep: func() bool { return keep }}
	ask := func(wants int, when string) {
		t.Helper()
		file.n = 0
		for range 3 {
			if _, err := p.ReadAt(make([]byte, 10), pageSize-5); err != nil {
				t.Error(err)
			}
		}
		if file.n != wants {
			t.Errorf("%s: read %d times, not %d", when, file.n, wants)
		}
	}
	ask(2, "at first")
	ask(0, "then")
	keep = false
	ask(3, "not to be kept")
	p.forget()
	keep = true
	ask(2, "after forget")
	p.forget()
	file.err = errors.New("broken")
	if _, err := p.ReadAt(make([]byte, 10), 0); !errors.Is(err, file.err) {
		t.Errorf("got %v", err)
	}
	file.err = nil
	ask(2, "after an error")
	file.b = file.b[:pageSize]
	p.forget()
	if n, err := p.ReadAt(make([]byte, 10), pageSize-5); n != 5 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %d, %v", n, err)
	}
}

// TestCdbPages: a cdb that was just made is read each time, and not any more when
// it has been there for a while.
func TestCdbPages(t *testing.T) {
	s := newIndexStage(t)
	name := s.copy(t, "cdb", "many")
	x := s.open(t, "cdb:"+name, 0).(*cdbTable)
	reads := func() uint64 {
		before := x.pages.read
		if got := x.Get("user777@example.com", 0, unexpected(t)); got.Status != OK {
			t.Error(got)
		}
		return x.pages.read - before
	}
	if min(reads(), reads()) == 0 {
		t.Error("not read, right after it was made")
	}
	looptest.Advance(s.Loop, 2*fileHot)
	if reads() == 0 {
		t.Error("not read")
	}
	if n := reads(); n != 0 {
		t.Errorf("read %d times, having been there for a while", n)
	}
}

// TestBerkeleyPages: the same, and what is written is seen in the next turn.
func TestBerkeleyPages(t *testing.T) {
	for _, typ := range []string{"hash", "btree"} {
		t.Run(typ, func(t *testing.T) {
			s := newBerkeleyStage(t)
			s.write("x", s.golden(typ))
			x := s.open(typ, "x", 0).(*berkeleyTable)
			reads := func() uint64 {
				before := x.pages.read
				s.is(x, "user1@example.com", 0, ok("box1"))
				return x.pages.read - before
			}
			if min(reads(), reads()) == 0 {
				t.Error("not read, right after it was made")
			}
			s.cool()
			if reads() == 0 {
				t.Error("not read")
			}
			if n := reads(); n != 0 {
				t.Errorf("read %d times, having been there for a while", n)
			}
			s.write("x", s.golden(typ+"-few"))
			s.is(x, "user1@example.com", 0, noKey)
			s.is(x, "a", 0, ok("1"))
			s.cool()
			s.is(x, "a", 0, ok("1"))
			s.is(x, "user1@example.com", 0, noKey)
		})
	}
}
