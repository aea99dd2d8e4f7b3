// SPDX-License-Identifier: ISC

package lspawn

import (
	"strings"

	"postloop/services/table"
)

// Lookup finds out what has to be known of a recipient before its user is
// looked for: AUTHSELF's place, where virtual domains have users of their own.
// It calls done once: before it returns, or from a later callback of the loop.
// The delivery waits until then, and no other does.
type Lookup func(recipient string, done func(Found))

// Found is what a Lookup has to say. The zero value is that there is nothing.
type Found struct {
	Report    string   // if not empty, there is no delivery, and this is why
	Recipient string   // if not empty, the one to deliver to instead
	Env       []string // for this delivery's qmail-local, and nobody else
}

// What is said of a recipient about whom nothing can be found out. The original
// says it of one, and ends for all of them.
const (
	noDatabase = "Zqmail-spawn temporary MySQL error. (#4.3.0)\n"
	noLibrary  = "Zqmail-spawn error loading indimail library. (#4.3.0)\n"
)

// maxRecord is the longest record of a user. What is too long for an environment
// has the system refuse to run qmail-local, which would bounce the mail.
const maxRecord = 32 << 10

// asker is a table.Asker.
type asker interface {
	Ask(key string, done func(values []string, s table.Status))
	Close()
}

// authself looks up the users of virtual domains.
type authself struct {
	domains *virtualDomains
	users   asker

	warnf    func(format string, args ...any)
	closeLog func()

	asksDomains bool    // it is for users to say what is virtual: they are a library's
	nullUser    *string // ROUTE_NULL_USER; nil: it is not set
	deliver     bool    // even if nobody can be asked
}

// close lets go of everything. Processes that are asked end by that.
func (a *authself) close() {
	a.users.Close()
	a.closeLog()
}

// lookup is a Lookup.
func (a *authself) lookup(recipient string, done func(Found)) {
	local, host := split(recipient)
	a.isVirtual(host, func(d domain, report string) {
		switch {
		case report != "":
			done(Found{Report: report})
			return
		case !d.virtual:
			done(Found{})
			return
		}
		user := d.mailbox(local)
		if user == "" {
			a.nobody(host, done)
			return
		}
		a.find(user, host, "", done)
	})
}

// nobody goes on with mail of a virtual domain that is for no mailbox.
func (a *authself) nobody(host string, done func(Found)) {
	if a.nullUser == nil { // who is behind the domain gets it, or it is for what nobody wants
		done(Found{})
		return
	}
	user, other, whole := strings.Cut(*a.nullUser, "@")
	switch {
	case user == "":
		done(Found{Report: success})
		return
	case !whole || other == "": // a user of the system's
		done(Found{Recipient: user + "@" + host})
		return
	}
	a.isVirtual(other, func(d domain, report string) {
		switch {
		case report != "":
			done(Found{Report: report})
		case !d.virtual:
			done(Found{Recipient: user + "@" + other})
		default:
			a.find(user, other, d.prefix+"-"+user+"@"+other, done)
		}
	})
}

// find asks for a user of a virtual domain. to is whom the mail is for then; empty:
// for whom it was.
func (a *authself) find(user, host, to string, done func(Found)) {
	a.users.Ask(user+"@"+host, func(values []string, s table.Status) {
		f := Found{Recipient: to}
		switch {
		case s == table.OK && len(values) == 1 && len(values[0]) <= maxRecord:
			f.Env = []string{"PWSTRUCT=" + values[0]}
		case s == table.NoKey: // which is for qmail-local's programs to judge: it may be on another server
			f.Env = []string{"PWSTRUCT=No such user " + user + "@" + host}
		case s == table.Retry && a.deliver:
		default:
			f = Found{Report: unanswered(s)}
		}
		if s == table.OK && f.Report != "" {
			a.warnf("%s@%s: not a record: %d values", user, host, len(values))
		}
		done(f)
	})
}

// unanswered is the report on a recipient about whom there is no answer. Only a
// library has errors that last.
func unanswered(s table.Status) string {
	if s == table.Config {
		return noLibrary
	}
	return noDatabase
}

// isVirtual finds out about a domain.
func (a *authself) isVirtual(host string, done func(d domain, report string)) {
	d, err := a.domains.find(host)
	if !a.asksDomains {
		if err != nil {
			a.warnf("%s: %v", a.domains.path, err)
			done(domain{}, noSystem)
			return
		}
		done(d, "")
		return
	}
	a.users.Ask(host, func(_ []string, s table.Status) {
		switch {
		case s == table.OK:
			d.virtual = true
			if d.prefix == "" {
				d.prefix = host
			}
			done(d, "")
		case s == table.NoKey:
			done(domain{}, "")
		case s == table.Retry && a.deliver && err == nil: // as the file has it
			done(d, "")
		default:
			done(domain{}, unanswered(s))
		}
	})
}
