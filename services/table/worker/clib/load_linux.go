// SPDX-License-Identifier: ISC

package clib

import "github.com/ebitengine/purego"

func load(name string) (uintptr, error) {
	return purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
}

func find(handle uintptr, name string) (uintptr, error) { return purego.Dlsym(handle, name) }

// Call calls f. What it returns as an int is the lower half of the result.
func (f Func) Call(args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(uintptr(f), args...)
	return r
}

// Callback makes a function for C of f. It is there as long as the process is.
func Callback(f func(handle uintptr, prefix, text *byte)) Func {
	return Func(purego.NewCallback(func(handle uintptr, prefix, text *byte) uintptr {
		f(handle, prefix, text)
		return 0
	}))
}
