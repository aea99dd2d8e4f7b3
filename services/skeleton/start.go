// SPDX-License-Identifier: ISC

package skeleton

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"postloop/loop"
	"postloop/master/logloop"
	"postloop/master/maillog"
	"postloop/master/names"
	"postloop/master/proto"

	"golang.org/x/sys/unix"
)

// start does all that comes before the first client. The order is Postfix's.
// status says what is wrong with the status channel.
func (d *Daemon) start(args []string, status error) error {
	if err := loop.CloseOnExecFrom(3); err != nil {
		return err
	}
	if _, set := os.LookupEnv("MAIL_VERBOSE"); set {
		d.Log.Verbose = 1
	}
	_, d.f.debugger = os.LookupEnv("MAIL_DEBUG")
	var err error
	if d.Loop, err = loop.New(); err != nil {
		return err
	}
	// What a client, or a full disk, makes of a write is an error, not the end;
	// commands that a service starts inherit both as ignored.
	d.Loop.IgnoreSignal(unix.SIGPIPE)
	d.Loop.IgnoreSignal(unix.SIGXFSZ)
	d.Log.Tap(d.countErrors)
	d.Names = names.New()
	if err := d.configure(args); err != nil {
		return err
	}
	logloop.Start(d.Loop, d.Log)
	if !d.f.anyInput && !d.f.standAlone && isTerminal(0) {
		const text = "do not run this command by hand"
		fmt.Fprintf(os.Stderr, "%s: fatal: %s\n", d.process, text)
		return errors.New(text)
	}
	if err := d.require(); err != nil {
		return err
	}
	if err := d.takeTransport(); err != nil {
		return err
	}
	if text, set := os.LookupEnv(proto.GenerationEnv); set {
		var ok bool
		if d.generation, ok = proto.ParseGeneration(text); !ok {
			return fmt.Errorf("bad generation: %s", text)
		}
	}
	if d.f.debugger {
		if err := d.runDebugger(); err != nil {
			return err
		}
	}
	if err := os.Chdir(d.Params.QueueDirectory); err != nil {
		return fmt.Errorf("chdir(\"%s\"): %s", d.Params.QueueDirectory, maillog.Strerror(err))
	}
	if err := d.giveUpPrivileges(); err != nil {
		return err
	}
	if err := d.makeService(); err != nil {
		return err
	}
	return d.begin(status)
}

// makeService has the program make what serves.
func (d *Daemon) makeService() (err error) {
	if d.o.Serve == nil {
		d.service, err = d.o.Start(d)
		return err
	}
	server, err := d.o.Serve(d)
	if err == nil {
		d.many = newMany(d, server)
		d.service = d.many
	}
	return err
}

// require checks what the program asks of its entry in master.cf.
func (d *Daemon) require() error {
	if d.o.Check != nil {
		if err := d.o.Check(d); err != nil {
			return err
		}
	}
	switch {
	case d.o.LimitOne && !d.f.alone:
		return fmt.Errorf("service %s requires a process limit of 1", d.Name)
	case d.o.LimitZero && !d.f.unlimited:
		return fmt.Errorf("service %s requires a process limit of 0", d.Name)
	case d.o.Privileged && d.f.unprivileged && !d.Params.Rootless:
		return fmt.Errorf("service %s requires privileged operation", d.Name)
	}
	return nil
}

// takeTransport finds the kind of socket that clients come from.
func (d *Daemon) takeTransport() error {
	if d.f.standAlone {
		return nil
	}
	if d.f.transport == "" {
		return errors.New("no transport type specified")
	}
	for _, t := range d.o.Transports {
		if strings.EqualFold(t.String(), d.f.transport) {
			d.transport = t
			return nil
		}
	}
	return fmt.Errorf("unsupported transport type: %s", d.f.transport)
}

// runDebugger is -D: the operator's command for this process, run to its end
// as by system(3). It usually leaves a debugger in the background.
func (d *Daemon) runDebugger() error {
	command := d.Params.DebuggerCommand
	if command == "" {
		return errors.New("no debugger_command variable set up")
	}
	d.Log.Infof("running: %s", command)
	ended := false
	_, err := d.Loop.Spawn(&loop.Cmd{
		Path: "/bin/sh", Args: []string{"sh", "-c", command}, Env: os.Environ(), Files: []int{0, 1, 2},
	}, func(loop.Exit) { ended = true })
	if err != nil {
		return fmt.Errorf("debugger_command: %w", err)
	}
	return d.turnUntil(&ended)
}

// await asks until there is an answer, which may have to come from another
// process. Nothing runs on the loop yet that could be kept waiting.
func (d *Daemon) await(ask func() error) error {
	for {
		err := ask()
		if !errors.Is(err, names.ErrPending) {
			return err
		}
		done := false
		d.Names.Resolve(d.Loop, func() { done = true })
		if err := d.turnUntil(&done); err != nil {
			return err
		}
	}
}

func (d *Daemon) turnUntil(done *bool) error {
	for !*done {
		if err := d.Loop.Turn(-1); err != nil {
			return err
		}
	}
	return nil
}
