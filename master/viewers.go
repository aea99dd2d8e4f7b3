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
)

// viewer is one connection: it asks for one thing, and gets it.
type viewer struct {
	m     *Master
	conn  *loop.Conn
	timer *loop.Timer
}

// viewed takes a stranger. When there are too many, the one who has been there
// for the longest time goes.
func (m *Master) viewed(fd int, _ loop.Peer) {
	v := &viewer{m: m}
	conn, err := m.loop.Conn(fd, v, loop.Limits{Input: web.HeadLimit})
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

// Data answers the one request.
func (v *viewer) Data(conn *loop.Conn, in []byte) (used int) {
	q, used, err := web.Scan(in)
	if used == 0 {
		return 0
	}
	a := v.m.answer(q, err)
	conn.Write(a.Head(v.m.loop.Now()))
	if !q.Head {
		conn.Write(a.Body)
	}
	conn.Close(nil)
	return used
}

// answer is what a request gets.
func (m *Master) answer(q web.Request, err error) web.Answer {
	switch {
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
			m.textTimer = m.loop.After(textTime, m.forgetTexts)
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

// forgetTexts has the next request get a new answer.
func (m *Master) forgetTexts() {
	m.textTimer.Stop()
	m.texts, m.textTimer = nil, nil
}
