// SPDX-License-Identifier: ISC

//go:build interop

package cfg

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// machine names the parameters whose defaults come from the machine, from the
// process or from how Postfix was built. They are given postconf's.
var machine = []string{
	"mail_version", "mail_release_date", "daemon_directory", "command_directory", "shlib_directory", "meta_directory",
	"mynetworks", "process_name", "service_name",
}

// noValue are those that differ at every run.
var noValue = []string{"process_id"}

// runPostconf runs the real one, and fails the test when there is none.
func runPostconf(t *testing.T, args ...string) (out, messages string, ok bool) {
	t.Helper()
	c := exec.Command("postconf", args...)
	var stdout, stderr strings.Builder
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), err == nil
}

// postconfValues reads postconf's output, one parameter a line.
func postconfValues(t *testing.T, out string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for line := range strings.Lines(out) {
		name, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), " =")
		if !found {
			t.Fatalf("postconf says %q", line)
		}
		values[name] = strings.TrimPrefix(value, " ")
	}
	return values
}

// as37 gives m the defaults of Postfix 3.7 and of this machine.
func as37(t *testing.T, m *Main, defaults map[string]string) {
	t.Helper()
	for name, p := range parameters {
		if p.was != "" {
			m.SetDefault(name, p.was)
		}
	}
	for _, name := range machine {
		m.SetDefault(name, defaults[name])
	}
	hostname, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	m.SetDefault("myhostname", hostname)
}

// in37 reports whether Postfix 3.7 has the parameter.
func in37(name string) bool {
	is := func(p param) bool { return p.name == name }
	return !slices.ContainsFunc(ourParams, is) && !slices.ContainsFunc(tableParams, is) && !parameters[name].since312
}

// configDir makes a configuration directory of its own.
func configDir(t *testing.T, main string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"main.cf": main, "master.cf": "smtp inet n - n - - smtpd\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// Later than this, postconf waits for the file to be complete.
	past := time.Now().Add(-time.Minute)
	if err := os.Chtimes(filepath.Join(dir, "main.cf"), past, past); err != nil {
		t.Fatal(err)
	}
	return dir
}

// oneBlank shows a value as postconf does: runs of white space are one blank.
func oneBlank(value string) string {
	return strings.Join(strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) }), " ")
}

// TestPostconfDefaults compares the table with postconf -d.
func TestPostconfDefaults(t *testing.T) {
	out, messages, ok := runPostconf(t, "-d")
	if !ok {
		t.Fatal(messages)
	}
	theirs := postconfValues(t, out)
	for name, p := range parameters {
		want, known := theirs[name]
		switch {
		case !in37(name):
			if known {
				t.Errorf("%s: said to be later than 3.7, but postconf knows it", name)
			}
		case !known:
			t.Errorf("%s: postconf does not know it", name)
		case slices.Contains(machine, name) || slices.Contains(noValue, name) || name == "myhostname" || name == "mydomain":
		case p.was != "":
			if p.was != want || p.def == want {
				t.Errorf("%s: default %q in 3.7, %q later; postconf has %q", name, p.was, p.def, want)
			}
		case p.def != want:
			t.Errorf("%s: default %q, postconf has %q", name, p.def, want)
		}
	}
}

// TestPostconf compares settings, values, warnings and errors.
func TestPostconf(t *testing.T) {
	out, messages, ok := runPostconf(t, "-d")
	if !ok {
		t.Fatal(messages)
	}
	defaults := postconfValues(t, out)
	corpus(t, func(t *testing.T, _, content string) { agree(t, content, defaults) })
	for _, installed := range []string{"/etc/postfix/main.cf", "/etc/postfix/main.cf.proto"} {
		content, err := os.ReadFile(installed)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(installed), func(t *testing.T) { agree(t, string(content), defaults) })
	}
}

