// SPDX-License-Identifier: ISC

package report_test

import (
	"encoding/xml"
	"flag"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"postloop/bench/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestQuantile(t *testing.T) {
	for _, test := range []struct {
		list []float64
		q    float64
		want float64
	}{
		{[]float64{7}, 0, 7},
		{[]float64{7}, 0.5, 7},
		{[]float64{7}, 1, 7},
		{[]float64{1, 2}, 0.5, 1.5},
		{[]float64{1, 2, 3}, 0.5, 2},
		{[]float64{1, 2, 3, 4}, 0.5, 2.5},
		{[]float64{1, 2, 3, 4, 5}, 0.25, 2},
		{[]float64{1, 2, 3, 4, 5}, 0.75, 4},
		{[]float64{1, 2, 3, 4}, 0.25, 1.75},
		{[]float64{1, 2, 3, 4, 5}, 1, 5},
		{[]float64{0, 100}, 0.99, 99},
	} {
		if got := report.Quantile(test.list, test.q); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%v of %v is %v, want %v", test.q, test.list, got, test.want)
		}
	}
	if got := report.Quantile([]time.Duration{1, 3}, 0.5); got != 2 {
		t.Errorf("the median of two durations is %v", got)
	}
	if got := report.Quantile([]float64{}, 0.5); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %v", got)
	}
}

