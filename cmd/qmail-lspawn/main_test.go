// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"postloop/services/lspawn/lspawntest"
)

// TestMain runs the tests, or qmail-lspawn when the test's executable is
// started under that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "qmail-lspawn" {
		main()
	}
	os.Exit(m.Run())
}

// protocols are all there are.
var protocols = []string{"classic", "big", "indimail"}

// newRig is a qmail with a message 7/1 and a user joe, whose mail a shell script
// delivers.
func newRig(t *testing.T, script string) *lspawntest.Rig {
	t.Helper()
	r := lspawntest.New(t)
	r.Message("7/1", "hello\n")
	r.Assign("+joe-:joe:UID:GID:/home/joe:-::\n=joe:joe:UID:GID:/home/joe:::\n")
	r.Script("qmail-local", script)
	return r
}

// start starts the program, and takes its announcement off.
func start(t *testing.T, r *lspawntest.Rig, o lspawntest.Options) *lspawntest.Spawner {
	t.Helper()
	s := begin(t, r, o)
	s.Announced()
	return s
}

// begin starts the program.
func begin(t *testing.T, r *lspawntest.Rig, o lspawntest.Options) *lspawntest.Spawner {
	t.Helper()
	if o.Path == "" {
		exe, err := os.Executable()
		must(t, err)
		o.Path = exe
	}
	return r.Start(o)
}

// to is a command with the usual message and sender.
func to(number int, recipient string) lspawntest.Command {
	return lspawntest.Command{Number: number, Messid: "7/1", Sender: "s@b.example", Recipient: recipient}
}

// encode returns commands as they are sent in one write.
func encode(protocol string, list ...lspawntest.Command) (b []byte) {
	for _, c := range list {
		b = append(b, c.Encode(protocol)...)
	}
	return b
}

// descriptors returns what a process has open.
func descriptors(t *testing.T, pid int) (list []string) {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	must(t, err)
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil {
			list = append(list, filepath.Base(link)+" "+name)
		}
	}
	slices.Sort(list)
	return list
}

// fifo makes a pipe with a name that every child may open, and holds both of
// its ends.
func fifo(t *testing.T, r *lspawntest.Rig, name string) *os.File {
	t.Helper()
	path := r.Dir + "/out/" + name
	must(t, mkfifo(path))
	must(t, os.Chmod(path, 0o666))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
}
