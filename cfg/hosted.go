// SPDX-License-Identifier: ISC

package cfg

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Hosted is what a service that master serves itself asks of its clients: who
// may come, how many and how often from one source, who waits where there is
// no room, and what becomes of the rest. The comment on a field is the
// parameter's name.
type Hosted struct {
	ClientLimit int           // hosted_client_limit; 0: none
	ClientRate  Rate          // hosted_client_rate
	IPv4Prefix  int           // hosted_client_ipv4_prefix_length
	IPv6Prefix  int           // hosted_client_ipv6_prefix_length
	Allow       []Client      // hosted_client_allow; none: everybody
	Deny        []Client      // hosted_client_deny
	QueueLimit  int           // hosted_queue_limit; Backlog: there is no queue
	QueueTime   time.Duration // hosted_queue_time
	Refuse      Refuse        // hosted_refuse
}

// Backlog as a QueueLimit leaves clients beyond the process limit where they
// are, in the backlog of the listening socket.
const Backlog = -1

// Hosted evaluates and checks the parameters of a hosted service. The error is
// an Errors; one without a line blames what Set has set.
func (m *Main) Hosted() (Hosted, error) {
	r := evaluation{m: m}
	h := r.hosted()
	if r.errs == nil {
		return h, nil
	}
	return h, r.sorted()
}

func (r *evaluation) hosted() Hosted {
	return Hosted{
		ClientLimit: r.count("hosted_client_limit"),
		ClientRate:  parsed(r, "hosted_client_rate", parseRate),
		IPv4Prefix:  r.count("hosted_client_ipv4_prefix_length"),
		IPv6Prefix:  r.count("hosted_client_ipv6_prefix_length"),
		Allow:       parsed(r, "hosted_client_allow", parseClients),
		Deny:        parsed(r, "hosted_client_deny", parseClients),
		QueueLimit:  parsed(r, "hosted_queue_limit", parseQueueLimit),
		QueueTime:   r.time("hosted_queue_time"),
		Refuse:      parsed(r, "hosted_refuse", parseRefuse),
	}
}

// count evaluates a number that is not negative.
func (r *evaluation) count(name string) int {
	n := r.int(name)
	if r.good(name) && n < 0 {
		r.errorf(name, "invalid %s parameter value %d < 0", name, n)
	}
	return n
}

// parsed evaluates a text that has a form of its own.
func parsed[T any](r *evaluation, name string, parse func(string) (T, error)) (value T) {
	text := r.text(name)
	if !r.good(name) {
		return value
	}
	value, err := parse(text)
	if err != nil {
		r.errorf(name, "parameter %s: %v", name, err)
	}
	return value
}

// Rate is so many in so much time. The zero Rate is none.
type Rate struct {
	Count int
	Per   time.Duration
}

func (r Rate) String() string { return fmt.Sprintf("%d/%ds", r.Count, r.Per/time.Second) }

const (
	maxRateCount = 1_000_000
	maxRateTime  = 7 * 24 * time.Hour
)

// parseRate reads a rate such as 30/60s, or nothing.
func parseRate(text string) (r Rate, err error) {
	if text == "" {
		return r, nil
	}
	number, per, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(number)
	if err != nil || !isPlainNumber(number) || !isPlainDuration(per, false) {
		return r, fmt.Errorf("bad rate: %s; specify a number, a slash and a time, such as 30/60s", text)
	}
	d, _ := parseTime(per, 's', false)
	switch {
	case n < 1 || n > maxRateCount:
		return r, fmt.Errorf("bad rate: %s; specify a number from 1 to %d", text, maxRateCount)
	case d < time.Second || d > maxRateTime:
		return r, fmt.Errorf("bad rate: %s; specify a time from 1s to 1w", text)
	}
	return Rate{n, d}, nil
}

// parseQueueLimit reads a number, or nothing.
func parseQueueLimit(text string) (int, error) {
	if text == "" {
		return Backlog, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || !isPlainNumber(text) || n < 0 || n > math.MaxInt32 {
		return 0, fmt.Errorf("bad number of clients: %s; specify a whole number from 0 on, or nothing for the listen backlog", text)
	}
	return n, nil
}

// Refuse is what a client gets that is refused: nothing but the end of the
// connection, or a line of text first.
type Refuse struct {
	Reset bool   // as a TCP reset
	Text  string // without the end of the line
}

// maxRefuseText is the longest text for refused clients: what SMTP allows in
// one line, and never too much for a connection on which nothing was sent yet.
const maxRefuseText = 510

// parseRefuse reads what is to become of refused clients.
func parseRefuse(text string) (Refuse, error) {
	word, rest, _ := strings.Cut(text, " ")
	rest = trim(rest)
	switch {
	case text == "close":
		return Refuse{}, nil
	case text == "reset":
		return Refuse{Reset: true}, nil
	case word != "text":
		return Refuse{}, fmt.Errorf("unrecognized value: %s; specify close, reset, or text and a line such as \"text 421 come back later\"", text)
	case rest == "":
		return Refuse{}, errors.New("text without a line; specify one, such as \"text 421 come back later\"")
	case len(rest) > maxRefuseText:
		return Refuse{}, fmt.Errorf("a line of %d bytes is too long; specify at most %d", len(rest), maxRefuseText)
	case strings.ContainsFunc(rest, isControl):
		return Refuse{}, errors.New("a control character cannot be part of the line")
	}
	return Refuse{Text: rest}, nil
}
