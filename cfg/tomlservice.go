// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tomlService is one [[service]] while it is read.
type tomlService struct {
	Service
	*tomlParser
	*defaults
	keys  map[string]*item
	lines []int // of each of Args
}

// runKeys are the keys of a [[service]] that belong to run.
var runKeys = append([]string{"user", "group", "time_limit"}, hostedKeys()...)

// serviceKeys are all of them.
var serviceKeys = slices.Concat([]string{"listen", "name", "run"}, runKeys,
	[]string{"command", "args", "options", "limit", "wakeup", "wakeup_if_used", "privileged", "chroot"})

// parse makes of a [[service]] what the entry of master.cf that says the same
// becomes; false means that the service is disabled, or wrong.
func (s *tomlService) parse(it *item) bool {
	before := len(s.errs)
	s.File, s.Line = s.file, it.line
	if it.kind != tableItem {
		s.fail(it, "service: each service begins with a line [[service]], in double brackets")
		return false
	}
	s.keys = map[string]*item{}
	for _, in := range it.items {
		s.keys[in.key] = in
	}
	if !s.endpoint(it) || s.disabled(s.Name, s.Type.String()) {
		return false
	}
	s.known(it)
	s.Unprivileged = true
	if in := s.keys["privileged"]; in != nil {
		s.Unprivileged = !s.boolean(in)
	}
	if in := s.keys["chroot"]; in != nil {
		s.Chroot = s.boolean(in)
		if s.Chroot && s.rootless {
			s.fail(in, "chroot: impossible with rootless = true; leave one of the two out")
		}
	}
	s.limits()
	s.program(it)
	s.checkArgs()
	return len(s.errs) == before
}

// known reports the keys that nobody knows.
func (s *tomlService) known(it *item) {
	for _, in := range it.items {
		if slices.Contains(serviceKeys, in.key) {
			continue
		}
		advice := Suggest(in.key, serviceKeys)
		if _, known := parameters[in.key]; known {
			advice = "; for this service only, a parameter belongs in options = { " + in.key + " = ... }"
		} else if advice == "" {
			advice = "; known are " + strings.Join(serviceKeys, ", ")
		}
		s.fail(in, "unknown key \"%s\" in [[service]]%s", in.key, advice)
	}
}

// endpoint reads where the service listens, which is also its name.
func (s *tomlService) endpoint(it *item) bool {
	listen := s.keys["listen"]
	if listen == nil {
		s.fail(it, "service without listen; specify where it listens, such as listen = \"127.0.0.1:7007\" or listen = \"unix:private/name\"")
		s.known(it)
		return false
	}
	before := len(s.errs)
	var text string
	switch port, isNumber := listen.value.(int64); {
	case !isNumber:
		text = s.text(listen)
	case port < 0 || port > 65535:
		s.fail(listen, "listen: %d is not a port; specify a number from 0 to 65535", port)
	default:
		text = strconv.FormatInt(port, 10)
	}
	if len(s.errs) > before {
		return false
	}
	s.Type, s.Private, s.Name = splitListen(text)
	var err error
	switch {
	case s.Name == "":
		s.fail(listen, "listen: \"%s\": specify %s:private/NAME or %[2]s:public/NAME", text, s.Type)
	case s.Type == Inet:
		if s.Host, s.Port, err = splitInetName(s.Name); err != nil {
			s.fail(listen, "listen: %v in \"%s\"; specify host:port, [address]:port or port, or a path such as unix:private/NAME", err, s.Name)
		} else if s.Host == "" && s.noInterfaces {
			s.fail(listen, "listen: a service with no more than a port requires a non-empty inet_interfaces setting")
		}
	}
	if err := checkName(s.Name); err != nil && s.Name != "" {
		s.fail(listen, "listen: \"%s\": %v", text, err)
	}
	if name := s.keys["name"]; name != nil {
		// An inet service is known by its address, and the name is for those
		// who read the file, or operate the master; all others have their name
		// in their path.
		switch text := s.text(name); {
		case s.Type == Inet:
			s.Label = text
		case text != "" && text != s.Name:
			s.fail(name, "name: \"%s\" is not the end of listen, which is the service's name; specify \"%s\", or leave name out", text, s.Name)
		}
	}
	return len(s.errs) == before
}

// splitListen takes "type:private/name" apart, or "type:public/name"; what
// has no type is an inet service. The name is empty when there is none.
func splitListen(text string) (kind Type, private bool, name string) {
	prefix, rest, _ := strings.Cut(text, ":")
	for t, word := range typeNames {
		if word == "" || word != prefix {
			continue
		}
		if Type(t) == Inet {
			return Inet, false, rest
		}
		if name, ok := strings.CutPrefix(rest, "private/"); ok {
			return Type(t), true, name
		}
		name, _ := strings.CutPrefix(rest, "public/")
		if name == rest {
			name = ""
		}
		return Type(t), false, name
	}
	return Inet, false, text
}

