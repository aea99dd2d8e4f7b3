// SPDX-License-Identifier: ISC

package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"postloop/services/table/wire"
	"postloop/services/table/worker"
)

// echo answers with what it was told.
type echo struct{ s *worker.Settings }

func (e echo) Close() {}

func (e echo) Lookup(ctx context.Context, key string) ([]string, error) {
	switch key {
	case "none":
		return nil, nil
	case "odd":
		e.s.Warnf("%s is odd", key)
		return []string{e.s.String("name"), ""}, nil
	case "bad":
		return nil, errors.New("not now")
	case "poison":
		return nil, fmt.Errorf("table: %w", worker.Refused{Err: errors.New("not this one")})
	case "slow": // the server has given up, because the time was over
		<-ctx.Done()
		return nil, worker.Refused{Err: ctx.Err()}
	case "wrong":
		return nil, worker.ConfigError{Err: errors.New("never")}
	}
	return []string{key}, nil
}

func openEcho(s *worker.Settings) (worker.Table, error) {
	if !s.Bool("fine") || s.Int("number") != 7 {
		return nil, errors.New("not fine")
	}
	return echo{s}, nil
}

// notes is a table that can be written, of one entry.
type notes struct {
	echo
	key, value string
}

func (n *notes) Start(context.Context) error { return nil }

func (n *notes) Find(_ context.Context, key string, f worker.Forms) (string, bool, error) {
	return fmt.Sprint(n.value, f.Null, f.Plain), n.key == key, nil
}

func (n *notes) Put(_ context.Context, key, value string, f worker.Forms, d worker.Dup) (bool, error) {
	if n.key == key && d != worker.Replace {
		n.s.Warnf("%s: %s", d, key)
		return false, nil
	}
	n.key, n.value = key, value
	return true, nil
}

func (n *notes) Delete(_ context.Context, key string, _ worker.Forms) (bool, error) {
	there := n.key == key
	n.key = ""
	return there, nil
}

func (n *notes) Next(_ context.Context, first bool, last string) (key, value string, found bool, err error) {
	if first || last < n.key {
		return n.key, n.value, true, nil
	}
	return "", "", false, errors.New("not now")
}

