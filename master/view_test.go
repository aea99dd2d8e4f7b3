// SPDX-License-Identifier: ISC

package master

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/loop/looptest"
	"postloop/master/report"

	"golang.org/x/sys/unix"
)

// address is where the port is that can be looked at.
func (w *world) address() (unix.Sockaddr, netip.AddrPort) {
	w.t.Helper()
	addr, err := netip.ParseAddrPort(w.m.view.name)
	w.must(err)
	_, sa := sockaddr(addr)
	return sa, addr
}

// visit asks for path, and waits for the answer.
func (w *world) visit(path string) (head, body string) {
	w.t.Helper()
	c := w.dial("view")
	c.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
	return c.page()
}

// page waits for an answer and the end of the connection.
func (c *client) page() (head, body string) {
	c.w.t.Helper()
	var all strings.Builder
	buf := make([]byte, 4096)
	c.w.await(c.fd, func() bool {
		for {
			n, err := unix.Read(c.fd, buf)
			if n <= 0 {
				return err == nil || errors.Is(err, unix.ECONNRESET)
			}
			all.Write(buf[:n])
		}
	})
	head, body, _ = strings.Cut(all.String(), "\r\n\r\n")
	return head, body
}

func newViewWorld(t *testing.T, listen string) *world {
	w := newWorld(t)
	w.main = "metrics_listen = " + listen + "\n"
	return w
}

func TestView(t *testing.T) {
	w := newViewWorld(t, "unix:view")
	w.start("echo unix n - 2 echod", "crash unix n - 1 crashd")
	if w.lines("status page and metrics at unix:view") != 1 {
		t.Error("nobody knows where it is")
	}
	var st unix.Stat_t
	w.must(unix.Lstat("view", &st))
	if st.Mode&0o777 != 0o666 {
		t.Errorf("mode %o", st.Mode)
	}
	w.dial("public/echo").pid()
	for _, one := range []struct{ path, status, typ, part string }{
		{"/", "200 OK", "text/html; charset=utf-8", "<!doctype html>"},
		{"/?x", "200 OK", "text/html; charset=utf-8", "<!doctype html>"},
		{"/metrics", "200 OK", "text/plain; version=0.0.4; charset=utf-8", `postloop_service_busy{service="echo",type="unix"} 1` + "\n"},
		{"/status.json", "200 OK", "application/json", `"name":"echo"`},
		{"/healthz", "200 OK", "text/plain; charset=utf-8", "ok\n"},
		{"/readyz", "200 OK", "text/plain; charset=utf-8", "ready\n"},
		{"/nowhere", "404 Not Found", "text/plain; charset=utf-8", "there are /, /metrics,"},
	} {
		head, body := w.visit(one.path)
		if !strings.HasPrefix(head, "HTTP/1.1 "+one.status+"\r\n") || !strings.Contains(head, "\r\nContent-Type: "+one.typ+"\r\n") || !strings.Contains(body, one.part) {
			t.Errorf("%s: %s\n\n%.200s", one.path, head, body)
		}
	}
	c := w.dial("view")
	c.send("HEAD /readyz HTTP/1.0\r\n\r\n")
	if head, body := c.page(); !strings.Contains(head, "Content-Length: 6\r\n") || body != "" {
		t.Errorf("%s\n\n%s", head, body)
	}
	c = w.dial("view")
	c.send("POST / HTTP/1.1\r\n\r\n")
	if head, _ := c.page(); !strings.HasPrefix(head, "HTTP/1.1 405 ") || !strings.Contains(head, "Allow: GET, HEAD\r\n") {
		t.Error(head)
	}
	c = w.dial("view")
	c.send("\x16\x03\x01\n")
	if head, _ := c.page(); !strings.HasPrefix(head, "HTTP/1.1 400 ") {
		t.Error(head)
	}
}

// TestViewReport: it is the report that operators get.
func TestViewReport(t *testing.T) {
	w := newViewWorld(t, "unix:view")
	w.start("echo unix n - 2 echod")
	_, body := w.visit("/status.json")
	var r report.Report
	w.must(json.Unmarshal([]byte(body), &r))
	if len(r.Services) != 1 || r.Master.Pid != os.Getpid() || r.Master.Metrics != "unix:view" || r.Services[0].State != report.Listening {
		t.Errorf("%+v", r)
	}
}

