// SPDX-License-Identifier: ISC

//go:build linux

package pftest

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"postloop/internal/postfix"
)

// RealMaster is Postfix's own master.
const RealMaster = postfix.RealMaster

// Options say what New makes. The zero value is a Postfix that receives mail
// on 127.0.0.1 and delivers it into a mailbox directory, under the real master.
type Options struct {
	Master   string            // the executable that becomes daemon_directory/master
	Main     map[string]string // main.cf parameters, over the usual ones
	Services string            // master.cf; empty: MailServices
	Files    int               // the soft limit of descriptors that Master sets; 0: as it is
}

// Instance is one private Postfix.
type Instance struct {
	postfix.Instance
	MailAddr string // where MailServices' smtpd listens

	t       testing.TB
	files   int
	changes int // an inotify descriptor on the log and the mailbox
}

// Require ends the test unless it can run instances here. A machine without
// Postfix is an error, not a reason to skip: whoever asked for these tests
// wants them run.
func Require(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("these tests start a Postfix, which takes root")
	}
	if _, err := os.Stat(RealMaster); err != nil {
		t.Fatalf("no Postfix here (.ci/need-postfix installs it): %v", err)
	}
}

// New makes an instance, without starting it.
func New(t testing.TB, o Options) *Instance {
	t.Helper()
	Require(t)
	// Not t.TempDir: its paths carry the test's name, and a socket's path
	// must stay below 108 bytes.
	dir, err := os.MkdirTemp("", "pf")
	if err != nil {
		t.Fatal(err)
	}
	laidOut, err := postfix.New(dir, "postfix", "postdrop")
	if err != nil {
		_ = os.RemoveAll(dir)
		t.Fatal(err)
	}
	p := &Instance{Instance: *laidOut, t: t, files: o.Files, changes: -1}
	t.Cleanup(p.cleanup)
	p.MailAddr = FreeAddr(t)
	if o.Master == "" {
		o.Master = RealMaster
	}
	p.must(os.Mkdir(p.Dir+"/mail", 0o755))
	p.must(os.Chown(p.Dir+"/mail", 65534, 65534))
	p.copyDaemons(o.Master)
	p.SetMain(p.mailParams())
	p.SetMain(o.Main)
	if o.Services == "" {
		o.Services = p.MailServices()
	}
	p.SetServices(o.Services)
	return p
}

// mailParams are main.cf's parameters about mail. What is for example.test goes
// into one mailbox, whoever it is for; nothing ever leaves the machine.
func (p *Instance) mailParams() map[string]string {
	return map[string]string{
		"myhostname":              "pftest.example.test",
		"mynetworks":              "127.0.0.0/8",
		"disable_dns_lookups":     "yes",
		"smtpd_peername_lookup":   "no",
		"default_transport":       "error:nothing leaves this machine",
		"virtual_mailbox_domains": "example.test",
		"virtual_mailbox_maps":    "static:box/",
		"virtual_mailbox_base":    p.Dir + "/mail",
		"virtual_uid_maps":        "static:65534",
		"virtual_gid_maps":        "static:65534",
		"virtual_minimum_uid":     "100",
	}
}

// MailServices is a master.cf with all that receiving, queueing and local
// delivery take, in the limits of a stock one but for smtpd's.
func (p *Instance) MailServices() string {
	return p.MailAddr + ` inet n - n - 20 smtpd
pickup    unix  n - n 60    1 pickup
cleanup   unix  n - n -     0 cleanup
qmgr      unix  n - n 300   1 qmgr
rewrite   unix  - - n -     - trivial-rewrite
bounce    unix  - - n -     0 bounce
defer     unix  - - n -     0 bounce
trace     unix  - - n -     0 bounce
verify    unix  - - n -     1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n -     - proxymap
proxywrite unix - - n -     1 proxymap
showq     unix  n - n -     - showq
error     unix  - - n -     - error
retry     unix  - - n -     - error
virtual   unix  - n n -     - virtual
anvil     unix  - - n -     1 anvil
` + PostlogService
}

// PostlogService is the master.cf line that every instance needs.
const PostlogService = postfix.PostlogService

// SetMain changes main.cf.
func (p *Instance) SetMain(change map[string]string) {
	p.t.Helper()
	p.must(p.Instance.SetMain(change))
}

// SetServices replaces master.cf.
func (p *Instance) SetServices(text string) {
	p.t.Helper()
	p.must(p.Instance.SetServices(text))
}

// copyDaemons fills daemon_directory. Copies, not links: `postfix check`
// complains of links that leave the directory, and the path of its executable
// then tells whose process it is.
func (p *Instance) copyDaemons(master string) {
	p.t.Helper()
	entries, err := os.ReadDir(postfix.Sbin)
	p.must(err)
	for _, e := range entries {
		if e.Name() != "master" {
			p.Install(postfix.Sbin+"/"+e.Name(), e.Name())
		}
	}
	p.Install(master, "master")
}

// Install copies an executable into daemon_directory.
func (p *Instance) Install(from, name string) {
	p.t.Helper()
	in, err := os.Open(from)
	p.must(err)
	defer func() { p.must(in.Close()) }()
	out, err := os.OpenFile(p.Daemons+"/"+name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	p.must(err)
	_, err = io.Copy(out, in)
	p.must(err)
	p.must(out.Close())
}

// Remove takes an executable out of daemon_directory.
func (p *Instance) Remove(name string) {
	p.t.Helper()
	p.must(os.Remove(p.Daemons + "/" + name))
}

// given has the addresses that FreeAddr has returned.
var given sync.Map

// FreeAddr returns an address of 127.0.0.1 where nothing listens now, another
// one each time.
func FreeAddr(t testing.TB) string {
	t.Helper()
	for {
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := ln.Addr().String()
		_ = ln.Close()
		if _, taken := given.LoadOrStore(addr, true); !taken {
			return addr
		}
	}
}

func (p *Instance) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// cleanup ends every process of the instance and removes its directory. After
// SIGKILL nothing may be left, or the test fails for it.
func (p *Instance) cleanup() {
	if p.t.Failed() {
		p.t.Logf("the log of %s:\n%s", p.Dir, tail(p.LogFile, 60))
	}
	if pid := p.pidInFile(); pid > 0 {
		_ = unix.Kill(pid, unix.SIGTERM)
	}
	for left := p.Processes(); len(left) > 0; left = p.Processes() {
		for _, pid := range left {
			_ = unix.Kill(pid, unix.SIGKILL)
			if !gone(pid, Patience) {
				p.t.Errorf("process %d (%s) survived SIGKILL", pid, Argv(pid))
				return
			}
		}
	}
	if p.changes >= 0 {
		_ = unix.Close(p.changes)
	}
	if err := os.RemoveAll(filepath.Clean(p.Dir)); err != nil {
		p.t.Error(err)
	}
}

// tail returns the last n lines of a file.
func tail(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Restore puts configuration files back, whatever has become of them.
func (p *Instance) Restore(files map[string][]byte) {
	p.t.Helper()
	for path, text := range files {
		p.must(os.RemoveAll(path))
		p.must(p.Write(filepath.Base(path), string(text)))
	}
}
