// SPDX-License-Identifier: ISC

// Orphan is a command that leaves a child behind: it says so when process 1 has
// become its parent, and ends.
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		for os.Getppid() != 1 {
			time.Sleep(time.Millisecond) // no event tells it
		}
		fmt.Println("my parent is", os.Getppid())
		return
	}
	_, err := os.StartProcess("/proc/self/exe", []string{"orphan", "child"}, &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