func agree(t *testing.T, content string, defaults map[string]string) {
	t.Helper()
	t.Parallel() // postconf takes a second to fail
	dir := configDir(t, content)
	m := NewMain(filepath.Join(dir, "main.cf"))
	as37(t, m, defaults)
	err := m.read(strings.NewReader(content))

	raw, messages, ok := runPostconf(t, "-c", dir, "-n")
	// postconf looks for names without use by evaluating everything, and gives
	// up on all when one does not evaluate.
	evaluation := strings.Contains(messages, "fatal: mac")
	switch {
	case !ok && !evaluation:
		// It stops at the first error; ours are at least that one.
		_, fatal, _ := strings.Cut(messages, "fatal: ")
		if err == nil || All(err)[0].Error() != strings.TrimSuffix(fatal, "\n") {
			t.Errorf("postconf: %s\nours: %v", messages, err)
		}
		return
	case err != nil:
		t.Fatalf("postconf accepts what is an error here: %v", err)
	case evaluation:
		agreeFailure(t, m, messages)
	default:
		agreeRaw(t, m, postconfValues(t, raw), defaults)
		agreeValues(t, m, dir)
	}
	agreeNotes(t, m, messages)
}

// agreeNotes compares the warnings about the text. Those about names without
// use are postconf's own, and those from evaluation come later.
func agreeNotes(t *testing.T, m *Main, messages string) {
	t.Helper()
	var theirs, ours []string
	for line := range strings.Lines(messages) {
		text := strings.TrimSuffix(strings.TrimPrefix(line, "postconf: warning: "), "\n")
		if strings.Contains(text, "overriding earlier entry") || strings.Contains(text, "must not start with whitespace") {
			theirs = append(theirs, text)
		}
	}
	for _, n := range m.Notes() {
		ours = append(ours, n.Text)
	}
	if !slices.Equal(ours, theirs) {
		t.Errorf("notes %q\npostconf: %q", ours, theirs)
	}
}

// agreeRaw compares what is set. postconf leaves out user-defined names that
// nothing refers to.
func agreeRaw(t *testing.T, m *Main, theirs, defaults map[string]string) {
	t.Helper()
	delete(theirs, "config_directory") // from the command line
	for name, want := range theirs {
		if got, set := m.Raw(name); !set || oneBlank(got) != want {
			t.Errorf("%s = %q, %v; postconf: %q", name, got, set, want)
		}
	}
	for _, name := range m.Names() {
		if _, builtin := defaults[name]; builtin && name != "config_directory" {
			if _, found := theirs[name]; !found {
				t.Errorf("%s is set, but not to postconf", name)
			}
		}
	}
}

// agreeValues compares the values of everything in the table and in the file.
func agreeValues(t *testing.T, m *Main, dir string) {
	t.Helper()
	var names []string
	for name := range parameters {
		if in37(name) && !slices.Contains(noValue, name) {
			names = append(names, name)
		}
	}
	out, messages, ok := runPostconf(t, append([]string{"-c", dir, "-x"}, names...)...)
	if !ok {
		t.Fatal(messages)
	}
	values := postconfValues(t, out)
	m.SetDefault("mynetworks", values["mynetworks"]) // goes by other parameters, too
	for _, name := range names {
		if raw, _ := m.Raw(name); strings.Contains(raw, "$process_id") {
			continue
		}
		x := expansion{m: m, work: maxWork}
		if got, err := x.value(name); err != nil || oneBlank(got) != values[name] {
			t.Errorf("%s -> %q, %v; postconf: %q", name, got, err, values[name])
		}
	}
}

// agreeFailure finds the parameter that does not evaluate, and compares the
// reasons.
func agreeFailure(t *testing.T, m *Main, messages string) {
	t.Helper()
	for _, name := range m.Names() {
		x := expansion{m: m, work: maxWork}
		_, err := x.value(name)
		e, failed := errors.AsType[*evalError](err)
		if !failed {
			continue
		}
		reason := e.err.Error()
		if nesting, _, found := strings.Cut(reason, "nesting: "); found {
			reason = nesting // at what is a matter of where one begins
		}
		if !strings.Contains(messages, reason) {
			t.Errorf("%s: %v; postconf: %s", name, err, messages)
		}
		return
	}
	t.Errorf("all evaluates; postconf: %s", messages)
}
