// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// WriteTOML writes m's settings and services as a TOML file that ParseTOML
// reads to the same values, in TOML's own terms as far as they go. Where a
// limit is default_process_limit, it is left out. What TOML cannot hold, text
// that is not UTF-8, is an error for each such place; nothing is written
// then.
func WriteTOML(w io.Writer, m *Main, services []Service) error {
	t := tomlWriter{main: m}
	t.settings()
	d, _ := masterDefaults(m)
	for i := range services {
		t.service(&services[i], d.limit)
	}
	if len(t.errs) > 0 {
		return t.errs
	}
	_, err := io.WriteString(w, strings.TrimPrefix(t.out.String(), "\n"))
	return err
}

type tomlWriter struct {
	main *Main
	out  strings.Builder
	errs Errors
}

func (t *tomlWriter) printf(format string, args ...any) { fmt.Fprintf(&t.out, format, args...) }

// settings writes the keys outside [parameters] in their order, and then the
// rest in that of the file.
func (t *tomlWriter) settings() {
	written := map[string]bool{}
	if state, ok := t.state(); ok {
		t.printf("state = %s\n", tomlString(state))
		written["queue_directory"], written["data_directory"] = true, true
	}
	table := ""
	for _, s := range settings {
		raw, set := t.main.Raw(s.parameter)
		text, ok := s.form.value(raw)
		if !set || !ok {
			continue
		}
		if s.table != table {
			table = s.table
			t.printf("\n[%s]\n", table)
		}
		t.printf("%s = %s\n", s.key, text)
		t.utf8(s.parameter, raw)
		written[s.parameter] = true
	}
	table = ""
	for _, name := range t.main.Names() {
		if written[name] {
			continue
		}
		if table == "" {
			table = "parameters"
			t.printf("\n[parameters]\n")
		}
		raw, _ := t.main.Raw(name)
		t.printf("%s = %s\n", tomlKey(name), tomlValue(raw))
		t.utf8(name, raw)
	}
}

// state returns the directory in which everything is kept, if it is one.
func (t *tomlWriter) state() (dir string, ok bool) {
	queue, _ := t.main.Raw("queue_directory")
	data, _ := t.main.Raw("data_directory")
	t.utf8("queue_directory", queue)
	if data != stateData || queue == "" || queue[0] != '/' && queue[0] != '$' {
		return "", false
	}
	if relative, ok := strings.CutPrefix(queue, stateBase); ok && relative != "" && trim(relative) == relative && relative[0] != '/' && relative[0] != '$' {
		return relative, true
	}
	return queue, true
}

func (t *tomlWriter) utf8(name, raw string) {
	if !utf8.ValidString(name) || !utf8.ValidString(raw) {
		t.errs = append(t.errs, t.main.Errorf(name, "%s is not UTF-8 text, and TOML has no way to write it", name))
	}
}

// service writes one [[service]]; limit is what leaving it out means.
func (t *tomlWriter) service(s *Service, limit int) {
	err := s.check()
	if err == nil && !utf8.ValidString(s.Name+s.Label+s.Command+strings.Join(s.Args, "")) {
		err = fmt.Errorf("not UTF-8 text, and TOML has no way to write it")
	}
	if err != nil {
		t.errs = append(t.errs, &Error{s.File, s.Line, fmt.Sprintf("service %q: %v", s.Name, err)})
		return
	}
	t.printf("\n[[service]]\n")
	if s.Label != "" {
		t.printf("name = %s\n", tomlString(s.Label))
	}
	t.printf("listen = %s\n", s.listen())
	overrides, args := leadingOverrides(s.Args)
	if run, ok := spawnRun(args); ok && s.Command == "spawn" && !s.Unprivileged {
		overrides = t.run(s, run, overrides)
	} else {
		t.printf("command = %s\n", tomlString(s.Command))
		if len(args) > 0 {
			t.printf("args = %s\n", tomlList(args))
		}
		if !s.Unprivileged {
			t.printf("privileged = true\n")
		}
	}
	if s.Chroot {
		t.printf("chroot = true\n")
	}
	if s.Limit == 0 {
		t.printf("limit = \"none\"\n")
	} else if s.Limit != limit {
		t.printf("limit = %d\n", s.Limit)
	}
	if s.Wakeup > 0 {
		t.printf("wakeup = \"%ds\"\n", int64(s.Wakeup.Seconds()))
	}
	if s.WakeupIfUsed {
		t.printf("wakeup_if_used = true\n")
	}
	if len(overrides) == 1 {
		t.printf("options = { %s = %s }\n", tomlKey(overrides[0].Name), tomlValue(overrides[0].Value))
	} else if len(overrides) > 1 {
		t.printf("\n[service.options]\n")
		for _, o := range overrides {
			t.printf("%s = %s\n", tomlKey(o.Name), tomlValue(o.Value))
		}
	}
}

// listen returns the endpoint in TOML.
func (s *Service) listen() string {
	if s.Type != Inet {
		return tomlString(s.Type.String() + ":" + s.Path())
	}
	if isPlainNumber(s.Name) {
		return s.Name
	}
	if kind, _, name := splitListen(s.Name); kind != Inet || name != s.Name {
		return tomlString("inet:" + s.Name) // a host with the name of a type
	}
	return tomlString(s.Name)
}

// spawnArgs is what spawn's own arguments say.
type spawnArgs struct {
	user, group string
	argv        []string
}

// spawnRun reads arguments that run, user and group give; not ok for those
// that they do not.
func spawnRun(args []string) (run spawnArgs, ok bool) {
	if len(args) == 0 {
		return run, false
	}
	if user, found := strings.CutPrefix(args[0], "user="); found {
		var grouped bool
		run.user, run.group, grouped = strings.Cut(user, ":")
		if run.user == "" || trim(run.user) != run.user || grouped && run.group == "" || trim(run.group) != run.group {
			return run, false
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return run, false
	}
	program, found := strings.CutPrefix(args[0], "argv=")
	run.argv = append([]string{program}, args[1:]...)
	return run, found && program != ""
}

// run writes a service of spawn the short way, and returns the overrides that
// are left to write.
func (t *tomlWriter) run(s *Service, run spawnArgs, overrides []Override) []Override {
	t.printf("run = %s\n", tomlList(run.argv))
	if run.user != "" {
		t.printf("user = %s\n", tomlString(run.user))
	}
	if run.group != "" {
		t.printf("group = %s\n", tomlString(run.group))
	}
	if last := len(overrides) - 1; last >= 0 && overrides[last].Name == s.Name+"_time_limit" && isPlainDuration(overrides[last].Value, false) {
		t.printf("time_limit = %s\n", tomlString(overrides[last].Value))
		overrides = overrides[:last]
	}
	return t.hosted(overrides)
}

// leadingOverrides splits off the -o at the beginning that options gives
// back exactly, each name once.
func leadingOverrides(args []string) (overrides []Override, rest []string) {
	seen := map[string]bool{}
	for len(args) >= 2 && args[0] == "-o" {
		name, value, reason := splitNameValue(args[1])
		if reason != "" || name+"="+value != args[1] || seen[name] {
			break
		}
		seen[name] = true
		overrides, args = append(overrides, Override{name, value}), args[2:]
	}
	return overrides, args
}

// tomlValue writes the raw text of a parameter as what it looks like.
func tomlValue(raw string) string {
	if raw == "yes" || raw == "no" {
		return strconv.FormatBool(raw == "yes")
	}
	if isPlainNumber(raw) {
		return raw
	}
	return tomlString(raw)
}