// limits reads how many processes there may be, and when to wake one.
func (s *tomlService) limits() {
	s.Limit = s.limit
	if in := s.keys["limit"]; in != nil {
		n, ok := in.value.(int64)
		switch {
		case in.value == "none":
			s.Limit = 0
		case ok && n > 0 && n <= math.MaxInt32:
			s.Limit = int(n)
		default:
			s.fail(in, "limit: specify a number of processes from 1 to %d, or \"none\"", math.MaxInt32)
		}
	}
	if in := s.keys["wakeup"]; in != nil {
		every, _ := in.value.(string)
		d, ok := parseDuration(every)
		if !ok || d < time.Second || checkWakeup(d) != nil {
			s.fail(in, "wakeup: specify a time in whole seconds with its unit, such as \"60s\" or \"5m\"")
		}
		s.Wakeup = d
	}
	if in := s.keys["wakeup_if_used"]; in != nil {
		s.WakeupIfUsed = s.boolean(in)
		if s.WakeupIfUsed && s.keys["wakeup"] == nil {
			s.fail(in, "wakeup_if_used: there is no wakeup; specify how often, such as wakeup = \"60s\"")
		}
	}
}

// program reads what to start: command with args, or run, the short way to
// have spawn start any program for each connection.
func (s *tomlService) program(it *item) {
	run, command := s.keys["run"], s.keys["command"]
	s.options()
	switch {
	case run != nil && command != nil:
		s.fail(command, "command: there is run = ... as well; keep one of the two")
		return
	case run == nil && command == nil:
		s.fail(it, "service without a program; specify run = [\"/path/of/a/program\"] or command = \"name of a daemon\"")
		return
	case run != nil:
		s.spawn(run)
		return
	}
	s.Command = s.text(command)
	if err := checkCommand(s.Command); err != nil && s.Command != "" {
		s.fail(command, "command: \"%s\": %v; arguments belong in args", s.Command, err)
	}
	if in := s.keys["args"]; in != nil {
		words, lines := s.words(in)
		s.Args, s.lines = append(s.Args, words...), append(s.lines, lines...)
	}
	for _, key := range runKeys {
		if in := s.keys[key]; in != nil {
			s.fail(in, "%s belongs to run, and there is command; specify it in args or options as %s wants it", key, s.Command)
		}
	}
}

// spawn reads run and the keys that belong to it.
func (s *tomlService) spawn(run *item) {
	s.Command, s.Unprivileged = "spawn", false
	if in := s.keys["args"]; in != nil {
		s.fail(in, "args belongs to command; with run, all arguments are in run")
	}
	if in := s.keys["privileged"]; in != nil {
		s.fail(in, "privileged: what run names runs as user, and what starts it needs privilege; leave it out")
	}
	s.hosted()
	if in := s.keys["time_limit"]; in != nil {
		s.override(in, s.Name+"_time_limit", s.duration(in, secondsForm))
	}
	if user, group := s.keys["user"], s.keys["group"]; user != nil {
		text := s.text(user)
		if strings.Contains(text, ":") {
			s.fail(user, "user: a \":\" cannot be part of it; the group is a key of its own")
		}
		if group != nil {
			text += ":" + s.text(group)
		}
		s.arg("user="+text, user.line)
	} else if group != nil {
		s.fail(group, "group: there is no user; specify both")
	}
	words, lines := s.words(run)
	if run.kind == listItem && (len(words) == 0 || words[0] == "") {
		s.fail(run, "run: specify a program and its arguments, such as run = [\"/bin/cat\"]")
	}
	for i, word := range words {
		if i == 0 {
			word = "argv=" + word
		}
		s.arg(word, lines[i])
	}
}

// options reads the parameters that have another value for this service.
func (s *tomlService) options() {
	in := s.keys["options"]
	if in == nil {
		return
	}
	if in.kind != tableItem {
		s.fail(in, "options: specify a table, such as options = { name = \"value\" }")
	}
	for _, one := range in.items {
		s.parameter(one)
		s.override(one, one.key, s.raw(one))
	}
}

// override adds an -o to the arguments.
func (s *tomlService) override(it *item, name, value string) {
	for i, arg := range s.Args {
		if strings.HasPrefix(arg, name+"=") {
			s.fail(it, "%s is set on line %d already; keep one of the two", name, s.lines[i])
		}
	}
	s.arg("-o", it.line)
	s.arg(name+"="+value, it.line)
}

func (s *tomlService) arg(text string, line int) {
	s.Args, s.lines = append(s.Args, text), append(s.lines, line)
}

// checkArgs keeps the arguments to what master.cf has a way to write, so that
// each language can say what the other can.
func (s *tomlService) checkArgs() {
	for i, arg := range s.Args {
		if _, err := brace(arg, i == len(s.Args)-1); err != nil {
			s.errs = append(s.errs, &Error{s.file, s.lines[i], fmt.Sprintf(
				"argument %q: %v cannot be passed to a service; a script of its own can hold it", arg, err)})
		}
	}
}
