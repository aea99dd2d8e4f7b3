// SPDX-License-Identifier: ISC

package worker_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"postloop/services/table/wire"
	"postloop/services/table/worker"
)

// echo answers with what it was told.
type echo struct{ s *worker.Settings }

func (e echo) Close() {}

func (e echo) Lookup(_ context.Context, key string) ([]string, error) {
	switch key {
	case "none":
		return nil, nil
	case "odd":
		e.s.Warnf("%s is odd", key)
		return []string{e.s.String("name"), ""}, nil
	case "bad":
		return nil, errors.New("not now")
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
