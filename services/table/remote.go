// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"strings"
	"time"

	"postloop/loop"
	"postloop/master/maillog"
)

// remote is what the tables have in common whose answers come from a server.
type remote struct {
	common
	name   string
	server *share
	lanes  *lanes
}

func newRemote(e *Env, typ, name string, flags Flags, ends []endpoint, p policy) *remote {
	r := &remote{common: common{e, typ + ":" + name, flags}, name: name}
	r.server = e.server(r.ref, ends, p)
	r.lanes = newLanes(e, r.server.deadline, e.limits(r.ref).Queue, func() {
		e.Log.Warnf("table %s: too many requests are waiting for the server -- more of them are told to try again", r.ref)
	})
	return r
}

// Close closes the connections, unless another table of that name has them, too.
func (r *remote) Close() {
	r.lanes.close()
	r.server.close()
}

// get answers a lookup of key, which is folded, as start finds it out; size is
// what it costs to remember the request.
func (r *remote) get(key string, size int, f Flags, start func(done func(Answer)), later func(Answer)) Answer {
	checked := func(a Answer) Answer {
		if a.Status != OK {
			return a
		}
		value, _, _ := strings.Cut(a.Value, "\x00") // what a client of Postfix's would see of it
		return r.answer(key, value, f)
	}
	return checked(r.lanes.do(key, true, size, start, func(a Answer) { later(checked(a)) }))
}

// ask is get where one request is all there is to it; read is as submit has it.
func (r *remote) ask(key string, request []byte, read func([]byte) verdict, failed func(error), f Flags, later func(Answer)) Answer {
	return r.get(key, len(key)+len(request), f, func(done func(Answer)) {
		r.server.submit(request, read, func(a Answer, err error) {
			if err != nil && failed != nil && !errors.Is(err, errSaid) {
				failed(err)
			}
			done(a)
		})
	}, later)
}

// reason is an error of a connection in Postfix's words: those of the system
// where it has one.
func reason(err error) string {
	if errors.Is(err, loop.ErrTooLong) {
		return "input too long"
	}
	return maillog.Strerror(err)
}

// seconds is a number of them.
func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
