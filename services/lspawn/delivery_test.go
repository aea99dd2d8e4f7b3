// SPDX-License-Identifier: ISC

package lspawn

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"postloop/loop/looptest"
	"postloop/services/lspawn/lspawntest"

	"golang.org/x/sys/unix"
)

// say is a qmail-local that does what the address's part behind "joe-" tells
// it to: status N, signal N, size N, and so on.
const say = `
ext=$6
what=${ext%%-*} n=${ext#*-}
case $what in
status) echo said; exit $n;;
signal) kill -$n $$;;
size) head -c $n /dev/zero | tr '\0' x;;
null) printf 'abc\000def';;
err) echo one; echo two >&2;;
esac
`

// TestReports is the table of what the end of a qmail-local is reported as.
func TestReports(t *testing.T) {
	f := newFixture(t, say, nil)
	bug := "ZInternal qmail-lspawn bug.\n"
	for ext, want := range map[string]string{
		"status-0": "Ksaid\n", "status-111": "Zsaid\n", "status-71": "Zsaid\n", "status-74": "Zsaid\n", "status-75": "Zsaid\n",
		"status-100": "Dsaid\n", "status-1": "Dsaid\n", "status-2": "Dsaid\n", "status-70": "Dsaid\n", "status-73": "Dsaid\n",
		"status-76": "Dsaid\n", "status-99": "Dsaid\n", "status-101": "Dsaid\n", "status-114": "Dsaid\n", "status-123": "Dsaid\n",
		"status-127": "Dsaid\n", "status-255": "Dsaid\n",
		"status-112": bug,
		"status-113": "ZNot allowed to perform deliveries as root.\n",
		"status-115": "ZNFS failure in qmail-local.\n",
		"status-116": "ZUnable to find alias user!\n",
		"status-117": "ZTrouble reading users/cdb in qmail-lspawn.\n",
		"status-118": "ZTemporary failure in qmail-lspawn.\n",
		"status-119": "ZOut of memory in qmail-lspawn.\n",
		"status-120": "ZUnable to run qmail-local.\n",
		"status-121": "ZUnable to run qmail-getpw.\n",
		"status-122": "ZUnable to cd to root directory.\n",
		"status-126": "DUnable to run qmail-local.\n",
		"signal-9":   "Zqmail-local crashed.\n", "signal-15": "Zqmail-local crashed.\n",
		"null": "Kabc", "none": "K", "err": "Kone\ntwo\n",
	} {
		f.reports(to(7, "joe-"+ext+"@h"), want)
	}
	for _, p := range []Protocol{Classic, Big} {
		if got := p.verdict(122<<8, []byte("said\n")); got != "Dsaid\n" {
			t.Errorf("%s: status 122 is %q", p, got)
		}
	}
}

// TestTruncation: the sizes are those that the original was seen to report.
func TestTruncation(t *testing.T) {
	f := newFixture(t, say, nil)
	for size, want := range map[int]int{0: 0, 2999: 2999, 3000: 3000, 3001: 2997, 3072: 2997, 3073: 2998, 5000: 2997, 100000: 2997} {
		r := f.ask(to(1, fmt.Sprintf("joe-size-%d@h", size)))
		text := r.Text[1:]
		if len(text) != want {
			t.Errorf("of %d bytes %d are reported, want %d", size, len(text), want)
		}
		body, notice, cut := strings.Cut(text, "\nError report too long, sorry.\n")
		if cut != (size > maxOutput) || strings.Trim(body, "x") != "" || cut && (len(body) != 2966 || strings.Trim(notice, "x") != "") {
			t.Errorf("%d bytes are reported as %q", size, text)
		}
	}
}

