// SPDX-License-Identifier: ISC

// Package handover is what one master leaves to the next, which has taken its
// place in the same process: the values, and their form as bytes.
//
// Descriptors are numbers and processes are numbers, because both stay what
// they were through execve(2). docs/upgrade.md says how it is used.
//
// # Versions
//
// A reader that does not know all of a state does not take it: what it passed
// over would be a client or a process that is lost. So a name that is not
// here is an error, like another version, and the one who has asked goes on as
// before. Version grows when a name is added, taken away, or changes its
// meaning.
package handover

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"postloop/cfg"
	"postloop/master/report"
)

// Version is that of the names and their meanings.
const Version = 1

// State is all of a master.
type State struct {
	Version int       `json:"version"`
	Program Program   `json:"program"`
	Config  Config    `json:"config"`
	Control *Control  `json:"control"` // null: there is none
	View    *View     `json:"view"`    // likewise
	Born    time.Time `json:"born"`

	Generation uint32         `json:"generation"`
	Flow       [2]int         `json:"flow"`
	Addrs      []netip.Addr   `json:"addrs"` // of inet services without a host
	Reloads    uint64         `json:"reloads"`
	Refused    uint64         `json:"refused"`
	LastReload *report.Reload `json:"last_reload"`

	Services []Service `json:"services"` // in the order of the configuration
	Leaving  []Service `json:"leaving"`
	Triggers []Trigger `json:"triggers"`
	Others   []int     `json:"others"` // children that serve nobody, and will end
}

// Program is what the process is beside its services.
type Program struct {
	Args     []string `json:"args"`    // command line
	Self     string   `json:"self"`    // where its executable is, and its successor is looked for
	Former   string   `json:"former"`  // the same of the program that leaves, should it come back
	Dir      string   `json:"dir"`     // where its fellow daemons are; empty: unknown
	Version  string   `json:"version"` // mail_version
	Queue    string   `json:"queue"`
	Data     string   `json:"data"`
	Rootless bool     `json:"rootless"`
	Locks    []Lock   `json:"locks"`
}

// Lock is a lock file.
type Lock struct {
	Path string `json:"path"`
	FD   int    `json:"fd"`
}

// Config is the configuration in force: its files, with their text.
type Config struct {
	Dir   string            `json:"dir"`
	Files map[string]string `json:"files"`
}

// SocketFile is a unix-domain socket of master's own.
type SocketFile struct {
	Path  string `json:"path"`
	FD    int    `json:"fd"`
	Dev   uint64 `json:"dev"` // of the file
	Inode uint64 `json:"inode"`
}

// View is where the status page and the metrics are. What it has of a SocketFile
// is the descriptor alone if it is a port.
type View struct {
	SocketFile
	At   cfg.Endpoint `json:"at"` // as configured
	Name string       `json:"name"`
}

// Control is the operators' socket, and those of them who are connected.
type Control struct {
	SocketFile
	Operators []int `json:"operators"`
	Asker     int   `json:"asker"` // the one that waits for the outcome; -1: nobody
}

// Service is one that is in service, or is leaving.
type Service struct {
	Spec      cfg.Service `json:"spec"`
	Name      string      `json:"name"` // that makes it the same service as another
	Path      string      `json:"path"` // of the executable
	Listeners []Listener  `json:"listeners"`
	Status    *Status     `json:"status"` // null: no process has needed one
	Children  []Child     `json:"children"`
	Commands  []Command   `json:"commands"`
	Waiting   []Guest     `json:"waiting"`

	Paused        bool           `json:"paused"`
	Throttle      *time.Duration `json:"throttle"` // what is left of it; null: none
	Throttles     int            `json:"throttles"`
	Haste         int            `json:"haste"`  // how many times in a row a program has ended soon
	Wakeup        *time.Duration `json:"wakeup"` // until the next one; null: there is no timer
	WakeupPending bool           `json:"wakeup_pending"`
	Stop          *time.Duration `json:"stop"`   // until the processes are killed; null: nobody waits for that
	Stress        time.Time      `json:"stress"` // when stress mode ends
	Record        *Record        `json:"record"` // null: nothing has happened
}

// Listener is one descriptor of an endpoint.
type Listener struct {
	FD   int            `json:"fd"`
	Addr netip.AddrPort `json:"addr"`
	Path string         `json:"path"`
}

// Status is a status channel.
type Status struct {
	Ours   int `json:"ours"`
	Theirs int `json:"theirs"`
	Bad    int `json:"bad"`
}

// Child is a process of a service.
type Child struct {
	Pid        int    `json:"pid"`
	Generation uint32 `json:"generation"`
	Idle       bool   `json:"idle"`
	Uses       int    `json:"uses"`

	// Of a program that has the listening sockets:
	Program   bool           `json:"program"`
	Born      time.Time      `json:"born"`
	Dismissed *time.Duration `json:"dismissed"` // until it is killed; null: it has not been asked to end
}

// Command is a process that serves a client of a hosted service.
type Command struct {
	Pid  int           `json:"pid"`
	Left time.Duration `json:"left"` // of its time
	From *Origin       `json:"from"` // who the client is; null: nobody counts it
}

