// SPDX-License-Identifier: ISC

package hosts

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Session is a connection to a host.
type Session interface {
	// Ask returns what is there for key. An error ends the session; it is one of
	// Refused if the server has answered with it.
	Ask(ctx context.Context, key string) (values []string, err error)
	Close()
}

// Refused is an error that a server has answered a query with. To ask it again
// would not help.
type Refused struct{ Err error }

func (e Refused) Error() string { return e.Err.Error() }
func (e Refused) Unwrap() error { return e.Err }

// Dial makes a connection to a host. The error says what could not be done to
// whom.
type Dial func(ctx context.Context, h *Host) (Session, error)

// Client asks the hosts of a table, over one connection at a time.
type Client struct {
	list  *List
	dial  Dial
	idle  time.Duration
	warnf func(format string, args ...any)
	now   func() time.Time

	mu      sync.Mutex // idle connections are closed by a timer
	session Session    // nil: none
	host    *Host      // of the session
	last    time.Time  // when that was used
	timer   *time.Timer
}

// NewClient makes a client of at least one host. A connection that has been idle
// for as long as idle says is closed; retry is List's. warnf has errors logged
// but for the last one of a request, which Lookup returns.
func NewClient(list []Host, idle, retry time.Duration, dial Dial, warnf func(format string, args ...any)) *Client {
	return &Client{list: New(list, retry, rand.IntN), dial: dial, idle: idle, warnf: warnf, now: time.Now}
}

// Lookup asks one host after the other, until one answers.
func (c *Client) Lookup(ctx context.Context, key string) (values []string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	round := c.list.Round()
	for ctx.Err() == nil {
		next, none := c.connected(ctx, round)
		if none {
			break
		}
		if next == nil {
			values, next = c.ask(ctx, round, key)
		}
		if err != nil {
			c.warnf("%s", err)
		}
		if err = next; err == nil {
			c.rest()
			return values, nil
		}
	}
	switch {
	case err != nil:
	case ctx.Err() != nil:
		err = ctx.Err()
	default:
		wait := c.list.Until().Sub(c.now())
		err = fmt.Errorf("no server can be asked; the next attempt is in %d seconds", int((wait+time.Second-1)/time.Second))
	}
	return nil, err
}

// connected has a session there. none reports that there is no host to be tried.
func (c *Client) connected(ctx context.Context, round *Round) (err error, none bool) {
	if c.session != nil {
		return nil, false
	}
	h := round.Next(c.now())
	if h == nil {
		return nil, true
	}
	ctx, cancel := c.share(ctx, round, h)
	defer cancel()
	s, err := c.dial(ctx, h)
	if err != nil {
		round.Failed(h, c.now())
		return err, false
	}
	c.session, c.host = s, h
	return nil, false
}

// ask asks the host of the session, and ends that after an error.
func (c *Client) ask(ctx context.Context, round *Round, key string) (values []string, err error) {
	ctx, cancel := c.share(ctx, round, c.host)
	defer cancel()
	if values, err = c.session.Ask(ctx, key); err == nil {
		return values, nil
	}
	if _, refused := errors.AsType[Refused](err); refused || ctx.Err() != nil {
		round.Skip(c.host)
	}
	c.end()
	return nil, err
}

// share is ctx with the time that a host may take.
func (c *Client) share(ctx context.Context, round *Round, h *Host) (context.Context, context.CancelFunc) {
	until, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, round.Share(h, c.now(), time.Until(until)))
}

// rest has the session closed, unless it is used in time.
func (c *Client) rest() {
	c.last = c.now()
	if c.timer == nil {
		c.timer = time.AfterFunc(c.idle, c.rested)
	} else {
		c.timer.Reset(c.idle)
	}
}

// rested closes an idle session.
func (c *Client) rested() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil && c.now().Sub(c.last) >= c.idle {
		c.end()
	}
}

func (c *Client) end() {
	c.session.Close()
	c.session, c.host = nil, nil
}

// Close ends the session.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.session != nil {
		c.end()
	}
}
