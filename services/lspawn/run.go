// SPDX-License-Identifier: ISC

package lspawn

import (
	"errors"
	"fmt"
	"os"

	"postloop/loop"
	"postloop/master/names"

	"golang.org/x/sys/unix"
)

// The exit statuses of a qmail-lspawn that has not begun.
const (
	usage   = 100
	trouble = 111
)

// program is a qmail-lspawn.
type program struct {
	loop   *loop.Loop
	s      *settings
	self   *loop.User
	names  *names.Resolver
	status int
}

// Run is a qmail-lspawn from its start to its end, and returns its exit status.
// args[1] is where to deliver to users who do not say; what follows it is for
// ps(1). rlimits are those that children get, where they are to differ from
// this process's.
func Run(args, environ []string, rlimits []loop.Rlimit) (status int) {
	p := &program{names: names.New()}
	err := p.start(args, environ, rlimits)
	if err == nil {
		p.loop.Later(p.begin)
		err = p.loop.Run()
	}
	if err != nil {
		p.fail(err)
	}
	return p.status
}

// start does what comes before names are looked up. The order is qmail's.
func (p *program) start(args, environ []string, rlimits []loop.Rlimit) (err error) {
	if err := loop.CloseOnExecFrom(3); err != nil {
		return err
	}
	loop.ReserveThreads()
	if p.loop, err = loop.New(); err != nil {
		return err
	}
	// A qmail-send that has gone is no reason to leave deliveries half made.
	// Children inherit it as ignored.
	p.loop.IgnoreSignal(unix.SIGPIPE)
	if p.s, err = parseEnviron(environ); err != nil {
		return err
	}
	if err := os.Chdir(p.s.queue + "/mess"); err != nil {
		return err
	}
	if len(args) < 2 {
		p.status = usage
		return errors.New("no default delivery: usage: qmail-lspawn defaultdelivery")
	}
	p.s.c.Default = args[1]
	if p.loop.Confines() {
		p.s.c.Rlimits = rlimits
	}
	if os.Geteuid() != 0 {
		p.self = &loop.User{UID: os.Geteuid(), GID: os.Getegid()}
	}
	return nil
}

// begin begins to serve, once all names are numbers.
func (p *program) begin() {
	err := p.s.resolve(p.names, p.self)
	if errors.Is(err, names.ErrPending) {
		p.names.Resolve(p.loop, p.begin)
		return
	}
	if err == nil {
		err = p.serve()
	}
	if err != nil {
		p.fail(err)
		p.loop.Stop()
	}
}

func (p *program) serve() error {
	left := p.loop.Stop
	if p.s.virtual != nil {
		a, err := p.s.virtual.open(p.loop)
		if err != nil {
			return err
		}
		p.s.c.Lookup = a.lookup
		left = func() {
			a.close()
			p.loop.Stop()
		}
	}
	_, err := Serve(p.loop, p.s.c, 0, 1, left)
	return err
}

// fail says why there is no service: to whoever tries it by hand, since
// qmail-start has closed descriptor 2 and the Go runtime has put /dev/null there.
func (p *program) fail(err error) {
	fmt.Fprintf(os.Stderr, "qmail-lspawn: fatal: %v\n", err)
	if p.status == 0 {
		p.status = trouble
	}
}