// Origin is who a client is.
type Origin struct {
	Addr netip.Addr `json:"addr"` // not valid: a user
	UID  int        `json:"uid"`  // -1: the system did not say who
}

// Guest is a client that waits in a queue.
type Guest struct {
	FD     int           `json:"fd"`
	From   Origin        `json:"from"`
	Waited time.Duration `json:"waited"`
}

// Trigger is a connection that has woken a service up.
type Trigger struct {
	Service int           `json:"service"` // its place in Services
	FD      int           `json:"fd"`
	Far     int           `json:"far"` // or -1
	Sent    bool          `json:"sent"`
	Left    time.Duration `json:"left"`
}

// Record is what a service has been through: numbers, so that an event costs no
// memory.
type Record struct {
	Starts  uint64       `json:"starts"`
	Exits   report.Exits `json:"exits"`
	Clients uint64       `json:"clients"` // of a hosted service
	Refused uint64       `json:"refused"`

	Knocked   time.Duration `json:"knocked"` // when a process was started for a client, since master's own start; 0: no client waits for one
	Waits     uint64        `json:"waits"`   // of those who knocked for a new process, or waited in the queue
	Waited    time.Duration `json:"waited"`
	LongWaits time.Duration `json:"long_waits"`
	LastWait  time.Duration `json:"last_wait"`

	Throttles uint64 `json:"throttles"`

	Fault  Fault `json:"fault"`  // the last one
	Reason Fault `json:"reason"` // of the throttle
}

// Fault is something that went wrong.
type Fault struct {
	When int64     `json:"when"` // nanoseconds since 1970
	Pid  int32     `json:"pid"`
	Code int32     `json:"code"` // an exit status, a signal, an error number
	Kind FaultKind `json:"kind"`
}

// FaultKind is what went wrong.
type FaultKind uint8

const (
	NoFault FaultKind = iota // nothing did
	ExitFault
	SignalFault
	ExecFault
	ForkFault
)

// Encode returns s as bytes.
func (s *State) Encode() ([]byte, error) {
	s.Version = Version
	if err := s.check(); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// Decode is the reverse of Encode.
func Decode(text []byte) (*State, error) {
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if head.Version != Version {
		return nil, fmt.Errorf("state of version %d; this program knows version %d only", head.Version, Version)
	}
	s := &State{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return s, s.check()
}

// FDs lists the descriptors in s, each of which is there once.
func (s *State) FDs() []int {
	fds := []int{s.Flow[0], s.Flow[1]}
	for _, l := range s.Program.Locks {
		fds = append(fds, l.FD)
	}
	if c := s.Control; c != nil {
		fds = append(append(fds, c.FD), c.Operators...)
	}
	if s.View != nil {
		fds = append(fds, s.View.FD)
	}
	for _, list := range [][]Service{s.Services, s.Leaving} {
		for i := range list {
			fds = list[i].appendFDs(fds)
		}
	}
	for _, t := range s.Triggers {
		fds = append(fds, t.FD)
		if t.Far >= 0 {
			fds = append(fds, t.Far)
		}
	}
	return fds
}

func (v *Service) appendFDs(fds []int) []int {
	for _, l := range v.Listeners {
		fds = append(fds, l.FD)
	}
	if v.Status != nil {
		fds = append(fds, v.Status.Ours, v.Status.Theirs)
	}
	for _, g := range v.Waiting {
		fds = append(fds, g.FD)
	}
	return fds
}

// check refuses what cannot be the state of a process.
func (s *State) check() error {
	seen := map[int]bool{}
	for _, fd := range s.FDs() {
		if fd < 3 || seen[fd] {
			return fmt.Errorf("state: descriptor %d is not one of its own", fd)
		}
		seen[fd] = true
	}
	pids := map[int]bool{}
	names := map[string]bool{}
	pid := func(n int) bool {
		ok := n > 1 && !pids[n]
		pids[n] = true
		return ok
	}
	for _, n := range s.Others {
		if !pid(n) {
			return fmt.Errorf("state: process %d is not one of its own", n)
		}
	}
	for i, v := range append(append([]Service(nil), s.Services...), s.Leaving...) {
		if v.Spec.Type < cfg.Inet || v.Spec.Type > cfg.UnixDgram {
			return fmt.Errorf("state: service %s is of no known type", v.Name)
		}
		id := v.Name + "/" + v.Spec.Type.String()
		if i < len(s.Services) && names[id] {
			return fmt.Errorf("state: service %s is there twice", id)
		}
		names[id] = true
		for _, c := range v.Children {
			if !pid(c.Pid) {
				return fmt.Errorf("state: process %d is not one of its own", c.Pid)
			}
		}
		for _, c := range v.Commands {
			if !pid(c.Pid) {
				return fmt.Errorf("state: process %d is not one of its own", c.Pid)
			}
		}
	}
	for _, t := range s.Triggers {
		if t.Service < 0 || t.Service >= len(s.Services) {
			return errors.New("state: a wakeup of no service")
		}
	}
	if c := s.Control; c != nil && (c.Asker < -1 || c.Asker >= len(c.Operators)) {
		return errors.New("state: an operator who is not there")
	}
	return nil
}
