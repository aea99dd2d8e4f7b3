// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"os"
	"slices"
	"testing"
)

func TestParentIn(t *testing.T) {
	for stat, want := range map[string]int{
		"12 (sh) S 7 12 12 0":       7,
		"12 (a) b) S 9) S 8 12 12":  8, // a name may be anything
		"12 ((sd-pam)) S 1 12":      1,
		"12 (sh) S":                 0,
		"12 (sh)":                   0,
		"":                          0,
		"12 (new\nline 1 2) R 33 1": 33,
	} {
		if got := parentIn([]byte(stat)); got != want {
			t.Errorf("%q: %d, want %d", stat, got, want)
		}
	}
	if !slices.Contains(childrenOf(os.Getppid()), os.Getpid()) {
		t.Error("this process is not among the children of its parent")
	}
}

func FuzzParentIn(f *testing.F) {
	f.Add([]byte("12 (sh) S 7 12 12 0"))
	f.Add([]byte(")"))
	f.Fuzz(func(_ *testing.T, stat []byte) { parentIn(stat) })
}
