// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"

	"golang.org/x/sys/unix"
)

// tell is a command that says all that it was born with.
const tell = `echo args "$0" "$@"; env; id; pwd; umask; ulimit -a; ls -l /proc/self/fd | sed 's/.* //' | grep -v proc | sed 's/[0-9][0-9]*/N/'
grep -E '^(Uid|Gid|Groups|SigB|Sig[PC]|Shd|Cap|NoNewPrivs|Seccomp)' /proc/self/status # not $$: the shell blocks signals now and then
read -r _ _ _ _ group session tty rest </proc/$$/stat; [ $group = $$ ] && echo group leader; [ $session = $$ ] && echo session leader; echo "terminal $tty"
read word; echo "got $word"
`

// options says what a program finds out about its client and the connection.
const options = `#!/usr/bin/perl
use Socket;
use Fcntl;
my ($port, $host) = sockaddr_in(getpeername(STDIN));
my ($here, $name) = sockaddr_in(getsockname(STDIN));
print inet_ntoa($host), " to ", inet_ntoa($name), ":$here\n";
for (["keepalive", SOL_SOCKET, SO_KEEPALIVE], ["reuse", SOL_SOCKET, SO_REUSEADDR], ["oob", SOL_SOCKET, SO_OOBINLINE],
	["error", SOL_SOCKET, SO_ERROR], ["nodelay", 6, 1]) {
	print "$_->[0] ", unpack("i", getsockopt(STDIN, $_->[1], $_->[2])), "\n";
}
print join(" ", "linger", unpack("ii", getsockopt(STDIN, SOL_SOCKET, SO_LINGER))), "\n";
for (\*STDIN, \*STDOUT, \*STDERR) {
	print "nonblocking ", (fcntl($_, F_GETFL, 0) & O_NONBLOCK) + 0, "\n";
}
`

// sleeper takes three seconds, which is more than it has.
const sleeper = `argv=/bin/sh -c { echo begin; sleep 3; echo end }`

// kills is the difference that a time limit makes that is enforced.
func kills(view string) []difference {
	return []difference{{
		in:   combination.ours,
		why:  "before 3.10, Postfix's spawn logs that the time is over, but may not kill the command of another user",
		view: view,
		log:  []string{"warning: /bin/sh: process id N: command time limit exceeded", "warning: command /bin/sh killed by signal 9"},
	}}
}

// exceeded is what Postfix's spawn says instead.
var exceeded = []string{"warning: /bin/sh: process id N: command time limit exceeded"}

// refused makes a row of a line that spawn(8) refuses at its first client:
// the client is let go when the process ends. note is what our master says,
// which is the same but for parameters.
func refused(name, line, text, note string) row {
	return row{name: name, line: line, view: `"" end`, log: []string{"fatal: " + text}, throttled: true, note: note}
}

// ownerGroup is what is said of a command for the group of Postfix's user, which
// has another number on every machine.
var ownerGroup = func() string {
	const text = "request to use mail system owner group id "
	if u, err := user.Lookup("postfix"); err == nil {
		return text + u.Gid
	}
	return text + "of nobody"
}()

// badTime makes a row of a line whose time limit is none.
func badTime(name, attributes, main, text string) row {
	const right = "; specify a number and one of s, m, h, d, w"
	r := refused(name, "unix n n n - 3 spawn "+attributes+" argv=/bin/cat", text, text+right)
	r.main = main
	place := ""
	if main != "" {
		place = "DIR/etc/main.cf, line N: "
	}
	r.differs = []difference{{
		in:   combination.ours,
		why:  "errors of a configuration say where, and what would be right",
		view: r.view,
		log:  []string{"fatal: " + place + text + right},
	}}
	return r
}

// cannot makes a row of a command that cannot be executed.
func cannot(name, line, command, text, note string) row {
	return row{name: name, line: line, view: `"" end`, note: note, log: []string{
		"fatal: spawn_comand: execvp " + command + ": " + text,
		"warning: command " + command + " exit status 1",
	}}
}

var megabyte = strings.Repeat("0123456789abcde\n", 1<<16)

