// SPDX-License-Identifier: ISC

//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: needs Linux: epoll, control groups, /proc")
	os.Exit(1)
}
