// SPDX-License-Identifier: ISC

//go:build linux

package rivals

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func service() *Service {
	return &Service{
		Addr: netip.MustParseAddrPort("127.0.0.1:20000"), Command: []string{"/bin/echo", "hello", "there"},
		User: "nobody", Limit: 100,
	}
}

func TestMasterCf(t *testing.T) {
	s := service()
	if got, want := s.masterCf(1), "127.0.0.1:20000 inet n n n - 100 spawn user=nobody argv=/bin/echo hello there\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.User, s.Limit, s.Ballast = "", 0, 7
	want := `127.0.0.1:20000 inet n n n - 0 spawn argv=/bin/echo hello there
ballast0 unix n n n - 1 spawn argv=/bin/echo hello there
ballast1 unix n n n - 1 spawn argv=/bin/echo hello there
`
	if got := s.masterCf(3); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// private makes a World with packages that hold the programs.
func private(t *testing.T, programs ...string) *World {
	t.Helper()
	dir := t.TempDir()
	for _, name := range append([]string{"usr/lib/x86_64-linux-gnu/libwrap.so.0"}, programs...) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(dir+"/versions", []byte("ucspi-tcp 1:0.88-7\nxinetd 2.3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return &World{Private: dir, Bin: dir}
}

// TestArguments: how each server is told the same.
func TestArguments(t *testing.T) {
	w := private(t, "usr/bin/tcpserver", "usr/bin/tcpsvd", "usr/sbin/xinetd", "usr/sbin/inetd", "usr/bin/systemd-socket-activate")
	w.Root, w.Limit = true, "/climit"
	for _, test := range []struct {
		r     *Rival
		argv  string // must contain it
		file  string
		lines []string // that the file must have
	}{
		{w.tcpserver(), "/usr/bin/tcpserver -q -H -R -l 0 -b 1024 -c 100 -u 65534 -g 65534 127.0.0.1 20000 /bin/echo hello there", "", nil},
		{w.tcpsvd(), "/usr/bin/tcpsvd -E -l 0 -b 1024 -c 100 -u nobody 127.0.0.1 20000 /bin/echo hello there", "", nil},
		{w.xinetd(), "-dontfork -f", "xinetd.conf", []string{"user = nobody", "server = /bin/echo", "server_args = hello there", "instances = 100", "port = 20000"}},
		{w.inetd(), "/usr/sbin/inetd -i -q 1024", "inetd.conf", []string{"127.0.0.1:20000 stream tcp nowait.100000000 nobody /bin/echo echo hello there"}},
		{w.systemd(), "--accept --inetd --listen 127.0.0.1:20000 /bin/echo hello there", "", nil},
		{w.limit(), "/climit 0 127.0.0.1 20000 65534 65534 /bin/echo hello there", "", nil},
	} {
		if test.r.Missing != "" {
			t.Errorf("%s is missing: %s", test.r.Name, test.r.Missing)
			continue
		}
		dir := t.TempDir()
		l, err := test.r.launch(w, dir, service())
		if err != nil {
			t.Errorf("%s: %v", test.r.Name, err)
			continue
		}
		if got := strings.Join(l.argv, " "); !strings.Contains(got, test.argv) {
			t.Errorf("%s: %s", test.r.Name, got)
		}
		unpacked := strings.HasPrefix(l.argv[0], w.Private)
		if got := len(l.env) == 1 && l.env[0] == "LD_LIBRARY_PATH="+w.Private+"/usr/lib/x86_64-linux-gnu"; got != unpacked {
			t.Errorf("%s: environment %q", test.r.Name, l.env)
		}
		if test.file == "" {
			continue
		}
		text, err := os.ReadFile(dir + "/" + test.file)
		if err != nil {
			t.Error(err)
		}
		for _, line := range test.lines {
			if !strings.Contains(string(text), line+"\n") {
				t.Errorf("%s: %s has no line %q:\n%s", test.r.Name, test.file, line, text)
			}
		}
	}
}

// TestMissing: who is not there is said to be missing, and by which package.
func TestMissing(t *testing.T) {
	w := private(t, "usr/bin/tcpserver")
	if r := w.tcpserver(); r.Missing != "" || r.Version != "1:0.88-7" {
		t.Errorf("tcpserver: missing %q, version %q", r.Missing, r.Version)
	}
	for _, r := range []*Rival{w.ours(), w.limit(), w.packaged(&Rival{Name: "x"}, "x-package", "no-such-program", nil)} {
		if r.Missing == "" {
			t.Errorf("%s is not missing", r.Name)
		}
		if _, err := w.Start(t.Context(), r, service(), nil); err == nil {
			t.Errorf("%s is started", r.Name)
		}
	}
}

func TestFreeAddr(t *testing.T) {
	addr, err := FreeAddr()
	if err != nil || !addr.Addr().IsLoopback() || addr.Port() < 20000 || addr.Port() >= 30000 {
		t.Errorf("%v, %v", addr, err)
	}
}

// TestStartFails: a server that ends at once is an error that has its words,
// and leaves nothing behind.
func TestStartFails(t *testing.T) {
	w := &World{}
	r := &Rival{Name: "broken", launch: func(*World, string, *Service) (*launch, error) {
		return &launch{argv: []string{"/bin/sh", "-c", "echo I am broken; exit 3"}}, nil
	}}
	s := service()
	var err error
	if s.Addr, err = FreeAddr(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Start(t.Context(), r, s, []int{0}); err == nil || !strings.Contains(err.Error(), "I am broken") {
		t.Errorf("started: %v", err)
	}
}