func TestServeWriter(t *testing.T) {
	p := &pipe{in: strings.NewReader(string(wire.AppendList(nil)) +
		request("open") + request("get", "k", "null") + request("put", "k", "v", "", "replace") + request("put", "k", "w", "", "warn") +
		request("get", "k", "") + request("get", "k", "null plain odd") + request("get", "k") + request("first") + request("next", "a") + request("next", "k") +
		request("delete", "k", "") + request("delete", "k", "") + request("put", "k") + request("next") + request("open", "x") + request())}
	if err := worker.Serve(p, func(s *worker.Settings) (worker.Table, error) { return &notes{echo: echo{s}}, nil }); err != nil {
		t.Fatal(err)
	}
	var got []string
	for out := p.out.Bytes(); len(out) > 0; {
		n, list, err := wire.ReadList(out, 1<<20)
		if n == 0 || err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		got = append(got, strings.Join(list, "|"))
		out = out[n:]
	}
	want := []string{
		"", "0|0", "1|0", "0|0", "1|1|warn: k", "0|0|vfalse false", "0|0|vtrue true", "0|0|k", "0|0|k|v", "0|0|k|v", "2|1|not now",
		"0|0", "1|0", `5|1|unsupported request: ["put" "k"]`, `5|1|unsupported request: ["next"]`, `5|1|unsupported request: ["open" "x"]`, `5|1|unsupported request: [""]`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestWritten: which forms of a key are tried, in which order, and which is written.
func TestWritten(t *testing.T) {
	null, plain := worker.Forms{Null: true}, worker.Forms{Plain: true}
	both := worker.Forms{Null: true, Plain: true}
	for _, row := range []struct {
		table, found, asked worker.Forms
		has                 string // what there is
		tried, written      string
		after               worker.Forms
	}{
		{both, worker.Forms{}, worker.Forms{}, "", "k0 k", "k0", worker.Forms{}},
		{both, worker.Forms{}, worker.Forms{}, "k", "k0 k", "k0", plain},
		{both, worker.Forms{}, both, "k0", "k0", "k0", null},
		{both, plain, worker.Forms{}, "", "k", "k", plain},
		{both, plain, null, "", "k0", "k0", plain},
		{both, null, plain, "k", "k", "k", plain},
		{null, worker.Forms{}, worker.Forms{}, "", "k0", "k0", worker.Forms{}},
		{plain, worker.Forms{}, worker.Forms{}, "", "k", "k", worker.Forms{}},
	} {
		w := worker.Written{Table: row.table, Found: row.found}
		k, v, _ := w.Entry("k", "v", row.asked)
		spell := strings.NewReplacer("\x00", "0")
		if got := spell.Replace(string(k)); got != row.written || spell.Replace(string(v)) != strings.Replace(got, "k", "v", 1) {
			t.Errorf("%+v: written as %q, %q", row, k, v)
		}
		var tried []string
		found, err := w.Either("k", row.asked, func(key []byte) (bool, error) {
			tried = append(tried, spell.Replace(string(key)))
			return tried[len(tried)-1] == row.has, nil
		})
		if err != nil || found != (row.has != "") || strings.Join(tried, " ") != row.tried || w.Found != row.after {
			t.Errorf("%+v: tried %q, found %v, %+v", row, tried, found, w.Found)
		}
	}
}

// pipe has one end of a socket: what comes, and what has gone.
type pipe struct {
	in  *strings.Reader
	out bytes.Buffer
}

func (p *pipe) Read(b []byte) (int, error)  { return p.in.Read(b[:min(len(b), 3)]) }
func (p *pipe) Write(b []byte) (int, error) { return p.out.Write(b) }

// request is one with ten seconds left.
func request(list ...string) string {
	return string(wire.AppendList(wire.AppendDeadline(nil, 10000), list...))
}

// serve returns what a worker says.
func serve(t *testing.T, in string) (lists [][]string, err error) {
	t.Helper()
	p := &pipe{in: strings.NewReader(in)}
	err = worker.Serve(p, openEcho)
	for out := p.out.Bytes(); len(out) > 0; {
		n, list, err := wire.ReadList(out, 1<<20)
		if n == 0 || err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		lists = append(lists, list)
		out = out[n:]
	}
	return lists, err
}

func TestServe(t *testing.T) {
	fine := string(wire.AppendList(nil, "fine", "yes", "number", "7", "name", "table"))
	for _, row := range []struct {
		in   string
		want [][]string
	}{
		{"", nil},
		{string(wire.AppendList(nil, "fine", "no")), [][]string{{"not fine"}}},
		{fine, [][]string{{""}}},
		{fine + request("get", "k\x00"), [][]string{{""}, {"0", "0", "k\x00"}}},
		{fine + request("get", "odd") + request("get", "k"), [][]string{{""}, {"0", "1", "odd is odd", "table", ""}, {"0", "0", "k"}}},
		{fine + request("get", "none") + request("get", "bad") + request("get", "wrong"), [][]string{{""}, {"1", "0"}, {"2", "1", "not now"}, {"5", "1", "never"}}},
		{fine + request("get", "poison"), [][]string{{""}, {"102", "1", "table: not this one"}}},
		{fine + string(wire.AppendList(wire.AppendDeadline(nil, 0), "get", "slow")), [][]string{{""}, {"2", "1", "context deadline exceeded"}}},
		{fine + request("get"), [][]string{{""}, {"5", "1", `unsupported request: ["get"]`}}},
		{fine + request("put", "k", "v"), [][]string{{""}, {"5", "1", `unsupported request: ["put" "k" "v"]`}}},
		{fine + request("get", "k")[:10], [][]string{{""}}},
	} {
		lists, err := serve(t, row.in)
		if err != nil || !slices.EqualFunc(lists, row.want, slices.Equal[[]string]) {
			t.Errorf("%q: got %q, %v, want %q", row.in, lists, err, row.want)
		}
	}
	if _, err := serve(t, fine+"\x00\x00\x00\x01\xff\xff\xff\xff"); err == nil || !strings.Contains(err.Error(), "a message of 4294967295 bytes") {
		t.Errorf("a request without bounds: %v", err)
	}
}
