// SPDX-License-Identifier: ISC

package main

import (
	"errors"

	"postloop/master"
)

var errEnding = errors.New("the master is ending")

// openControl has the operator's socket be where the configuration wants it.
// A master without one is still a master: what is wrong is a warning.
func (d *daemon) openControl() {
	path := d.params.ControlSocket
	if d.control != nil {
		if d.control.Path() == path && d.control.Intact() {
			return
		}
		d.control.Close()
		d.control = nil
	}
	if path == "" {
		return
	}
	c, err := d.master.OpenControl(path, d.operator())
	if err != nil {
		d.log.Warnf("%v -- running without it", err)
		return
	}
	d.control = c
}

// operator is what operators can have done.
func (d *daemon) operator() master.Operator {
	op := master.Operator{Reload: d.reloadFor, Reopen: d.reopen, Stop: d.stopFor}
	if canUpgrade {
		op.Upgrade = d.upgradeFor
	}
	return op
}

// reloadFor is a reload that somebody waits for.
func (d *daemon) reloadFor(done func(error)) {
	if d.ending {
		done(errEnding)
		return
	}
	d.asked = append(d.asked, done)
	d.reload()
}

// answer tells those who have waited for a reload how it has ended.
func (d *daemon) answer(err error) {
	list := d.answering
	d.answering = nil
	for _, done := range list {
		done(err)
	}
}

// stopFor ends everything because an operator wants it.
func (d *daemon) stopFor(abort bool) {
	d.end("stopping on the operator's word")
	if abort {
		d.orphans.left = d.loop.Now()
		d.master.Abort()
	}
}