// What is left of an output does not depend on how it came.
func FuzzOutput(f *testing.F) {
	for _, n := range []int{3000, 3001, 3073, 5000, 100} {
		f.Add(n, 7)
	}
	f.Fuzz(func(t *testing.T, size, piece int) {
		if size < 0 || size > 20000 || piece < 1 {
			return
		}
		in := make([]byte, size)
		for i := range in {
			in[i] = byte(i)
		}
		var one, many output
		one.add(in)
		for rest := in; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			many.add(rest[:min(piece, len(rest))])
		}
		if a, b := string(one.cut()), string(many.cut()); a != b || len(a) > maxOutput {
			t.Errorf("%d bytes: %d at once, %d in pieces of %d", size, len(a), len(b), piece)
		}
	})
}

// show is a qmail-local that tells all about itself.
const show = `
echo "0=$0"; for a; do echo "[$a]"; done
echo cwd=$(pwd)
env | sort | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^OLDPWD=
sed -n '/^Uid\|^Gid\|^Groups\|^SigBlk\|^SigIgn/p' /proc/self/status
cat
`

func TestArguments(t *testing.T) {
	f := newFixture(t, show, nil)
	r := f.ask(lspawntest.Command{Number: 1, Messid: "7/1", Sender: "s@b", QQEH: "X-A: b\n", Recipient: "JOE-A-b@x@Example.COM"})
	want := []string{"--", "joe", "/home/joe", "JOE-A-b@x", "-", "A-b@x", "Example.COM", "s@b", "./Mailbox", "X-A: b\n"}
	var got []string
	for _, arg := range want {
		got = append(got, "["+arg+"]\n")
	}
	if _, text, _ := strings.Cut(r.Text, "\n"); !strings.HasPrefix(text, strings.Join(got, "")+"cwd=/\n") {
		t.Errorf("started with\n%s", r.Text)
	}
	if !strings.HasSuffix(r.Text, "Subject: hello\n\nhello\n") {
		t.Errorf("the message is not its input:\n%s", r.Text)
	}
}

func TestClassicArguments(t *testing.T) {
	f := newFixture(t, show, func(f *fixture) {
		f.c.Protocol, f.c.Limit, f.c.Dir = Classic, 120, f.Dir
		f.c.LocalName, f.c.Local = "bin/qmail-local", "bin/local"
	})
	r := f.ask(to(119, "joe-x@Host"))
	want := "[--]\n[joe]\n[/home/joe]\n[joe-x]\n[-]\n[x]\n[Host]\n[s@b.example]\n[./Mailbox]\ncwd=" + f.Dir + "\n"
	if _, text, _ := strings.Cut(r.Text, "\n"); !strings.HasPrefix(text, want) {
		t.Errorf("started with\n%s\nwant\n%s", r.Text, want)
	}
}

// The name of a qmail-local stays what it is, whatever is executed: filters
// tell by it what they are to do.
func TestNameOfQmailLocal(t *testing.T) {
	exe := "/bin/cat"
	f := newFixture(t, "", func(f *fixture) { f.c.Local = exe })
	r := f.ask(to(1, "joe@h"))
	if !strings.HasPrefix(r.Text, "D/usr/sbin/qmail-local: ") { // the C library's name for who complains
		t.Errorf("it says %q", r.Text)
	}
}

func TestEnvironment(t *testing.T) {
	f := newFixture(t, `env | sort | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^OLDPWD=`, func(f *fixture) {
		f.c.Env = baseEnviron([]string{"PATH=/usr/bin:/bin", "QUEUEDIR=/q", "QMAILREMOTE=/r", "MESSID=old", "PWSTRUCT=old", "KEPT=as it was", "QMAIL_LSPAWN_HELD_TIME=1m"})
	})
	c := to(3, "joe@h")
	c.EnvH = "FOO:  bar baz\nQUX:q:r\nnocolon\nMESSID: zzz\nKEPT: changed\nPATH:/evil\nLD_PRELOAD:x\nQMAILLOCAL: /bin/echo\nEMPTY:\n" +
		"FOO2:1\nFOO2:2\n folded: x\nA=B: c\n: nameless\nLAST: notnl"
	const base = "KEPT=as it was\nMESSID=7/1\nPATH=/usr/bin:/bin\nQUEUEDIR=/q\n"
	f.reports(c, "KEMPTY=\nFOO2=2\nFOO=bar baz\nKEPT=as it was\nMESSID=7/1\nPATH=/usr/bin:/bin\nQUEUEDIR=/q\nQUX=q:r\n")
	f.reports(to(3, "joe@h"), "K"+base) // and nothing of it stays
}

