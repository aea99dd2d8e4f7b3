// SPDX-License-Identifier: ISC

package skeleton

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"postloop/master/logloop"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// giveUpPrivileges is -u and -c: groups first, which take root, then the root
// directory, which takes root, then the user.
//
// Package syscall's calls change all threads, those to come among them.
func (d *Daemon) giveUpPrivileges() error {
	if d.Params.Rootless {
		if d.f.chroot {
			return errors.New("a chroot takes root, which rootless = yes rules out")
		}
		return nil
	}
	if d.f.unprivileged {
		if err := d.takeGroups(); err != nil {
			return err
		}
	}
	if d.f.chroot {
		if err := d.changeRoot(); err != nil {
			return err
		}
	}
	if d.f.unprivileged {
		if err := syscall.Setuid(d.Owner.UID); err != nil {
			return fmt.Errorf("setuid(%d): %s", d.Owner.UID, maillog.Strerror(err))
		}
	}
	return nil
}

// takeGroups makes mail_owner's groups those of the process.
func (d *Daemon) takeGroups() error {
	var groups []int
	err := d.await(func() (err error) {
		groups, err = d.Names.Groups(d.Owner)
		return err
	})
	if err != nil {
		return fmt.Errorf("initgroups: %w", err)
	}
	if err := syscall.Setgid(d.Owner.GID); err != nil {
		return fmt.Errorf("setgid(%d): %s", d.Owner.GID, maillog.Strerror(err))
	}
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("initgroups: %s", maillog.Strerror(err))
	}
	return nil
}

// changeRoot makes the queue directory the root directory. Before that it takes
// along what will not be found there.
func (d *Daemon) changeRoot() error {
	_ = time.Now().String() // the time zone is read when it is first asked for
	d.Names.ReadFiles()
	root := d.Params.QueueDirectory
	if err := unix.Chroot(root); err != nil {
		return fmt.Errorf("chroot(%s): %s", root, maillog.Strerror(err))
	}
	if err := os.Chdir("/"); err != nil {
		return fmt.Errorf("chdir(/): %s", maillog.Strerror(err))
	}
	if dest := d.Log.Dest(); dest.Kind == maillog.Postlog {
		// Its socket has another name here, should it have to be found again.
		in := *d.Params
		in.QueueDirectory = ""
		dest.Path = logloop.Dest(&in).Path
		return d.Log.Open(dest)
	}
	return nil
}
