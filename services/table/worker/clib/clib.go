// SPDX-License-Identifier: ISC

package clib

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"unsafe"
)

// Func is a function of a library.
type Func uintptr

// Library is a library that is loaded. It stays so until the process ends.
type Library struct {
	name   string
	handle uintptr
	err    error
}

// Open loads the first of the libraries called names that is there; from says
// which package they are in.
func Open(from string, names ...string) (*Library, error) {
	if len(names) == 0 {
		return nil, errors.New("no library")
	}
	var reasons []string
	for _, name := range names {
		handle, err := load(name)
		if err == nil {
			return &Library{name: name, handle: handle}, nil
		}
		reasons = append(reasons, err.Error())
	}
	return nil, fmt.Errorf("the library %s is missing, which is in the package %s: %s", names[0], from, strings.Join(reasons, "; "))
}

// Func finds a function. Err says whether all that were asked for are there.
func (l *Library) Func(name string) Func {
	f, err := find(l.handle, name)
	if err != nil && l.err == nil {
		l.err = fmt.Errorf("the library %s is not what it should be: %w", l.name, err)
	}
	return Func(f)
}

// Err is why a function was not found.
func (l *Library) Err() error { return l.err }

// Failure is an error that a library has a number of its own for.
type Failure struct {
	Code int32
	Text string
}

func (f *Failure) Error() string { return f.Text }

// Is reports whether an error is the Failure with that number.
func Is(err error, code int32) bool {
	f, ok := errors.AsType[*Failure](err)
	return ok && f.Code == code
}

// Result makes an error of what a function has returned: a number of the system's,
// or one of the library's, for which f has the text.
func (f Func) Result(r uintptr) error {
	switch code := int32(r); {
	case code == 0:
		return nil
	case code > 0:
		return syscall.Errno(code)
	default:
		return &Failure{code, TextAt(f.Call(uintptr(code)))}
	}
}

// Memory keeps ours in its place while C uses it.
type Memory struct{ runtime.Pinner }

// At keeps what p points to, which is not nil, in its place, and returns where
// that is.
func (m *Memory) At(p any, at unsafe.Pointer) uintptr {
	m.Pin(p)
	return uintptr(at)
}

// Bytes is At for b. Empty ones are nowhere.
func (m *Memory) Bytes(b []byte) unsafe.Pointer {
	if len(b) == 0 {
		return nil
	}
	m.Pin(unsafe.SliceData(b))
	return unsafe.Pointer(unsafe.SliceData(b))
}

// Text is s as C has it: with a null byte at its end.
func (m *Memory) Text(s string) uintptr {
	return uintptr(m.Bytes(append([]byte(s), 0)))
}

// Copy copies what C has given out.
func Copy[N uint32 | uintptr](at unsafe.Pointer, n N) []byte {
	if at == nil || n == 0 {
		return nil
	}
	return bytes.Clone(unsafe.Slice((*byte)(at), n))
}

// Text copies a text of C's.
func Text(at *byte) string {
	if at == nil {
		return ""
	}
	n := uintptr(0)
	for *(*byte)(unsafe.Add(unsafe.Pointer(at), n)) != 0 {
		n++
	}
	return string(Copy(unsafe.Pointer(at), n))
}

// TextAt is Text for what a function has returned.
func TextAt(at uintptr) string { return Text(*(**byte)(unsafe.Pointer(&at))) }

// UpToNull is the text in b, as C has it.
func UpToNull(b []byte) string {
	text, _, _ := bytes.Cut(b, []byte{0})
	return string(text)
}
