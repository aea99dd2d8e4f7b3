// SPDX-License-Identifier: ISC

// Package docs has the pages, and this test, which runs what they show.
//
// A reader who types what a page has, from its beginning to its end, must see
// what the page says. So every block of README.md, bench/README.md and
// docs/*.md is one of these, and none can be forgotten:
//
//   - Commands: an indented block, or a fenced one that is called nothing, sh or
//     console. If lines begin with "$ ", those are the commands, and the lines
//     below each of them are what it prints, on both outputs. A line "..." there stands
//     for any number of lines, "..." within a line for any text; how many
//     blanks there are makes no difference. Without "$ " the whole block is a
//     script that prints what it likes. Every command must end with status 0.
//   - toml, main.cf, master.cf: configurations, which must be accepted, or not
//     where the fence says "refused".
//   - go: lines of a file of this repository, which is named with "from:".
//   - Any other name (text, yaml, json, ini ...): shown, and looked at by nobody.
//
// HTML comments, each on lines of its own right before a block, say what is
// special about it. They may be combined.
//
//	<!-- text -->               it is no command, though indented: a log, a synopsis
//	<!-- not run: REASON -->    commands that no test can run, and why; sh -n reads them
//	<!-- as root -->            run by "make interop" only, see below
//	<!-- stays: CONDITION -->   the block goes on in the background, as in a second
//	                            terminal, until the page ends, or something ends it; the
//	                            next block begins when the command CONDITION succeeds
//	<!-- ends -->               whatever stays gets Ctrl-C before this block
//	<!-- when: CONDITION -->    the block begins when the command CONDITION succeeds
//	<!-- status: N -->          the block, or its last command, ends with status N
//	<!-- file: PATH -->         the block, in whatever language, is written to PATH
//	<!-- from: PATH -->         the block stands in that file, relative to the repository
//	<!-- first: COMMANDS -->    not for the reader: commands to run at this place. May
//	                            have several lines, and may stand without a block
//
// The blocks of a page are run in their order by sh, each from the same
// directory, which has bin (the programs: they are in PATH, too), examples and
// docs in it, and can be written in. On Linux it has a network of its own, so
// that port numbers are free, and as root a copy of this machine's files, which
// vanishes at its end. Nothing is to be left running.
//
// Under "make interop", as root, the directory is the repository's (a copy, as
// all files), and all of the page is run, the blocks "as root" included, which
// elsewhere are passed over. So a page may stop Postfix, divert files, install
// packages. It has no network but the loopback, and systemd does not run there.
//
// In every block "make TARGET" must be a target, and in the whole text a link to a
// file, or to a heading, must lead somewhere.
package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const repository = ".."

// pages are the files that are looked at, relative to the repository.
func pages(t *testing.T) []string {
	t.Helper()
	list := []string{"README.md", "ARCHITECTURE.md", "bench/README.md", "bench/LIMITS.md"}
	for _, pattern := range []string{"docs/*.md", "examples/*.md", "examples/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			list = append(list, strings.TrimPrefix(filepath.ToSlash(f), repository+"/"))
		}
	}
	return list
}

// TestMain is also the process that runs a page: see session.go.
func TestMain(m *testing.M) {
	if page := os.Getenv(pageVariable); page != "" {
		os.Exit(playPage(page))
	}
	os.Exit(m.Run())
}

// TestPages runs all pages.
func TestPages(t *testing.T) {
	if !played {
		t.Skip("the commands of the pages are for a Linux system: GNU's tools, and confinement")
	}
	bin := programs(t)
	for _, page := range pages(t) {
		t.Run(page, func(t *testing.T) {
			if machine { // elsewhere pages may have to share the ports
				t.Parallel()
			}
			blocks, err := readBlocks(filepath.Join(repository, page))
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range blocks {
				if b.runs(machine) {
					playInSession(t, page, bin)
					return
				}
			}
		})
	}
}

// programs builds what the pages use. "make interop" has built it.
func programs(t *testing.T) string {
	t.Helper()
	if machine {
		bin, err := filepath.Abs(filepath.Join(repository, "bin"))
		if err != nil {
			t.Fatal(err)
		}
		return bin
	}
	bin := t.TempDir()
	for _, p := range []string{"./cmd/master", "./cmd/postloop", "./cmd/proxymap", "./cmd/spawn"} {
		build := exec.Command("go", "build", "-o", bin+"/", p)
		build.Dir = repository
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", p, err, out)
		}
	}
	return bin
}