// What a Lookup finds out is for one qmail-local alone, and may take its time.
func TestLookup(t *testing.T) {
	waiting := map[string]func(Found){}
	f := newFixture(t, `echo "$6 ${PWSTRUCT-none}"`, func(f *fixture) {
		f.c.Env = append(f.c.Env, "PWSTRUCT=none") // what the daemon was started with
		f.c.Lookup = func(recipient string, done func(Found)) {
			local, _, _ := strings.Cut(recipient, "@")
			switch local {
			case "joe-now":
				done(Found{Env: []string{"PWSTRUCT=now"}})
			case "joe-no":
				done(Found{Report: "Dnobody\n"})
			case "joe-moved":
				done(Found{Recipient: "joe-other@h"})
			case "joe-bad":
				done(Found{Recipient: "joe-other"})
			case "joe-plain", "":
				done(Found{})
			default:
				waiting[recipient] = done
			}
		}
	})
	f.send(to(1, "joe-later@h").Encode("indimail"))
	f.reports(to(2, "joe-now@h"), "Know now\n")
	f.reports(to(3, "joe-plain@h"), "Kplain none\n")
	f.reports(to(4, "joe-no@h"), "Dnobody\n")
	f.reports(to(5, "joe-moved@h"), "Kother none\n")
	f.reports(to(6, "joe-bad@h"), noHost)
	f.reports(to(7, "@h"), "K")
	f.reports(to(1, "joe-plain@h"), isInUse)
	n := len(f.list)
	f.l.Later(func() { waiting["joe-later@h"](Found{Env: []string{"PWSTRUCT=later"}}) })
	f.until(func() bool { return len(f.list) > n })
	if got := f.list[n]; got != (lspawntest.Report{Number: 1, Text: "Klater later\n"}) {
		t.Errorf("%+v", got)
	}
}

// TestRefused is the table of what is answered without a process.
func TestRefused(t *testing.T) {
	f := newFixture(t, "echo delivered", func(f *fixture) { f.c.Limit = 300 })
	must(t, os.Mkdir("7/2", 0o755))
	must(t, unix.Mkfifo("7/3", 0o644))
	f.Message("7/4", "")
	f.Message("7/6", "")
	digits := strings.Repeat("1", 98)
	must(t, os.Mkdir("1", 0o755))
	f.Message("1/"+digits[1:], "") // 99 bytes
	messid := func(m string) lspawntest.Command {
		return lspawntest.Command{Number: 299, Messid: m, Recipient: "joe@h"}
	}
	for _, test := range []struct {
		c    lspawntest.Command
		want string
	}{
		{to(0x80ff, "joe"), isNegative},
		{to(0xffff, ""), isNegative},
		{to(300, "joe@h"), isTooBig},
		{to(0x7fff, "joe@h"), isTooBig},
		{to(299, "joe@h"), "Kdelivered\n"},
		{messid(""), messidShort},
		{messid("/1"), notNumeric},
		{messid("7/1 "), notNumeric},
		{messid("../passwd"), notNumeric},
		{messid("7/1\n" + digits), notNumeric},
		{messid("1/" + digits[1:]), "Kdelivered\n"},
		{messid("1/" + digits), messidLong},
		{lspawntest.Command{Number: 1, Messid: "7/9", Recipient: "joe"}, noHost},
		{lspawntest.Command{Number: 1, Messid: "7/9", Recipient: ""}, noHost},
		{messid("7/9"), noMessage},
		{messid("7/1/1"), noMessage},
		{messid("7/2"), wrongType},
		{messid("7/3"), wrongType},
		{messid("7"), wrongType},
		{to(5, "@h"), "K"},
		{lspawntest.Command{Number: 1, Messid: "7/9", Recipient: "@h"}, noMessage},
	} {
		f.reports(test.c, test.want)
	}
	f.s.c.Owner++
	f.reports(messid("7/1"), wrongOwner)
}

