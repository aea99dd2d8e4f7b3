// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"postloop/services/table/cf"
	"postloop/services/table/wire"
)

// drivenTable is a table with a file of settings whose answers a driver gives,
// in processes of their own: mysql:, sqlite: and their like.
type drivenTable struct {
	*remote
	keyed
	typ       string
	templates []*cf.Template // that a key must suit
	results   cf.Results
}

// driver is what tables of one type have in common.
type driver struct {
	typ     string
	program string // of the worker
	// settings checks those of a table. It returns what its worker is to be told,
	// as name, value, name, value, and the templates of which the query is made.
	settings func(k *keyed) (list []string, templates []*cf.Template, err error)
}

// Times of workers.
const (
	// workerGrace is how much later than the driver's time is over its process is
	// ended.
	workerGrace = time.Second
	// workerIdle is how long a worker without work stays.
	workerIdle = 100 * time.Second
	// workerTries is how often a request is sent that ends its worker.
	workerTries = 2
)

// workerRefused is wire.Refused, which is no Status beyond here.
const workerRefused = 102

// maxDriven is the longest answer of a worker, and the longest value.
const maxDriven = 16 << 20

// openDriven opens a table of that type. Its server need not be there.
func openDriven(e *Env, d driver, name string, m Mode) (Table, error) {
	if err := readOnly(d.typ, name, m); err != nil {
		return nil, err
	}
	k, err := e.openKeyed(name)
	if err != nil {
		return nil, err
	}
	t := &drivenTable{keyed: k, typ: d.typ}
	if err := t.open(e, d, name); err != nil {
		k.domains.close()
		return nil, err
	}
	return t, nil
}

func (t *drivenTable) open(e *Env, d driver, name string) (err error) {
	list, templates, err := d.settings(&t.keyed) // first this, for it may decide what the results look like
	if err != nil {
		return err
	}
	t.templates = templates
	if t.results, err = t.Results(); err != nil {
		return err
	}
	ref := d.typ + ":" + name
	t.remote = newRemote(e, d.typ, name, Fixed, []endpoint{{name: d.program}}, e.workerPolicy(ref, d.program, list))
	return nil
}

// workerPolicy is that of a server which is a number of processes. settings are
// what each of them is told first.
func (e *Env) workerPolicy(ref, program string, settings []string) policy {
	return policy{
		tries: workerTries, pause: shortPause,
		idle:  workerIdle,
		input: maxDriven,
		hello: []hello{{wire.AppendList(nil, settings...), func(in []byte) (int, error) {
			n, list, err := wire.ReadList(in, maxDriven)
			switch {
			case err != nil || n == 0:
				return 0, err
			case len(list) != 1:
				return 0, fmt.Errorf("unexpected answer to the settings: %.100q", list)
			case list[0] != "":
				return 0, errors.New(list[0])
			}
			return n, nil
		}}},
		start: func() (int, func(bool), error) { return e.startWorker(program, ref, readerEnds, func() {}) },
		timed: true, grace: workerGrace,
		unreachable: func(err error) { e.Log.Warnf("table %s: %s: %s", ref, program, reason(err)) },
		broken: func(err error) {
			switch {
			case errors.Is(err, errEOF):
				e.Log.Warnf("table %s: %s has ended instead of answering", ref, program)
			default:
				e.Log.Warnf("table %s: %s: %s", ref, program, reason(err))
			}
		},
	}
}

// Close lets go of the tables in the list of domains, too.
func (t *drivenTable) Close() {
	t.remote.Close()
	t.domains.close()
}

// Get asks a worker.
func (t *drivenTable) Get(key string, f Flags, later func(Answer)) Answer {
	key, ok := t.key(key, f)
	if !ok || !t.asks(t.env.Log, t.typ, key, t.templates...) {
		return Answer{Status: NoKey}
	}
	return t.get(key, len(key), f, func(done func(Answer)) {
		t.inDomain(key, done, func() {
			t.askWorker(key, func(values []string) Answer {
				return t.joined(t.env.Log, t.typ, t.results, key, values)
			}, done)
		})
	}, later)
}

// askWorker has a worker look key up; found makes an answer of the values.
func (r *remote) askWorker(key string, found func(values []string) Answer, done func(Answer)) {
	r.server.submit(wire.AppendList(nil, "get", key), func(in []byte) verdict {
		return r.workerReply(in, found)
	}, func(a Answer, _ error) { done(a) })
}

// workerReply reads what a worker answers, and logs what it wants logged. found
// makes an answer of values.
func (r *remote) workerReply(in []byte, found func(values []string) Answer) verdict {
	n, status, lines, values, err := readWorker(in)
	if err != nil || n == 0 {
		return verdict{err: err}
	}
	a := Answer{Status: status}
	down := status == Retry // what it lives on is not there
	if status == workerRefused {
		a.Status = Retry
	}
	if !down || !r.server.breaker.open() {
		for _, line := range lines {
			r.env.Log.Warnf("%s", line)
		}
	}
	if a.Status == OK {
		a = found(values)
	}
	return verdict{n: n, answer: a, down: down}
}

// readWorker reads an answer of a worker: a status, lines for the log, and values.
// If n is 0, then more is needed.
func readWorker(in []byte) (n int, s Status, lines, values []string, err error) {
	n, list, err := wire.ReadList(in, maxDriven)
	if err != nil || n == 0 {
		return 0, 0, nil, nil, err
	}
	status, count := -1, -1
	if len(list) >= 2 {
		status, err = strconv.Atoi(list[0])
	}
	if err == nil && status >= 0 {
		count, err = strconv.Atoi(list[1])
	}
	known := []Status{OK, NoKey, Retry, Config, workerRefused}
	if err != nil || count < 0 || len(list) < 2+count || !slices.Contains(known, Status(status)) {
		return 0, 0, nil, nil, fmt.Errorf("unexpected answer: %.100q", list)
	}
	return n, Status(status), list[2 : 2+count], list[2+count:], nil
}
