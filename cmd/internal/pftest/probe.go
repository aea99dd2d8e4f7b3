// SPDX-License-Identifier: ISC

//go:build linux

package pftest

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

//go:embed testdata/probe.c
var probeSource []byte

// builds is what has been built for this run of the test binary. It lies
// beside the binary, which `go test` removes with all that is there.
var builds struct {
	sync.Mutex
	dir  string
	done map[string]error
}

// Build runs build once to produce the file name, and returns its path.
func Build(t testing.TB, name string, build func(out string) error) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	if builds.dir == "" {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		builds.dir, err = os.MkdirTemp(filepath.Dir(exe), "pfbin")
		if err != nil {
			t.Fatal(err)
		}
		builds.done = map[string]error{}
	}
	out := builds.dir + "/" + name
	if _, ok := builds.done[name]; !ok {
		builds.done[name] = build(out)
	}
	if err := builds.done[name]; err != nil {
		t.Fatal(err)
	}
	return out
}

// InstallProbe puts the probe into daemon_directory under the given names.
func (p *Instance) InstallProbe(names ...string) {
	p.t.Helper()
	probe := Build(p.t, "probe", func(out string) error {
		if err := os.WriteFile(out+".c", probeSource, 0o600); err != nil {
			return err
		}
		text, err := exec.Command("cc", "-static", "-O2", "-o", out, out+".c").CombinedOutput()
		if err != nil {
			return fmt.Errorf("cc: %w\n%s", err, text)
		}
		return nil
	})
	for _, name := range names {
		p.Install(probe, name)
	}
}

// Client is a connection to a probe that has greeted.
type Client struct {
	Pid        int
	Generation uint32
	Waited     time.Duration // for the greeting, from before the connection

	conn net.Conn
	in   *bufio.Reader
}

// Dial connects to a probe behind an inet or unix service, by address or by
// path, and waits for its greeting.
func Dial(addr string) (*Client, error) { return DialWithin(Patience, addr) }

// DialWithin is Dial with a limit of the caller's.
func DialWithin(limit time.Duration, addr string) (*Client, error) {
	network := "tcp"
	if strings.HasPrefix(addr, "/") {
		network = "unix"
	}
	began := time.Now()
	conn, err := net.DialTimeout(network, addr, limit)
	if err != nil {
		return nil, err
	}
	return greeted(conn, began, limit)
}

// DialPass connects to a probe behind a pass service.
func DialPass(path string) (*Client, error) {
	began := time.Now()
	conn, err := HandOver(path)
	if err != nil {
		return nil, err
	}
	return greeted(conn, began, Patience)
}

// HandOver gives one end of a socket pair to a pass service, with no
// attributes, and returns the other.
func HandOver(path string) (net.Conn, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours := os.NewFile(uintptr(pair[0]), "ours")
	defer func() { _, _ = ours.Close(), unix.Close(pair[1]) }()
	via, err := net.DialTimeout("unix", path, Patience)
	if err != nil {
		return nil, err
	}
	defer func() { _ = via.Close() }()
	uc, ok := via.(*net.UnixConn)
	if !ok {
		return nil, errors.New("not a unix-domain connection")
	}
	if _, _, err := uc.WriteMsgUnix([]byte{0}, unix.UnixRights(pair[1]), nil); err != nil {
		return nil, err
	}
	// The attributes' end. A daemon may have taken what it wants, and be gone.
	if _, err := uc.Write([]byte{0}); err != nil && !errors.Is(err, unix.EPIPE) {
		return nil, err
	}
	return net.FileConn(ours)
}

func greeted(conn net.Conn, began time.Time, limit time.Duration) (*Client, error) {
	c := &Client{conn: conn, in: bufio.NewReader(conn)}
	if err := conn.SetDeadline(began.Add(limit)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	line, err := c.in.ReadString('\n')
	if err == nil {
		_, err = fmt.Sscanf(line, "ready %d %d", &c.Pid, &c.Generation)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c.Waited = time.Since(began)
	return c, conn.SetDeadline(time.Now().Add(Patience))
}

// Tell sends the probe one line.
func (c *Client) Tell(line string) error {
	_, err := c.conn.Write([]byte(line + "\n"))
	return err
}

// Ask sends the probe one line and returns the line that it answers.
func (c *Client) Ask(line string) (string, error) {
	if err := c.Tell(line); err != nil {
		return "", err
	}
	text, err := c.in.ReadString('\n')
	return strings.TrimSuffix(text, "\n"), err
}

// Report asks how the probe was started.
func (c *Client) Report() (string, error) {
	if err := c.Tell("report"); err != nil {
		return "", err
	}
	var b strings.Builder
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return b.String(), err
		}
		if line == "end\n" {
			return b.String(), nil
		}
		b.WriteString(line)
	}
}

// AwaitEnd waits until the probe closes the connection.
func (c *Client) AwaitEnd() error {
	for {
		if _, err := c.in.ReadByte(); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return err
			}
			return nil // closed or reset: both are an end
		}
	}
}

// Close ends the connection; the probe then waits for the next client.
func (c *Client) Close() error { return c.conn.Close() }

// Finish is Close, once the probe has told the master that it is available.
func (c *Client) Finish() error {
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.Join(errors.New("not a connection that closes by halves"), c.conn.Close())
	}
	return errors.Join(half.CloseWrite(), c.AwaitEnd(), c.conn.Close())
}
