// SPDX-License-Identifier: ISC

// Command tally counts: a client sends a name in a line, and is told how often
// that has been sent, by whomever. It is a daemon of a master, Postfix's or ours,
// and shows what such a daemon is made of; docs/writing-a-service.md goes through it.
package main

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/services/skeleton"
)

func main() {
	os.Exit(skeleton.Run(skeleton.Options{
		Transports: []cfg.Type{cfg.Inet, cfg.Unix},
		LimitOne:   true, // there is one memory, so there is one process
		Serve:      start,
	}))
}

// start makes the service, once the process is set up: configuration read, and
// privileges given up.
func start(d *skeleton.Daemon) (skeleton.Server, error) {
	d.Main.SetDefault("tally_names", "1000")
	most, err := d.Main.Int("tally_names")
	if err == nil && most < 1 {
		err = d.Main.Errorf("tally_names", "tally_names: %d: specify 1 or more", most)
	}
	if err != nil {
		return nil, err
	}
	return &tally{most: int(most), seen: map[string]int{}}, nil
}

// tally is the service: what all clients share. Nothing of it is locked, since
// one callback runs at a time.
type tally struct {
	most int // names that are remembered
	seen map[string]int
}

// limits are what one client may cost.
var limits = loop.Limits{Idle: time.Minute, Input: 256, Output: 4096}

// Connected begins a conversation.
func (s *tally) Connected(loop.Peer) (skeleton.Session, loop.Limits) {
	return &session{s: s}, limits
}

// session is the conversation with one client. Half a line is no state of its
// own: it stays with the connection until the rest is there.
type session struct {
	s    *tally
	conn *loop.Conn
}

func (k *session) Opened(c *loop.Conn) { k.conn = c }

// Data answers one line. It is called again as long as it uses anything.
func (k *session) Data(c *loop.Conn, in []byte) (used int) {
	line, _, whole := bytes.Cut(in, []byte("\n"))
	if !whole {
		return 0
	}
	c.Write(k.s.count(string(bytes.TrimSpace(line))))
	return len(line) + 1
}

// Leave is called when the process is about to end, after a reload for example.
// Each request is answered in the turn that it comes in, so nothing is owed.
func (k *session) Leave() { k.conn.Close(nil) }

// Closed is the end. err says why, if the client has not simply left.
func (k *session) Closed(*loop.Conn, error) {}

// count is the protocol: a name in, an answer out, and no sockets.
func (s *tally) count(name string) []byte {
	if _, known := s.seen[name]; !known && len(s.seen) >= s.most {
		return []byte("full\n")
	}
	s.seen[name]++
	return append(strconv.AppendInt(nil, int64(s.seen[name]), 10), '\n')
}