// TestViewAge: an answer is made once in a while, however often it is asked for.
func TestViewAge(t *testing.T) {
	w := newViewWorld(t, "unix:view")
	w.start("echo unix n - 2 echod")
	_, first := w.visit("/metrics")
	w.dial("public/echo").pid()
	if _, again := w.visit("/metrics"); again != first {
		t.Error("it was made anew")
	}
	looptest.Advance(w.l, textTime)
	if _, later := w.visit("/metrics"); later == first || w.m.texts == nil {
		t.Error("it was not made anew")
	}
	looptest.Advance(w.l, textTime)
	if w.m.texts != nil {
		t.Error("it is kept")
	}
}

// TestViewHostile: who is slow is ended, who comes in crowds drives out his own kind,
// and who sends too much is not listened to.
func TestViewHostile(t *testing.T) {
	w := newViewWorld(t, "unix:view")
	w.start("echo unix n - 2 echod")
	slow := w.dial("view")
	slow.send("GET / HTTP/1.1\r\n")
	w.until(func() bool { return len(w.m.viewers) == 1 })
	looptest.Advance(w.l, viewerTime-time.Second)
	slow.send("X: y\r\n") // a little is not enough
	w.until(func() bool { return w.l.Stats().Pending == 0 })
	looptest.Advance(w.l, time.Second)
	slow.ended()

	crowd := make([]*client, viewersAtOnce)
	for i := range crowd {
		crowd[i] = w.dial("view")
		w.until(func() bool { return len(w.m.viewers) == i+1 })
	}
	if _, body := w.visit("/readyz"); body != "ready\n" {
		t.Error(body)
	}
	crowd[0].ended()
	if n := w.l.Stats().Conns; n != viewersAtOnce-1 {
		t.Errorf("%d are left", n)
	}
	crowd[1].send(strings.Repeat("a", 2000))
	if head, _ := crowd[1].page(); !strings.HasPrefix(head, "HTTP/1.1 400 ") {
		t.Error(head)
	}
	for _, c := range crowd { // they may leave without a word
		_ = unix.Shutdown(c.fd, unix.SHUT_RDWR)
	}
	w.until(func() bool { return len(w.m.viewers) == 0 && w.l.Stats().Conns == 0 })
}

// TestViewDeaf: who does not take the answer is ended as well.
func TestViewDeaf(t *testing.T) {
	w := newViewWorld(t, "unix:view")
	w.start("echo unix n - 2 echod")
	c := w.dial("view")
	w.until(func() bool { return len(w.m.viewers) == 1 })
	w.must(unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1))
	c.w.m.viewers[0].conn.Write(make([]byte, 8<<20))
	c.send("GET / HTTP/1.1\r\n\r\n")
	w.until(func() bool { return w.l.Stats().Pending == 0 })
	looptest.Advance(w.l, viewerTime)
	w.until(func() bool { return w.l.Stats().Conns == 0 })
}

// TestViewCrowd: many who ask for much and take none of it have master hold it
// once, and not for each of them, nor for each second of their time.
func TestViewCrowd(t *testing.T) {
	w := newViewWorld(t, "unix:view")
	w.main += "mail_version = " + strings.Repeat("x", 2<<20) + "\n" // as many services would
	w.start("echo unix n - 2 echod")
	sizes := map[int]bool{}
	ask := func() *client {
		c := w.dial("view")
		c.send("GET /metrics HTTP/1.1\r\n\r\n")
		n := len(w.m.viewers)
		w.until(func() bool { return len(w.m.viewers) == n+1 && len(w.m.viewers[n].rest) > 0 })
		sizes[len(w.m.texts["/metrics"].Body)] = true
		return c
	}
	for range viewersAtOnce / 2 {
		ask()
	}
	var last *client
	for range 4 {
		looptest.Advance(w.l, textTime)
		last = ask()
	}
	whole := map[*byte]bool{}
	for _, v := range w.m.viewers {
		if n := v.conn.Queued(); n > 2*viewerStep {
			t.Errorf("%d bytes wait", n)
		}
		whole[&v.rest[len(v.rest)-1]] = true
	}
	if len(whole) != 2 {
		t.Errorf("%d answers are kept", len(whole))
	}
	if _, body := last.page(); !sizes[len(body)] {
		t.Errorf("%d bytes have come, not %v", len(body), sizes)
	}
	looptest.Advance(w.l, viewerTime)
	w.until(func() bool { return len(w.m.viewers) == 0 })
	looptest.Advance(w.l, textTime)
	if w.m.texts != nil {
		t.Error("it is kept")
	}
}

// TestViewReload: it is a part of the configuration, taken in whole or not at all.
func TestViewReload(t *testing.T) {
	w := newViewWorld(t, "unix:view")
	w.start("echo unix n - 2 echod")
	guest := w.dial("view")
	w.until(func() bool { return len(w.m.viewers) == 1 })
	kept := w.m.view
	w.must(w.reload("echo unix n - 3 echod"))
	if w.m.view != kept {
		t.Error("it was not kept")
	}

	w.main = "metrics_listen = unix:public/other\n"
	w.must(os.WriteFile("public/other", nil, 0o600))
	if err := w.reload("echo unix n - 4 echod", "new unix n - 1 echod"); err == nil || !strings.Contains(err.Error(), "main.cf, line 5: parameter metrics_listen: public/other: there is a file of this name that is no socket") {
		t.Error(err)
	}
	if _, body := w.visit("/readyz"); body != "ready\n" || w.service("public/echo", cfg.Unix).spec.Limit != 3 {
		t.Error("something has changed:", body)
	}

	w.must(os.Remove("public/other"))
	w.must(w.reload("echo unix n - 4 echod"))
	if _, err := os.Lstat("view"); err == nil || w.m.view.name != "unix:public/other" {
		t.Error("the old one is there still")
	}
	guest.send("GET /healthz HTTP/1.1\r\n\r\n") // who had been let in is answered
	if _, body := guest.page(); body != "ok\n" {
		t.Error(body)
	}

	w.must(os.Remove("public/other")) // somebody tidies up
	w.must(w.reload("echo unix n - 4 echod"))
	if !w.m.view.file.intact() {
		t.Error("it was not made anew")
	}

	w.main = ""
	w.must(w.reload("echo unix n - 4 echod"))
	if _, err := os.Lstat("public/other"); err == nil || w.m.view != nil {
		t.Error("it is not off")
	}
}

// TestViewTaken: a socket that somebody listens on is not taken away from him.
func TestViewTaken(t *testing.T) {
	w := newViewWorld(t, "unix:view")
	their, err := listenSocketFile("view", everybody, 1, nil)
	w.must(err)
	defer unix.Close(their.fd)
	conf := w.config("echo unix n - 2 echod")
	if err := w.try(func(done func(error)) { w.m.Start(conf, nil, done) }); err == nil || !strings.Contains(err.Error(), "view: Address already in use") || !their.intact() {
		t.Errorf("%v; theirs is there: %v", err, their.intact())
	}
	fd, err := loop.Socket(unix.AF_UNIX, unix.SOCK_DGRAM)
	w.must(err)
	w.must(unix.Bind(fd, &unix.SockaddrUnix{Name: "other"}))
	if !isListenedOn("other") {
		t.Error("a socket of datagrams is nobody's")
	}
	unix.Close(fd)
	if isListenedOn("other") {
		t.Error("a socket that was left is somebody's")
	}
}

// TestViewLeft: a socket that was left is replaced, and so is our own under another
// spelling.
func TestViewLeft(t *testing.T) {
	w := newViewWorld(t, "unix:view")
	left, err := listenSocketFile("view", everybody, 1, nil)
	w.must(err)
	unix.Close(left.fd)
	w.start("echo unix n - 2 echod")
	dir, err := os.Getwd()
	w.must(err)
	w.main = "metrics_listen = unix:" + dir + "/view\n"
	w.must(w.reload("echo unix n - 2 echod"))
	if _, body := w.visit("/readyz"); body != "ready\n" || w.m.view.name != "unix:"+dir+"/view" {
		t.Error(body, w.m.view.name)
	}
}

