// SPDX-License-Identifier: ISC

package maillog

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
)

// Probe says what will become of lines for d, and creates nothing. wrong is
// what Open would return; absent is that nobody listens, so that lines would
// wait for somebody.
func (d Dest) Probe() (wrong, absent error) {
	if wrong = d.complete(); wrong != nil {
		return wrong, nil
	}
	var fd int
	switch d.Kind {
	case File:
		return d.probeFile(), nil
	case Postlog:
		if _, _, given := d.given(); d.File != "" && !given { // or else postlogd's, who says for itself what is wrong
			wrong = d.probeFile()
		}
		return wrong, nil
	case Syslog:
		fd, _, absent = dialSyslog(d.Path)
	case Journal:
		fd, absent = dialJournal(d.Path)
	case Stdout, Stderr:
		return nil, nil
	}
	if absent == nil {
		_ = syscall.Close(fd)
	}
	return nil, absent
}

// probeFile is openFile without making the file.
func (d *Dest) probeFile() error {
	fd, err := openExisting(d.File, syscall.O_WRONLY|syscall.O_APPEND|syscall.O_NONBLOCK|syscall.O_NOCTTY|syscall.O_CLOEXEC)
	if err == nil {
		return syscall.Close(fd)
	}
	if errors.Is(err, syscall.ENOENT) {
		const write, enter = 2, 1
		var link syscall.Stat_t
		if err = syscall.Access(filepath.Dir(d.File), write|enter); err == nil {
			if syscall.Lstat(d.File, &link) != nil {
				return nil
			}
			err = syscall.EEXIST // a link to nothing, which nobody makes a file of
		}
		err = fmt.Errorf("cannot create file exclusively: %w", Reason(err))
	}
	return fmt.Errorf("open logfile '%s': %w", d.File, err)
}
