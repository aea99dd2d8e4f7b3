// SPDX-License-Identifier: ISC

package maillog

import (
	"errors"
	"syscall"
)

// usualPlaces is where systems have their syslog socket.
var usualPlaces = []string{"/dev/log", "/var/run/syslog", "/var/run/log"}

// dialSyslog connects to the system's logger, with datagrams if it takes them.
func dialSyslog(path string) (fd int, stream bool, err error) {
	places := usualPlaces
	if path != "" {
		places = []string{path}
	}
	for _, place := range places {
		if fd, err = dial(place, syscall.SOCK_DGRAM); err == nil {
			return fd, false, nil
		}
		if errors.Is(err, syscall.EPROTOTYPE) {
			if fd, err = dial(place, syscall.SOCK_STREAM); err == nil {
				return fd, true, nil
			}
		}
	}
	return -1, false, err
}

// dial returns a connected, non-blocking, close-on-exec socket.
func dial(path string, kind int) (fd int, err error) {
	fd, err = syscall.Socket(syscall.AF_UNIX, kind, 0)
	if err != nil {
		return -1, err
	}
	// Nothing else in a looped process forks, so no child can be started between
	// these calls and inherit the socket.
	syscall.CloseOnExec(fd)
	if err = syscall.SetNonblock(fd, true); err == nil {
		err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
	}
	if err != nil {
		_ = syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}
