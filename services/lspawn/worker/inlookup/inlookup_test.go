// SPDX-License-Identifier: ISC

//go:build unix

package inlookup

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postloop/services/table/worker"
)

// fakeServer plays inlookup: it reads one request after the other from its fifo, and
// answers with what reply makes of it; nil is no answer.
func fakeServer(t *testing.T, path string, reply func(email string) []byte) {
	t.Helper()
	must(t, unix.Mkfifo(path, 0o600))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = f.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		for {
			buf := make([]byte, 4+pipeBuf)
			n, err := f.Read(buf)
			if err != nil {
				return
			}
			request := buf[:n]
			strs := strings.Split(string(request[6:]), "\x00")
			if int(binary.NativeEndian.Uint32(request)) != n-4 || request[4] != 3 || request[5] != 0 || len(strs) != 4 || strs[2] != "" || strs[3] != "" {
				t.Errorf("request %q", request)
			}
			if info, err := os.Stat(strs[1]); err != nil || info.Mode().Perm() != 0o660 {
				t.Errorf("%s: %v, %v", strs[1], info, err)
			}
			if text := reply(strs[0]); text != nil {
				out, err := os.OpenFile(strs[1], os.O_WRONLY, 0)
				if err != nil {
					t.Error(err)
					continue
				}
				_ = os.Remove(strs[1]) // as the original does
				_, _ = out.Write(text)
				_ = out.Close()
			}
		}
	}()
}

// message is an answer as it is sent.
func message(text string) []byte {
	text += "\x00"
	return append(binary.NativeEndian.AppendUint32(nil, uint32(len(text))), text...)
}

// answers are those of the fake server.
var answers = map[string][]byte{
	"user@virt.example":   message("PWSTRUCT=user@virt.example:pw:0:0:g:/d::0"),
	"nobody@virt.example": message("PWSTRUCT=No such user nobody@virt.example"),
	"odd@virt.example":    message("SOMETHING=else"),
	"zero@virt.example":   {0, 0, 0, 0},
	"minus@virt.example":  {0xff, 0xff, 0xff, 0xff},
	"long@virt.example":   binary.NativeEndian.AppendUint32(nil, maxReply+1),
	"half@virt.example":   message("PWSTRUCT=half")[:9],
	"silent@virt.example": nil,
}

func newClient(t *testing.T) (c worker.Table, dir, tmp string) {
	t.Helper()
	dir, tmp = t.TempDir(), t.TempDir()
	c, err := Open(func(name string) string { return map[string]string{"FIFODIR": dir, "INFIFO": "in"}[name] }, tmp)(worker.NewSettings("control", dir))
	must(t, err)
	t.Cleanup(func() {
		c.Close()
		if list, _ := os.ReadDir(tmp); len(list) > 0 {
			t.Errorf("left behind: %v", list)
		}
	})
	return c, dir, tmp
}

func TestLookup(t *testing.T) {
	c, dir, _ := newClient(t)
	fakeServer(t, dir+"/in.1", func(email string) []byte { return answers[email] })
	must(t, unix.Mkfifo(dir+"/in.2", 0o600)) // whose server has ended
	for range 3 {
		for _, test := range []struct{ key, value, err string }{
			{"user@virt.example", "user@virt.example:pw:0:0:g:/d::0", ""},
			{"nobody@virt.example", "", ""},
			{strings.Repeat("x", pipeBuf) + "@virt.example", "", ""},
			{"odd@virt.example", "", "unexpected answer"},
			{"zero@virt.example", "", "the server has an error"},
			{"minus@virt.example", "", "the server has an error"},
			{"long@virt.example", "", "an answer of 65537 bytes"},
			{"virt.example", "", "no mailbox"},
		} {
			check(t, c, context.Background(), test.key, test.value, test.err)
		}
	}
	for _, key := range []string{"half@virt.example", "silent@virt.example"} {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		check(t, c, ctx, key, "", "no answer in time")
		cancel()
	}
	must(t, os.WriteFile(dir+"/timeoutread", []byte("1\n"), 0o600))
	check(t, c, context.Background(), "silent@virt.example", "", "no answer in time")
	must(t, os.Remove(dir+"/timeoutread"))
	check(t, c, context.Background(), "user@virt.example", "user@virt.example:pw:0:0:g:/d::0", "")
}

// TestNoServer: the original divides by the number of servers.
func TestNoServer(t *testing.T) {
	c, dir, _ := newClient(t)
	check(t, c, context.Background(), "user@virt.example", "", "no server: ")
	must(t, unix.Mkfifo(dir+"/in.1", 0o600))
	check(t, c, context.Background(), "user@virt.example", "", "in.1: no such device or address")
	must(t, os.Remove(dir+"/in.1"))
	must(t, os.WriteFile(dir+"/in.1", nil, 0o600)) // in which a request would stay
	check(t, c, context.Background(), "user@virt.example", "", "not a fifo")
}

// TestReplyFifo: nobody can have made the fifo before, and others cannot write to
// it.
func TestReplyFifo(t *testing.T) {
	c, dir, tmp := newClient(t)
	seen := map[string]bool{}
	fakeServer(t, dir+"/in.1", func(email string) []byte {
		list, _ := filepath.Glob(tmp + "/*/reply")
		for _, path := range list {
			seen[path] = true
			if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o711 {
				t.Errorf("%s: %v, %v", path, info, err)
			}
		}
		return answers[email]
	})
	for range 5 {
		check(t, c, context.Background(), "user@virt.example", "user@virt.example:pw:0:0:g:/d::0", "")
	}
	if len(seen) != 5 {
		t.Errorf("%v", seen)
	}
}

func FuzzReply(f *testing.F) {
	for _, text := range answers {
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, in string) {
		text, err := readReply(strings.NewReader(in))
		if strings.Contains(text, "\x00") || err != nil && text != "" || err == nil && !strings.HasPrefix(in[4:], text) {
			t.Errorf("%q: %q, %v", in, text, err)
		}
	})
}

func check(t *testing.T, c worker.Table, ctx context.Context, key, value, text string) {
	t.Helper()
	values, err := c.Lookup(ctx, key)
	if got := strings.Join(values, ","); got != value || len(values) > 1 {
		t.Errorf("%.40s: %q, want %q", key, values, value)
	}
	if (err == nil) != (text == "") || err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("%.40s: %v, want %s", key, err, text)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
