// SPDX-License-Identifier: ISC

package main

import (
	"time"

	"postloop/cfg"
	"postloop/master/notify"
)

// reload takes the configuration files as they are now, in whole or not at
// all. It answers SIGHUP.
func (d *daemon) reload() {
	if d.ending {
		return
	}
	if d.started {
		d.tell(notify.Reloading, notify.Now())
	}
	switch {
	case d.hot != nil:
		return
	case !d.started || d.master.Busy():
		d.again = true
		return
	}
	d.reloadFiles()
}

// reloadFiles is reload where nothing is under way.
func (d *daemon) reloadFiles() {
	if wait := hotTime - time.Since(cfg.Modified(d.dir)); wait > 0 && wait <= hotTime {
		d.hot = d.loop.After(wait, d.cooled)
		return
	}
	d.asked, d.answering = nil, d.asked
	conf, err := cfg.Load(d.dir, d.prepare) // first this: the line says that the files were read
	d.log.Infof("reload -- version %s, configuration %s", d.params.MailVersion, d.dir)
	if err != nil {
		d.reloaded(err)
		return
	}
	d.sayNotes(conf)
	d.reading = conf.Sum()
	d.master.Reload(conf, d.openLog, d.reloaded)
}

// cooled goes on with a reload whose files were being written.
func (d *daemon) cooled() {
	d.hot = nil
	d.reloadFiles()
}

// reloaded ends a reload.
func (d *daemon) reloaded(err error) {
	if err != nil {
		// The log may have been opened anew already. Where it was it can be again.
		_ = d.openLog(d.params)
		for _, one := range cfg.All(err) {
			d.log.Errorf("%v", one)
		}
		d.log.Warnf("reload refused -- everything that ran keeps running with the configuration it had")
	} else {
		d.params, d.sum = d.master.Params(), d.reading
		d.watchLoop()
		d.adoptOrphans()
		d.openHardware()
	}
	d.tidyLater()
	d.master.Reloaded(err)
	d.answer(err) // first this: the socket may move
	if err == nil {
		d.openControl()
	}
	if d.again {
		d.again = false
		d.loop.Later(d.reload)
		return
	}
	d.tellReady(refusal(err))
}