var rows = []row{
	// Good ones.
	{name: "cat", line: "unix n n n - 3 spawn user=nobody argv=/bin/cat", send: "hello\n", view: `"hello\n" end`},
	{name: "inet", line: "inet n n n - 3 spawn user=nobody argv=/bin/cat", send: "hello\n", view: `"hello\n" end`},
	{name: "pass", line: "pass n n n - 3 spawn user=nobody argv=/bin/cat", send: "hello\n", view: `"hello\n" end`},
	{name: "private-one", line: "unix y n n - 3 spawn user=nobody argv=/bin/cat", send: "hello\n", view: `"hello\n" end`},
	{name: "unlimited", line: "unix n n n - 0 spawn user=nobody argv=/bin/cat", send: "hello\n", view: `"hello\n" end`},
	{name: "one", line: "inet n n n - 1 spawn user=nobody argv=/bin/cat", send: "hello\n", view: `"hello\n" end`},
	{name: "megabyte", line: "inet n n n - 3 spawn user=nobody argv=/bin/cat", send: megabyte, view: digest(megabyte) + " end"},
	{name: "again", line: "unix n n n - 20 spawn user=nobody argv=/bin/cat", client: thrice, view: `"1" end "2" end "3" end`},
	{name: "together", line: "unix n n n - 2 spawn user=nobody argv=/bin/sh -c { read x; echo $x }", client: together, view: `"first\n" end "second\n" end "third\n" end`, full: true},
	{name: "bare", line: "unix n n n - 3 spawn user=nobody argv=id -u", view: `"65534\n" end`},
	{name: "relative", line: "unix n n n - 3 spawn user=nobody argv=tools/here", view: `"tools/here\nDIR/q\n" end`},
	{name: "jail", line: "unix n n y - 3 spawn user=nobody argv=/tools/say", view: `"jail\n" end`},
	{name: "jail-bare", line: "unix n n y - 3 spawn user=nobody argv=tools/say", view: `"jail\n" end`},
	{name: "plain", line: "unix n n n - 3 spawn user=nobody argv=DIR/plain one {two three}", view: `"plain DIR/plain one two three\n" end`},
	{name: "nothing", line: "unix n n n - 3 spawn user=nobody argv=DIR/nothing", view: `"" end`},

	// Arguments.
	{
		name: "words", line: `unix n n n - 3 spawn user=nobody argv=/usr/bin/printf [%s]\n {two words} $x ${y} { $(z) } A=B user=root argv=/x -o --`,
		view: `"[two words]\n[$x]\n[${y}]\n[$(z)]\n[A=B]\n[user=root]\n[argv=/x]\n[-o]\n[--]\n" end`,
	},
	{
		name: "odd", line: `unix n n n - 3 spawn user=nobody argv=/usr/bin/printf [%s]\n "a 'b \c \\ ; | & * ? ~ # % < > ` + "`" + ` ! é 日本 ` + "\xff\xfe",
		view: `"[\"a]\n['b]\n[\\c]\n[\\\\]\n[;]\n[|]\n[&]\n[*]\n[?]\n[~]\n[#]\n[%]\n[<]\n[>]\n[` + "`" + `]\n[!]\n[é]\n[日本]\n[\xff\xfe]\n" end`,
	},
	{
		name: "spaces", line: "unix n n n - 3 spawn\tuser=nobody\t \targv=/usr/bin/printf\t[%s]\\n\ta\t\tb\n  \tc   {  d\te  }\n\t{}\n  f",
		view: `"[a]\n[b]\n[c]\n[d\te]\n[]\n[f]\n" end`,
	},
	{
		name: "braces", line: "unix n n n - 3 spawn user=nobody argv=/usr/bin/printf [%s]\\n { { a b } } a{b c}d",
		view: same,
	},
	{name: "long", line: "unix n n n - 3 spawn user=nobody argv=/usr/bin/printf %s " + strings.Repeat("x", 100_000), view: digest(strings.Repeat("x", 100_000)) + " end"},
	{name: "many", line: "unix n n n - 3 spawn user=nobody argv=/bin/sh -c { echo $# } " + strings.Repeat(" a", 3000), view: `"2999\n" end`},

	// Identities and environments.
	{name: "tell", line: "unix n n n - 3 spawn user=nobody argv=/bin/sh DIR/tell", send: "word\n", view: same},
	{name: "tell-inet", line: "inet n n n - 3 spawn user=daemon argv=/bin/sh DIR/tell", send: "word\n", view: same},
	{
		name: "ignored", line: "unix n n n - 3 spawn user=nobody argv=grep SigIgn /proc/self/status", view: `"SigIgn:\t0000000001001000\n" end`,
		differs: []difference{{
			in:   func(c combination) bool { return c.hosted },
			why:  "Postfix's spawn ignores XFSZ for itself, and so for its commands; nothing else that our master starts may inherit that",
			view: `"SigIgn:\t0000000000001000\n" end`,
		}},
	},
	{name: "tell-user", line: "unix n n n - 3 spawn user=list argv=/usr/bin/id", view: `"uid=38(list) gid=38(list) groups=38(list)\n" end`},
	{name: "options", line: "inet n n n - 3 spawn user=nobody argv=DIR/options", view: same},
	{name: "group", line: "unix n n n - 3 spawn user=nobody:daemon argv=/usr/bin/id", view: `"uid=65534(nobody) gid=1(daemon) groups=1(daemon)\n" end`},
	{name: "no-group", line: "unix n n n - 3 spawn user=nobody: argv=/usr/bin/id", view: `"uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)\n" end`},
	{name: "twice", line: "unix n n n - 3 spawn user=root user=nobody argv=/usr/bin/id -un", view: `"nobody\n" end`},
	{name: "twice-group", line: "unix n n n - 3 spawn user=nobody:mail user=daemon argv=/usr/bin/id", view: same},
	{name: "capitals", line: "unix n n n - 3 spawn USER=nobody ARGV=/usr/bin/id -un", view: `"nobody\n" end`},
	{name: "env", line: "unix n n n - 3 spawn user=nobody argv=/usr/bin/env", view: `"MAIL_CONFIG=DIR/etc\nLANG=C\nPATH=/usr/bin:/bin\n" end`},
	{name: "env-value", line: "unix n n n - 3 spawn -o export_environment=FOO=bar user=nobody argv=/usr/bin/env", view: same},
	{name: "env-braces", line: "unix n n n - 3 spawn -o { export_environment = TZ, LANG { FOO = a b } BAR=$syslog_name } user=nobody argv=/usr/bin/env", view: same},
	{name: "env-name", line: "unix n n n - 3 spawn -o { export_environment = {LANG} { TZ } } user=nobody argv=/usr/bin/env", view: `"LANG=C\nPATH=/usr/bin:/bin\n" end`},
	{name: "env-path", line: "unix n n n - 3 spawn -o export_environment=PATH=/opt/bin user=nobody argv=/usr/bin/env", view: same},
	{name: "env-none", line: "unix n n n - 3 spawn -o export_environment= user=nobody argv=/usr/bin/env", view: `"PATH=/usr/bin:/bin\n" end`},
	{name: "env-twice", line: "unix n n n - 3 spawn -o export_environment=A=1 -o { export_environment = B=2 B=3 } user=nobody argv=/usr/bin/env", view: same},
	{name: "stdio", line: "unix n n n - 3 spawn user=nobody argv=/bin/sh -c { echo out; echo err >&2; echo in >&0 }", view: `"out\nerr\nin\n" end`},

	// Ends.
	{name: "silent", line: "inet n n n - 3 spawn user=nobody argv=/bin/true", view: `"" end`},
	// One byte is read, so that the others are there when the command ends.
	{name: "unread", line: "inet n n n - 3 spawn user=nobody argv=/bin/sh -c {dd bs=1 count=1 2>/dev/null >/dev/null; echo hello}", send: "never read\n", view: `"hello\n" reset`},
	{name: "unread-unix", line: "unix n n n - 3 spawn user=nobody argv=/bin/sh -c {dd bs=1 count=1 2>/dev/null >/dev/null; echo hello}", send: "never read\n", view: `"hello\n" reset`},
	{name: "half", line: "inet n n n - 3 spawn user=nobody argv=/bin/sh -c { cat >/dev/null; echo done }", send: "some\n", view: `"done\n" end`},
	{name: "gone", line: "unix n n n - 3 spawn user=nobody argv=/bin/sh -c { read x; echo a; echo b }", client: leave, view: "left", log: []string{"warning: command /bin/sh exit status 1"}},
	{name: "stream", line: "unix n n n - 3 spawn user=nobody argv=/usr/bin/yes", client: readSome, view: "enough", log: []string{"warning: command /usr/bin/yes exit status 1"}},
	{name: "grandchild", line: "unix n n n - 3 spawn user=nobody argv=/bin/sh -c { echo child; { sleep 0.3; echo grandchild; } & }", view: `"child\ngrandchild\n" end`},
	{
		name: "early", client: early, view: `"all\n" end; the command is gone`,
		line: "unix n n n - 3 spawn user=nobody argv=/bin/sh -c { exec 3<>DIR/own/ended; echo all; exec <&- >&- 2>&-; timeout 1 head -c1 <&3; exit 0 }",
		differs: []difference{{
			in:   combination.ours,
			why:  "a connection ends when the command closes it: nobody else holds it",
			view: `"all\n" end; the command is still there`,
		}},
	},
	{name: "status", line: "unix n n n - 3 spawn user=nobody argv=/bin/sh -c { exit 3 }", view: `"" end`, log: []string{"warning: command /bin/sh exit status 3"}},
	{name: "status-255", line: "unix n n n - 3 spawn user=nobody argv=sh -c { exit 255 }", view: `"" end`, log: []string{"warning: command sh exit status 255"}},
	{name: "term", line: "unix n n n - 3 spawn user=nobody argv=/bin/sh -c { kill -TERM $$ }", view: `"" end`, log: []string{"warning: command /bin/sh killed by signal 15"}},
	{name: "kill", line: "unix n n n - 3 spawn user=nobody argv=/bin/sh -c { echo a; kill -KILL 0 }", view: `"a\n" end`, log: []string{"warning: command /bin/sh killed by signal 9"}},
	{name: "crash", line: "unix n n n - 3 spawn user=nobody argv=/bin/sh -c { kill -SEGV $$ }", view: `"" end`, log: []string{"warning: command /bin/sh killed by signal 11"}},

	// Time limits.
	{name: "limit", line: "unix n n n - 3 spawn -o NAME_time_limit=1 user=nobody " + sleeper, view: `"begin\nend\n" end`, log: exceeded, differs: kills(`"begin\n" end`)},
	{name: "limit-main", line: "unix n n n - 3 spawn user=nobody " + sleeper, main: "NAME_time_limit = 1s", view: `"begin\nend\n" end`, log: exceeded, differs: kills(`"begin\n" end`)},
	{name: "limit-inet", line: "inet n n n - 3 spawn user=nobody " + sleeper, main: "ADDR_time_limit = 1s", view: `"begin\nend\n" end`, log: exceeded, differs: kills(`"begin\n" end`)},
	{name: "limit-default", line: "unix n n n - 3 spawn -o command_time_limit=1 user=nobody " + sleeper, view: `"begin\nend\n" end`, log: exceeded, differs: kills(`"begin\n" end`)},
	{name: "limit-value", line: "unix n n n - 3 spawn -o least=1 -o NAME_time_limit=$least user=nobody " + sleeper, view: `"begin\nend\n" end`, log: exceeded, differs: kills(`"begin\n" end`)},
	{
		name: "limit-children", line: "unix n n n - 3 spawn -o NAME_time_limit=1 user=nobody argv=/bin/sh -c { trap '' TERM; sleep 3 & sleep 3; echo end }",
		view: `"end\n" end`, log: exceeded, differs: kills(`"" end`),
	},
	{
		name: "limit-escaped", line: "unix n n n - 3 spawn -o NAME_time_limit=1 user=nobody argv=/bin/sh -c { setsid sh -c 'sleep 2; echo escaped' & sleep 3; echo end }",
		view: `"escaped\nend\n" end`, log: exceeded, differs: kills(`"escaped\n" end`),
	},
	{name: "limit-far", line: "unix n n n - 3 spawn -o NAME_time_limit=1w2 user=nobody argv=/bin/echo quick", view: `"quick\n" end`},

	// Refusals.
	refused("root", "unix n n n - 3 spawn user=root argv=/bin/cat", "request to deliver as root", "request to deliver as root"),
	refused("owner", "inet n n n - 3 spawn user=postfix argv=/bin/cat", "request to deliver as mail system owner", "request to deliver as mail system owner"),
	refused("root-group", "unix n n n - 3 spawn user=nobody:root argv=/bin/cat", "request to use privileged group id 0", "request to use privileged group id 0"),
	refused("owner-group", "unix n n n - 3 spawn user=nobody:postfix argv=/bin/cat", ownerGroup, ownerGroup),
	refused("unknown-user", "unix n n n - 3 spawn user=nosuch argv=/bin/cat", "unknown user name: nosuch", "unknown user name: nosuch"),
	refused("unknown-group", "unix n n n - 3 spawn user=nobody:nosuch argv=/bin/cat", "unknown group name: nosuch", "unknown group name: nosuch"),
	refused("number", "unix n n n - 3 spawn user=65534 argv=/bin/cat", "unknown user name: 65534", "unknown user name: 65534"),
	refused("group-number", "unix n n n - 3 spawn user=nobody:1 argv=/bin/cat", "unknown group name: 1", "unknown group name: 1"),
	refused("empty-user", "unix n n n - 3 spawn user= argv=/bin/cat", "unknown user name: ", "unknown user name: "),
	refused("only-group", "unix n n n - 3 spawn user=:daemon argv=/bin/cat", "unknown user name: ", "unknown user name: "),
	refused("attribute", "unix n n n - 3 spawn user=nobody directory=/tmp argv=/bin/cat", "unknown attribute name: directory=/tmp", "unknown attribute name: directory=/tmp"),
	refused("word", "unix n n n - 3 spawn user=nobody nonsense argv=/bin/cat", "unknown attribute name: nonsense", "unknown attribute name: nonsense"),
	refused("no-user", "unix n n n - 3 spawn argv=/bin/cat", "missing user= attribute", "missing user= attribute"),
	refused("late-user", "unix n n n - 3 spawn argv=/bin/cat user=nobody", "missing user= attribute", "missing user= attribute"),
	refused("no-argv", "unix n n n - 3 spawn user=nobody", "missing argv= attribute", "missing argv= attribute"),
	refused("neither", "unix n n n - 3 spawn", "missing user= attribute", "missing user= attribute"),
	refused("root-no-argv", "unix n n n - 3 spawn user=root", "missing argv= attribute", "missing argv= attribute"),
	refused("both-unknown", "unix n n n - 3 spawn user=nosuch nonsense argv=/bin/cat", "unknown user name: nosuch", "unknown user name: nosuch"),
	refused("word-first", "unix n n n - 3 spawn nonsense user=nosuch argv=/bin/cat", "unknown attribute name: nonsense", "unknown attribute name: nonsense"),
	badTime("bad-time", "-o NAME_time_limit=5x user=nosuch", "", "parameter bad-time_time_limit: bad time value or unit: 5x"),
	badTime("bad-time-main", "user=nobody", "NAME_time_limit = 5x", "parameter bad-time-main_time_limit: bad time value or unit: 5x"),
	badTime("no-time", "-o NAME_time_limit= user=nobody", "", "parameter no-time_time_limit: bad time value or unit: "),
	badTime("minus-time", "-o NAME_time_limit=-1 user=nobody", "", "parameter minus-time_time_limit: bad time value or unit: -1"),
	refused("zero-time", "unix n n n - 3 spawn -o NAME_time_limit=0 user=nobody argv=/bin/cat", "invalid zero-time_time_limit: 0 (min 1)", "invalid zero-time_time_limit: 0 (min 1)"),
	{
		name: "unprivileged", line: "unix n y n - 3 spawn user=nobody argv=/bin/cat", waits: true, throttled: true,
		log:  []string{"fatal: service unprivileged requires privileged operation"},
		note: "service unprivileged requires privileged operation; specify n in the unprivileged column",
	},
	{
		name: "option", line: "unix n n n - 3 spawn -X user=nobody argv=/bin/cat", waits: true, throttled: true,
		untagged: []string{"postfix/spawn: fatal: invalid option: X"},
		note:     "option -X has no meaning for a service without a process; remove it, or spawn from builtin_services",
	},
	{
		name: "bad-environment", line: "unix n n n - 3 spawn -o { export_environment = { =FOO } } user=nobody argv=/bin/cat",
		view: `"" end`, log: []string{"fatal: clean_env: missing attribute name in: =FOO", "warning: command /bin/cat exit status 1"},
		note: "export_environment: missing attribute name in: =FOO; specify NAME, NAME=value or { NAME = value }",
		differs: []difference{{
			in:        combination.ours,
			why:       "it is found out before there is a process, and is no fault of the command",
			view:      `"" end`,
			log:       []string{"fatal: export_environment: missing attribute name in: =FOO; specify NAME, NAME=value or { NAME = value }"},
			throttled: true,
		}},
	},

	// Commands that cannot be executed.
	cannot("missing", "unix n n n - 3 spawn user=nobody argv=/no/such/file", "/no/such/file", "No such file or directory", "command /no/such/file: no such file or directory"),
	cannot("missing-bare", "unix n n n - 3 spawn user=nobody argv=no-such-command a b", "no-such-command", "No such file or directory", `command "no-such-command" is not in /usr/bin:/bin`),
	cannot("not-executable", "unix n n n - 3 spawn user=nobody argv=DIR/notexec", "DIR/notexec", "Permission denied", "command DIR/notexec: permission denied"),
	cannot("not-ours", "unix n n n - 3 spawn user=nobody argv=DIR/private", "DIR/private", "Permission denied", ""),
	cannot("directory", "unix n n n - 3 spawn user=nobody argv=/tmp", "/tmp", "Permission denied", ""),
	cannot("empty-argv", "unix n n n - 3 spawn user=nobody argv=", "", "No such file or directory", `command "" is not in /usr/bin:/bin`),
	cannot("interpreter", "unix n n n - 3 spawn user=nobody argv=DIR/interpreter", "DIR/interpreter", "No such file or directory", ""),
	cannot("jail-missing", "unix n n y - 3 spawn user=nobody argv=/bin/cat", "/bin/cat", "No such file or directory", "command /bin/cat: no such file or directory"),
	{name: "garbage", line: "unix n n n - 3 spawn user=nobody argv=DIR/garbage", view: `"DIR/garbage: 1: \x01\x02\xff: not found\n" end`, log: []string{"warning: command DIR/garbage exit status 127"}},
}

