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

// listenOptions are the properties of a configuration that endpoints have.
type listenOptions struct {
	backlog int
	window  int // of TCP, in bytes; 0: the system's

	sockets *Master // who may have them already
	queue   string  // the queue directory

	rehearsal *rehearsal // nil: this is in earnest
}

// open makes what is missing of w's endpoint: all of it for a new service, the
// added addresses for one that runs. The caller has the identity that is to
// own local sockets. After an error abandon is due.
func (w *wanted) open(o listenOptions, old *service, inUse map[string]bool) error {
	if w.spec.Type != cfg.Inet {
		// The path of a service that still runs is taken over only when
		// nothing can go wrong any more.
		if h := o.sockets.inheritedPath(w.spec, o.queue); h != nil {
			ln, err := h.open(o)
			if err == nil {
				w.bound = append(w.bound, ln)
			}
			return err
		}
		ln := &listener{path: w.spec.Path()}
		switch {
		case o.rehearsal != nil: // another name than that of the master which may be running
			ln.rename, ln.path = ln.path, fmt.Sprintf("%s/ %d.%d", filepath.Dir(ln.path), w.spec.Line, os.Getpid())
		case inUse[ln.path]:
			// A blank: no service has this name, and it is short.
			ln.rename, ln.path = ln.path, fmt.Sprintf("%s/ %d", filepath.Dir(ln.path), w.spec.Line)
		}
		fd, err := listenLocal(w.spec.Type, ln.path, o.backlog)
		if err != nil {
			return err
		}
		ln.fd = fd
		w.bound = append(w.bound, ln)
		return nil
	}
	for _, addr := range w.addrs {
		if old != nil && old.listensOn(addr) != nil {
			continue
		}
		ln, err := o.open(addr)
		if err != nil && o.rehearsal.isHeld(addr, err) {
			continue
		}
		if err != nil {
			return err
		}
		w.bound = append(w.bound, ln)
	}
	return nil
}

// open opens a TCP listener, unless it is there.
func (o listenOptions) open(addr netip.AddrPort) (*listener, error) {
	if h := o.sockets.inheritedAddr(addr); h != nil {
		return h.open(o)
	}
	return listenInet(addr, o)
}

// abandon closes what open has made.
func (w *wanted) abandon() {
	for _, ln := range w.bound {
		unix.Close(ln.fd)
		if ln.rename != "" {
			// Nobody knows of it yet, and a file left over would do no harm.
			_ = unix.Unlink(ln.path)
		}
	}
	w.bound = nil
}

// settle gives a local endpoint its final name.
func (ln *listener) settle() error {
	if ln.rename == "" {
		return nil
	}
	err := unix.Rename(ln.path, ln.rename)
	ln.path, ln.rename = ln.rename, ""
	return os.NewSyscallError("rename", err)
}

// listenInet opens a TCP listener. SO_REUSEPORT lets a reload replace
// "25" by "127.0.0.1:25" without a gap.
func listenInet(addr netip.AddrPort, o listenOptions) (ln *listener, err error) {
	family, sa := sockaddr(addr)
	fd, err := loop.Socket(family, unix.SOCK_STREAM)
	if err != nil {
		return nil, fmt.Errorf("socket: %s", maillog.Strerror(err))
	}
	set := func(level, option int, name string, value int) {
		if err != nil {
			return
		}
		if e := unix.SetsockoptInt(fd, level, option, value); e != nil {
			err = fmt.Errorf("setsockopt(%s): %s", name, maillog.Strerror(e))
		}
	}
	if family == unix.AF_INET6 {
		set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, "IPV6_V6ONLY", 1)
	}
	set(unix.SOL_SOCKET, unix.SO_REUSEADDR, "SO_REUSEADDR", 1)
	set(unix.SOL_SOCKET, unix.SO_REUSEPORT, "SO_REUSEPORT", 1)
	if o.window > 0 {
		set(unix.SOL_SOCKET, unix.SO_SNDBUF, "SO_SNDBUF", o.window)
		set(unix.SOL_SOCKET, unix.SO_RCVBUF, "SO_RCVBUF", o.window)
	}
	if err == nil {
		if e := unix.Bind(fd, sa); e != nil {
			err = fmt.Errorf("bind %s port %d: %w", addr.Addr(), addr.Port(), maillog.Reason(e))
		}
	}
	if err == nil && o.rehearsal == nil { // or clients of a running master would come here
		if e := unix.Listen(fd, o.backlog); e != nil {
			err = fmt.Errorf("listen: %s", maillog.Strerror(e))
		}
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &listener{fd: fd, addr: addr}, nil
}

