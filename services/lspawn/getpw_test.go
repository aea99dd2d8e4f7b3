// SPDX-License-Identifier: ISC

package lspawn

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"postloop/loop/looptest"
	"postloop/services/lspawn/lspawntest"

	"golang.org/x/sys/unix"
)

// getpw is a qmail-getpw that answers for anybody.
const getpw = `printf '%s\0' me UID GID /home/me - "$1"`

// setGetpw makes that script the qmail-getpw.
func (f *fixture) setGetpw(script string) {
	f.t.Helper()
	f.Script("qmail-getpw", strings.NewReplacer("UID", fmt.Sprint(f.UID), "GID", fmt.Sprint(f.GID)).Replace(script))
}

// TestGetpw is the table of what becomes of the end of a qmail-getpw.
func TestGetpw(t *testing.T) {
	f := newFixture(t, who, func(f *fixture) { must(t, os.Remove(f.Dir+"/users/cdb")) })
	f.reports(to(1, "Some-Body@h"), execGetpw)
	for _, test := range []struct{ script, want string }{
		{getpw, "Kme /home/me [Some-Body] [-] [Some-Body] h\n"},
		{getpw + "; printf extra", "Kme /home/me [Some-Body] [-] [Some-Body] h\n"},
		{`printf 'root\0000\0000\000/\000\000\000'`, asRoot},
		{`printf 'me\0001\0001\000/\000\000'`, ownBug},
		{"exit 0", ownBug},
		{getpw + "; exit 1", "D"},
		{"echo text; exit 100", "D"},
		{"exit 111", "Z"},
		{"exit 75", "Z"},
		{"exit 112", ownBug},
		{"exit 115", nfsFailure},
		{"exit 116", noAlias},
		{"exit 118", noSystem},
		{"exit 126", execHard},
		{"kill -9 $$", noSystem},
		{"head -c 200000 /dev/zero | tr '\\0' x; kill $$", noSystem},
	} {
		f.setGetpw(test.script)
		f.reports(to(1, "Some-Body@h"), test.want)
	}
	must(t, os.Chmod(f.Dir+"/bin/qmail-getpw", 0o644))
	f.reports(to(1, "me@h"), execGetpw)
}

// A qmail-getpw has nothing but its pipe, and is nobody who owns anything.
func TestWhatGetpwHas(t *testing.T) {
	lspawntest.NeedProc(t)
	f := newFixture(t, `cat DIR/out/fds`, func(f *fixture) { must(t, os.Remove(f.Dir+"/users/cdb")) })
	f.setGetpw(`ls -l /proc/self/fd | sed -n 's/.* \([012]\) -> /\1 /p' >DIR/out/fds; ls /proc/self/fd | wc -l >>DIR/out/fds
id -u >>DIR/out/fds; id -G >>DIR/out/fds; echo $MESSID >>DIR/out/fds; ` + getpw)
	r := f.ask(to(1, "me@h"))
	lines := strings.Split(r.Text, "\n")
	if len(lines) < 7 {
		t.Fatalf("%q", r.Text)
	}
	// Of ls's descriptors, 1 is our file or the pipe to wc, and one more is
	// the directory it reads.
	if lines[0] != "K0 /dev/null" || !strings.HasPrefix(lines[2], "2 ") || strings.TrimSpace(lines[3]) != "4" {
		t.Errorf("it has %q", lines)
	}
	if lines[6] != "7/1" {
		t.Errorf("the message is %q to it", lines[6])
	}
	if want := "4003 4004"; os.Getuid() == 0 && strings.Join(lines[4:6], " ") != want {
		t.Errorf("it is %q, want %q", lines[4:6], want)
	}
}

// One that neither ends nor answers is given up: nothing is delivered by then.
func TestGetpwHangs(t *testing.T) {
	f := newFixture(t, who, func(f *fixture) { must(t, os.Remove(f.Dir+"/users/cdb")) })
	must(t, unix.Mkfifo(f.Dir+"/out/gate", 0o666))
	must(t, os.Chmod(f.Dir+"/out/gate", 0o666))
	f.setGetpw("exec cat DIR/out/gate")
	f.send(to(1, "me@h").Encode("indimail"))
	f.until(func() bool { return f.l.Children() == 1 })
	looptest.Advance(f.l, getpwTime-time.Second)
	if len(f.list) > 0 {
		t.Fatalf("%+v", f.list)
	}
	looptest.Advance(f.l, time.Second)
	f.until(func() bool { return len(f.list) > 0 })
	if got := f.list[0].Text; got != noSystem {
		t.Errorf("%q", got)
	}
}

