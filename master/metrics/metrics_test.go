// SPDX-License-Identifier: ISC

package metrics

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/master/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func sampleReport() *report.Report {
	at := time.UnixMilli(1767312245500)
	return &report.Report{
		Version: report.Version, Time: at,
		Master: report.Master{
			Pid: 1, Started: at.Add(-time.Hour), Version: `3.12 "x"`, Rootless: true, Generation: 9, Processes: 3, Leaving: 1, LogLost: 2, CPU: 1.5, CPUEnded: 60.25,
			Reload: &report.Reload{Time: at}, Reloads: 4, Refused: 1,
		},
		Loop: report.Loop{
			Turns: 1 << 40, Events: 77, LongestTurn: 0.25, LongestCallback: 0.000125, LongestName: "x",
			Descriptors: 5, Connections: 1, Timers: 2, Children: 3,
		},
		Services: []report.Service{
			{
				Name: "smtp", Type: "inet", Key: "25", Command: "smtpd", State: report.Throttled, Processes: 3, Idle: 1, Busy: 2, Limit: 100,
				Starts: 12, Exits: report.Exits{OK: 5, Failed: 3, Signal: 1},
				Ready:     report.Ready{Count: 3, Sum: 0.75, Max: 0.5, Last: 0.125},
				Throttles: 2, Throttle: &report.Throttle{Reason: "x", Left: 59.5, Row: 2}, Error: &report.Event{Time: at, Text: "x"},
			},
			{
				Name: "odd\"\\\n\xff", Type: "unix", Command: "spawn", Hosted: true, State: report.Full, Paused: true, Busy: 2, Limit: 2,
				Clients: &report.Clients{Now: 2, Total: 31, Queued: 4, QueueAge: 1.5, Refusals: 7},
			},
		},
	}
}

func TestAppend(t *testing.T) {
	text := string(Append(nil, sampleReport()))
	list, err := check(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	const golden = "testdata/sample.prom"
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != text {
		t.Errorf("not as in %s (%v):\n%s", golden, err, text)
	}
	for _, f := range Families() { // the sample has all of them
		if !slices.ContainsFunc(list, func(s sample) bool { return s.name == f.Name || strings.TrimSuffix(s.name, "_sum") == f.Name }) {
			t.Errorf("%s is not in the sample", f.Name)
		}
	}
}

// TestAppendLittle: a master to which nothing has happened, and one without services.
func TestAppendLittle(t *testing.T) {
	for _, services := range [][]report.Service{nil, {{Name: "a", Type: "unix"}, {Name: "b", Type: "unix"}}} {
		text := string(Append(nil, &report.Report{Services: services}))
		if _, err := check(text); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		if strings.Contains(text, "_timestamp") || strings.Contains(text, "_clients") {
			t.Error(text)
		}
	}
}

// TestLabels: nothing but what is configured makes series.
func TestLabels(t *testing.T) {
	list, err := check(string(Append(nil, sampleReport())))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		for pair := range strings.SplitSeq(s.labels, ";") {
			name, _, _ := strings.Cut(pair, "=")
			if !slices.Contains([]string{"", "service", "type", "state", "result", "version", "rootless"}, name) {
				t.Errorf("%s has a label %s", s.name, name)
			}
		}
	}
}

// TestReportIsWhole: whoever adds a number to the report has to think of here.
func TestReportIsWhole(t *testing.T) {
	known := map[string]bool{ // what is no number, or makes none
		"Pid": true, "Generation": true, "Row": true, "Line": true, "Version": true, "Connected": true, "Hosted": true,
	}
	for _, v := range []any{report.Master{}, report.Loop{}, report.Service{}, report.Exits{}, report.Ready{}, report.Throttle{}, report.Clients{}} {
		typ := reflect.TypeOf(v)
		for f := range typ.NumField() {
			field := typ.Field(f)
			if known[field.Name] || !isNumber(field.Type.Kind()) {
				continue
			}
			if !changes(t, typ.Name(), field.Name) {
				t.Errorf("%s.%s is in no metric", typ.Name(), field.Name)
			}
		}
	}
}

