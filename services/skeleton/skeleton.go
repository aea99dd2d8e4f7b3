// SPDX-License-Identifier: ISC

package skeleton

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"
	"postloop/master/names"
	"postloop/master/proto"

	"golang.org/x/sys/unix"
)

// Service serves the clients of a daemon, one at a time.
type Service interface {
	// Accepted takes over the descriptor of a client, which is blocking and
	// close-on-exec. It is called when no other client is there, and answered by
	// one call of Daemon.Done, in this turn or later, or by Daemon.Fatalf.
	Accepted(fd int, p loop.Peer)
}

// Options say what a program is like.
type Options struct {
	Transports []cfg.Type // that it understands: inet, unix, pass
	Privileged bool       // the master must not have it give up privileges
	LimitZero  bool       // it requires a process limit of 0 ...
	LimitOne   bool       // ... or of 1

	// Check looks at the parameters of the program's own, while nothing has been
	// given up yet. It may be nil. ErrDone says that there is nothing to serve.
	Check func(d *Daemon) error
	// Start makes the service, with the privileges that it is to have. Serve does
	// for a daemon that takes many clients at a time; one of them is nil.
	Start func(d *Daemon) (Service, error)
	Serve func(d *Daemon) (Server, error)
}

// Daemon is one process, as its service sees it.
type Daemon struct {
	Loop   *loop.Loop
	Log    *maillog.Logger
	Names  *names.Resolver
	Main   *cfg.Main // with the -o options applied
	Params *cfg.Params

	Name  string     // of the service
	Args  []string   // what follows the options
	Owner names.User // mail_owner; the zero User if rootless

	o          Options
	process    string
	statusFD   int
	listenFD   int    // the first of them
	dir        string // of the configuration
	f          flags
	transport  cfg.Type
	generation uint32

	service   Service // nil: not begun, or ended
	many      *many   // nil: one client at a time
	listeners []*loop.Listener
	status    *status     // nil: stand-alone
	idle      *loop.Timer // nil: no limit
	retire    *loop.Timer // nil: no limit
	delivery  *delivery   // nil: none
	busy      bool        // a client is there
	over      bool        // there is no master to listen to: leave after the client
	last      bool        // -r: leave after the client
	uses      int
	errors    int // logged

	exit  int       // status
	fatal time.Time // when the end was logged; zero: an ordinary end
}

// ErrDone ends a program before it has begun, as it should: exit status 0.
var ErrDone = errors.New("done")

// Run is a daemon from its start to its end, and returns its exit status.
func Run(o Options) int {
	// First this: descriptors to come must not take the place of missing ones.
	status := isSocket(proto.StatusFD)
	d := &Daemon{o: o, process: filepath.Base(os.Args[0]), statusFD: proto.StatusFD, listenFD: proto.ListenFD}
	d.Log = maillog.New(d.process)
	err := d.start(os.Args[1:], status)
	if errors.Is(err, ErrDone) {
		return 0
	}
	if err != nil {
		d.fatalErr(err)
	} else if err := d.Loop.Run(); err != nil {
		d.fatalErr(err)
	}
	d.Log.Drain(pause)
	if !d.fatal.IsZero() {
		// A master that starts a daemon over and over is not to do it too fast.
		time.Sleep(time.Until(d.fatal.Add(pause)))
	}
	return d.exit
}

// pause is how long a process that has logged why it ends stays.
const pause = time.Second

// isSocket returns nil if fd is one.
func isSocket(fd int) error {
	_, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err
}