// listenLocal opens an endpoint that has a name in the file system. Everybody
// may use it: the directory decides who can reach it.
func listenLocal(typ cfg.Type, path string, backlog int) (fd int, err error) {
	if len(path) >= len(unix.RawSockaddrUnix{}.Path) {
		return -1, fmt.Errorf("unix-domain name too long: %s", path)
	}
	if typ == cfg.Fifo {
		return listenFifo(path)
	}
	kind := unix.SOCK_STREAM
	if typ == cfg.UnixDgram {
		kind = unix.SOCK_DGRAM
	}
	if fd, err = loop.Socket(unix.AF_UNIX, kind); err != nil {
		return -1, fmt.Errorf("socket: %s", maillog.Strerror(err))
	}
	err = bindLocal(fd, path)
	if err == nil && kind == unix.SOCK_STREAM {
		if e := unix.Listen(fd, backlog); e != nil {
			err = fmt.Errorf("listen: %s", maillog.Strerror(e))
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// bindLocal gives a socket its name, in the place of whatever has it.
func bindLocal(fd int, path string) error {
	sa := &unix.SockaddrUnix{Name: path}
	e := unix.Bind(fd, sa)
	if errors.Is(e, unix.EADDRINUSE) { // most often there is nothing to remove
		if err := removeFile(path); err != nil {
			return err
		}
		e = unix.Bind(fd, sa)
	}
	if e != nil {
		return fmt.Errorf("bind: %s: %s", path, maillog.Strerror(e))
	}
	if e := unix.Chmod(path, 0o666); e != nil {
		return fmt.Errorf("chmod socket %s: %s", path, maillog.Strerror(e))
	}
	return nil
}

// removeFile removes what stands at path, if anything does.
func removeFile(path string) error {
	if e := unix.Unlink(path); e != nil && !errors.Is(e, unix.ENOENT) {
		return fmt.Errorf("remove %s: %s", path, maillog.Strerror(e))
	}
	return nil
}

// listenFifo makes a fifo, in the place of whatever has its name, and opens it for
// both ways, so that it has no end while nobody writes.
func listenFifo(path string) (fd int, err error) {
	if err := removeFile(path); err != nil {
		return -1, err
	}
	if e := unix.Mkfifo(path, 0o622); e != nil {
		return -1, fmt.Errorf("create fifo %s: %s", path, maillog.Strerror(e))
	}
	if fd, err = unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0); err != nil {
		return -1, fmt.Errorf("open %s: %s", path, maillog.Strerror(err))
	}
	var st unix.Stat_t
	if e := unix.Fstat(fd, &st); e != nil {
		err = fmt.Errorf("fstat %s: %s", path, maillog.Strerror(e))
	} else if st.Mode&unix.S_IFMT != unix.S_IFIFO {
		err = fmt.Errorf("not a fifo: %s", path)
	} else if e := unix.Fchmod(fd, 0o622); e != nil { // mkfifo's went through the umask
		err = fmt.Errorf("fchmod %s: %s", path, maillog.Strerror(e))
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// sockaddr returns addr in the system's form.
func sockaddr(addr netip.AddrPort) (family int, sa unix.Sockaddr) {
	if ip := addr.Addr(); ip.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: ip.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
}

// triggerAddr returns where a service that listens on addr is reached from
// this machine.
func triggerAddr(addr netip.AddrPort) (family int, sa unix.Sockaddr) {
	switch ip := addr.Addr(); {
	case !ip.IsUnspecified():
	case ip.Is4():
		addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), addr.Port())
	default:
		addr = netip.AddrPortFrom(netip.IPv6Loopback(), addr.Port())
	}
	return sockaddr(addr)
}
