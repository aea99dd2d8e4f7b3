// SPDX-License-Identifier: ISC

package proxymap

import (
	"slices"
	"strings"
	"testing"

	"postloop/services/attr"
	"postloop/services/table"
)

// exchange is a request as Postfix's programs sent it, and the answer that
// Postfix's proxymap gave: what is between the bars is a text each.
type exchange struct {
	name            string
	request, answer string
	write           bool
	own             table.Flags
	values          map[string]table.Answer
}

// bytesOf turns a|b||, as it is easier to read, into bytes.
func bytesOf(text string) string { return strings.ReplaceAll(text, "|", "\x00") }

const (
	hashRef  = "hash:/etc/pfx/tables/hash"
	textRef  = "texthash:/etc/pfx/tables/texthash"
	btreeRef = "btree:/etc/pfx/data/verify"
)

// exchanges are of Postfix 3.7.11 (A) and 3.12-20260821 (B).
var exchanges = []exchange{
	{name: "A1 A2", request: "request|open|table|hash:/etc/pfx/tables/hash|flags|0||", answer: "status|0|flags|24||", own: table.Fixed | table.Try1Null},
	{
		name:    "A3 A4",
		request: "request|lookup|table|hash:/etc/pfx/tables/hash|flags|524353|key|alice@example.com||", answer: "status|0|value|bob@example.net||",
		values: map[string]table.Answer{"alice@example.com": {Value: "bob@example.net"}},
	},
	{name: "A5", request: "request|lookup|table|hash:/etc/pfx/tables/hash|flags|524353|key|none||", answer: "status|1|value|||"},
	{
		name:    "A6",
		request: "request|lookup|table|hash:/etc/pfx/tables/hash|flags|524353|key|k||", answer: "status|2|value|||",
		values: map[string]table.Answer{"k": {Value: "not to be seen", Status: table.Retry}},
	},
	{name: "A7", request: "request|lookup|table|hash:/etc/pfx/tables/hash|flags|x|key|k||", answer: "status|3|value|||"},
	{name: "A8", request: "request|lookup|table|hash:/somewhere/else|flags|524353|key|k||", answer: "status|4|value|||"},
	{
		name:    "A9",
		request: "request|lookup|table|hash:/etc/pfx/tables/hash|flags|524353|key|k||", answer: "status|5|value|||",
		values: map[string]table.Answer{"k": {Status: table.Config}},
	},
	{name: "A10", request: "request|open|table|hash:/somewhere/else|flags|0||", answer: "status|4|flags|0||"},
	{name: "A11", request: "request|open|table|hash|flags|0||", answer: "status|3|flags|0||"},
	{name: "A12", request: "request|nonsense|table|hash:/etc/pfx/tables/hash||", answer: "status|3||"},
	{
		name: "A13 A14", write: true,
		request: "request|update|table|btree:/etc/pfx/data/verify|flags|590208|key|x@y.z|value|3:1795228639:0:Address verification in progress||",
		answer:  "status|0||",
	},
	{name: "A15 A16", write: true, request: "request|delete|table|btree:/etc/pfx/data/verify|flags|524353|key|nokey||", answer: "status|1||"},
	{
		name: "A17 A18", write: true,
		request: "request|sequence|table|btree:/etc/pfx/data/verify|flags|590208|function|0||", answer: "status|0|key|dup|value|v1||",
		values: map[string]table.Answer{"dup": {Value: "v1"}},
	},
	{
		name: "A19", write: true, values: map[string]table.Answer{},
		request: "request|sequence|table|btree:/etc/pfx/data/verify|flags|590208|function|1||", answer: "status|1|key||value|||",
	},
	{name: "B1 B2", request: "request|open|table|texthash:/etc/pfx/tables/texthash|instance_flags|540737||", answer: "status|0|flags|1589329||", own: table.Fixed},
	{
		name:    "B3 B4",
		request: "request|lookup|table|texthash:/etc/pfx/tables/texthash|instance_flags|540737|flags|1589329|key|UPPER||",
		answer:  "status|0|flags|1589329|value|upperv||",
		values:  map[string]table.Answer{"UPPER": {Value: "upperv"}}, // that it folds is the table's business
	},
	{
		name:    "B5",
		request: "request|lookup|table|texthash:/etc/pfx/tables/texthash|instance_flags|540737|flags|1589329|key|none||",
		answer:  "status|1|flags|1589329|value|||",
	},
	{
		name:    "B6",
		request: "request|lookup|table|texthash:/etc/pfx/tables/texthash|instance_flags|540737|flags|1589345|key|k||",
		answer:  "status|2|flags|1589345|value|||",
		own:     table.Pattern, values: map[string]table.Answer{"k": {Status: table.Retry}},
	},
	{name: "B7 denied", request: "request|lookup|table|hash:/elsewhere|instance_flags|540737|flags|1589345|key|k||", answer: "status|4|flags|0|value|||"},
	{name: "B7 bad", request: "request|lookup|table|hash:/elsewhere|instance_flags|540737|flags|x|key|k||", answer: "status|3|flags|0|value|||"},
	{
		name: "B8 B9", write: true,
		request: "request|update|table|btree:/etc/pfx/data/verify|instance_flags|590208|flags|1638800|key|x@y.z|value|3:1795229342:0:Address verification in progress||",
		answer:  "status|0|flags|1638800||",
	},
	{
		name: "B delete", write: true,
		request: "request|delete|table|btree:/etc/pfx/data/verify|instance_flags|590208|flags|1638800|key|nokey||", answer: "status|1|flags|1638800||",
	},
	{
		name: "B10", write: true,
		request: "request|sequence|table|btree:/etc/pfx/data/verify|instance_flags|590208|flags|1638800|function|0||",
		answer:  "status|0|flags|1638800|key|a|value|1||",
		values:  map[string]table.Answer{"a": {Value: "1"}},
	},
	{
		name: "B11", write: true,
		request: "request|sequence|table|btree:/etc/pfx/data/verify|instance_flags|16|flags|16|function|0||",
		answer:  "status|0|flags|16|key|a|value|1||",
		values:  map[string]table.Answer{"a": {Value: "1"}},
	},
	{
		name: "B12", write: true, values: map[string]table.Answer{},
		request: "request|sequence|table|btree:/etc/pfx/data/verify|instance_flags|590208|flags|1638800|function|1||",
		answer:  "status|1|flags|1638800|key||value|||",
	},
	{name: "B denied open", request: "request|open|table|hash:/elsewhere|instance_flags|540736||", answer: "status|4|flags|0||"},
	{name: "update without a right to", request: "request|update|table|hash:/elsewhere|flags|0|key|k|value|v||", answer: "status|4||"},
	{name: "delete without a right to", request: "request|delete|table|hash:/elsewhere|instance_flags|0|flags|0|key|k||", answer: "status|4|flags|0||"},
	{name: "extra attribute", request: "request|lookup|table|hash:/etc/pfx/tables/hash|flags|0|key|a|more|x||", answer: "status|0|value|1||"},
	{name: "third function", write: true, request: "request|sequence|table|btree:/etc/pfx/data/verify|flags|0|function|2||", answer: "status|3|key||value|||"},
	{name: "proxy before it", request: "request|lookup|table|proxy:proxy:hash:/etc/pfx/tables/hash|flags|0|key|a||", answer: "status|0|value|1||"},
	{name: "no key", request: "request|lookup|table|hash:/etc/pfx/tables/hash|flags|0||", answer: "status|3|value|||"},
	{name: "an empty key", request: "request|lookup|table|hash:/etc/pfx/tables/hash|flags|0|key|||", answer: "status|0|value|empty||", values: map[string]table.Answer{"": {Value: "empty"}}},
	{name: "no request", request: "table|hash:/etc/pfx/tables/hash||"},
	{name: "nothing", request: "|"},
}

