// SPDX-License-Identifier: ISC

package cfg

import (
	"strings"
	"testing"
)

const service = "[[service]]\nlisten = \"unix:private/a\"\n"

func TestParseTOMLInvalid(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		// Keys.
		{"rotless = true", `line 1: unknown key "rotless"; did you mean "rootless"?`},
		{"\nsate = \"x\"", `line 2: unknown key "sate"; did you mean "state"?`},
		{"[[servce]]", `line 1: unknown key "servce"; did you mean "service"?`},
		{"listen = 25", `line 1: unknown key "listen"; it belongs to a service, which begins with [[service]]`},
		{"mail_owner = \"x\"", `line 1: unknown key "mail_owner"; it is "user" above all tables`},
		{"processes = 5", `line 1: unknown key "processes"; it is "processes" in [limits]`},
		{"[log]\nto = \"stderr\"\nrootless = true", `line 3: unknown key "rootless" in [log]; it is "rootless" above all tables`},
		{"[limits]\nidel = \"1s\"", `line 2: unknown key "idel" in [limits]; did you mean "idle"?`},
		{"foo = 1", `line 1: unknown key "foo"; a parameter of main.cf belongs in [parameters], and known here are rootless, user, hostname, interfaces, protocols, daemons, control, metrics, subreaper, state, log, limits, watchdog, parameters, service`},
		{"[log]\nxyzzy = 1", `line 2: unknown key "xyzzy" in [log]; a parameter of main.cf belongs in [parameters], and known here are to, format, file, name, facility`},
		{service + "command = \"x\"\nlimt = 1", `line 4: unknown key "limt" in [[service]]; did you mean "limit"?`},
		{service + "command = \"x\"\nmail_owner = 1", `line 4: unknown key "mail_owner" in [[service]]; for this service only, a parameter belongs in options = { mail_owner = ... }`},
		{service + "command = \"x\"\nxyzzy = 1", `line 4: unknown key "xyzzy" in [[service]]; known are listen, name, run, user, group, time_limit, allow, deny, client_limit, client_rate, client_ipv4_prefix, client_ipv6_prefix, queue, queue_time, refuse, protocol, client_environment, nice, rlimits, no_new_privs, capabilities, command, args, options, limit, wakeup, wakeup_if_used, privileged, chroot`},

		// Kinds of values.
		{"rootless = \"yes\"", `line 1: rootless: specify true or false`},
		{"state = 5", `line 1: state: specify text in quotes, such as state = "..."`},
		{"state = \"\"", `line 1: state: specify text in quotes, such as state = "..."`},
		{"state = \"a\\nb\"", `line 1: state: a line break or a null byte cannot be part of it`},
		{"log = 1", `line 1: log is a table: specify [log] on a line of its own, and the keys below it`},
		{"parameters = 1", `line 1: parameters is a table: specify [parameters] on a line of its own, and the keys below it`},
		{"[service]\nlisten = 25", `line 1: service: each service begins with a line [[service]], in double brackets`},
		{"service = [1]", `line 1: service: each service begins with a line [[service]], in double brackets`},
		{"[limits]\nprocesses = \"5\"", `line 2: processes: specify a whole number`},
		{"[limits]\nidle = 100", `line 2: idle: specify a time with its unit, such as "90s", "10m", "2h" or "1d"`},
		{"[limits]\nidle = \"100\"", `line 2: idle: specify a time with its unit, such as "90s", "10m", "2h" or "1d"`},
		{"[limits]\nidle = \"1x\"", `line 2: idle: specify a time with its unit, such as "90s", "10m", "2h" or "1d"`},
		{"[limits]\nthrottle_max = \"never\"", `line 2: throttle_max: specify a time with its unit, such as "90s", "10m", "2h" or "1d", or "off"`},
		{"[limits]\nidle = \"500ms\"", `line 2: idle: 500ms: specify whole seconds`},
		{"[limits]\nstop = \"0.5ms\"", `line 2: stop: 0.5ms: specify whole milliseconds`},
		{"[limits]\nstop = \"off\"", `line 2: stop: specify a time with its unit, such as "90s", "10m", "2h" or "1d"`},
		{"[limits]\nidle = \"9999999999s\"", `line 2: idle: specify a time with its unit, such as "90s", "10m", "2h" or "1d"`},
		{"[parameters]\na = 1.5", `line 2: a: specify text in quotes, a whole number, true, false, or a list of texts`},
		{"[parameters]\na = { b = 1 }", `line 2: a: specify text in quotes, a whole number, true, false, or a list of texts`},
		{"[parameters]\na = [\"x\", 1]", `line 2: a: each element is text in quotes
f, line 2: a: "" cannot be one element of a list`},
		{"[parameters]\na = [\n  \"x, y\"]", `line 3: a: "x, y" cannot be one element of a list`},
		{"[parameters]\na = \"\\u0000\"", `line 2: a: a null byte cannot be part of it`},
		{"[parameters]\n\"a b\" = 1", `line 2: "a b" cannot be the name of a parameter`},
		{"user = \"a\"\n[parameters]\nmail_owner = \"b\"", `line 3: mail_owner is set on line 1 already; keep one of the two`},
		{"state = \"a\"\n[parameters]\ndata_directory = \"b\"", `line 3: data_directory is set on line 1 already; keep one of the two`},

		// Where a service listens.
		{"[[service]]\ncommand = \"x\"", `line 1: service without listen; specify where it listens, such as listen = "127.0.0.1:7007" or listen = "unix:private/name"`},
		{"[[service]]\nlisten = true", `line 2: listen: specify text in quotes, such as listen = "..."`},
		{"[[service]]\nlisten = \"unix:a\"", `line 2: listen: "unix:a": specify unix:private/NAME or unix:public/NAME`},
		{"[[service]]\nlisten = \"fifo:25\"", `line 2: listen: "fifo:25": specify fifo:private/NAME or fifo:public/NAME`},
		{"[[service]]\nlisten = \"unix:private/\"", `line 2: listen: "unix:private/": specify unix:private/NAME or unix:public/NAME`},
		{"[[service]]\nlisten = \"unix:private/a b\"", `line 2: listen: "unix:private/a b": a space, a line break or a null byte cannot be part of it`},
		{"[[service]]\nlisten = \"unix:private/#a\"", `line 2: listen: "unix:private/#a": it cannot begin with '#'`},
		{"[[service]]\nlisten = 65536", `line 2: listen: 65536 is not a port; specify a number from 0 to 65535`},
		{"[[service]]\nlisten = -1", `line 2: listen: -1 is not a port; specify a number from 0 to 65535`},
		{"[[service]]\nlisten = \"[::1\"", `line 2: listen: missing "]" in "[::1"; specify host:port, [address]:port or port, or a path such as unix:private/NAME`},
		{"interfaces = \"\"\n[[service]]\nlisten = 25\ncommand = \"x\"", `line 3: listen: a service with no more than a port requires a non-empty inet_interfaces setting`},
		{service + "name = \"b\"\ncommand = \"x\"", `line 3: name: "b" is not the end of listen, which is the service's name; specify "a", or leave name out`},

		// What it runs.
		{service, `line 1: service without a program; specify run = ["/path/of/a/program"] or command = "name of a daemon"`},
		{service + "run = [\"x\"]\ncommand = \"x\"", `line 4: command: there is run = ... as well; keep one of the two`},
		{service + "command = \"x y\"", `line 3: command: "x y": a space, a line break or a null byte cannot be part of it; arguments belong in args`},
		{service + "command = \"-\"", `line 3: command: "-": "-" is no command; arguments belong in args`},
		{service + "command = \"x\"\nargs = \"y\"", `line 4: args: specify a list, such as args = ["one", "two"]`},
		{service + "command = \"x\"\nargs = [\n1,\n\"a\\nb\"]", `line 5: args: each element is text in quotes
f, line 6: argument "a\nb": a line break or a null byte cannot be passed to a service; a script of its own can hold it`},
		{service + "command = \"x\"\nargs = [\"a {\", \"b\"]", `line 4: argument "a {": braces that do not match cannot be passed to a service; a script of its own can hold it`},
		{service + "command = \"x\"\nuser = \"y\"", `line 4: user belongs to run, and there is command; specify it in args or options as x wants it`},
		{service + "run = \"x\"", `line 3: run: specify a list, such as run = ["one", "two"]`},
		{service + "run = []", `line 3: run: specify a program and its arguments, such as run = ["/bin/cat"]`},
		{service + "run = [\"\"]", `line 3: run: specify a program and its arguments, such as run = ["/bin/cat"]`},
		{service + "run = [\"x\"]\nargs = []", `line 4: args belongs to command; with run, all arguments are in run`},
		{service + "run = [\"x\"]\nprivileged = true", `line 4: privileged: what run names runs as user, and what starts it needs privilege; leave it out`},
		{service + "run = [\"x\"]\nuser = \"a:b\"", `line 4: user: a ":" cannot be part of it; the group is a key of its own`},
		{service + "run = [\"x\"]\ngroup = \"a\"", `line 4: group: there is no user; specify both`},
		{service + "run = [\"x\"]\ntime_limit = 5", `line 4: time_limit: specify a time with its unit, such as "90s", "10m", "2h" or "1d"`},
		{service + "run = [\"x\"]\ntime_limit = \"5s\"\noptions = { a_time_limit = \"6s\" }", `line 4: a_time_limit is set on line 5 already; keep one of the two`},
		{service + "command = \"x\"\noptions = [\"a=b\"]", `line 4: options: specify a table, such as options = { name = "value" }`},
		{service + "command = \"x\"\noptions = { \"a b\" = 1 }", `line 4: "a b" cannot be the name of a parameter`},

		// Limits.
		{service + "command = \"x\"\nlimit = 0", `line 4: limit: specify a number of processes from 1 to 2147483647, or "none"`},

		// Whom it serves.
		{service + "command = \"x\"\nallow = []", `line 4: allow belongs to run, and there is command; specify it in args or options as x wants it`},
		{service + "run = [\"x\"]\nallow = [\n\"10.0.0.1/8\"]", `line 4: allow: 10.0.0.1/8: non-null host address bits; did you mean 10.0.0.0/8`},
		{service + "run = [\"x\"]\ndeny = 5", `line 4: deny: 5: specify an address, a network such as 10.0.0.0/8 or [2001:db8::]/32, or uid: and a user`},
		{service + "run = [\"x\"]\ndeny = [5]", `line 4: deny: each element is text in quotes
f, line 4: deny: "" cannot be one element of a list`},
		{service + "run = [\"x\"]\nclient_limit = \"5\"", `line 4: client_limit: specify a whole number`},
		{service + "run = [\"x\"]\nclient_limit = -5", `line 4: client_limit: -5: specify a whole number from 0 to 2147483647`},
		{service + "run = [\"x\"]\nclient_rate = \"30\"", `line 4: client_rate: bad rate: 30; specify a number, a slash and a time, such as 30/60s`},
		{service + "run = [\"x\"]\nclient_ipv4_prefix = 33", `line 4: client_ipv4_prefix: 33: specify a whole number from 0 to 32`},
		{service + "run = [\"x\"]\nclient_ipv6_prefix = 129", `line 4: client_ipv6_prefix: 129: specify a whole number from 0 to 128`},
		{service + "run = [\"x\"]\nqueue = \"none\"", `line 4: queue: specify a whole number, or "backlog"`},
		{service + "run = [\"x\"]\nqueue = -1", `line 4: queue: -1: specify a whole number from 0 to 2147483647`},
		{service + "run = [\"x\"]\nqueue_time = 100", `line 4: queue_time: specify a time with its unit, such as "90s", "10m", "2h" or "1d"`},
		{service + "run = [\"x\"]\nrefuse = \"drop\"", `line 4: refuse: unrecognized value: drop; specify close, reset, or text and a line such as "text 421 come back later"`},
		{service + "run = [\"x\"]\noptions = { hosted_client_limit = 3 }\nclient_limit = 4", `line 5: hosted_client_limit is set on line 4 already; keep one of the two`},

		{service + "command = \"x\"\nlimit = \"many\"", `line 4: limit: specify a number of processes from 1 to 2147483647, or "none"`},
		{service + "command = \"x\"\nwakeup = 60", `line 4: wakeup: specify a time in whole seconds with its unit, such as "60s" or "5m"`},
		{service + "command = \"x\"\nwakeup = \"0s\"", `line 4: wakeup: specify a time in whole seconds with its unit, such as "60s" or "5m"`},
		{service + "command = \"x\"\nwakeup = \"1.5s\"", `line 4: wakeup: specify a time in whole seconds with its unit, such as "60s" or "5m"`},
		{service + "command = \"x\"\nwakeup_if_used = true", `line 4: wakeup_if_used: there is no wakeup; specify how often, such as wakeup = "60s"`},
		{"rootless = true\n" + service + "command = \"x\"\nchroot = true", `line 5: chroot: impossible with rootless = true; leave one of the two out`},

		// Several at once, in the order of the text.
		{"[[service]]\nlisten = 25\nrun = 1\n[[service]]\nlisten = 26\nlimt = 1\ncommand = \"x\"\n[parameters]\nz = 1.5\n", `line 3: run: specify a list, such as run = ["one", "two"]
f, line 6: unknown key "limt" in [[service]]; did you mean "limit"?
f, line 9: z: specify text in quotes, a whole number, true, false, or a list of texts`},

		// Not TOML.
		{"a = 1\nb = = 2", `line 2: expected value but found '=' instead`},
		{"a = 1\n\nb.\"\\", `line 3: invalid escape in string '\ '`},
		{"\n\nb = \"x\nc = 1\n", `line 3: strings cannot contain newlines`},
		{"a = 1\n\n[b\nc = 1\n", `line 3: expected '.' or ']' to end table name, but got '\n' instead`},
		{"a = 1\n\nb = [\n", `line 3: unexpected EOF; expected value`},
		{"a = 1\na = 2", `line 2: Key 'a' has already been defined.`},
	} {
		_, services, _, err := ParseTOML("f", strings.NewReader(row.text), nil)
		if want := "f, " + row.want; err == nil || err.Error() != want || services != nil {
			t.Errorf("%s\n got %v\nwant %s", row.text, err, want)
		}
	}
}