func TestAnswersAreKept(t *testing.T) {
	f := newFixture(t, who, func(f *fixture) {
		must(t, os.Remove(f.Dir+"/users/cdb"))
		f.c.Cache = 10 * time.Second
	})
	const yes = "Kme /home/me [x] [-] [x] h\n"
	f.setGetpw(getpw)
	f.reports(to(1, "x@h"), yes)
	f.setGetpw("exit 111")
	f.reports(to(1, "x@h"), yes)
	f.reports(to(1, "X@h"), "Z") // not the same address
	looptest.Advance(f.l, 9*time.Second)
	f.reports(to(1, "x@h"), yes)
	f.Assign("=x:assigned:UID:GID:/home/x:::\n") // goes first
	f.reports(to(1, "x@h"), "Kassigned /home/x [x] [] [] h\n")
	must(t, os.Remove(f.Dir+"/users/cdb"))
	looptest.Advance(f.l, time.Second)
	f.reports(to(1, "x@h"), "Z")

	// That it is alias's may be over in a moment.
	f.setGetpw(strings.Replace(getpw, "me UID", "alias UID", 1))
	f.reports(to(1, "new@h"), "Kalias /home/me [new] [-] [new] h\n")
	f.setGetpw(strings.Replace(getpw, "me UID", "new UID", 1))
	f.reports(to(1, "new@h"), "Knew /home/me [new] [-] [new] h\n")
}

func TestAnswersHaveABound(t *testing.T) {
	k := answers{lasts: time.Minute, now: time.Now}
	for i := range 3 * maxAnswers {
		k.put(fmt.Sprint(i), account{user: "x"})
		if len(k.list) > maxAnswers {
			t.Fatal(len(k.list))
		}
	}
	if _, ok := k.get(fmt.Sprint(3*maxAnswers - 1)); !ok {
		t.Error("the last one is not kept")
	}
}

