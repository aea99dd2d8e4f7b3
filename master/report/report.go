// SPDX-License-Identifier: ISC

// Package report is what a master says about itself: the values, and their
// names in JSON.
//
// Everything that shows a master to somebody is made from one Report: the
// operator's command, and whatever counts or draws. Times that pass are seconds
// as numbers; moments are RFC 3339. Counters begin at 0 when the master starts,
// and never go back; those of a service begin when it is added, and go on
// through every reload.
//
// # Versions
//
// A reader has to put up with names that it does not know. Version grows when
// a name is taken away, or means something else than before.
package report

import (
	"strconv"
	"time"
)

// Version is that of the names and their meanings.
const Version = 1

// Report is a master at one moment.
type Report struct {
	Version  int       `json:"version"`
	Time     time.Time `json:"time"`
	Master   Master    `json:"master"`
	Loop     Loop      `json:"loop"`
	Services []Service `json:"services"` // in the order of the configuration
}

// Master is the process as a whole.
type Master struct {
	Pid        int       `json:"pid"`
	Started    time.Time `json:"started"`
	Version    string    `json:"version"`          // mail_version
	Config     string    `json:"config_directory"` // absolute
	Queue      string    `json:"queue_directory"`  // where it runs
	Rootless   bool      `json:"rootless"`
	Generation uint32    `json:"generation"` // of the youngest process: how many were started
	Processes  int       `json:"processes"`  // those of removed services included
	Leaving    int       `json:"leaving"`    // services that were removed, and have somebody left
	Stopping   bool      `json:"stopping"`
	LogLost    uint64    `json:"log_lines_lost"`
	Reload     *Reload   `json:"last_reload"` // null: none yet
	Reloads    uint64    `json:"reloads"`     // taken in
	Refused    uint64    `json:"reloads_refused"`
	CPU        Seconds   `json:"cpu_seconds"`          // processor time of the process,
	CPUEnded   Seconds   `json:"children_cpu_seconds"` // and of its child processes that have ended
	Metrics    string    `json:"metrics,omitempty"`    // where it answers HTTP: an address, or unix:PATH
}

// Reload is how one ended.
type Reload struct {
	Time   time.Time `json:"time"`
	OK     bool      `json:"ok"`
	Errors []Error   `json:"errors,omitempty"` // why it was refused
}

// Error is one thing that is wrong, with its place if it has one.
type Error struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	Text string `json:"text"`
}

// String is the error as the log has it.
func (e Error) String() string {
	switch {
	case e.File == "":
		return e.Text
	case e.Line == 0:
		return e.File + ": " + e.Text
	}
	return e.File + ", line " + strconv.Itoa(e.Line) + ": " + e.Text
}

// Loop is what all services share.
type Loop struct {
	Turns           uint64  `json:"turns"`
	Events          uint64  `json:"events"`
	LongestTurn     Seconds `json:"longest_turn_seconds"`     // the callbacks of one turn; 0: nobody measures
	LongestCallback Seconds `json:"longest_callback_seconds"` // of all turns
	LongestName     string  `json:"longest_callback"`
	Descriptors     int     `json:"descriptors"` // watched
	Connections     int     `json:"connections"`
	Timers          int     `json:"timers"`
	Children        int     `json:"children"`
}

// State is how a service is, in one word.
type State string

// The first of these that is true is the state.
const (
	Throttled State = "throttled" // no process is started for a while
	Paused    State = "paused"    // on the operator's word
	Short     State = "short"     // hosted: no process can be made; clients wait
	Full      State = "full"      // at its limit, and nobody idle
	Busy      State = "busy"      // somebody is served
	Idle      State = "idle"      // processes wait for clients
	Listening State = "listening" // there is no process, and none is needed
)

// Service is one service.
type Service struct {
	Name    string   `json:"name"` // as configured
	Type    string   `json:"type"`
	Key     string   `json:"key"`               // its name without ambiguity: port numbers, paths
	Command string   `json:"command"`           // as configured
	Hosted  bool     `json:"hosted"`            // in the master's own process
	Address []string `json:"address,omitempty"` // of an inet service
	File    string   `json:"file"`              // where it is configured
	Line    int      `json:"line"`

	State  State `json:"state"`
	Paused bool  `json:"paused"`

	Processes int    `json:"processes"`
	Idle      int    `json:"idle"` // of these, those that wait for a client
	Busy      int    `json:"busy"` // processes that are not idle, or clients of a hosted service
	Limit     int    `json:"limit"`
	Starts    uint64 `json:"starts"`
	Exits     Exits  `json:"exits"`
	Ready     Ready  `json:"ready"`

	Throttles uint64    `json:"throttles"`  // how often it was
	Throttle  *Throttle `json:"throttle"`   // null: it is not throttled
	Error     *Event    `json:"last_error"` // null: none yet

	Clients *Clients `json:"clients,omitempty"` // of a hosted service
}

// Exits counts the ends of processes.
type Exits struct {
	OK     uint64 `json:"ok"`     // status 0
	Failed uint64 `json:"failed"` // another status
	Signal uint64 `json:"signal"` // killed by one, master's own included
}

// Ready is how long a client that knocked had to wait when no process was idle: from
// the moment at which master saw it until a process said that it has it, which is the
// new one or another that was faster. For a hosted service it is the wait in the queue.
type Ready struct {
	Count uint64  `json:"count"`
	Sum   Seconds `json:"sum_seconds"`
	Max   Seconds `json:"max_seconds"`
	Last  Seconds `json:"last_seconds"`
}

// Throttle is why no process is started, and until when.
type Throttle struct {
	Reason string  `json:"reason"`
	Left   Seconds `json:"left_seconds"`
	Row    int     `json:"in_a_row"`
}

// Event is something that went wrong.
type Event struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
}

// Clients are those of a hosted service.
type Clients struct {
	Now       int     `json:"now"`    // being served
	Total     uint64  `json:"total"`  // that came, refused ones included
	Queued    int     `json:"queued"` // that wait for their turn
	QueueAge  Seconds `json:"queue_age_seconds"`
	Refusals  uint64  `json:"refused"`
	Connected bool    `json:"connections"` // clients stay connections; the limit is not theirs
}

// Seconds are a time that passes.
type Seconds float64

// In returns d in seconds.
func In(d time.Duration) Seconds { return Seconds(d.Seconds()) }

// Duration is the way back.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }
