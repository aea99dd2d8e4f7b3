// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// view is where the status page and the metrics are, metrics_listen. It is a part
// of the configuration: opened before a reload commits, and closed after it.
type view struct {
	at   cfg.Endpoint
	fd   int
	file *socketFile    // nil: it is a port
	ln   *loop.Listener // nil: it is not in earnest
	name string         // as the report has it
}

// everybody is the mask of a socket that anybody may use who reaches it.
const everybody = 0o111

// openView makes what the configuration wants and is not there yet.
func (t *transaction) openView() *cfg.Error {
	at := t.params.MetricsListen
	if at.None() || t.m.view.serves(at) {
		return nil
	}
	v := &view{at: at, fd: -1}
	err := t.listenView(v)
	if err == nil && t.rehearsal == nil {
		if v.ln, err = t.m.loop.Listen(v.fd, t.m.viewed); err != nil {
			err = maillog.Reason(err)
		}
	}
	if err != nil {
		v.close()
		return t.conf.Main.Errorf("metrics_listen", "parameter metrics_listen: %v", err)
	}
	t.view = v
	return nil
}

// serves reports whether v is what at wants. A socket whose file is gone is not.
func (v *view) serves(at cfg.Endpoint) bool {
	return v != nil && v.at == at && (v.file == nil || v.file.intact())
}

func (t *transaction) listenView(v *view) (err error) {
	if v.at.Path == "" {
		if err := t.checkViewAddr(v.at.Addr); err != nil {
			return err
		}
		if v.fd, err = listenAlone(v.at.Addr, t.rehearsal == nil); err != nil {
			if t.rehearsal.isHeld(v.at.Addr, err) {
				return nil
			}
			return fmt.Errorf("bind %s: %w", v.at.Addr, maillog.Reason(err))
		}
		here := loop.LocalOf(v.fd) // port 0 is any
		v.name = netip.AddrPortFrom(here.Addr(), uint16(here.Port())).String()
		return nil
	}
	path := v.at.Path
	if err := t.checkViewPath(path); err != nil {
		return err
	}
	if t.rehearsal != nil { // another name than that of the master which may be running
		if _, err := checkSocketFile(path); err != nil {
			return fmt.Errorf("%s: %s", path, maillog.Strerror(err))
		}
		path = fmt.Sprintf("%s/ m.%d", filepath.Dir(path), os.Getpid())
	}
	var own *socketFile
	if t.m.view != nil {
		own = t.m.view.file
	}
	if v.file, err = listenSocketFile(path, everybody, viewersAtOnce, own); err != nil {
		return fmt.Errorf("%s: %s", v.at.Path, maillog.Strerror(err))
	}
	v.fd, v.name = v.file.fd, v.at.String()
	return nil
}

// checkViewAddr refuses the port of a service. Who opens both learns of that from
// the kernel, but not who does not listen on either, as a rehearsal.
func (t *transaction) checkViewAddr(addr netip.AddrPort) error {
	for _, w := range t.want {
		for _, its := range w.addrs {
			ip := its.Addr()
			if its == addr && addr.Port() != 0 || ip.IsUnspecified() && ip.Is4() == addr.Addr().Is4() && its.Port() == addr.Port() {
				return fmt.Errorf("%s: it is that of service %q; specify another", addr, w.spec.Name)
			}
		}
	}
	return nil
}

// checkViewPath refuses the name of a socket that something else of master's has.
func (t *transaction) checkViewPath(path string) error {
	absolute := func(path string) string {
		if !filepath.IsAbs(path) {
			path = filepath.Join(t.params.QueueDirectory, path)
		}
		return filepath.Clean(path)
	}
	path = absolute(path)
	if t.params.ControlSocket != "" && path == absolute(t.params.ControlSocket) {
		return errors.New("it is that of control_socket; specify another")
	}
	for _, w := range t.want {
		if name := w.spec.Path(); name != "" && path == absolute(name) {
			return fmt.Errorf("it is that of service %q; specify another", w.spec.Name)
		}
	}
	for name := range t.m.pathsInUse() {
		if path == absolute(name) {
			return fmt.Errorf("%s is that of a service that is in use; specify another", name)
		}
	}
	return nil
}

// listenAlone opens a port that nobody shares: without SO_REUSEPORT a second
// master, of another configuration, cannot take half of the first one's clients.
func listenAlone(addr netip.AddrPort, inEarnest bool) (fd int, err error) {
	family, sa := sockaddr(addr)
	if fd, err = loop.Socket(family, unix.SOCK_STREAM); err != nil {
		return -1, err
	}
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err == nil {
		err = unix.Bind(fd, sa)
	}
	if err == nil && inEarnest {
		err = unix.Listen(fd, viewersAtOnce)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// abandonView closes what openView has made.
func (t *transaction) abandonView() {
	t.view.close()
	t.view = nil
}

// takeView has the new configuration's view be master's.
func (t *transaction) takeView() {
	m := t.m
	if t.view == nil && m.view != nil && m.view.at == t.params.MetricsListen {
		return
	}
	m.view.close()
	m.view, t.view = t.view, nil
	if v := m.view; v != nil {
		m.log.Infof("status page and metrics at %s", v.where())
	}
}

// where is v as one would go there.
func (v *view) where() string {
	if v.file == nil {
		return "http://" + v.name + "/"
	}
	return v.name
}

// close ends the listening. Who has been let in goes on.
func (v *view) close() {
	if v == nil {
		return
	}
	v.ln.Stop() // first this
	switch {
	case v.file != nil:
		v.file.close()
	case v.fd >= 0:
		unix.Close(v.fd)
	}
}

// CloseView ends the status page and the metrics, with the master.
func (m *Master) CloseView() {
	m.view.close()
	m.view = nil
	for _, v := range m.viewers {
		v.conn.Close(loop.ErrClosed)
	}
	m.forgetTexts()
}
