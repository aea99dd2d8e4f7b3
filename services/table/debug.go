// SPDX-License-Identifier: ISC

package table

import "strings"

// debugged is another table, and a line in the log for each request.
type debugged struct {
	env *Env
	ref string // of the other table
	Table
}

func openDebug(e *Env, name string, m Mode, f Flags) (Table, error) {
	inner, err := e.Open(name, m, f)
	if err != nil {
		return nil, err
	}
	t := &debugged{e, name, inner}
	// What the other cannot do, this one cannot.
	w, writes := inner.(Writer)
	n, walks := inner.(Walker)
	switch {
	case writes && walks:
		return struct {
			*debugged
			debuggedWriter
			debuggedWalker
		}{t, debuggedWriter{t, w}, debuggedWalker{t, n}}, nil
	case writes:
		return struct {
			*debugged
			debuggedWriter
		}{t, debuggedWriter{t, w}}, nil
	case walks:
		return struct {
			*debugged
			debuggedWalker
		}{t, debuggedWalker{t, n}}, nil
	}
	return t, nil
}

func (t *debugged) Get(key string, f Flags, later func(Answer)) Answer {
	a := t.Table.Get(key, f, func(a Answer) {
		t.looked(key, a)
		later(a)
	})
	t.looked(key, a)
	return a
}

// looked logs an answer, once it is one.
func (t *debugged) looked(key string, a Answer) {
	switch a.Status {
	case Later:
	case OK:
		t.env.Log.Infof("%s lookup: \"%s\" = \"%s\"", t.ref, key, a.Value)
	case NoKey:
		t.env.Log.Infof("%s lookup: \"%s\" = \"not_found\"", t.ref, key)
	case Retry, Config:
		t.env.Log.Infof("%s lookup: \"%s\" = \"error\"", t.ref, key)
	}
}

// Changed is that of the other table.
func (t *debugged) Changed() bool {
	c, ok := t.Table.(Changer)
	return ok && c.Changed()
}

// done is a word for how a change has ended.
func (s Status) done() string {
	switch s {
	case OK:
		return "success"
	case NoKey:
		return "failed"
	case Later:
		return "later"
	case Retry, Config:
	}
	return "error"
}

type debuggedWriter struct {
	t *debugged
	w Writer
}

func (d debuggedWriter) Put(key, value string, f Flags, later func(Status)) Status {
	return d.changed("update: \""+key+"\" = \""+value+"\"", later, func(later func(Status)) Status {
		return d.w.Put(key, value, f, later)
	})
}

func (d debuggedWriter) Delete(key string, f Flags, later func(Status)) Status {
	return d.changed("delete: \""+key+"\"", later, func(later func(Status)) Status {
		return d.w.Delete(key, f, later)
	})
}

// changed does a change and logs how it has ended, whenever that is.
func (d debuggedWriter) changed(what string, later func(Status), change func(func(Status)) Status) Status {
	log := func(s Status) { d.t.env.Log.Infof("%s %s: %s", d.t.ref, what, s.done()) }
	s := change(func(s Status) {
		log(s)
		later(s)
	})
	if s != Later {
		log(s)
	}
	return s
}

type debuggedWalker struct {
	t *debugged
	w Walker
}

func (d debuggedWalker) Next(first bool, f Flags, later func(Pair, Status)) (Pair, Status) {
	log := func(p Pair, s Status) {
		switch s {
		case OK:
			d.t.env.Log.Infof("%s sequence: \"%s\" = \"%s\"", d.t.ref, p.Key, p.Value)
		case NoKey:
			d.t.env.Log.Infof("%s sequence: found EOF", d.t.ref)
		case Retry, Config:
			d.t.env.Log.Infof("%s sequence: error", d.t.ref)
		case Later:
		}
	}
	p, s := d.w.Next(first, f, func(p Pair, s Status) {
		log(p, s)
		later(p, s)
	})
	log(p, s)
	return p, s
}

// openProxy opens what is behind the prefix. Here is where the proxy's tables
// are.
func openProxy(e *Env, name string, m Mode, f Flags) (Table, error) {
	for strings.HasPrefix(name, "proxy:") {
		name = name[len("proxy:"):]
	}
	return e.Open(name, m, f)
}
