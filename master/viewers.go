// SPDX-License-Identifier: ISC

package master

import (
	"encoding/json"
	"slices"
	"time"

	"postloop/loop"
	"postloop/master/maillog"
	"postloop/master/metrics"
	"postloop/master/web"

	"golang.org/x/sys/unix"
)

// Who looks at master is a stranger: anybody on this machine may. There are few
// of them at once, for a short time, with a short request, and however often they
// ask, an answer is made once in a while.
const (
	viewersAtOnce = 16
	// viewerTime is how long one may take, from the first moment until it has
	// the answer.
	viewerTime = 10 * time.Second
	// textTime is how old an answer may be.
	textTime = time.Second
	// viewerStep is how much of an answer is given to the connection at once. The
	// rest stays where all have it.
	viewerStep = 64 << 10
	// viewerOutput is how much of that may wait before the next step.
	viewerOutput = 1
)

// viewer is one connection: it asks for one thing, and gets it.
type viewer struct {
	m     *Master
	conn  *loop.Conn
	timer *loop.Timer
	port  bool // it has come through one, and not through a socket that has permissions

	rest []byte // of the answer; nil: there is none yet
	made uint64 // when that was made, in m.textsMade
}

// viewed takes a stranger. When there are too many, the one who has been there
// for the longest time goes.
func (m *Master) viewed(fd int, _ loop.Peer) {
	v := &viewer{m: m, port: m.view.file == nil}
	conn, err := m.loop.Conn(fd, v, loop.Limits{Input: web.HeadLimit, Output: viewerOutput})
	if err != nil {
		m.log.Warnf("status page: %s", maillog.Strerror(err))
		unix.Close(fd)
		return
	}
	v.conn = conn
	v.timer = m.loop.After(viewerTime, v.late)
	m.viewers = append(m.viewers, v)
	if len(m.viewers) > viewersAtOnce {
		m.viewers[0].end()
	}
}

// late ends who is slow, in asking or in taking the answer.
func (v *viewer) late() { v.end() }

func (v *viewer) end() {
	v.forget()
	v.conn.Close(loop.ErrClosed)
}

// forget takes v out of the list, if it is there still.
func (v *viewer) forget() {
	v.timer.Stop()
	if i := slices.Index(v.m.viewers, v); i >= 0 {
		v.m.viewers = slices.Delete(v.m.viewers, i, i+1)
	}
}

// Closed takes the end of a connection.
func (v *viewer) Closed(*loop.Conn, error) { v.forget() }

// Data answers the one request, step by step: what it leaves unused has it called
// again when the step before has been sent.
func (v *viewer) Data(conn *loop.Conn, in []byte) (used int) {
	if v.rest == nil {
		q, used, err := web.Scan(in)
		if used == 0 {
			return 0
		}
		a := v.answer(q, err)
		conn.Write(a.Head(v.m.loop.Now()))
		if !q.Head {
			v.rest, v.made = a.Body, v.m.textsMade
		}
	}
	step := v.rest[:min(len(v.rest), viewerStep)]
	conn.Write(step)
	if v.rest = v.rest[len(step):]; len(v.rest) > 0 {
		return 0
	}
	conn.Close(nil)
	return len(in)
}

// answer is what a request gets.
func (v *viewer) answer(q web.Request, err error) web.Answer {
	m := v.m
	switch {
	case q.Named && v.port:
		return web.Line(web.Misdirected, "ask for localhost, or for the address")
	case err == web.ErrMethod: //nolint:errorlint // it is never wrapped
		return web.Line(web.NotAllowed, err.Error())
	case err != nil:
		return web.Line(web.Bad, err.Error())
	}
	switch q.Path {
	case "/healthz": // who answers is alive
		return web.Line(web.OK, "ok")
	case "/readyz": // nobody is here before there is a configuration
		if m.stopping {
			return web.Line(web.Unavailable, errEnding.Error())
		}
		return web.Line(web.OK, "ready")
	}
	make, known := texts[q.Path]
	if !known {
		return web.Line(web.NotFound, "not found; there are /, /metrics, /status.json, /healthz and /readyz")
	}
	a, fresh := m.texts[q.Path]
	if !fresh {
		a = make(m)
		if m.texts == nil {
			m.texts = map[string]web.Answer{}
			m.textTimer = m.loop.After(textTime, m.ageTexts)
		}
		m.texts[q.Path] = a
	}
	return a
}

// texts are the answers that take some making.
var texts = map[string]func(m *Master) web.Answer{
	"/": func(*Master) web.Answer { return web.Page() },
	"/metrics": func(m *Master) web.Answer {
		r := m.Report()
		text := make([]byte, 0, (len(r.Services)+2)*metrics.Size)
		return web.Answer{Status: web.OK, Type: metrics.ContentType, Body: metrics.Append(text, r)}
	},
	"/status.json": func(m *Master) web.Answer {
		text, err := json.Marshal(m.Report())
		if err != nil {
			panic("master: a report without JSON: " + err.Error())
		}
		return web.Answer{Status: web.OK, Type: web.JSON, Body: append(text, '\n')}
	},
}

// ageTexts has the next request get a new answer, unless somebody still takes one
// that was old already: slow clients must not have master hold one for each
// second of their time.
func (m *Master) ageTexts() {
	if slices.ContainsFunc(m.viewers, func(v *viewer) bool { return len(v.rest) > 0 && v.made < m.textsMade }) {
		m.textTimer.Reset(textTime)
		return
	}
	m.textsMade++
	m.forgetTexts()
}

// forgetTexts drops the answers.
func (m *Master) forgetTexts() {
	m.textTimer.Stop()
	m.texts, m.textTimer = nil, nil
}
