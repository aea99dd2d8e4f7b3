// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"slices"
	"strings"
)

// setting is a key of a TOML file that stands for one parameter.
type setting struct {
	table, key string
	parameter  string
	form       form
}

// form is the kind of text a parameter takes, where TOML has a nicer way to
// write it.
type form uint8

const (
	textForm    form = iota
	boolForm         // true, false
	numberForm       // 100
	secondsForm      // "100s"
	milliForm        // the same, or "500ms"
	orOffForm        // seconds, or "off"
	listForm         // ["a", "b"], or a text
	queueForm        // 100, or "backlog"
	noneForm         // a list, which is the word none where it is empty
)

// settings are the keys outside [parameters] and [[service]], but for state.
var settings = []setting{
	{"", "rootless", "rootless", boolForm},
	{"", "user", "mail_owner", textForm},
	{"", "hostname", "myhostname", textForm},
	{"", "interfaces", "inet_interfaces", textForm},
	{"", "protocols", "inet_protocols", textForm},
	{"", "daemons", "daemon_directory", textForm},
	{"", "control", "control_socket", textForm},
	{"", "metrics", "metrics_listen", textForm},
	{"", "subreaper", "subreaper", boolForm},
	{"log", "to", "log_to", textForm},
	{"log", "format", "log_format", textForm},
	{"log", "file", "maillog_file", textForm},
	{"log", "name", "syslog_name", textForm},
	{"log", "facility", "syslog_facility", textForm},
	{"limits", "processes", "default_process_limit", numberForm},
	{"limits", "uses", "max_use", numberForm},
	{"limits", "idle", "max_idle", secondsForm},
	{"limits", "command_time", "command_time_limit", secondsForm},
	{"limits", "throttle", "service_throttle_time", secondsForm},
	{"limits", "throttle_max", "service_throttle_time_limit", orOffForm},
	{"limits", "stop", "service_stop_time_limit", milliForm},
	{"watchdog", "device", "hardware_watchdog_device", textForm},
	{"watchdog", "time", "hardware_watchdog_time", secondsForm},
}

// tables are all tables of a file.
var tables = []string{"log", "limits", "watchdog", "parameters", "service"}

// settings takes in everything but the services, which it returns.
func (p *tomlParser) settings(root *item) (services []*item) {
	for _, it := range root.items {
		switch it.key {
		case "log", "limits", "watchdog":
			p.table(it, func(in *item) { p.setting(it.key, in) })
		case "parameters":
			p.table(it, func(in *item) {
				p.parameter(in)
				p.set(in.key, p.raw(in), in)
			})
		case "service":
			if it.kind != listItem {
				p.fail(it, "service: each service begins with a line [[service]], in double brackets")
			}
			services = it.list
		default:
			p.setting("", it)
		}
	}
	return services
}

func (p *tomlParser) table(it *item, each func(*item)) {
	if it.kind != tableItem {
		p.fail(it, "%s is a table: specify [%s] on a line of its own, and the keys below it", it.key, it.key)
	}
	for _, in := range it.items {
		each(in)
	}
}

// setting takes in one key of a table; "" is what comes before any.
func (p *tomlParser) setting(table string, it *item) {
	if table == "" && it.key == "state" {
		p.state(it)
		return
	}
	for _, s := range settings {
		if s.table == table && s.key == it.key {
			p.set(s.parameter, p.formed(s.form, it), it)
			return
		}
	}
	p.unknown(table, it)
}

// state takes in the one directory in which everything is kept.
func (p *tomlParser) state(it *item) {
	raw := p.text(it)
	if raw != "" && raw[0] != '/' && raw[0] != '$' {
		raw = stateBase + raw
	}
	p.set("queue_directory", raw, it)
	p.set("data_directory", stateData, it)
}

const (
	stateBase = "$config_directory/" // what a relative state is relative to
	stateData = "$queue_directory"
)

func (p *tomlParser) set(name, raw string, it *item) {
	if _, twice := p.main.Raw(name); twice {
		p.fail(it, "%s is set on line %d already; keep one of the two", name, p.main.Line(name))
		return
	}
	p.main.setAt(name, raw, it.line)
}

// formed returns the parameter's text for a value in one of the forms.
func (p *tomlParser) formed(f form, it *item) string {
	switch f {
	case boolForm:
		if p.boolean(it) {
			return "yes"
		}
		return "no"
	case numberForm:
		if n, ok := it.value.(int64); ok {
			return fmt.Sprint(n)
		}
		p.fail(it, "%s: specify a whole number", it.key)
		return ""
	case secondsForm, milliForm, orOffForm:
		return p.duration(it, f)
	case queueForm:
		if it.value == backlogWord {
			return ""
		}
		if n, ok := it.value.(int64); ok {
			return fmt.Sprint(n)
		}
		p.fail(it, "%s: specify a whole number, or \"%s\"", it.key, backlogWord)
		return ""
	case noneForm:
		if raw := p.raw(it); raw != "" || it.value == "" {
			return raw
		}
		return noneWord
	case textForm, listForm:
	}
	return p.raw(it)
}

// value is formed the other way round; not ok means that the text is not in
// the form that formed gives, and goes to [parameters].
func (f form) value(raw string) (text string, ok bool) {
	switch f {
	case boolForm:
		return map[string]string{"yes": "true", "no": "false"}[raw], raw == "yes" || raw == "no"
	case numberForm:
		return raw, isPlainNumber(raw)
	case secondsForm, milliForm, orOffForm:
		return tomlString(raw), isPlainDuration(raw, f == milliForm) || f == orOffForm && raw == "off"
	case noneForm:
		if raw == noneWord {
			return "[]", true
		}
		return listForm.value(raw)
	case listForm:
		if words := SplitList(raw); strings.Join(words, ", ") == raw {
			return tomlList(words), true
		}
	case queueForm:
		if raw == "" {
			return tomlString(backlogWord), true
		}
		return raw, isPlainNumber(raw)
	case textForm:
	}
	return tomlString(raw), true
}

// unknown reports a key that nobody knows, and what might have been meant.
func (p *tomlParser) unknown(table string, it *item) {
	var known []string
	for _, s := range settings {
		if s.table == table {
			known = append(known, s.key)
		}
		if it.key != s.parameter && it.key != s.key {
			continue
		}
		// Known, but by another name or elsewhere.
		where := "above all tables"
		if s.table != "" {
			where = "in [" + s.table + "]"
		}
		p.fail(it, "unknown key \"%s\"%s; it is \"%s\" %s", it.key, in(table), s.key, where)
		return
	}
	if table == "" {
		known = append(append(known, "state"), tables...)
	}
	advice := Suggest(it.key, known)
	switch {
	case slices.Contains(serviceKeys, it.key):
		advice = "; it belongs to a service, which begins with [[service]]"
	case advice == "":
		advice = "; a parameter of main.cf belongs in [parameters], and known here are " + strings.Join(known, ", ")
	}
	p.fail(it, "unknown key \"%s\"%s%s", it.key, in(table), advice)
}

// in says where a key is, for messages.
func in(table string) string {
	if table == "" {
		return ""
	}
	return " in [" + table + "]"
}
