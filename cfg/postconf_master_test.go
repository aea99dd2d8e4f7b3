//go:build interop

// SPDX-License-Identifier: ISC

package cfg

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// postconf runs the real postconf on a master.cf in a directory of its own.
func postconf(t *testing.T, dir string, args ...string) (out, complaint string, ok bool) {
	t.Helper()
	cmd := exec.Command("postconf", append([]string{"-c", dir}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err) // not installed: these tests are about nothing else
	}
	return stdout.String(), stderr.String(), err == nil
}

// writeOld writes a file that looks an hour old: Postfix reads one that was
// just written again and again, until it is older than a second.
func writeOld(t *testing.T, file, text string) {
	t.Helper()
	then := time.Now().Add(-time.Hour)
	if err := errors.Join(os.WriteFile(file, []byte(text), 0o666), os.Chtimes(file, then, then)); err != nil {
		t.Fatal(err)
	}
}

// TestMasterAgainstPostconf compares each file of the corpus with what the
// real postconf makes of it. The first words of a file's name say who is to
// refuse it.
func TestMasterAgainstPostconf(t *testing.T) {
	for name, file := range cases(t, "postconf-master", ".cf") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := readFile(t, file+".cf")
			dir := t.TempDir()
			writeOld(t, filepath.Join(dir, "main.cf"), "compatibility_level = 3.6\n")
			writeOld(t, filepath.Join(dir, "master.cf"), text)
			services, _, err := ParseMaster("master.cf", strings.NewReader(text), mainWith())
			fields, complaint, ok := postconf(t, dir, "-F")

			weRefuse := strings.HasPrefix(name, "both-refuse-") || strings.HasPrefix(name, "master-refuses-")
			theyRefuse := strings.HasPrefix(name, "both-refuse-") || strings.HasPrefix(name, "postconf-refuses-")
			if weRefuse != (err != nil) || theyRefuse != !ok {
				t.Fatalf("we say %v, postconf says %v: %s", err, ok, complaint)
			}
			switch {
			case weRefuse && theyRefuse:
				checkBlame(t, text, complaint, err)
			case !weRefuse && !theyRefuse:
				checkFields(t, services, fields)
				overrides, complaint, ok := postconf(t, dir, "-P")
				if !ok {
					t.Fatal(complaint)
				}
				checkOverrides(t, services, overrides)
				entries, complaint, ok := postconf(t, dir, "-M")
				if !ok {
					t.Fatal(complaint)
				}
				checkEntries(t, services, entries)
			}
		})
	}
}

func firstError(t *testing.T, err error) *Error {
	t.Helper()
	list, ok := errors.AsType[Errors](err)
	if !ok {
		t.Fatal(err)
	}
	return list[0]
}

// checkBlame compares the line of our first error with the one that postconf
// complains of, by number or by quoting the entry.
func checkBlame(t *testing.T, text, complaint string, err error) {
	t.Helper()
	our := firstError(t, err).Line
	lines, _, _ := ReadLines("master.cf", strings.NewReader(text))
	if m := regexp.MustCompile(`line (\d+): bad field count`).FindStringSubmatch(complaint); m != nil {
		// postconf counts to the last line of an entry, and we to the first.
		their, _ := strconv.Atoi(m[1])
		last := slices.IndexFunc(lines, func(l Line) bool { return l.Num > their })
		if last < 0 {
			last = len(lines)
		}
		if lines[last-1].Num != our {
			t.Errorf("we blame line %d, postconf the entry at %d: %s", our, lines[last-1].Num, complaint)
		}
		return
	}
	for _, l := range lines {
		if strings.Contains(bare(complaint), bare(l.Text)) {
			if l.Num != our {
				t.Errorf("we blame line %d, postconf the entry at %d: %s", our, l.Num, complaint)
			}
			return
		}
	}
	t.Errorf("postconf quotes none of the entries: %s", complaint)
}

// bare is text without what postconf changes when it prints arguments.
func bare(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n{}", r) {
			return -1
		}
		return r
	}, text)
}

// squeezed is text as postconf prints values: with single blanks.
func squeezed(text string) string { return strings.Join(strings.Fields(text), " ") }

