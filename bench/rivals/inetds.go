// SPDX-License-Identifier: ISC

//go:build linux

package rivals

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// many stands for no limit where one has to be named.
const many = 100000

func limitOr(n, without int) int {
	if n == 0 {
		return without
	}
	return n
}

// host and port are the words that a server's arguments take.
func (s *Service) host() string { return s.Addr.Addr().String() }
func (s *Service) port() string { return strconv.Itoa(int(s.Addr.Port())) }

// ids returns the numbers of the user and of its group.
func (s *Service) ids() (uid, gid string, err error) {
	u, err := user.Lookup(s.User)
	if err != nil {
		return "", "", err
	}
	return u.Uid, u.Gid, nil
}

func (w *World) tcpserver() *Rival {
	r := &Rival{Name: TCPServerName, Is: "ucspi-tcp", User: atStart}
	return w.packaged(r, "ucspi-tcp", "tcpserver", func(path, _ string, s *Service) (*launch, error) {
		argv := []string{path, "-q", "-H", "-R", "-l", "0", "-b", "1024", "-c", strconv.Itoa(limitOr(s.Limit, many))}
		if s.User != "" {
			uid, gid, err := s.ids()
			if err != nil {
				return nil, err
			}
			argv = append(argv, "-u", uid, "-g", gid)
		}
		return &launch{argv: append(append(argv, s.host(), s.port()), s.Command...)}, nil
	})
}

// tcpsvdArgs are the arguments that ipsvd's tcpsvd and busybox's share.
func tcpsvdArgs(s *Service) []string {
	argv := []string{"-E", "-l", "0", "-b", "1024", "-c", strconv.Itoa(limitOr(s.Limit, many))}
	if s.User != "" {
		argv = append(argv, "-u", s.User)
	}
	return append(append(argv, s.host(), s.port()), s.Command...)
}

func (w *World) tcpsvd() *Rival {
	r := &Rival{Name: "tcpsvd", Is: "ipsvd", User: atStart}
	return w.packaged(r, "ipsvd", "tcpsvd", func(path, _ string, s *Service) (*launch, error) {
		return &launch{argv: append([]string{path}, tcpsvdArgs(s)...)}, nil
	})
}

// busybox has a tcpsvd of its own, if it was built with it. Debian's was not.
func (w *World) busybox() *Rival {
	r := &Rival{Name: "busybox tcpsvd", Is: "busybox", User: atStart}
	w.packaged(r, "busybox", "busybox", func(path, _ string, s *Service) (*launch, error) {
		return &launch{argv: append([]string{path, "tcpsvd"}, tcpsvdArgs(s)...)}, nil
	})
	if r.Missing == "" && !busyboxHas(w.find("busybox"), "tcpsvd") {
		r.Missing = "this busybox was built without it"
	}
	return r
}

func (w *World) xinetd() *Rival {
	r := &Rival{Name: "xinetd", Is: "xinetd", User: perConnection}
	return w.packaged(r, "xinetd", "xinetd", func(path, dir string, s *Service) (*launch, error) {
		limit, who, args := "UNLIMITED", s.User, ""
		if s.Limit > 0 {
			limit = strconv.Itoa(s.Limit)
		}
		if len(s.Command) > 1 {
			args = "\tserver_args = " + strings.Join(s.Command[1:], " ") + "\n"
		}
		if who == "" {
			u, err := user.Current()
			if err != nil {
				return nil, err
			}
			who = u.Username
		}
		conf := fmt.Sprintf(`service bench
{
	type = UNLISTED
	socket_type = stream
	protocol = tcp
	wait = no
	bind = %s
	port = %s
	user = %s
	server = %s
%s	instances = %s
	per_source = UNLIMITED
	cps = 1000000 1
}
`, s.host(), s.port(), who, s.Command[0], args, limit)
		if err := os.WriteFile(dir+"/xinetd.conf", []byte(conf), 0o644); err != nil {
			return nil, err
		}
		return &launch{argv: []string{
			path, "-dontfork", "-f", dir + "/xinetd.conf",
			"-filelog", dir + "/log", "-pidfile", dir + "/pid",
		}}, nil
	})
}

func (w *World) inetd() *Rival {
	r := &Rival{Name: "openbsd-inetd", Is: "openbsd-inetd", User: perConnection}
	w.packaged(r, "openbsd-inetd", "inetd", func(path, dir string, s *Service) (*launch, error) {
		// What follows nowait is how often a minute; there is no limit on how
		// many at once.
		conf := fmt.Sprintf("%s:%s stream tcp nowait.100000000 %s %s %s\n", s.host(), s.port(), s.User, s.Command[0],
			strings.Join(append([]string{filepath.Base(s.Command[0])}, s.Command[1:]...), " "))
		if err := os.WriteFile(dir+"/inetd.conf", []byte(conf), 0o644); err != nil {
			return nil, err
		}
		return &launch{argv: []string{path, "-i", "-q", "1024", dir + "/inetd.conf"}}, nil
	})
	if r.Missing == "" && !w.Root {
		r.Missing = "needs root"
	}
	return r
}

func (w *World) systemd() *Rival {
	r := &Rival{Name: "systemd-socket-activate", Is: "systemd", User: never}
	return w.packaged(r, "systemd", "systemd-socket-activate", func(path, _ string, s *Service) (*launch, error) {
		argv := []string{path, "--accept", "--inetd", "--listen", s.Addr.String()}
		return &launch{argv: append(argv, s.Command...)}, nil
	})
}

// limit is the C program in testdata.
func (w *World) limit() *Rival {
	r := &Rival{Name: LimitName, Is: "testdata/climit.c", User: perConnection, Ours: true}
	if w.Limit == "" {
		r.Missing = "no C compiler here"
		return r
	}
	r.launch = func(w *World, _ string, s *Service) (*launch, error) {
		uid, gid := "-1", "-1"
		if s.User != "" {
			var err error
			if uid, gid, err = s.ids(); err != nil {
				return nil, err
			}
		}
		argv := []string{w.Limit, strconv.Itoa(s.Ballast), s.host(), s.port(), uid, gid}
		return &launch{argv: append(argv, s.Command...)}, nil
	}
	return r
}

// busyboxHas asks a busybox for its list of programs.
func busyboxHas(path, program string) bool {
	out, err := exec.Command(path, "--list").Output()
	return err == nil && slices.Contains(strings.Fields(string(out)), program)
}