// stageFor makes a service for an exchange.
func stageFor(t testing.TB, e *exchange) *stage {
	c := Config{UTF8: true}
	if e.write {
		c.Mode = table.ReadWrite
	}
	s := newStage(t, c)
	s.allow(hashRef, textRef, btreeRef)
	s.make = func(f *fake) (table.Table, error) {
		if e.own != 0 {
			f.own = e.own
		}
		if e.values != nil {
			f.values = e.values
			f.keys = nil
			for key := range e.values {
				f.keys = append(f.keys, key)
			}
		}
		if e.write {
			return writable{f}, nil
		}
		return f, nil
	}
	return s
}

// TestExchanges: what Postfix's programs ask is answered as Postfix's proxymap
// does, byte by byte, and the connection is good for more.
func TestExchanges(t *testing.T) {
	for _, e := range exchanges {
		t.Run(e.name, func(t *testing.T) {
			s := stageFor(t, &e)
			k := s.dial()
			for range 2 {
				if got := k.ask(bytesOf(e.request)); got != bytesOf(e.answer) {
					t.Errorf("got  %q\nwant %q", got, bytesOf(e.answer))
				}
			}
		})
	}
}

// TestCutAnywhere: it does not matter in what pieces requests come, and if they
// come all at once.
func TestCutAnywhere(t *testing.T) {
	for _, e := range exchanges {
		s := stageFor(t, &e)
		k := s.dial()
		in, want := bytesOf(e.request), bytesOf(e.answer)
		for cut := 1; cut < len(in); cut++ {
			if got := k.ask(in[:cut]); got != "" {
				t.Errorf("%s, cut at %d: got %q", e.name, cut, got)
			}
			if got := k.ask(in[cut:]); got != want {
				t.Errorf("%s, cut at %d: got %q, want %q", e.name, cut, got, want)
			}
		}
		if got := k.ask(strings.Repeat(in, 3)); got != strings.Repeat(want, 3) {
			t.Errorf("%s three times: got %q", e.name, got)
		}
	}
}

