// SPDX-License-Identifier: ISC

package lspawn

import (
	"errors"

	"postloop/master/names"

	"golang.org/x/sys/unix"
)

// What is said of a message that cannot be delivered from.
const (
	noMessage  = "Zqmail-spawn unable to open message. (#4.3.0)\n"
	noStat     = "Zqmail-spawn unable to fstat message. (#4.3.0)\n"
	wrongType  = "ZSorry, message has wrong type. (#4.3.5)\n"
	wrongOwner = "ZSorry, message has wrong owner. (#4.3.5)\n"
)

// delivery is one from its command to its report.
type delivery struct {
	s           *Service
	c           Command
	index       int // of its slot
	stage       stage
	message     int      // its descriptor; -1: qmail-local has it, or nobody
	env         []string // for this qmail-local alone
	local, host string   // the recipient's two parts
	names       *names.Resolver
	output      output
}

// openMessage opens a message, every time anew: a qmail-local reads it from
// the beginning.
func (s *Service) openMessage(messid string) (fd int, report string) {
	fd = -1
	err := retry(func() (err error) {
		fd, err = unix.Open(messid, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return -1, noMessage
	}
	st, err := fstat(fd)
	switch {
	case err != nil:
		report = noStat
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		report = wrongType
	case int(st.Uid) != s.c.Owner:
		report = wrongOwner
	default:
		return fd, ""
	}
	unix.Close(fd)
	return -1, report
}

// begin asks what there is to know of the recipient, if anybody is there to ask.
func (d *delivery) begin() {
	d.to(asking)
	if d.s.c.Lookup == nil {
		d.found(Found{})
		return
	}
	d.s.c.Lookup(d.c.Recipient, d.found)
}

// found goes on with what a Lookup has said.
func (d *delivery) found(f Found) {
	if f.Report != "" {
		d.report(f.Report)
		return
	}
	if f.Recipient != "" {
		d.c.Recipient = f.Recipient
		if report := check(&d.c); report != "" {
			d.report(report)
			return
		}
	}
	d.env = f.Env
	d.local, d.host = split(d.c.Recipient)
	if d.local == "" { // the address for what nobody wants
		d.report(success)
		return
	}
	d.to(resolving)
	d.resolve()
}

// resolve finds the user of the local part. What is assigned goes first, and
// is never remembered: it holds from the moment that qmail-newu has written it.
func (d *delivery) resolve() {
	s := d.s
	a, ok, report := s.users.find(d.local)
	switch {
	case report != "":
		d.report(report)
		return
	case ok:
		d.run(a)
		return
	}
	if a, ok := s.known.get(d.local); ok {
		d.run(a)
		return
	}
	if !s.c.Builtin {
		d.askGetpw()
		return
	}
	if a, report = s.passwd.find(d.local, s.c); report != "" {
		d.report(report)
		return
	}
	d.resolved(a)
}

// resolved takes a user that is one of the system's, by whatever getpw.
func (d *delivery) resolved(a account) {
	if d.s.c.AllGroups {
		d.names = names.New()
		if d.s.c.FilesOnly {
			d.names.Getent = nil
		}
		d.findGroups(a)
		return
	}
	d.remember(a)
}

// findGroups looks up the groups that the system has for a user, now or when
// somebody has been asked.
func (d *delivery) findGroups(a account) {
	u, err := d.names.User(a.user)
	if err == nil {
		a.groups, err = d.names.Groups(u)
	}
	switch {
	case errors.Is(err, names.ErrPending):
		d.names.Resolve(d.s.loop, func() { d.findGroups(a) })
	case err != nil:
		d.report(d.s.c.Protocol.wrongIDs(a.user))
	case u.UID == 0: // an account can have root's name, and a number that is not root's
		d.report(asRoot)
	default:
		d.remember(a)
	}
}

// remember keeps the answer for the next deliveries. That there is no user, and
// the mail is alias's, may be over in a moment.
func (d *delivery) remember(a account) {
	if a.user != d.s.c.Alias {
		d.s.known.put(d.local, a)
	}
	d.run(a)
}

// report ends the delivery.
func (d *delivery) report(text string) {
	d.to(reported)
	d.closeMessage()
	d.s.report(d.c.Number, text)
	d.s.free(d)
}

func (d *delivery) closeMessage() {
	if d.message >= 0 {
		unix.Close(d.message)
	}
	d.message = -1
}
