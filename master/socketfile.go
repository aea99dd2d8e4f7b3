// SPDX-License-Identifier: ISC

package master

import (
	"errors"

	"postloop/loop"
	"postloop/master/handover"

	"golang.org/x/sys/unix"
)

// socketFile is a unix-domain socket that master listens on itself, and that
// ends with it.
type socketFile struct {
	path  string
	fd    int
	dev   uint64 // of the file,
	inode uint64 // which another program may have replaced
}

var errNoSocket = errors.New("there is a file of this name that is no socket")

// listenSocketFile makes one that those can use whom mask leaves. A socket that is
// there already, and that nobody listens on, is one that a former master has left;
// so is own, if there is one, which is given up for the new one.
func listenSocketFile(path string, mask, backlog int, own *socketFile) (*socketFile, error) {
	if there, err := checkSocketFile(path); err != nil {
		return nil, err
	} else if there {
		if !own.isAt(path) && isListenedOn(path) {
			return nil, unix.EADDRINUSE
		}
		if err := unix.Unlink(path); err != nil {
			return nil, err
		}
	}
	f := &socketFile{path: path}
	var err error
	if f.fd, err = loop.Socket(unix.AF_UNIX, unix.SOCK_STREAM); err != nil {
		return nil, err
	}
	// The right mode from the first moment, and without a chmod(2), which would
	// follow a link that somebody puts in the socket's place.
	was := unix.Umask(mask)
	err = unix.Bind(f.fd, &unix.SockaddrUnix{Name: path})
	unix.Umask(was)
	if err == nil {
		if err = unix.Listen(f.fd, backlog); err == nil {
			f.dev, f.inode, err = identity(path)
		}
		if err != nil {
			_ = unix.Unlink(path)
		}
	}
	if err != nil {
		unix.Close(f.fd)
		return nil, err
	}
	return f, nil
}

// checkSocketFile refuses a name that no socket can be made of, and says whether a
// socket has it.
func checkSocketFile(path string) (there bool, err error) {
	if len(path) >= len(unix.RawSockaddrUnix{}.Path) {
		return false, errors.New("the name is too long")
	}
	var st unix.Stat_t
	switch err := unix.Lstat(path, &st); {
	case errors.Is(err, unix.ENOENT):
		return false, nil
	case err != nil:
		return false, err
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return false, errNoSocket
	}
	return true, nil
}

// identity is what makes a file another than one of the same name.
func identity(path string) (dev, inode uint64, err error) {
	var st unix.Stat_t
	err = unix.Lstat(path, &st)
	return uint64(st.Dev), st.Ino, err //nolint:unconvert // not the same type everywhere
}

// isListenedOn reports whether somebody has the socket at path, of any kind.
func isListenedOn(path string) bool {
	fd, err := loop.Socket(unix.AF_UNIX, unix.SOCK_STREAM)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: path}) // not blocking: a full queue is somebody's
	return !errors.Is(err, unix.ECONNREFUSED) && !errors.Is(err, unix.ENOENT)
}

// intact reports whether the socket is still where it was made.
func (f *socketFile) intact() bool { return f.isAt(f.path) }

// isAt reports whether path, however it is spelled, is that of the socket.
func (f *socketFile) isAt(path string) bool {
	if f == nil {
		return false
	}
	dev, inode, err := identity(path)
	return err == nil && dev == f.dev && inode == f.inode
}

// close ends the listening, and removes the file if it is still ours.
func (f *socketFile) close() {
	unix.Close(f.fd)
	if f.intact() {
		_ = unix.Unlink(f.path)
	}
}

// handOver is what another program in the place of this one has to know of f.
func (f *socketFile) handOver() handover.SocketFile {
	return handover.SocketFile{Path: f.path, FD: f.fd, Dev: f.dev, Inode: f.inode}
}

// adoptSocketFile is that of another program in this process.
func adoptSocketFile(h handover.SocketFile) *socketFile {
	return &socketFile{path: h.Path, fd: h.FD, dev: h.Dev, inode: h.Inode}
}
