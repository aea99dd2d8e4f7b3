// SPDX-License-Identifier: ISC

package handover

import (
	"bytes"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"postloop/cfg"
)

// full has something of everything.
func full() *State {
	d, born := 3*time.Second, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	return &State{
		Version: Version,
		Program: Program{Args: []string{"master", "-d"}, Self: "/sbin/master", Former: "/usr/sbin/master", Dir: "/sbin", Queue: "/q", Data: "/d", Locks: []Lock{{"pid/master.pid", 10}}},
		Config:  Config{Dir: "/etc", Files: map[string]string{"main.cf": "a = b\n", "master.cf": ""}},
		Control: &Control{SocketFile: SocketFile{"control", 11, 1, 2}, Operators: []int{12, 13}, Asker: 1},
		View:    &View{SocketFile: SocketFile{"metrics", 22, 1, 3}, At: cfg.Endpoint{Path: "metrics"}, Name: "unix:metrics"},
		Born:    born, Generation: 7, Flow: [2]int{14, 15},
		Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
		Services: []Service{{
			Spec: cfg.Service{Name: "smtp", Type: cfg.Inet, Limit: 3, Args: []string{"-o", "x=y"}}, Name: "25", Path: "/sbin/smtpd",
			Listeners: []Listener{{FD: 16, Addr: netip.MustParseAddrPort("127.0.0.1:25")}},
			Status:    &Status{17, 18, 1},
			Children:  []Child{{Pid: 100, Generation: 6, Idle: true, Uses: 2}, {Pid: 99, Program: true, Born: born, Dismissed: &d}},
			Commands:  []Command{{Pid: 101, Left: d, From: &Origin{Addr: netip.MustParseAddr("::1")}}, {Pid: 102}},
			Waiting:   []Guest{{FD: 19, From: Origin{UID: -1}, Waited: d}},
			Paused:    true, Throttle: &d, Haste: 4, Wakeup: &d, Record: &Record{Starts: 9, Fault: Fault{When: 1, Pid: 2, Code: 3, Kind: 4}},
		}},
		Leaving:  []Service{{Spec: cfg.Service{Name: "old", Type: cfg.Unix}, Name: "private/old", Children: []Child{{Pid: 103}}, Stop: &d}},
		Triggers: []Trigger{{Service: 0, FD: 20, Far: 21, Sent: true, Left: d}},
		Others:   []int{104},
	}
}

// TestThereAndBack: what is written is what is read.
func TestThereAndBack(t *testing.T) {
	want := full()
	text, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if fds := got.FDs(); len(fds) != 13 {
		t.Errorf("descriptors %v", fds)
	}
}

// TestRefused: a state that is not wholly understood, or that no process can
// have, is not taken.
func TestRefused(t *testing.T) {
	text, err := full().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, now, want string }{
		{"another version", `"version":1`, `"version":2`, "state of version 2; this program knows version 1 only"},
		{"no version", `"version":1`, `"version":null`, "state of version 0"},
		{"an unknown name", `"idle":true`, `"idle":true,"tired":true`, `unknown field "tired"`},
		{"one descriptor twice", `"fd":19`, `"fd":16`, "descriptor 16 is not one of its own"},
		{"a standard descriptor", `"fd":19`, `"fd":2`, "descriptor 2 is not one of its own"},
		{"one process twice", `"pid":101`, `"pid":100`, "process 100 is not one of its own"},
		{"the process of all", `"pid":101`, `"pid":1`, "process 1 is not one of its own"},
		{"no type", `"Type":1`, `"Type":0`, "no known type"},
		{"no such type", `"Type":1`, `"Type":9`, "no known type"},
		{"a wakeup of nobody", `"service":0`, `"service":1`, "a wakeup of no service"},
		{"nobody asks", `"asker":1`, `"asker":2`, "an operator who is not there"},
		{"half of it", string(text[len(text)/2:]), ``, "state: "},
	} {
		changed := strings.Replace(string(text), c.old, c.now, 1)
		if changed == string(text) {
			t.Fatalf("%s: nothing has changed", c.name)
		}
		if _, err := Decode([]byte(changed)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// FuzzDecode: whatever is taken can be written again, and is the same then.
func FuzzDecode(f *testing.F) {
	text, err := full().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`{"version":1,"flow":[3,4],"services":[{"spec":{"Type":1}}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := Decode(in)
		if err != nil {
			return
		}
		one, err := s.Encode()
		if err != nil {
			t.Skip() // a time beyond JSON's years
		}
		again, err := Decode(one)
		if err != nil {
			t.Fatalf("%q became %q: %v", in, one, err)
		}
		if two, err := again.Encode(); err != nil || !bytes.Equal(one, two) {
			t.Errorf("%q became %q: %v", one, two, err)
		}
	})
}