// TestComplaints: what is wrong with a request is in the log.
func TestComplaints(t *testing.T) {
	for _, c := range []struct{ request, complaint string }{
		{"table|x||", "unexpected attribute table from proxymap socket (expecting: request)"},
		{"|", "missing attribute request in input from proxymap socket"},
		{"request|lookup|table|x:y|flags|0||", "missing attribute key in input from proxymap socket"},
		{"request|lookup|table|x:y|instance_flags|0||", "missing attribute flags in input from proxymap socket"},
		{"request|lookup|table|x:y||", "missing attribute flags in input from proxymap socket"},
		{"request|lookup|flags|0|table|x:y|key|k||", "unexpected attribute flags from proxymap socket (expecting: table)"},
		{"request|lookup|table|x:y|flags|64 |key|k||", "malformed numerical data from proxymap socket while reading input attribute value: 64 "},
		{"request|lookup|table|x:y|flags|64|key|k|more|||", "unexpected attribute more from proxymap socket (expecting: (list terminator))"},
		{"request|nonsense||", `unrecognized request: "nonsense", ignored`},
		{"request|sequence|table|x:y|flags|0|function|2||", ""},
		{"request|open|table|x|flags|0||", ""},
	} {
		list, _, err := attr.Scan([]byte(bytesOf(c.request)))
		must(t, err)
		if _, _, got := parse(list, false, "proxymap socket"); got != c.complaint {
			t.Errorf("%s: got %q, want %q", c.request, got, c.complaint)
		}
	}
}

func TestParseNumber(t *testing.T) {
	for text, want := range map[string]uint32{
		"0": 0, "64": 64, " 64": 64, "\t\n 64": 64, "+64": 64, "4294967295": 1<<32 - 1, "4294967296": 0, "-4294967295": 1,
		"-1": 1<<32 - 1, "99999999999": 1215752191, "18446744073709551615": 1<<32 - 1, "18446744073709551616": 1<<32 - 1, "-18446744073709551616": 1<<32 - 1,
	} {
		if got, ok := parseNumber(text); !ok || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", " ", "+", "-", "64 ", "0x40", "x", "6 4", "--1", "1.0"} {
		if got, ok := parseNumber(text); ok {
			t.Errorf("%q: got %d", text, got)
		}
	}
}

// TestLarge: keys and values know no limit that matters.
func TestLarge(t *testing.T) {
	s := newStage(t, Config{})
	s.allow("fake:x")
	big := strings.Repeat("0123456789", 10_000)
	s.make = func(f *fake) (table.Table, error) {
		f.values = map[string]table.Answer{big: {Value: big + big}}
		return f, nil
	}
	k := s.dial()
	for _, request := range []string{list("request=lookup", "table=fake:x", "flags=0", "key="+big), list("request=lookup", "table=fake:x", "instance_flags=0", "flags=0", "key="+big)} {
		k.send(request + request)
		var got strings.Builder
		for range 100 {
			s.turns(1)
			got.WriteString(k.got())
		}
		if n := strings.Count(got.String(), "value\x00"+big+big+"\x00\x00"); n != 2 {
			t.Errorf("%d answers of two, %d bytes", n, got.Len())
		}
	}
}

// TestTooLarge: what never ends does not go on for ever.
func TestTooLarge(t *testing.T) {
	s := newStage(t, Config{})
	k, other := s.dial(), s.dial()
	piece := strings.Repeat("x", 1<<20)
	for range maxRequest >> 20 {
		k.send(piece)
	}
	s.turns(200)
	if got := k.got(); got != "EOF" {
		t.Errorf("got %q", got)
	}
	s.saw("request from proxymap socket is longer than 4194304 bytes")
	if got := other.ask(list("request=nonsense")); got != list("status=3") {
		t.Errorf("another client got %q", got)
	}
}

// FuzzRequests: whatever comes, in whatever pieces, gets the same answers.
func FuzzRequests(f *testing.F) {
	for _, e := range exchanges {
		f.Add([]byte(bytesOf(e.request)), uint(7), e.write)
	}
	f.Add([]byte(bytesOf("request|open|table|fake:x|flags|0||request|lookup|table|fake:x|instance_flags|0|flags|1048576|key|\xff||")), uint(20), false)
	f.Fuzz(func(t *testing.T, in []byte, cut uint, write bool) {
		if len(in) > 16<<10 {
			return
		}
		run := func(pieces ...[]byte) []string {
			s := stageFor(t, &exchange{write: write})
			s.allow("fake:x")
			k := s.dial()
			var got strings.Builder
			for _, p := range pieces {
				if len(p) > 0 {
					k.send(string(p))
				}
				s.turns(1)
				got.WriteString(k.got())
			}
			return []string{got.String(), s.logged()}
		}
		whole := run(in)
		at := int(cut % uint(len(in)+1))
		if got := run(in[:at], in[at:]); got[0] != whole[0] {
			t.Fatalf("cut at %d:\n%q\nwhole:\n%q", at, got, whole)
		}
		answers := []byte(strings.TrimSuffix(whole[0], "EOF"))
		for len(answers) > 0 {
			list, used, err := attr.Scan(answers)
			if err != nil || used == 0 || !slices.Contains([]string{"0", "1", "2", "3", "4", "5"}, list[0].Value) {
				t.Fatalf("the answer %q", answers)
			}
			answers = answers[used:]
		}
	})
}
