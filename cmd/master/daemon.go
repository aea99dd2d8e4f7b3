// SPDX-License-Identifier: ISC

package main

import (
	"fmt"
	"os"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master"
	"postloop/master/activation"
	"postloop/master/maillog"
	"postloop/master/notify"

	"golang.org/x/sys/unix"
)

const (
	defaultConfigDir = "/etc/postfix"
	// watchdogTime is how long one turn of the loop may take before the
	// process is given up.
	watchdogTime = 1000 * time.Second
	// hotTime is how young a configuration file may be at a reload: whoever
	// is writing it gets the time to finish.
	hotTime = time.Second
)

// daemon is one run of the program.
type daemon struct {
	o        *options
	process  string
	log      *maillog.Logger
	dir      string // of the configuration, absolute
	programs string // where this one stands among its fellows; empty: unknown

	args []string // the command line
	self string   // where its executable is, and a later one is to be found

	loop   *loop.Loop
	master *master.Master
	params *cfg.Params
	parent int // where a parent waits for a byte, or -1
	locks  []*master.Lock

	started bool
	stderr  *os.File // as it was at the start, until the start has succeeded
	again   bool     // another SIGHUP came during a reload
	ending  bool
	dying   unix.Signal // that has ended it, if one has
	status  int         // exit status, once the loop has stopped
	hot     *loop.Timer // a reload that waits for its files to cool down
	tidy    *loop.Timer // until memory is given back; nil: there is none to give

	herald   herald   // to the service manager
	hardware hardware // the watchdog of the machine
	orphans  orphans  // whoever's children they were

	reading cfg.Sum  // of those of a reload
	sum     cfg.Sum  // of the files that the configuration in force was read from
	upgrade *upgrade // nil: there is none under way
	legacy  *legacy  // nil: this program has begun by itself, or has taken all over
	failed  error    // why the former program gets its place back
	sockets []activation.Socket
	ended   bool // the loop has been stopped for good

	control   *master.Control // nil: there is none
	asked     []func(error)   // for those who wait for a reload whose files are not read yet,
	answering []func(error)   // and for those whose reload is under way
}

// run is the master itself, from the configuration to the end.
func (d *daemon) run() int {
	d.self, d.args = selfPath(), os.Args
	if d.o.rehearse {
		d.parent = -1
		return d.rehearse()
	}
	d.parent = takeMonitor()
	first := 3
	if d.parent >= 0 {
		first++
	}
	if err := loop.CloseOnExecFrom(first); err != nil {
		return d.fatal(err)
	}
	raiseFiles()
	d.takeNotify()
	var socketsErr error
	d.sockets, socketsErr = activation.Take()
	d.programs = programDir()
	if err := d.findConfig(); err != nil {
		return d.fatal(err)
	}
	if d.o.test {
		return d.testLock()
	}
	conf, err := cfg.Load(d.dir, d.prepare)
	if err != nil {
		return d.fatal(err)
	}
	d.params, d.sum = conf.Params, conf.Sum()
	if err := d.checkSuperuser(); err != nil {
		return d.fatal(err)
	}
	if err := d.openLog(d.params); err != nil { // first this: it may be what detach leaves
		return d.fatal(err)
	}
	if err := d.detach(); err != nil {
		return d.fatal(err)
	}
	if err := d.newMaster(); err != nil {
		return d.fatal(err)
	}
	if socketsErr != nil {
		d.log.Warnf("%v -- ignored", socketsErr)
	}
	d.sayNotes(conf)
	d.master.Start(conf, d.claim, d.begun)
	return d.live()
}

// live takes turns until the end. Between two of them another program may take
// the place of this one.
func (d *daemon) live() int {
	for {
		switch err := d.loop.Run(); {
		case err != nil && d.legacy != nil:
			return d.giveBack(err)
		case err != nil:
			return d.fatal(err)
		}
		if d.failed != nil {
			return d.giveBack(d.failed)
		}
		if d.upgrade == nil || !d.upgrade.ready || d.ended {
			break
		}
		d.upgrade.replace()
		if d.ended {
			break
		}
	}
	d.upgrade.abandon()
	d.control.Close()
	d.master.CloseView()
	if d.ending {
		d.closeHardware()
	}
	d.log.Drain(time.Second)
	if d.dying != 0 && !isInit() {
		die(d.loop, d.dying)
	}
	return d.status // what the loop holds ends with the process
}

// fatal reports what ends the program before it has begun: in the log, and
// for whoever stands before the terminal.
func (d *daemon) fatal(err error) int {
	stderr := os.Stderr
	if d.stderr != nil {
		stderr = d.stderr
	}
	for _, one := range cfg.All(err) {
		d.log.Fatalf("%v", one)
		fmt.Fprintf(stderr, "%s: fatal: %v\n", d.process, one)
	}
	d.tellFailure(err)
	d.log.Drain(time.Second)
	return 1
}

// begun goes on when the first configuration is in service, or ends.
func (d *daemon) begun(err error) {
	if err != nil {
		d.status = d.fatal(err)
		d.stop()
		return
	}
	d.started = true
	_ = d.stderr.Close() // nil if it was never left
	d.stderr = nil
	d.params = d.master.Params()
	d.openControl()
	d.log.Infof("daemon started -- version %s, configuration %s", d.params.MailVersion, d.dir)
	d.adoptOrphans()
	d.openHardware()
	d.tellReady("")
	if d.parent >= 0 {
		// A parent that has given up is no reason to give up, too.
		_, _ = unix.Write(d.parent, []byte{0})
		unix.Close(d.parent)
		d.parent = -1
	}
	d.watchLoop()
	d.tidyLater()
	loop.ReserveThreads() // now that nobody waits for us
	if d.again {
		d.again = false
		d.reload()
	}
}

// sayNotes logs what was noticed in a configuration.
func (d *daemon) sayNotes(conf *cfg.Config) {
	for _, n := range conf.Notes {
		switch n.Severity {
		case cfg.Info:
			d.log.Infof("%s", n.Text)
		case cfg.Warning:
			d.log.Warnf("%s", n.Text)
		}
	}
}

// stop ends the loop for good.
func (d *daemon) stop() {
	d.ended = true
	d.loop.Stop()
}

// exitTime is -e: the processes see the end of their status channels.
func (d *daemon) exitTime() {
	const reason = "master exit time has arrived"
	d.log.Infof(reason)
	d.ending = true
	d.tell(notify.Stopping, notify.Status(reason))
	d.stop()
}
