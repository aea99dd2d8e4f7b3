// SPDX-License-Identifier: ISC

package maillog_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"postloop/master/maillog"
)

func expectFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Fatalf("%s:\n got %q\nwant %q", path, got, want)
	}
}

func expectMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != want {
		t.Errorf("%s: mode %v, want %v", path, info.Mode(), want)
	}
}

func TestFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	d := maillog.Dest{Kind: maillog.File, File: file, Host: "mx"}
	l := newLogger(t, newClock())
	open(t, l, d)
	l.Infof("one")
	expectFile(t, file, stamp+"mx postfix/master[77]: one\n")
	expectMode(t, file, 0o600)

	// Rotated: the lines follow the file that was open, until a reload.
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	l.Infof("two")
	d.Format, d.FilePermissions = maillog.JSON, 0o640
	open(t, l, d)
	l.Warnf("three")
	expectFile(t, file+".1", stamp+"mx postfix/master[77]: one\n"+stamp+"mx postfix/master[77]: two\n")
	expectFile(t, file, `{"time":"2026-03-04T05:06:07.000000Z","severity":"warning","program":"postfix/master","pid":77,"text":"three"}`+"\n")
	expectMode(t, file, 0o640)
}

// The mode of a new file is what was asked for: a master's umask leaves nothing
// to anybody else.
func TestFilePermissionsAreNotTheUmasks(t *testing.T) {
	was := syscall.Umask(0o077)
	defer syscall.Umask(was)
	file := filepath.Join(t.TempDir(), "log")
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.File, File: file, FilePermissions: 0o640})
	expectMode(t, file, 0o640)

	// One that is there already has the mode that somebody gave it.
	if err := os.Chmod(file, 0o604); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	expectMode(t, file, 0o604)
}

// What Probe says is what Open does.
func TestProbeOfALinkToNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	if err := os.Symlink("nowhere", file); err != nil {
		t.Fatal(err)
	}
	d := maillog.Dest{Kind: maillog.File, File: file}
	want := newLogger(t, newClock()).Open(d)
	if got, _ := d.Probe(); want == nil || got == nil || got.Error() != want.Error() {
		t.Errorf("Probe: %v; Open: %v", got, want)
	}
}

// Without postlogd the file is written directly; when it comes, and when it
// goes again, the next line knows.
func TestPostlogFallback(t *testing.T) {
	path, file := socketPath(t), filepath.Join(t.TempDir(), "log")
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.Postlog, Path: path, Host: "mx", File: file, FilePermissions: 0o644})
	l.Infof("one")
	expectFile(t, file, stamp+"mx postfix/master[77]: one\n")
	expectMode(t, file, 0o644)

	s := serve(t, path)
	l.Infof("two")
	s.expect(t, stamp+"mx postfix/master[77]: two")

	restart(t, s, path)
	l.Infof("three")
	expectFile(t, file, stamp+"mx postfix/master[77]: one\n"+stamp+"mx postfix/master[77]: three\n")

	s = serve(t, path)
	l.Infof("four")
	s.expect(t, stamp+"mx postfix/master[77]: four")
}

// What waits for a reader goes to the file when the reader dies.
func TestPostlogDiesWithAFullQueue(t *testing.T) {
	path, file := socketPath(t), filepath.Join(t.TempDir(), "log")
	s := serve(t, path)
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.Postlog, Path: path, Host: "mx", File: file})
	for !l.Pending() {
		l.Infof("fill")
	}
	restart(t, s, path)
	l.Infof("last")
	if l.Pending() || l.FD() >= 0 {
		t.Errorf("pending %v, descriptor %d", l.Pending(), l.FD())
	}
	expectFile(t, file, stamp+"mx postfix/master[77]: fill\n"+stamp+"mx postfix/master[77]: last\n")
}

func TestSafeOpen(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("plain"), []byte("x"), 0o600))
	must(os.WriteFile(at("two"), nil, 0o600))
	must(os.Link(at("two"), at("names")))
	must(os.Mkdir(at("dir"), 0o700))
	must(os.Symlink(at("plain"), at("link")))
	must(os.Symlink(at("nowhere"), at("dangling")))
	must(os.Mkdir(at("shared"), 0o700))
	must(os.Symlink(at("plain"), at("shared/link")))
	must(os.Chmod(at("shared"), 0o777))

	link := "" // root's own link in root's own directory
	if os.Getuid() != 0 {
		link = "file is a symbolic link"
	}
	for _, c := range []struct{ name, want string }{
		{"plain", ""},
		{"new", ""},
		{"two", "file has 2 hard links"},
		{"dir", "cannot open file: Is a directory"},
		{"link", link},
		{"shared/link", "file is a symbolic link"},
		{"dangling", "cannot create file exclusively: File exists"},
		{"missing/x", "cannot create file exclusively: No such file or directory"},
		{"plain/x", "cannot open file: Not a directory"},
	} {
		fd, err := maillog.SafeOpen(at(c.name), syscall.O_RDWR, 0o600)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || err.Error() != c.want):
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
		if err != nil {
			continue
		}
		if flags, err := fcntlGetFD(fd); err != nil || flags&syscall.FD_CLOEXEC == 0 {
			t.Errorf("%s: not close-on-exec (%v)", c.name, err)
		}
		must(syscall.Close(fd))
	}
	if _, err := maillog.SafeOpen(at("dir"), syscall.O_RDONLY, 0); err == nil || err.Error() != "file has 2 hard links" && err.Error() != "file is a directory" {
		t.Errorf("a directory, read only: got %v", err)
	}
	if _, err := maillog.SafeOpen(at("missing/x"), syscall.O_RDWR, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the reason is not in %v", err)
	}
	expectFile(t, at("plain"), "x")
	expectMode(t, at("new"), 0o600)
}

func fcntlGetFD(fd int) (int, error) {
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(flags), nil
}

// A socket on which nobody listens is not asked for at every line, and not
// for longer than a second is it left alone.
func TestPostlogIsAskedForOnceASecond(t *testing.T) {
	path, file := socketPath(t), filepath.Join(t.TempDir(), "log")
	if err := os.Symlink("behind", path); err != nil { // what comes there does not show at path
		t.Fatal(err)
	}
	c := newClock()
	l := newLogger(t, c)
	d := maillog.Dest{Kind: maillog.Postlog, Path: path, Host: "mx", File: file}
	open(t, l, d)
	behind := filepath.Join(filepath.Dir(path), "behind")
	s := serve(t, behind)
	c.now = c.now.Add(time.Second - 1)
	l.Infof("early")
	s.empty(t)
	expectFile(t, file, stamp+"mx postfix/master[77]: early\n")
	c.now = c.now.Add(1)
	l.Infof("found")
	s.expect(t, "Mar 04 05:06:08 mx postfix/master[77]: found")

	// Who opens the destination knows more than the clock.
	restart(t, s, behind)
	l.Infof("direct")
	s = serve(t, behind)
	open(t, l, d)
	l.Infof("opened")
	s.expect(t, "Mar 04 05:06:08 mx postfix/master[77]: opened")
}