func TestSummarize(t *testing.T) {
	list := []float64{5, 1, 4, 2, 3}
	got := report.Summarize(list)
	if want := (report.Figure{Low: 2, Mid: 3, High: 4, N: 5}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if list[0] != 5 {
		t.Error("the list was sorted: rounds have lost their order")
	}
	if got := report.Summarize(nil); got != (report.Figure{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestFigure(t *testing.T) {
	for _, test := range []struct {
		values            []float64
		median, quartiles string
	}{
		{nil, "-", "-"},
		{[]float64{1234}, "1230", "1230"},
		{[]float64{100, 102, 104}, "102", "102 (101–103)"},
		{[]float64{100, 110, 120}, "110", "110 (105–115)"}, // just not too wide: 10 of 110
		{[]float64{90, 100, 130}, "95.0–115", "95.0–115"},
		{[]float64{1, 1, 1}, "1.00", "1.00 (1.00–1.00)"},
	} {
		f := report.Summarize(test.values)
		if f.String() != test.median || f.Range() != test.quartiles {
			t.Errorf("%v: %s, %s; want %s, %s", test.values, f, f.Range(), test.median, test.quartiles)
		}
	}
}

// TestRatios: round by round, not median by median.
func TestRatios(t *testing.T) {
	got := report.Ratios([]float64{10, 30, 5, 1}, []float64{5, 10, 0})
	if len(got) != 2 || got[0] != 2 || got[1] != 3 {
		t.Errorf("%v", got)
	}
}

func TestDigits(t *testing.T) {
	for _, test := range []struct {
		x    float64
		want string
	}{
		{0, "0"},
		{0.0123456, "0.0123"},
		{0.999, "0.999"},
		{0.9996, "1.00"},
		{1, "1.00"},
		{9.994, "9.99"},
		{9.996, "10.0"},
		{12.34, "12.3"},
		{99.96, "100"},
		{123.4, "123"},
		{12873, "12900"},
		{999999, "1000000"},
		{-2.345, "-2.35"},
		{math.NaN(), "NaN"},
	} {
		if got := report.Digits(test.x); got != test.want {
			t.Errorf("%v: %s, want %s", test.x, got, test.want)
		}
	}
}

// golden compares a text with that of a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestResults(t *testing.T) {
	slow, fast := report.Summarize([]float64{3000, 3010, 3020}), report.Summarize([]float64{9000, 12000, 13000})
	table := report.Table{
		Title: "one table: of two", Text: "What it is.",
		Head: []string{"server", "connections/s", "x"},
		Rows: [][]string{
			{"a", slow.Range(), "1.00"},
			{"a longer name", fast.Range(), "4.00"},
		},
		Plot: &report.Plot{Title: "A plot"},
	}
	table.Plot.Add("", report.Bar{Label: "a", Value: slow})
	r := report.Results{
		Command: "bench -rounds 3", Plots: "plots",
		Facts: []report.Fact{{Name: "machine", Value: "a small one"}, {Name: "kernel", Value: "Linux"}},
		Sections: []report.Section{{
			Title: "spawner", Text: "A command per connection.", Tables: []report.Table{table, {Head: []string{"server", "n"}, Rows: [][]string{{"a", "1"}}}},
			Targets: []report.Target{
				report.AtLeast("connections/s beside a", 2, "x", report.Summarize([]float64{3, 3.01, 3.02})),
				report.AtMost("p99", 2, "ms", report.Summarize([]float64{3})).Because("the C limit has %d ms", 3),
			},
			Commands: []report.Fact{{Name: "a", Value: "a -c DIR\n\nDIR/a.conf:\nx = y\n"}},
		}},
	}
	golden(t, "testdata/results.md", r.String())

	dir := t.TempDir()
	if err := os.Mkdir(dir+"/plots", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"old.svg": report.Made, "theirs.svg": "<svg/>"} {
		if err := os.WriteFile(dir+"/plots/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.WritePlots(dir); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir + "/plots")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	if want := []string{"spawner-one-table.svg", "theirs.svg"}; !slices.Equal(names, want) {
		t.Errorf("plots are %v, want %v", names, want)
	}
	r.Sections = append(r.Sections, r.Sections[0])
	if err := r.WritePlots(dir); err == nil {
		t.Error("one plot took the other's place")
	}
}

func TestTarget(t *testing.T) {
	wide := []float64{1, 2, 3}
	for _, test := range []struct {
		target report.Target
		want   string
	}{
		{report.AtLeast("", 2, "x", report.Figure{}), "not measured"},
		{report.AtLeast("", 2, "x", report.Summarize([]float64{2})), "yes"},
		{report.AtLeast("", 2, "x", report.Summarize([]float64{1.99})), "no"},
		{report.AtMost("", 2, "x", report.Summarize([]float64{2})), "yes"},
		{report.AtMost("", 2, "x", report.Summarize([]float64{2.01})), "no"},
		{report.AtMost("", 0, "", report.Summarize([]float64{0, 0})), "yes"},
		{report.AtLeast("", 1, "x", report.Summarize(wide)), "yes"},
		{report.AtLeast("", 2, "x", report.Summarize(wide)), "rounds disagree"},
		{report.AtLeast("", 3, "x", report.Summarize(wide)), "no"},
		{report.AtMost("", 1, "x", report.Summarize(wide)), "no"},
	} {
		if got := test.target.Verdict(); got != test.want {
			t.Errorf("%+v: %s, want %s", test.target, got, test.want)
		}
	}
}

func TestPlot(t *testing.T) {
	p := report.Plot{Title: "spawner <1>", Axis: "connections a second, beside Postfix's", Base: "Postfix", Better: "more"}
	p.Add("1 client", report.Bar{Label: "Postfix", Value: report.Summarize([]float64{1, 1, 1})})
	p.Add("1 client", report.Bar{Label: "postloop, hosted", Value: report.Summarize([]float64{2.8, 2.9, 3.1}), Ours: true})
	p.Add("1 client", report.Bar{Label: "systemd-socket-activate", Value: report.Summarize([]float64{0.4, 0.9, 1.7})})
	p.Add("64 clients", report.Bar{Label: "Postfix", Value: report.Summarize([]float64{1, 1, 1})})
	p.Add("64 clients", report.Bar{Label: "far away", Value: report.Summarize([]float64{90, 100, 110})})
	p.Add("64 clients", report.Bar{Label: "not there"})
	golden(t, "testdata/plot.svg", p.SVG())
	if err := xml.Unmarshal([]byte(p.SVG()), new(struct{})); err != nil {
		t.Error(err)
	}
	if empty := (&report.Plot{Title: "nothing"}).SVG(); empty != "" {
		t.Errorf("a plot of nothing is %s", empty)
	}
}
