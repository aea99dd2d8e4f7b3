// SPDX-License-Identifier: ISC

package table

import (
	"time"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"
)

// Status says how a request ended. The numbers are those of the proxymap
// protocol.
type Status int

const (
	OK     Status = 0 // found, or done
	NoKey  Status = 1 // not found; nothing to be done; the end of the table
	Retry  Status = 2 // not now
	Config Status = 5 // not before somebody has changed the configuration

	// Later is no status yet: it comes in a later turn.
	Later Status = -1
)

// Answer is what a table has to say to a key. Value is empty unless Status is
// OK, and may be empty then.
type Answer struct {
	Value  string
	Status Status
}

// Table answers questions.
type Table interface {
	// Flags are the properties of the table itself: Fixed or Pattern, and
	// whatever else there is of Try0Null, Try1Null and MultiWriter.
	Flags() Flags

	// Get returns the value of key, which is not folded yet: see Fold. f are
	// the wishes of this request. If the answer's status is Later, then later
	// is called with it, once, in another turn, unless the table is closed
	// before; otherwise it is not called.
	Get(key string, f Flags, later func(Answer)) Answer

	// Close lets go of everything. Answers that are due are not given.
	Close()
}

// Writer is a Table that can be changed. later is as for Get.
type Writer interface {
	Table
	// Put sets the value of key. Whether an old one is replaced is for f to
	// say: DupReplace, DupIgnore, DupWarn.
	Put(key, value string, f Flags, later func(Status)) Status
	// Delete removes key. NoKey says that it was not there.
	Delete(key string, f Flags, later func(Status)) Status
}

// Pair is a key with its value.
type Pair struct{ Key, Value string }

// Walker is a Table whose keys can be asked for one after the other.
type Walker interface {
	Table
	// Next returns the first pair of the table, or the one behind that which
	// was returned last, which may have been deleted meanwhile. NoKey is the
	// end. later is as for Get.
	Next(first bool, f Flags, later func(Pair, Status)) (Pair, Status)
}

// Changer is a Table that lives off files. It is opened anew when they have
// changed; until that has succeeded the old one answers.
type Changer interface {
	// Changed looks, at the cost of a system call per file, whether what was
	// opened is still what the files hold.
	Changed() bool
}

// Mode is for what a table is opened.
type Mode int

const (
	ReadOnly  Mode = iota
	ReadWrite      // and made, if it is not there
)

// Env is what tables live on.
type Env struct {
	Loop *loop.Loop
	Log  *maillog.Logger
	Main *cfg.Main // with the -o options applied
	// Environ is what environ: tables answer from, and what they change. nil is
	// the environment of this process.
	Environ map[string]string
	// User and Group answer for unix: tables: the line of passwd or group, as
	// getent(1) prints it. later is as for Get.
	User, Group func(name string, later func(Answer)) Answer
	// Host answers with the addresses of a host, in the order in which they
	// should be tried, with blanks between them; NoKey says that there is no
	// such host, Retry that nobody knows now. later is as for Get. Without it
	// nothing but addresses and localhost is known.
	Host func(name string, later func(Answer)) Answer
	// Workers is the directory with the programs that do the work of some tables,
	// table-mysql and its like; empty: there is none.
	Workers string
	// WorkersUser is who they run as; nil: whoever we are. WorkersRlimits are those
	// of their limits that differ from ours, where loops can do that.
	WorkersUser    *loop.User
	WorkersRlimits []loop.Rlimit
	// Limits returns those of the table called ref; nil: DefaultLimits are
	// everybody's.
	Limits func(ref string) Limits

	servers map[string]*server // that tables which are open have
}

// Limits say how much of its servers a table may use, and for how long.
type Limits struct {
	Connections int           // at once: to a server, or processes that have one each
	Queue       int           // requests that wait for an answer
	Deadline    time.Duration // for an answer, after which it is Retry; a table's settings may make it less

	// After so many Failures in a row (0: never) a server is left alone for
	// Backoff, and for twice as long whenever it does not answer then, up to
	// MaxBackoff. Meanwhile everybody is answered Retry.
	Failures            int
	Backoff, MaxBackoff time.Duration
}

// DefaultLimits are those of tables for which there are no others.
var DefaultLimits = Limits{
	Connections: 4, Queue: 4096, Deadline: 30 * time.Second,
	Failures: 5, Backoff: time.Second, MaxBackoff: time.Minute,
}

// limits are those of the table called ref.
func (e *Env) limits(ref string) Limits {
	if e.Limits == nil {
		return DefaultLimits
	}
	return e.Limits(ref)
}

// Opener opens the table called name of one type.
type Opener func(e *Env, name string, m Mode, f Flags) (Table, error)