func isNumber(k reflect.Kind) bool {
	return slices.Contains([]reflect.Kind{reflect.Int, reflect.Uint64, reflect.Uint32, reflect.Float64, reflect.Bool}, k)
}

// changes reports whether the metrics show a field of one of the structs.
func changes(t *testing.T, typ, field string) bool {
	before := string(Append(nil, sampleReport()))
	r := sampleReport()
	s, h := &r.Services[0], &r.Services[1]
	target := map[string]any{
		"Master": &r.Master, "Loop": &r.Loop, "Service": s, "Exits": &s.Exits, "Ready": &s.Ready, "Throttle": s.Throttle, "Clients": h.Clients,
	}[typ]
	f := reflect.ValueOf(target).Elem().FieldByName(field)
	switch kind := f.Kind(); {
	case f.CanInt():
		f.SetInt(f.Int() + 1000)
	case f.CanUint():
		f.SetUint(f.Uint() + 1000)
	case f.CanFloat():
		f.SetFloat(f.Float() + 1000)
	case kind == reflect.Bool:
		f.SetBool(!f.Bool())
	default:
		t.Fatal(kind)
	}
	return string(Append(nil, r)) != before
}

const (
	page      = "../../docs/metrics.md"
	dashboard = "../../examples/grafana/postloop.json"
	rules     = "../../examples/prometheus/rules.yml"
)

// TestDocumented: the page has every family with its type, and no other.
func TestDocumented(t *testing.T) {
	text := read(t, page)
	row := regexp.MustCompile("(?m)^\\| `(postloop_[a-z_]+)`[^|]*\\| ([a-z]+) \\|")
	documented := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(text, -1) {
		if documented[m[1]] != "" {
			t.Errorf("%s is there twice", m[1])
		}
		documented[m[1]] = m[2]
	}
	for _, f := range Families() {
		if documented[f.Name] != f.Type {
			t.Errorf("%s is documented as %q, and is a %s", f.Name, documented[f.Name], f.Type)
		}
		delete(documented, f.Name)
	}
	for name := range documented {
		t.Errorf("%s is documented, and there is no such metric", name)
	}
}

// TestUsed: what the dashboard, the rules and the page ask for exists.
func TestUsed(t *testing.T) {
	var board struct {
		Title  string
		Panels []struct{ Title string }
	}
	if err := json.Unmarshal([]byte(read(t, dashboard)), &board); err != nil || board.Title == "" || len(board.Panels) < 8 {
		t.Errorf("%s: %v, %+v", dashboard, err, board)
	}
	known := map[string]bool{}
	for _, f := range Families() {
		known[f.Name] = true
		if f.Type == "summary" {
			known[f.Name+"_sum"], known[f.Name+"_count"] = true, true
		}
	}
	for _, file := range []string{dashboard, rules, page} {
		names := regexp.MustCompile(`\bpostloop_[a-z_]+`).FindAllString(read(t, file), -1)
		if len(names) == 0 {
			t.Errorf("%s has no metric", file)
		}
		for _, name := range names {
			if !known[name] {
				t.Errorf("%s: there is no %s", file, name)
			}
		}
	}
}

// TestAlertsEnd: a value that only grows makes no alert that lasts until the next
// start.
func TestAlertsEnd(t *testing.T) {
	for _, m := range regexp.MustCompile(`(?m)^ +expr: (.*_(?:longest|max)_.*)$`).FindAllStringSubmatch(read(t, rules), -1) {
		if !strings.Contains(m[1], "changes(") {
			t.Errorf("never ends: %s", m[1])
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func BenchmarkAppend(b *testing.B) {
	r := &report.Report{Services: make([]report.Service, 5000)}
	for i := range r.Services {
		r.Services[i] = report.Service{Name: fmt.Sprintf("127.0.0.1:%d", i), Type: "inet", Clients: &report.Clients{}}
	}
	text := make([]byte, 0, len(r.Services)*Size*2)
	b.ReportAllocs()
	for b.Loop() {
		text = Append(text[:0], r)
	}
}
