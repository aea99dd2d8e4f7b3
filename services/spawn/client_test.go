// SPDX-License-Identifier: ISC

package spawn

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/loop"
	"postloop/loop/looptest"

	"golang.org/x/sys/unix"
)

// connected is a TCP connection to ourselves at addr.
func connected(t *testing.T, family int, addr unix.Sockaddr) (client, server int) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ln, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	must(err)
	defer unix.Close(ln)
	must(unix.Bind(ln, addr))
	must(unix.Listen(ln, 1))
	at, err := unix.Getsockname(ln)
	must(err)
	client, err = unix.Socket(family, unix.SOCK_STREAM, 0)
	must(err)
	must(unix.Connect(client, at))
	server, _, err = unix.Accept(ln)
	must(err)
	unix.CloseOnExec(client)
	unix.CloseOnExec(server)
	t.Cleanup(func() { unix.Close(client) })
	return client, server
}

// TestClientEnvironment: what a command is told about its client, in each
// style, and that nothing else can say it.
func TestClientEnvironment(t *testing.T) {
	all := ucspiStyle | xinetdStyle | systemdStyle
	base := []string{"TCPREMOTEIP=192.0.2.1", "PROTO=lie", "REMOTE_HOST=lie", "LANG=C"}
	for _, c := range []struct {
		family int
		addr   unix.Sockaddr
		style  style
		want   string
	}{
		{
			unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, ucspiStyle,
			"LANG=C PROTO=TCP REMOTE_HOST=lie TCPLOCALIP=127.0.0.1 TCPLOCALPORT=L TCPREMOTEIP=127.0.0.1 TCPREMOTEPORT=R",
		},
		{
			unix.AF_INET6, &unix.SockaddrInet6{Addr: [16]byte{15: 1}}, all,
			"LANG=C PROTO=TCP6 REMOTE_ADDR=::1 REMOTE_HOST=::1 REMOTE_PORT=R TCP6LOCALIP=::1 TCP6LOCALPORT=L TCP6REMOTEIP=::1 TCP6REMOTEPORT=R " +
				"TCPLOCALIP=::1 TCPLOCALPORT=L TCPREMOTEIP=::1 TCPREMOTEPORT=R",
		},
		{
			unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, systemdStyle,
			"LANG=C PROTO=lie REMOTE_ADDR=127.0.0.1 REMOTE_HOST=lie REMOTE_PORT=R TCPREMOTEIP=192.0.2.1",
		},
	} {
		t.Run(fmt.Sprint(c.style), func(t *testing.T) {
			s := newStageOf(t, Config{TimeLimit: time.Minute, Client: c.style, Env: withoutClient(slices.Clone(base), c.style)}, "env")
			client, server := connected(t, c.family, c.addr)
			remote, local := loop.PeerOf(server), loop.LocalOf(server)
			if err := s.h.Accepted(server, remote, func() { s.done++ }); err != nil {
				t.Fatal(err)
			}
			words := strings.Fields(s.all(client))
			s.finish(1)
			slices.Sort(words)
			got := strings.ReplaceAll(strings.Join(words, " "), fmt.Sprintf("PORT=%d", local.Port()), "PORT=L")
			got = strings.ReplaceAll(got, fmt.Sprintf("PORT=%d", remote.Port()), "PORT=R")
			if got = strings.ReplaceAll(got, "PATH="+commandPath+" ", ""); got != c.want {
				t.Errorf("got\n%s, want\n%s", got, c.want)
			}
		})
	}
}

// TestLocalClientEnvironment: a client on a unix-domain socket is a user, and
// has no address.
func TestLocalClientEnvironment(t *testing.T) {
	ours, theirs := looptest.Pair(t)
	defer unix.Close(ours)
	p := loop.PeerOf(theirs)
	uid, gid, _, ok := p.Cred()
	if !ok {
		t.Fatal("nothing is known of the other end")
	}
	want := []string{"A=b", "PROTO=IPC", fmt.Sprintf("IPCREMOTEEUID=%d", uid), fmt.Sprintf("IPCREMOTEEGID=%d", gid), "IPCREMOTEPATH="}
	if got := appendClient([]string{"A=b"}, ucspiStyle|xinetdStyle, p, loop.LocalOf(theirs)); !slices.Equal(got, want) || uid != os.Geteuid() {
		t.Errorf("got %q, want %q", got, want)
	}
	unix.Close(theirs)
}

// TestConfigOfClientEnvironment: the parameter, and that it empties what
// export_environment would have said.
func TestConfigOfClientEnvironment(t *testing.T) {
	s := setup(t, "spawn_client_environment = tcpserver, xinetd\nexport_environment = LANG PROTO REMOTE_HOST=x REMOTE_ADDR=y\n", "user=nobody", "argv=/bin/cat")
	s.Environ = append(s.Environ, "PROTO=lie")
	c, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"LANG=C", "REMOTE_ADDR=y", "PATH=" + commandPath}; c.Client != ucspiStyle|xinetdStyle || !slices.Equal(c.Env, want) {
		t.Errorf("style %d, %q, want %q", c.Client, c.Env, want)
	}
}
