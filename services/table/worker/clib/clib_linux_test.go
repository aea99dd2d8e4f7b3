// SPDX-License-Identifier: ISC

package clib_test

import (
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"postloop/services/table/worker/clib"
)

func TestMissing(t *testing.T) {
	_, err := clib.Open("libno1", "libno.so.1", "libno.so")
	const want = "the library libno.so.1 is missing, which is in the package libno1: libno.so.1: cannot open shared object file: No such file or directory; libno.so: "
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

func TestCalls(t *testing.T) {
	l, err := clib.Open("libc6", "libc.so.6")
	if err != nil {
		t.Fatal(err)
	}
	length, text := l.Func("strlen"), l.Func("strerror")
	if err := l.Err(); err != nil {
		t.Fatal(err)
	}
	var m clib.Memory
	defer m.Unpin()
	if n := length.Call(m.Text("four")); n != 4 {
		t.Errorf("%d", n)
	}
	if s := clib.TextAt(text.Call(uintptr(syscall.ENOENT))); s != "No such file or directory" {
		t.Error(s)
	}
	copied := l.Func("memcpy")
	to := make([]byte, 3)
	copied.Call(uintptr(m.Bytes(to)), uintptr(m.Bytes([]byte("abc"))), 3)
	if string(clib.Copy(unsafe.Pointer(&to[0]), uintptr(2))) != "ab" || clib.UpToNull([]byte("a\x00b")) != "a" {
		t.Errorf("%q", to)
	}
	if m.Bytes(nil) != nil || clib.Text(nil) != "" || clib.Copy(nil, uint32(3)) != nil {
		t.Error("nothing is somewhere")
	}
	for r, want := range map[uintptr]string{0: "", 2: "no such file or directory", ^uintptr(0) - 9: "Unknown error -10"} {
		err := text.Result(r)
		if err == nil != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%d: %v", r, err)
		}
	}
	if err := text.Result(^uintptr(0) - 9); !clib.Is(err, -10) || clib.Is(err, -9) || clib.Is(nil, 0) {
		t.Error(err)
	}
	l.Func("no_such_function")
	if err := l.Err(); err == nil || !strings.Contains(err.Error(), "the library libc.so.6 is not what it should be") {
		t.Error(err)
	}
}
