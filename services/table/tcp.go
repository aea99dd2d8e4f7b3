// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"
	"time"

	"postloop/services/table/wire"
)

// The times of tcp_table(5). A request is tried again and again, a second
// apart; where Postfix waits a hundred seconds for each of them, we do for all,
// or for less: see Limits.
const (
	tcpTime  = 100 * time.Second
	tcpTries = 10
	tcpPause = time.Second
)

// tcpTable is a tcp: table.
type tcpTable struct{ *remote }

// openTCP opens tcp:host:port. The server need not be there.
func openTCP(e *Env, name string, m Mode, f Flags) (Table, error) {
	if f&NoUnauth != 0 {
		return nil, fmt.Errorf("tcp:%s map is not allowed for security sensitive data", name)
	}
	if err := readOnly("tcp", name, m); err != nil {
		return nil, err
	}
	to, err := parseInet(name)
	if err != nil {
		return nil, err
	}
	return &tcpTable{newRemote(e, "tcp", name, Pattern, []endpoint{to}, policy{
		tries: tcpTries, pause: tcpPause, timeout: tcpTime, deadline: tcpTime, patient: true,
		input: wire.MaxTCPReply,
		unreachable: func(err error) {
			e.Log.Warnf("connect to TCP map %s: %s", name, reason(err))
		},
		broken: func(err error) {
			text := err.Error()
			if errors.Is(err, errEOF) {
				text = "unexpected EOF (connection closed)"
			} else if why := reason(err); why != text { // the system's
				text = fmt.Sprintf("unexpected EOF (%s)", why)
			}
			e.Log.Warnf("read TCP map reply from %s: %s", name, text)
		},
	})}, nil
}

// Get asks for a key.
func (t *tcpTable) Get(key string, f Flags, later func(Answer)) Answer {
	key, ok := t.key(key, f)
	if !ok {
		return Answer{Status: NoKey}
	}
	return t.ask(key, wire.AppendTCPGet(nil, key), t.read, nil, f, later)
}

// read reads a reply.
func (t *tcpTable) read(in []byte) verdict {
	n, status, text, fault, err := wire.TCPReply(in)
	switch {
	case err != nil:
		return verdict{err: err}
	case n == 0:
		return verdict{}
	case fault != nil:
		t.env.Log.Warnf("read TCP map reply from %s: %s", t.name, fault)
		return verdict{n: n, answer: Answer{Status: Retry}, drop: true}
	case status == wire.TCPFound:
		return verdict{n: n, answer: Answer{Value: text}}
	case status == wire.TCPAbsent:
		return verdict{n: n, answer: Answer{Status: NoKey}}
	default:
		return verdict{n: n, answer: Answer{Status: Retry}, drop: true}
	}
}
