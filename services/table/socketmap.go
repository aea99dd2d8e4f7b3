// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"postloop/services/table/wire"

	"golang.org/x/sys/unix"
)

// The times of Postfix's socketmap client.
const (
	socketmapTime = 100 * time.Second
	socketmapIdle = 10 * time.Second
	socketmapTTL  = 100 * time.Second
)

// socketmapTable is a socketmap: table.
type socketmapTable struct {
	*remote
	mapName string
}

// openSocketmap opens socketmap:inet:host:port:map or socketmap:unix:path:map.
// The server need not be there.
func openSocketmap(e *Env, name string, m Mode, f Flags) (Table, error) {
	if f&NoUnauth != 0 {
		return nil, fmt.Errorf("socketmap:%s map is not allowed for security-sensitive data", name)
	}
	if err := readOnly("socketmap", name, m); err != nil {
		return nil, err
	}
	colon := strings.LastIndexByte(name, ':')
	if colon < 0 {
		return nil, errors.New("socketmap requires server:socketmap argument")
	}
	to, err := parseEndpoint(name[:colon])
	if err != nil {
		return nil, err
	}
	t := &socketmapTable{mapName: name[colon+1:]}
	t.remote = newRemote(e, "socketmap", name, Pattern, []endpoint{to}, policy{
		tries: 1, timeout: socketmapTime, deadline: socketmapTime,
		idle: socketmapIdle, ttl: socketmapTTL,
		input: wire.MaxSocketmapReply,
		unreachable: func(err error) {
			e.Log.Warnf("connect to %s: %s", to.name, reason(err))
		},
		broken: func(err error) {
			if errors.Is(err, errStray) { // all else is told to those who asked
				t.failed(err)
			}
		},
	})
	return t, nil
}

// Get asks for a key.
func (t *socketmapTable) Get(key string, f Flags, later func(Answer)) Answer {
	key, ok := t.key(key, f)
	if !ok {
		return Answer{Status: NoKey}
	}
	if size := len(t.mapName) + 1 + len(key); size > wire.MaxSocketmapQuery {
		t.env.Log.Warnf("table %s: a query of %d bytes is above the limit of %d -- not found", t.ref, size, wire.MaxSocketmapQuery)
		return Answer{Status: NoKey}
	}
	return t.ask(key, wire.AppendNetstring(nil, t.mapName, " ", key), t.read, t.failed, f, later)
}

// failed says why a request has no answer.
func (t *socketmapTable) failed(err error) {
	text := reason(err)
	switch {
	case errors.Is(err, errEOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE):
		text = "unexpected disconnect"
	case errors.Is(err, errNoTime):
		text = "time limit exceeded"
	}
	t.env.Log.Warnf("table %s lookup error: %s", t.ref, text)
}

// read reads a reply.
func (t *socketmapTable) read(in []byte) verdict {
	n, data, err := wire.Netstring(in, wire.MaxSocketmapReply)
	if err != nil || n == 0 {
		return verdict{err: err}
	}
	word, text := wire.SocketmapReply(data)
	kind, status := "unknown", Retry
	switch word {
	case "OK":
		return verdict{n: n, answer: Answer{Value: text}}
	case "NOTFOUND":
		return verdict{n: n, answer: Answer{Status: NoKey}}
	case "TEMP":
		kind = "temporary"
	case "TIMEOUT":
		kind = "timeout"
	case "PERM":
		kind, status = "permanent", Config
	}
	colon := ""
	if text != "" {
		colon = ": "
	}
	t.env.Log.Warnf("%s socketmap server %s error%s%.200s", t.ref, kind, colon, text)
	return verdict{n: n, answer: Answer{Status: status}}
}
