// SPDX-License-Identifier: ISC

package maillog

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
)

// SafeOpen opens the file path, or creates it with mode perm, whatever the
// umask, if it does not exist, for a process with privileges in a directory where others
// may write: it neither follows somebody's link nor touches a file that has other
// names or is not the one that was looked at. A symbolic link is followed if
// it is root's and lies in a directory where only root may write.
//
// The descriptor is close-on-exec and the caller's. Errors are in the words
// that Postfix logs, except that they do not begin with the path; the system's
// reason can be found in them with errors.Is.
func SafeOpen(path string, flags int, perm fs.FileMode) (fd int, err error) {
	flags |= syscall.O_CLOEXEC | syscall.O_NOCTTY
	for range 10 { // others may create and remove it all the time, but not for ever
		fd, err = openExisting(path, flags)
		if !errors.Is(err, syscall.ENOENT) {
			return fd, err
		}
		fd, err = retryIntr(func() (int, error) {
			return syscall.Open(path, flags|syscall.O_CREAT|syscall.O_EXCL, uint32(perm.Perm()))
		})
		if err == nil {
			// A master's umask is for what nobody has asked for. Where this fails
			// the file is open to fewer than it might be.
			_ = syscall.Fchmod(fd, uint32(perm.Perm()))
			return fd, nil
		}
		if !errors.Is(err, syscall.EEXIST) {
			return -1, fmt.Errorf("cannot create file exclusively: %w", Reason(err))
		}
	}
	return -1, fmt.Errorf("cannot create file exclusively: %w", Reason(err))
}

// openExisting opens path and then makes sure that it may be used.
func openExisting(path string, flags int) (fd int, err error) {
	fd, err = retryIntr(func() (int, error) { return syscall.Open(path, flags, 0) })
	if err != nil {
		return -1, fmt.Errorf("cannot open file: %w", Reason(err))
	}
	if err := inspect(path, fd); err != nil {
		_ = syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

// inspect compares the file that was opened with the name it was opened by.
func inspect(path string, fd int) error {
	var opened, named syscall.Stat_t
	if err := syscall.Fstat(fd, &opened); err != nil {
		return fmt.Errorf("cannot open file: %w", Reason(err))
	}
	if opened.Nlink != 1 {
		return fmt.Errorf("file has %d hard links", opened.Nlink)
	}
	if opened.Mode&syscall.S_IFMT == syscall.S_IFDIR {
		return errors.New("file is a directory")
	}
	if err := syscall.Lstat(path, &named); err != nil {
		return fmt.Errorf("file status changed unexpectedly: %w", Reason(err))
	}
	if named.Mode&syscall.S_IFMT == syscall.S_IFLNK {
		if !rootsLink(path, &named) {
			return errors.New("file is a symbolic link")
		}
		if err := syscall.Stat(path, &named); err != nil {
			return fmt.Errorf("file status changed unexpectedly: %w", Reason(err))
		}
	}
	if opened.Dev != named.Dev || opened.Ino != named.Ino || opened.Mode != named.Mode || opened.Nlink != named.Nlink {
		return errors.New("file status changed unexpectedly")
	}
	return nil
}

// rootsLink reports whether only root can have put the symbolic link there.
func rootsLink(path string, link *syscall.Stat_t) bool {
	var dir syscall.Stat_t
	if err := syscall.Stat(filepath.Dir(path), &dir); err != nil {
		return false
	}
	const groupOrOthers = 0o022
	return link.Uid == 0 && dir.Uid == 0 && dir.Mode&groupOrOthers == 0
}

func retryIntr(open func() (int, error)) (int, error) {
	for {
		fd, err := open()
		if !errors.Is(err, syscall.EINTR) {
			return fd, err
		}
	}
}