func TestTooLongCommand(t *testing.T) {
	f := newFixture(t, "echo delivered", nil)
	f.s.scanner.max = 1000
	c := to(9, "joe@h")
	c.QQEH = strings.Repeat("x", 2000)
	f.reports(c, noMemory)
	f.reports(to(9, "joe@h"), "Kdelivered\n")
}

// TestOutOfOrder: a delivery holds its number, and nobody else's.
func TestOutOfOrder(t *testing.T) {
	f := newFixture(t, `case $6 in slow) read x <DIR/out/gate; echo slow;; esac`, nil)
	must(t, unix.Mkfifo(f.Dir+"/out/gate", 0o622))
	must(t, os.Chmod(f.Dir+"/out/gate", 0o666))
	f.send(to(3, "joe-slow@h").Encode("indimail"))
	f.reports(to(3, "joe-slow@h"), isInUse)
	f.reports(to(4, "joe-fast@h"), "K")
	gate, err := unix.Open(f.Dir+"/out/gate", unix.O_RDWR|unix.O_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(gate)
	n := len(f.list)
	_, err = unix.Write(gate, []byte("\n"))
	must(t, err)
	f.until(func() bool { return len(f.list) > n })
	if got := f.list[n]; got != (lspawntest.Report{Number: 3, Text: "Kslow\n"}) {
		t.Errorf("%+v", got)
	}
	f.reports(to(3, "joe-fast@h"), "K")
}

// TestHeldOutput: a process that qmail-local leaves behind holds the report up,
// but not for ever.
func TestHeldOutput(t *testing.T) {
	// The one left behind goes on until its input, our pipe, ends.
	const script = `exec 3<DIR/out/hold; cat <&3 2>/dev/null & echo started; exit 100`
	for _, test := range []struct {
		name string
		held time.Duration
	}{{"given up", time.Minute}, {"waited for", 0}} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, script, func(f *fixture) { f.c.Held = test.held })
			must(t, unix.Mkfifo(f.Dir+"/out/hold", 0o666))
			must(t, os.Chmod(f.Dir+"/out/hold", 0o666))
			hold, err := unix.Open(f.Dir+"/out/hold", unix.O_RDWR|unix.O_CLOEXEC, 0)
			must(t, err)
			f.send(to(1, "joe@h").Encode("indimail"))
			f.until(func() bool { return f.s.running == 1 && f.l.Children() == 0 })
			looptest.Advance(f.l, 59*time.Second)
			if len(f.list) > 0 {
				t.Fatalf("reported: %+v", f.list)
			}
			looptest.Advance(f.l, time.Hour)
			if test.held == 0 {
				if len(f.list) > 0 {
					t.Fatalf("reported: %+v", f.list)
				}
				must(t, unix.Close(hold))
			} else {
				defer unix.Close(hold)
			}
			f.until(func() bool { return len(f.list) > 0 })
			if got := f.list[0]; got != (lspawntest.Report{Number: 1, Text: "Dstarted\n"}) {
				t.Errorf("%+v", got)
			}
			f.reports(to(1, "nobody@h"), execGetpw) // its number is free
		})
	}
}

