// SPDX-License-Identifier: ISC

// Package metrics writes a report in the text format of Prometheus, version
// 0.0.4: bytes out of values, and nothing else.
//
// Names begin with postloop_. Units are seconds; counters end in _total; every
// family has a HELP and a TYPE. The only labels with values that the
// configuration decides are service and type, which together name a service as
// master.cf does: there are as many series as there are services, times a
// constant, whoever the clients are. docs/metrics.md is the list for people.
package metrics

import (
	"math"
	"strconv"
	"time"

	"postloop/master/report"
)

// ContentType is that of the format.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Size is about what a service takes, in bytes.
const Size = 2048

// Append appends the metrics of r to b.
func Append(b []byte, r *report.Report) []byte {
	w := writer{b: b}
	for _, f := range ofMaster {
		f.write(&w, r)
	}
	names := make([]string, len(r.Services)) // the labels that all series of a service have
	for i := range r.Services {
		s := &r.Services[i]
		names[i] = label("service", s.Name) + "," + label("type", s.Type)
	}
	for _, f := range ofServices {
		f.write(&w, r.Services, names)
	}
	return w.b
}

// Family is a metric without its series.
type Family struct {
	Name, Type, Help string
}

// Families lists all that Append writes when there is something to say, in their order.
func Families() []Family {
	var list []Family
	for _, f := range ofMaster {
		list = append(list, f.Family)
	}
	for _, f := range ofServices {
		list = append(list, f.Family)
	}
	return list
}

// masterFamily is one of the process as a whole. each calls add for every
// series, with the labels it has and the value.
type masterFamily struct {
	Family
	each func(r *report.Report, add func(labels string, value float64))
}

// serviceFamily is one that services have. The labels are those beside service and type.
type serviceFamily struct {
	Family
	each func(s *report.Service, add func(suffix, labels string, value float64))
}

func (f *masterFamily) write(w *writer, r *report.Report) {
	f.each(r, func(labels string, value float64) {
		w.head(&f.Family)
		w.sample(f.Name, "", "", labels, value)
	})
}

func (f *serviceFamily) write(w *writer, list []report.Service, names []string) {
	var name string
	add := func(suffix, labels string, value float64) {
		w.head(&f.Family)
		w.sample(f.Name, suffix, name, labels, value)
	}
	for i := range list {
		name = names[i]
		f.each(&list[i], add)
	}
}

// writer is the text so far.
type writer struct {
	b    []byte
	last *Family // that head has been written for
}

// head writes what comes before the first series of f.
func (w *writer) head(f *Family) {
	if w.last == f {
		return
	}
	w.last = f
	w.b = append(w.b, "# HELP "...)
	w.b = append(append(append(w.b, f.Name...), ' '), f.Help...)
	w.b = append(w.b, "\n# TYPE "...)
	w.b = append(append(append(w.b, f.Name...), ' '), f.Type...)
	w.b = append(w.b, '\n')
}

// sample writes one line. Either part of the labels may be empty.
func (w *writer) sample(name, suffix, service, labels string, value float64) {
	w.b = append(append(w.b, name...), suffix...)
	if service != "" || labels != "" {
		w.b = append(append(w.b, '{'), service...)
		if service != "" && labels != "" {
			w.b = append(w.b, ',')
		}
		w.b = append(append(w.b, labels...), '}')
	}
	w.b = append(w.b, ' ')
	w.b = appendNumber(w.b, value)
	w.b = append(w.b, '\n')
}

// appendNumber writes whole numbers without an exponent, which people like
// better, and everything else as short as it is exact.
func appendNumber(b []byte, v float64) []byte {
	if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return strconv.AppendInt(b, int64(v), 10)
	}
	if a := math.Abs(v); a >= 1e-9 && a < 1<<53 {
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// label is one pair, its value escaped.
func label(name, value string) string {
	return name + `="` + string(appendValue(nil, value)) + `"`
}

// appendValue escapes what the format has to have escaped. What is no UTF-8,
// which the format knows nothing else than, is shown as such.
func appendValue(b []byte, value string) []byte {
	for _, r := range value {
		switch r {
		case '\\':
			b = append(b, `\\`...)
		case '"':
			b = append(b, `\"`...)
		case '\n':
			b = append(b, `\n`...)
		default:
			b = append(b, string(r)...)
		}
	}
	return b
}

// oneIf is a yes or no as a number.
func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// moment is t in seconds since 1970.
func moment(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