// checkFields compares services with the output of postconf -F, which has a
// line name/type/field = value for each field.
func checkFields(t *testing.T, services []Service, printed string) {
	t.Helper()
	fields := strings.Split(strings.TrimSuffix(printed, "\n"), "\n")
	if printed == "" {
		fields = nil
	}
	if len(fields) != 8*len(services) {
		t.Fatalf("%d services, and postconf prints %d fields", len(services), len(fields))
	}
	for i, s := range services {
		wakeup := fmt.Sprint(s.Wakeup.Seconds())
		if s.WakeupIfUsed {
			wakeup += "?"
		}
		yes := map[bool]string{true: "y", false: "n"}
		for j, want := range []struct{ field, value, fallback string }{
			{"service", s.Name, ""},
			{"type", s.Type.String(), ""},
			{"private", yes[s.Private], "y"},
			{"unprivileged", yes[s.Unprivileged], "y"},
			{"chroot", yes[s.Chroot], "n"},
			{"wakeup", wakeup, "0"},
			{"process_limit", strconv.Itoa(s.Limit), "100"},
			{"command", bare(s.Command + strings.Join(s.Args, "")), ""},
		} {
			name, value, _ := strings.Cut(fields[8*i+j], " = ")
			if value == "-" && want.fallback != "" {
				value = want.fallback
			}
			switch want.field {
			case "command":
				value = bare(value)
			case "wakeup":
				if value == "0?" { // means the same
					value = "0"
				}
				fallthrough
			case "process_limit":
				value = cmp.Or(strings.TrimLeft(value, "0"), "0")
			}
			if name != s.Name+"/"+s.Type.String()+"/"+want.field || value != want.value {
				t.Errorf("line %d: %s is %q, and postconf prints %q", s.Line, want.field, want.value, fields[8*i+j])
			}
		}
	}
}

// checkEntries compares services with the output of postconf -M, which is a
// master.cf again, with the columns lined up and some of the braces lost; so
// the arguments of the two are compared without braces and blanks.
func checkEntries(t *testing.T, services []Service, printed string) {
	t.Helper()
	lines, _, errs := ReadLines("postconf -M", strings.NewReader(printed))
	if errs != nil || len(lines) != len(services) {
		t.Fatalf("%d services, and postconf prints %d entries, %v:\n%s", len(services), len(lines), errs, printed)
	}
	for i, s := range services {
		fields := strings.Fields(lines[i].Text)
		plain := strings.Join(fields[:min(len(fields), 7)], " ")
		again, _, err := ParseMaster("postconf -M", strings.NewReader(plain+" "+s.Command+"\n"), mainWith())
		if err != nil || len(again) != 1 {
			t.Errorf("postconf prints an entry that we refuse: %q: %v", lines[i].Text, err)
			continue
		}
		got := again[0]
		got.File, got.Line, got.Args = s.File, s.Line, s.Args
		if !reflect.DeepEqual(got, s) {
			t.Errorf("we read %+v, and %+v from what postconf prints", s, got)
		}
		if their, our := bare(strings.Join(fields[7:], "")), bare(s.Command+strings.Join(s.Args, "")); their != our {
			t.Errorf("line %d: command and arguments are %q, and postconf prints %q", s.Line, our, their)
		}
	}
}

// checkOverrides compares the -o of services with the output of postconf -P,
// which has a line name/type/parameter = value for each, in no useful order.
func checkOverrides(t *testing.T, services []Service, printed string) {
	t.Helper()
	var got []string
	for _, s := range services {
		overrides, _, err := s.Overrides()
		if err != nil && len(s.Args) > 0 && s.Args[len(s.Args)-1] != "-o" {
			t.Error(err)
		}
		last := map[string]string{}
		for _, o := range overrides {
			last[o.Name] = o.Value
		}
		for name, value := range last {
			got = append(got, strings.TrimRight(fmt.Sprintf("%s/%s/%s = %s", s.Name, s.Type, name, squeezed(value)), " "))
		}
	}
	var want []string
	for l := range strings.Lines(printed) {
		want = append(want, strings.TrimRight(l, " \n"))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("overrides\n%q\npostconf prints\n%q", got, want)
	}
}