// A child's output may end before the child does.
func TestOutputEndsFirst(t *testing.T) {
	f := newFixture(t, `echo said; exec >/dev/null 2>&1; read x <DIR/out/gate; exit 111`, nil)
	must(t, unix.Mkfifo(f.Dir+"/out/gate", 0o666))
	must(t, os.Chmod(f.Dir+"/out/gate", 0o666))
	f.send(to(1, "joe@h").Encode("indimail"))
	f.until(func() bool {
		s := f.l.Stats()
		return f.s.running == 1 && s.Children == 1 && s.Watches == 3 // commands, reports, and the test's own
	})
	gate, err := unix.Open(f.Dir+"/out/gate", unix.O_RDWR|unix.O_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(gate)
	_, err = unix.Write(gate, []byte("\n"))
	must(t, err)
	f.until(func() bool { return len(f.list) > 0 })
	if got := f.list[0].Text; got != "Zsaid\n" {
		t.Errorf("%q", got)
	}
}

func TestCannotRun(t *testing.T) {
	f := newFixture(t, "", nil)
	for path, want := range map[string]string{
		"/nonexistent": execHard, f.Dir + "/users/cdb": execHard, f.Script("empty", "") + "/x": execHard,
	} {
		f.s.cmd.Path = path
		f.reports(to(1, "joe@h"), want)
	}
	must(t, os.WriteFile(f.Dir+"/bin/none", []byte("echo no program\n"), 0o755))
	f.s.cmd.Path = f.Dir + "/bin/none"
	f.reports(to(1, "joe@h"), execHard)
	busy, err := os.OpenFile(f.Dir+"/bin/none", os.O_WRONLY, 0)
	must(t, err)
	f.reports(to(1, "joe@h"), execSoft)
	must(t, busy.Close())
	f.s.cmd.Path, f.s.cmd.Dir, f.c.Dir = f.c.Local, "/nonexistent", "/nonexistent"
	f.reports(to(1, "joe@h"), noRootDir)
	f.s.c.Protocol = Classic
	n := len(f.list)
	f.s.command(&Command{Number: "\x01\x00", Messid: "7/1", Recipient: "joe@h"})
	f.s.c.Protocol = IndiMail
	f.until(func() bool { return len(f.list) > n })
	if got := f.list[n].Text; got != ownBug {
		t.Errorf("classic: %q", got)
	}
}

// Output that nobody waits for, and the end of those who read reports.
func TestReaderGone(t *testing.T) {
	f := newFixture(t, `echo $6 >>DIR/out/done`, nil)
	f.watch.Stop()
	must(t, unix.Close(f.out))
	f.out = -1
	var all []byte
	for i := range 10 {
		all = append(all, to(i, "joe-"+strconv.Itoa(i)+"@h").Encode("indimail")...)
	}
	f.send(all)
	f.end()
	lines := strings.Fields(f.file("out/done"))
	slices.Sort(lines)
	if got := strings.Join(lines, " "); got != "0 1 2 3 4 5 6 7 8 9" {
		t.Errorf("delivered: %s", got)
	}
}

// A reader who does not read keeps commands waiting, and loses nothing.
func TestSlowReader(t *testing.T) {
	f := newFixture(t, "", nil)
	f.watch.Want(0)
	one := to(600, "joe@h").Encode("indimail")
	const n = 20000
	sent := 0
	must(t, unix.SetNonblock(f.in, true))
	send := func() {
		for sent < n*len(one) {
			at := sent % len(one)
			k, err := unix.Write(f.in, one[at:])
			if err != nil {
				return
			}
			sent += k
		}
	}
	f.until(func() bool {
		send()
		return f.s.out.waiting() > maxWaiting && f.s.input != nil
	})
	for range 10 {
		send()
		must(t, f.l.Turn(0))
	}
	if most := maxWaiting + readSize*2; f.s.out.waiting() > most {
		t.Errorf("%d bytes wait, more than %d", f.s.out.waiting(), most)
	}
	f.watch.Want(1)
	f.until(func() bool {
		send()
		return len(f.list) == n
	})
	for _, r := range f.list {
		if r != (lspawntest.Report{Number: 600, Text: isTooBig}) {
			t.Fatalf("%+v", r)
		}
	}
}
