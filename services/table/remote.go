// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"postloop/loop"
	"postloop/master/maillog"
)

// remote is what the tables have in common whose answers come from a server.
type remote struct {
	e         *Env
	typ, name string
	flags     Flags
	server    *server
	lanes     *lanes
}

func newRemote(e *Env, typ, name string, flags Flags, ends []endpoint, p policy) *remote {
	r := &remote{e: e, typ: typ, name: name, flags: flags, server: newServer(e, ends, p)}
	r.lanes = newLanes(e, p.deadline, func() {
		e.Log.Warnf("table %s:%s: too many requests are waiting for the server -- more of them are told to try again", typ, name)
	})
	return r
}

// Flags are the table's properties.
func (r *remote) Flags() Flags { return r.flags }

// Close closes the connections.
func (r *remote) Close() {
	r.lanes.close()
	r.server.close()
}

// lookup asks the server about key, which is folded; read is as submit has it.
func (r *remote) lookup(key string, request []byte, read func([]byte) verdict, failed func(error), later func(Answer)) Answer {
	return r.lanes.do(key, true, len(key)+len(request), func(done func(Answer)) {
		r.server.submit(request, read, func(a Answer, err error) {
			if err != nil && failed != nil {
				failed(err)
			}
			done(a)
		})
	}, later)
}

// onlyRead is the error for tables that cannot be written to.
func onlyRead(typ, name string, m Mode) error {
	if m != ReadOnly {
		return fmt.Errorf("%s:%s map requires O_RDONLY access mode", typ, name)
	}
	return nil
}

// cutAtNull is value as far as a client of Postfix's sees it.
func cutAtNull(value string) string {
	value, _, _ = strings.Cut(value, "\x00")
	return value
}

// reason is an error of a connection in Postfix's words: those of the system
// where it has one.
func reason(err error) string {
	switch {
	case errors.Is(err, loop.ErrTooLong):
		return "input too long"
	default:
		return maillog.Strerror(err)
	}
}

// seconds is a number of them.
func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
