// SPDX-License-Identifier: ISC

package maillog

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// journal is a socket that takes what the journal takes.
func journal(t *testing.T) (*net.UnixConn, Dest) {
	t.Helper()
	dir, err := os.MkdirTemp("", "log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "socket")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, Dest{Kind: Journal, Path: path}
}

// next reads one entry, from the datagram or from the file that came with it.
func next(t *testing.T, c *net.UnixConn) (fields map[string]string, isFile bool) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf, oob := make([]byte, 64<<10), make([]byte, 256)
	n, oobn, _, _, err := c.ReadMsgUnix(buf, oob)
	if err != nil {
		t.Fatal(err)
	}
	text := buf[:n]
	if oobn > 0 {
		isFile = true
		text = sealed(t, oob[:oobn])
	}
	if fields, err = fieldsOf(text); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	return fields, isFile
}

// sealed reads the file in a control message, which nobody may be able to
// change.
func sealed(t *testing.T, oob []byte) []byte {
	t.Helper()
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		t.Fatalf("%v, %v", messages, err)
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("%v, %v", fds, err)
	}
	f := os.NewFile(uintptr(fds[0]), "memfd")
	defer func() { _ = f.Close() }()
	const want = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0); err != nil || seals&want != want {
		t.Errorf("seals %x, %v", seals, err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(io.NewSectionReader(f, 0, info.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func testLogger(t *testing.T, d Dest) *Logger {
	t.Helper()
	l := New("master")
	t.Cleanup(l.Close)
	if err := l.Open(d); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestJournal(t *testing.T) {
	c, d := journal(t)
	d.Name, d.Facility = "box", "local0"
	l := testLogger(t, d)
	l.About("smtp/inet").Warnf("bad\nthing %d", 1)
	got, isFile := next(t, c)
	if isFile || got["MESSAGE"] != "warning: bad?thing 1" || got["PRIORITY"] != "4" || got["SYSLOG_FACILITY"] != "16" ||
		got["SYSLOG_IDENTIFIER"] != "box/master" || got["SYSLOG_PID"] != fmt.Sprint(os.Getpid()) || got["POSTLOOP_SERVICE"] != "smtp/inet" {
		t.Errorf("got %q", got)
	}
}

// What no datagram can hold comes in a file, in its place among the others.
func TestJournalTakesWhatIsTooLong(t *testing.T) {
	c, d := journal(t)
	l := testLogger(t, d)
	l.Infof("first")
	if err := syscall.SetsockoptInt(l.sink.fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, 4096); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("long\n", 20000)
	l.sink.put(record{when: when, severity: failure, tag: "t", text: long}) // no sentence is: maxText
	l.Infof("last")
	if got, isFile := next(t, c); isFile || got["MESSAGE"] != "first" {
		t.Errorf("file %v, %q", isFile, got)
	}
	if got, isFile := next(t, c); !isFile || got["MESSAGE"] != "error: "+long || got["PRIORITY"] != "3" {
		t.Errorf("file %v, %d bytes", isFile, len(got["MESSAGE"]))
	}
	if got, isFile := next(t, c); isFile || got["MESSAGE"] != "last" {
		t.Errorf("file %v, %q", isFile, got)
	}
	if l.Lost() > 0 {
		t.Errorf("%d lines lost", l.Lost())
	}
}

// A line that comes in a file survives that the journal is restarted, as others do.
func TestJournalRestartsBeforeAFile(t *testing.T) {
	c, d := journal(t)
	l := testLogger(t, d)
	if err := syscall.SetsockoptInt(l.sink.fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, 4096); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	_ = os.Remove(d.Path)
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: d.Path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	long := strings.Repeat("long ", 5000)
	l.sink.put(record{when: when, severity: info, tag: "t", text: long})
	if l.Lost() > 0 || l.Pending() {
		t.Fatalf("lost %d, pending %v", l.Lost(), l.Pending())
	}
	if got, _ := next(t, c); got["MESSAGE"] != long {
		t.Errorf("got %d bytes", len(got["MESSAGE"]))
	}
}

// A journal that does not read stops nobody, and learns how much it has missed.
func TestJournalThatDoesNotRead(t *testing.T) {
	c, d := journal(t)
	l := testLogger(t, d)
	const sent = 3000
	for i := range sent {
		l.Infof("line %d", i)
	}
	lost := int(l.Lost())
	if lost == 0 || l.FD() < 0 {
		t.Fatalf("lost %d, descriptor %d", lost, l.FD())
	}
	for i := range sent - lost {
		if got, _ := next(t, c); got["MESSAGE"] != fmt.Sprintf("line %d", i) {
			t.Fatalf("got %q for line %d", got["MESSAGE"], i)
		}
		l.Flush()
	}
	if got, _ := next(t, c); got["MESSAGE"] != fmt.Sprintf("warning: %d log lines lost: their destination did not take them in time", lost) {
		t.Errorf("got %q", got["MESSAGE"])
	}
}

// Standard error that goes to the journal is not written to: there is a better
// way in. What JOURNAL_STREAM says is believed of that descriptor only, and
// where there is a journal.
func TestJournalInsteadOfItsStream(t *testing.T) {
	_, there := journal(t)
	var st syscall.Stat_t
	if err := syscall.Fstat(2, &st); err != nil {
		t.Fatal(err)
	}
	stderr := fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	for _, c := range []struct {
		name, stream, path string
		kind               Kind
		format             Format
		want               Kind
	}{
		{"it is the stream", stderr, there.Path, Stderr, Text, Journal},
		{"no journal", stderr, there.Path + ".none", Stderr, Text, Stderr},
		{"another stream", stderr + "0", there.Path, Stderr, Text, Stderr},
		{"no stream", "", there.Path, Stderr, Text, Stderr},
		{"nonsense", "1", there.Path, Stderr, Text, Stderr},
		{"JSON is asked for", stderr, there.Path, Stderr, JSON, Stderr},
		{"another destination", stderr, there.Path, Syslog, Text, Syslog},
	} {
		t.Setenv(EnvJournal, c.stream)
		l := testLogger(t, Dest{Kind: c.kind, Format: c.format, Path: c.path})
		if got := l.Dest().Kind; got != c.want {
			t.Errorf("%s: kind %d, want %d", c.name, got, c.want)
		}
	}
}