// thrice is a client that comes three times.
func thrice(w where) string {
	var views []string
	for _, text := range []string{"1", "2", "3"} {
		views = append(views, ask(w.endpoint, text))
	}
	return strings.Join(views, " ")
}

// together is three clients where two are served at once: the third waits for
// one of the others to leave.
func together(w where) string {
	var views []string
	var clients [3]io.ReadWriteCloser
	for i := range clients {
		c, err := w.dial()
		if err != nil {
			return err.Error()
		}
		defer func() { _ = c.Close() }()
		clients[i] = c
	}
	for i, text := range []string{"first\n", "second\n", "third\n"} {
		if _, err := clients[i].Write([]byte(text)); err != nil {
			return err.Error()
		}
		got, err := io.ReadAll(clients[i])
		if err != nil {
			return err.Error()
		}
		views = append(views, fmt.Sprintf("%q end", got))
	}
	return strings.Join(views, " ")
}

// leave is a client that wants nothing.
func leave(w where) string {
	c, err := w.dial()
	if err != nil {
		return err.Error()
	}
	if err := c.Close(); err != nil {
		return err.Error()
	}
	return "left"
}

// readSome is a client that has heard enough after a while.
func readSome(w where) string {
	c, err := w.dial()
	if err != nil {
		return err.Error()
	}
	defer func() { _ = c.Close() }()
	if _, err := io.ReadFull(c, make([]byte, 10_000)); err != nil {
		return err.Error()
	}
	return "enough"
}

// early finds out whether the command is still there when the connection has
// ended, and lets it go.
func early(w where) string {
	view := ask(w.endpoint, "")
	f, err := os.OpenFile(w.dir+"/own/ended", os.O_WRONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ENXIO) {
		return view + "; the command is gone"
	}
	if err != nil {
		return err.Error()
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString("x"); err != nil {
		return err.Error()
	}
	return view + "; the command is still there"
}