// TestBuiltin: the answers of qmail-getpw, without a process.
func TestBuiltin(t *testing.T) {
	f := newFixture(t, who, func(f *fixture) {
		must(t, os.Remove(f.Dir+"/users/cdb"))
		f.c.Builtin = true
	})
	f.reports(to(1, "joe@h"), noSystem) // no passwd at all
	f.passwd("root:x:0:0::/:\n")
	f.reports(to(1, "joe@h"), noAlias)
	for _, home := range []string{"joe", "sub", "long"} {
		must(t, os.Mkdir(f.Dir+"/"+home, 0o755))
		must(t, os.Chown(f.Dir+"/"+home, f.UID, f.GID))
	}
	must(t, os.Symlink("loop", f.Dir+"/loop"))
	long := strings.Repeat("l", 31)
	text := "root:x:0:0::/:\n#joe:x:1:1::/:\njoe:x:UID:GID::DIR/joe:/bin/sh\njoe:x:1:1::/:\njoe-a:x:UID:GID::DIR/sub:\n" +
		"gone:x:UID:GID::DIR/nowhere:\nother:x:1:1::DIR/joe:\nloop:x:UID:GID::DIR/loop:\nCAPS:x:UID:GID::DIR/joe:\n" +
		long + ":x:UID:GID::DIR/long:\n" + long + "l:x:UID:GID::DIR/long:\nalias:x:UID:GID::/alias:\n"
	f.passwd(text)
	for recipient, want := range map[string]string{
		"joe":             "joe DIR/joe [joe] [] []",
		"JOE":             "joe DIR/joe [JOE] [] []",
		"joe-":            "joe DIR/joe [joe-] [-] []",
		"joe-b-C":         "joe DIR/joe [joe-b-C] [-] [b-C]",
		"joe-a":           "joe-a DIR/sub [joe-a] [] []",
		"joe-a-b":         "joe-a DIR/sub [joe-a-b] [-] [b]",
		"joe+x":           "alias /alias [joe+x] [-] [joe+x]",
		"root":            "alias /alias [root] [-] [root]",
		"-joe":            "alias /alias [-joe] [-] [-joe]",
		"gone":            "alias /alias [gone] [-] [gone]",
		"gone-x":          "alias /alias [gone-x] [-] [gone-x]",
		"other":           "alias /alias [other] [-] [other]",
		"loop":            "alias /alias [loop] [-] [loop]",
		"CAPS":            "alias /alias [CAPS] [-] [CAPS]",
		long:              long + " DIR/long [" + long + "] [] []",
		long + "l":        "alias /alias [" + long + "l] [-] [" + long + "l]",
		long + "l-" + "x": "alias /alias [" + long + "l-x] [-] [" + long + "l-x]",
		long + "-x":       long + " DIR/long [" + long + "-x] [-] [x]",
	} {
		f.reports(to(1, recipient+"@h"), "K"+strings.ReplaceAll(want, "DIR", f.Dir)+" h\n")
	}
	f.s.c.Break = '+'
	f.reports(to(1, "joe+x@h"), "Kjoe "+f.Dir+"/joe [joe+x] [-] [x] h\n")

	// The file is looked at again when it has changed, and only then.
	users := f.s.passwd.users
	f.reports(to(1, "joe@h"), "Kjoe "+f.Dir+"/joe [joe] [] [] h\n")
	if fmt.Sprintf("%p", users) != fmt.Sprintf("%p", f.s.passwd.users) {
		t.Error("read again")
	}
	f.passwd(strings.Replace(text, "joe:x:UID:GID::DIR/joe", "joe:x:UID:GID::DIR/sub", 1))
	f.reports(to(1, "joe@h"), "Kjoe "+f.Dir+"/sub [joe] [] [] h\n")
	f.passwd("alias:x:0:0::/:\n")
	f.reports(to(1, "joe@h"), asRoot)
}

// TestIdentity: a delivery is its user's and nobody else's, with one group.
func TestIdentity(t *testing.T) {
	needRoot(t)
	lspawntest.NeedProc(t)
	f := newFixture(t, `sed -n '/^Uid\|^Gid\|^Groups/p' /proc/self/status`, nil)
	want := "KUid:\t4001\t4001\t4001\t4001\nGid:\t4002\t4002\t4002\t4002\nGroups:\t4002 \n"
	f.reports(to(1, "joe@h"), want)

	// Groups are for those that getpw has found, never for those assigned.
	f.s.c.AllGroups, f.s.c.FilesOnly = true, true
	f.reports(to(1, "joe@h"), want)
	f.setGetpw(`printf '%s\0' daemon UID GID / - "$1"`)
	r := f.ask(to(1, "other@h"))
	if !strings.Contains(r.Text, "Uid:\t4001\t") || !strings.Contains(r.Text, "Gid:\t4002\t") || !strings.Contains(r.Text, "Groups:\t1 ") {
		t.Errorf("with the groups of daemon: %q", r.Text)
	}
	f.setGetpw(`printf '%s\0' root UID GID / - "$1"`) // whose groups nobody gets, by whatever number
	f.reports(to(1, "other@h"), asRoot)
	f.setGetpw(`printf '%s\0' nosuchuser UID GID / - "$1"`)
	f.reports(to(1, "other@h"), "ZUnable to set proper uid, gid for nosuchuser.\n")
	f.s.c.FilesOnly = false // getent knows no more
	f.reports(to(1, "other@h"), "ZUnable to set proper uid, gid for nosuchuser.\n")
}

// Who is not root can deliver to nobody else.
func TestNotRoot(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("is root; TestUnprivileged of cmd/qmail-lspawn has a process that is not")
	}
	f := newFixture(t, "id -u", nil)
	f.reports(to(1, "joe@h"), fmt.Sprintf("K%d\n", os.Getuid()))
	f.SetCdb(lspawntest.Newu(t, fmt.Sprintf("=joe:joe:%d:%d:/:::\n", os.Getuid()+1, os.Getgid())))
	f.reports(to(1, "joe@h"), "ZUnable to set proper uid, gid for joe.\n")
}
