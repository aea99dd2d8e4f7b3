// SPDX-License-Identifier: ISC

package postfix

import (
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sbin is where Debian's Postfix keeps its daemons.
const Sbin = "/usr/lib/postfix/sbin"

// RealMaster is Postfix's own master.
const RealMaster = Sbin + "/master"

// PostlogService is the master.cf line that every instance needs, since all
// of them log to maillog_file.
const PostlogService = "postlog   unix-dgram n - n - 1 postlogd\n"

// Instance is one private Postfix.
type Instance struct {
	Dir     string // everything of the instance is below it
	Config  string // config_directory
	Queue   string // queue_directory
	Data    string // data_directory
	Daemons string // daemon_directory
	LogFile string // maillog_file

	main map[string]string
}

// New makes the directories of an instance below dir, which has to be short:
// the path of a socket must stay below 108 bytes. owner and setgid are
// mail_owner and setgid_group. daemon_directory is empty, and there is a
// main.cf, but no master.cf.
func New(dir, owner, setgid string) (*Instance, error) {
	p := &Instance{
		Dir: dir, Config: dir + "/etc", Queue: dir + "/q", Data: dir + "/data",
		Daemons: dir + "/sbin", LogFile: dir + "/log/mail.log",
	}
	if err := p.makeDirs(owner, setgid); err != nil {
		return nil, err
	}
	p.main = map[string]string{
		"compatibility_level":   "3.6",
		"queue_directory":       p.Queue,
		"data_directory":        p.Data,
		"daemon_directory":      p.Daemons,
		"mail_owner":            owner,
		"setgid_group":          setgid,
		"maillog_file":          p.LogFile,
		"maillog_file_prefixes": p.Dir,
		"inet_interfaces":       "loopback-only",
		"inet_protocols":        "ipv4",
		"mydestination":         "",
		"alias_maps":            "",
		"alias_database":        "",
	}
	return p, p.SetMain(nil)
}

// makeDirs makes what must exist before `postfix start`, and what the master
// alone needs when it is started by hand. The rest is post-install's work.
func (p *Instance) makeDirs(owner, setgid string) error {
	u, err := user.Lookup(owner)
	if err != nil {
		return err
	}
	g, err := user.LookupGroup(setgid)
	if err != nil {
		return err
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(g.Gid)
	if uidErr != nil || gidErr != nil {
		return fmt.Errorf("user %s and group %s have no numbers: %s, %s", owner, setgid, u.Uid, g.Gid)
	}
	for _, d := range []struct {
		path     string
		uid, gid int
		mode     os.FileMode
	}{
		{p.Dir, 0, 0, 0o755},
		{p.Config, 0, 0, 0o755},
		{p.Daemons, 0, 0, 0o755},
		{p.Queue, 0, 0, 0o755},
		{p.Queue + "/pid", 0, 0, 0o755},
		{p.Queue + "/public", uid, gid, 0o710 | os.ModeSetgid},
		{p.Queue + "/private", uid, 0, 0o700},
		{p.Data, uid, 0, 0o700},
		{p.Dir + "/log", 0, 0, 0o755},
	} {
		if err := os.MkdirAll(d.path, 0o755); err != nil {
			return err
		}
		if err := os.Chown(d.path, d.uid, d.gid); err != nil {
			return err
		}
		if err := os.Chmod(d.path, d.mode); err != nil { // after chown, which clears setgid
			return err
		}
	}
	return nil
}

// Main returns the value that main.cf has for a parameter.
func (p *Instance) Main(name string) string { return p.main[name] }

// SetMain changes main.cf.
func (p *Instance) SetMain(change map[string]string) error {
	maps.Copy(p.main, change)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p.main)) {
		fmt.Fprintf(&b, "%s = %s\n", name, p.main[name])
	}
	return p.Write("main.cf", b.String())
}

// SetServices replaces master.cf.
func (p *Instance) SetServices(text string) error { return p.Write("master.cf", text) }

// Write replaces a configuration file. Whoever reads a main.cf younger than
// two seconds waits and reads it again, in case it is still being written;
// a modification time in the past saves every daemon that wait.
func (p *Instance) Write(name, text string) error {
	path := p.Config + "/" + name
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		return err
	}
	past := time.Now().Add(-time.Minute)
	if err := os.Chtimes(path+".new", past, past); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
