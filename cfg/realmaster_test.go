//go:build interop

// SPDX-License-Identifier: ISC

package cfg

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMasterAgainstMaster has the real master read each file of the corpus
// that it is to refuse, and compares its last words with our first error: the
// line, and the text up to where ours says what would be right. What only
// postconf refuses gets a bad line at its end, to show that the master came
// that far.
func TestMasterAgainstMaster(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("master wants to be root")
	}
	daemons, complaint, ok := postconf(t, t.TempDir(), "-d", "-h", "daemon_directory")
	if !ok {
		t.Fatal(complaint)
	}
	master := filepath.Join(strings.TrimSpace(daemons), "master")
	for name, file := range cases(t, "postconf-master", ".cf") {
		text := readFile(t, file+".cf")
		switch {
		case strings.HasPrefix(name, "postconf-refuses-"):
			text += "bad unix - - n - x probe\n"
		case !strings.Contains(name, "refuse"):
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := ParseMaster("master.cf", strings.NewReader(text), mainWith())
			if err == nil {
				t.Fatal("we accept it")
			}
			our := firstError(t, err)
			their := lastWords(t, master, text)
			where, words, _ := strings.Cut(strings.TrimPrefix(their, "line "), ": ")
			if line, _ := strconv.Atoi(where); line != our.Line || !strings.HasPrefix(our.Text, words) {
				t.Errorf("we say\n%v\nand master\n%s", our, their)
			}
		})
	}
}

// lastWords returns what the real master says about a master.cf that it
// refuses, from "line" on.
func lastWords(t *testing.T, master, text string) string {
	t.Helper()
	dir := realInstance(t, text)
	// With POSTLOG_SERVICE set, master sends its messages there from the
	// beginning. As nobody else would read them, it need not be a queue's.
	path := filepath.Join(dir, "log")
	log, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	if err := errors.Join(os.Chmod(path, 0o666), log.SetReadDeadline(time.Now().Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(master, "-d", "-c", dir)
	cmd.Env = []string{"POSTLOG_SERVICE=" + path, "POSTLOG_HOSTNAME=test"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { // it has ended, or is to
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	for buf := make([]byte, 4096); ; {
		n, err := log.Read(buf)
		if err != nil {
			t.Fatalf("waiting for master's message: %v", err)
		}
		if _, words, found := strings.Cut(string(buf[:n]), "fatal: "+dir+"/master.cf: "); found {
			return words
		} else if strings.Contains(string(buf[:n]), "fatal: ") {
			t.Fatalf("%s", buf[:n])
		}
	}
}

// realInstance makes just what master wants to see before it reads master.cf.
func realInstance(t *testing.T, text string) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pm") // short, for the socket in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	owner, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err = errors.Join(err, os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"queue", "data", "queue/pid", "queue/public", "queue/private"} {
		path := filepath.Join(dir, sub)
		if err := errors.Join(os.Mkdir(path, 0o755), os.Chown(path, uid, -1)); err != nil {
			t.Fatal(err)
		}
	}
	var main strings.Builder
	for _, s := range []string{
		"compatibility_level = 3.6", "inet_interfaces = loopback-only", "myhostname = test.example",
		"queue_directory = " + dir + "/queue", "data_directory = " + dir + "/data",
		"maillog_file = " + dir + "/maillog", "maillog_file_prefixes = " + dir,
	} {
		_, _ = io.WriteString(&main, fmt.Sprintln(s))
	}
	writeOld(t, filepath.Join(dir, "main.cf"), main.String())
	writeOld(t, filepath.Join(dir, "master.cf"), text)
	return dir
}