// TestViewErrors: what cannot be opened refuses the configuration, with its line.
func TestViewErrors(t *testing.T) {
	taken, err := loop.Socket(unix.AF_INET, unix.SOCK_STREAM)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(taken)
	if err = unix.Bind(taken, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err == nil {
		err = unix.Listen(taken, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(taken)
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprintf("127.0.0.1:%d", sa.(*unix.SockaddrInet4).Port)
	for listen, want := range map[string]string{
		port:                               "bind " + port + ": Address already in use",
		"unix:public/echo":                 `it is that of service "echo"; specify another`,
		"unix:control":                     "it is that of control_socket",
		"unix:none/view":                   "none/view: No such file",
		"unix:" + strings.Repeat("a", 200): strings.Repeat("a", 200) + ": the name is too long",
	} {
		t.Run(listen[:min(len(listen), 20)], func(t *testing.T) {
			w := newViewWorld(t, listen)
			err := w.try(func(done func(error)) { w.m.Start(w.config("echo unix n - 2 echod"), nil, done) })
			want := "main.cf, line 5: parameter metrics_listen: " + want
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Error(err)
			}
			if w.m.view != nil || w.l.Stats().Listeners != 0 {
				t.Error("something is open")
			}
		})
	}
}

// TestViewCheck: a rehearsal finds what a start would stumble over.
func TestViewCheck(t *testing.T) {
	loopback := func(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
	one, everywhere := loopback(freePort(t)), freePort(t) // never listened on
	all, everybody := loopback(everywhere), fmt.Sprintf("0.0.0.0:%d", everywhere)
	for listen, want := range map[string]string{
		"unix:" + strings.Repeat("a", 200): "the name is too long",
		"unix:file":                        "there is a file of this name that is no socket",
		one:                                one + `: it is that of service "` + one + `"; specify another`,
		all:                                all + `: it is that of service "` + everybody + `"; specify another`,
		"unix:view":                        "",
		"127.0.0.1:0":                      "",
	} {
		t.Run(listen[:min(len(listen), 20)], func(t *testing.T) {
			w := newViewWorld(t, listen)
			w.must(os.Mkdir("pid", 0o755))
			w.must(os.WriteFile("file", nil, 0o600))
			var list []Finding
			ended := false
			w.must(Check(w.l, w.m.log, w.config(one+" inet n - 2 echod", everybody+" inet n - 2 echod"), w.opt, nil, func(found []Finding) {
				list, ended = found, true
			}))
			w.until(func() bool { return ended })
			if want == "" && len(list) != 0 || want != "" && (len(list) != 1 || list[0].Warning || !strings.Contains(list[0].String(), want)) {
				t.Errorf("%+v", list)
			}
		})
	}
}

// TestViewPort: a port, and nobody else's.
func TestViewPort(t *testing.T) {
	w := newViewWorld(t, "127.0.0.1:0")
	w.start("echo unix n - 2 echod")
	name := w.m.Report().Master.Metrics
	if strings.HasSuffix(name, ":0") || w.lines("status page and metrics at http://"+name+"/") != 1 {
		t.Error(name)
	}
	there, addr := w.address()
	if _, err := listenAlone(addr, true); !errors.Is(err, unix.EADDRINUSE) {
		t.Error(err)
	}
	for host, want := range map[string]string{
		addr.String(): "HTTP/1.1 200 ",
		"localhost":   "HTTP/1.1 200 ",
		"a.example":   "HTTP/1.1 421 ", // a page that has its own name stand for this machine
	} {
		fd, err := loop.Socket(unix.AF_INET, unix.SOCK_STREAM)
		w.must(err)
		t.Cleanup(func() { unix.Close(fd) })
		if err := unix.Connect(fd, there); err != nil && err != unix.EINPROGRESS {
			t.Fatal(err)
		}
		c := &client{w: w, fd: fd}
		w.until(func() bool { return len(w.m.viewers) == 1 })
		c.send("GET /status.json HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		if head, body := c.page(); !strings.HasPrefix(head, want) || strings.Contains(body, "echo") != strings.Contains(want, "200") {
			t.Errorf("%s: %s %s", host, head, body)
		}
	}
}

// TestViewStopping: a master that ends is not ready, until the end.
func TestViewStopping(t *testing.T) {
	w := newViewWorld(t, "unix:view")
	w.start("echo unix n - 2 stubborn")
	w.dial("public/echo").pid()
	w.m.Shutdown(func() {})
	if head, body := w.visit("/readyz"); !strings.HasPrefix(head, "HTTP/1.1 503 ") || body != "the master is ending\n" {
		t.Error(head, body)
	}
	if _, body := w.visit("/healthz"); body != "ok\n" {
		t.Error(body)
	}
}
