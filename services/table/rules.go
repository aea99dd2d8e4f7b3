// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"postloop/cfg"
)

// rules is a table of patterns, the first of which that a key matches counts.
type rules struct {
	common
	sources
	dialect *dialect
	name    string
	list    []rule
}

// dialect is in what the types of such tables differ.
type dialect struct {
	typ      string
	options  string // the letters behind a pattern that toggle something, by bits
	defaults uint   // of them
	obsolete string // letters that are warned of, and mean nothing
	pairs    bool   // /this/!/and not this/ is a rule
	lenient  bool   // a backslash at the end of the line closes a pattern
	unclosed string // what happens to the rule if nothing does
	index    string // "out of range", as it is spelt
	compile  func(expr string, options uint) (matcher, error)
}

// matcher is a compiled pattern.
type matcher interface {
	// Groups returns how many groups the pattern has.
	Groups() int
	// Match reports whether key matches.
	Match(key string) (bool, error)
	// Find returns where the match and its groups begin and end in key, -1 for
	// a group that takes no part in it, or nil if key does not match.
	Find(key string) ([]int, error)
}

// pattern is one with what stands before it.
type pattern struct {
	matcher
	not bool
}

// rule is a line of the table.
type rule struct {
	line   int
	first  pattern
	second pattern // matcher is nil where there is none
	result []piece // of the value
	groups bool    // there are groups in result
	// The patterns of an IF are not about a result, but about the rules up to
	// the matching ENDIF.
	isIf bool
	end  int // of an IF: behind its last rule
}

// piece is a part of a value: text, or a group of the match.
type piece struct {
	text  string
	group int // 0: text
}

// open reads a table of a dialect.
func (d *dialect) open(e *Env, name string, m Mode, f Flags) (Table, error) {
	if err := readOnly(d.typ, name, m); err != nil {
		return nil, err
	}
	t := &rules{common: common{e, d.typ + ":" + name, Pattern}, sources: e.newSources(), dialect: d, name: name}
	lines, err := t.ruleLines(e, d.typ, name)
	if err != nil {
		return nil, err
	}
	t.read(lines, f)
	return t, nil
}

// read reads the lines of a table. What is wrong with one is logged.
func (t *rules) read(lines []cfg.Line, f Flags) {
	var ifs []int // that are open, by their index
	for _, line := range lines {
		r := &ruleReader{rules: t, line: line.Num, text: strings.TrimRight(line.Text, space), flags: f}
		switch rest, keyword := r.keyword(); keyword {
		case "IF":
			if r.readIf(rest) {
				ifs = append(ifs, len(t.list)-1)
			}
		case "ENDIF":
			if len(ifs) == 0 {
				r.warn("ignoring ENDIF without matching IF")
				continue
			}
			if rest != "" {
				r.warn("ignoring extra text after ENDIF")
			}
			t.list[ifs[len(ifs)-1]].end = len(t.list)
			ifs = ifs[:len(ifs)-1]
		default:
			r.readRule()
		}
	}
	for _, i := range slices.Backward(ifs) {
		t.warn(t.list[i].line, "IF has no matching ENDIF")
		t.list[i].end = len(t.list)
	}
}

func (t *rules) warn(line int, format string, args ...any) {
	t.env.Log.Warnf("%s map %s, line %d: %s", t.dialect.typ, t.name, line, fmt.Sprintf(format, args...))
}

func (t *rules) Get(key string, f Flags, _ func(Answer)) Answer {
	folded, ok := t.key(key, f)
	if !ok {
		return Answer{Status: NoKey}
	}
	for i := 0; i < len(t.list); {
		r := &t.list[i]
		i++
		if r.isIf {
			if !t.holds(r, r.first, folded) {
				i = r.end
			}
			continue
		}
		groups, ok := t.match(r, folded)
		if ok && (r.second.matcher == nil || t.holds(r, r.second, folded)) {
			return t.answer(key, r.value(folded, groups), f)
		}
	}
	return Answer{Status: NoKey}
}

// holds reports whether key matches a pattern, or does not, if that is what it
// is about. A match that fails is neither.
func (t *rules) holds(r *rule, p pattern, key string) bool {
	ok, err := p.Match(key)
	if err != nil {
		t.warn(r.line, "%s", err)
		return false
	}
	return ok != p.not
}

// match is holds for the first pattern of a rule with a result.
func (t *rules) match(r *rule, key string) (groups []int, ok bool) {
	if !r.groups {
		return nil, t.holds(r, r.first, key)
	}
	groups, err := r.first.Find(key)
	if err != nil {
		t.warn(r.line, "%s", err)
		return nil, false
	}
	return groups, groups != nil
}

// value returns what the table has for a key whose groups these are.
func (r *rule) value(key string, groups []int) string {
	if len(r.result) == 1 && r.result[0].group == 0 {
		return r.result[0].text
	}
	var b strings.Builder
	for _, p := range r.result {
		if from := 2 * p.group; p.group == 0 {
			b.WriteString(p.text)
		} else if groups[from] >= 0 {
			b.WriteString(key[groups[from]:groups[from+1]])
		}
	}
	return b.String()
}

// ruleReader reads one line into the table.
type ruleReader struct {
	*rules
	line  int
	text  string // what is left of it
	flags Flags
}

func (r *ruleReader) warn(format string, args ...any) { r.rules.warn(r.line, format, args...) }

// keyword returns IF or ENDIF if the line begins so, and what follows.
func (r *ruleReader) keyword() (rest, keyword string) {
	for _, word := range []string{"IF", "ENDIF"} {
		if rest, ok := cutKeyword(r.text, word); ok {
			return rest, word
		}
	}
	return "", ""
}

// readIf adds an IF, unless there is something wrong with it.
func (r *ruleReader) readIf(rest string) bool {
	r.text = rest
	src, ok := r.pattern()
	if !ok {
		return false
	}
	if rest = strings.TrimLeft(r.text, space); rest != "" {
		r.warn("ignoring extra text after IF statement: \"%s\"", rest)
		r.warn("do not prepend whitespace to statements between IF and ENDIF")
	}
	p, ok := r.compile(src)
	if ok {
		r.list = append(r.list, rule{line: r.line, first: p, isIf: true})
	}
	return ok
}

// readRule adds a rule, unless there is something wrong with it.
func (r *ruleReader) readRule() {
	if c := r.text[0]; c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' {
		r.warn("ignoring unrecognized request")
		return
	}
	first, ok := r.pattern()
	if !ok {
		return
	}
	var second *patternSource
	if r.dialect.pairs && strings.HasPrefix(r.text, "!") {
		if second, ok = r.pattern(); !ok {
			return
		}
	}
	result := strings.TrimLeft(r.text, space)
	if result == "" {
		r.warn("no replacement text: using empty string")
	}
	result, err := r.value(result, r.flags)
	if err != nil {
		r.warn("%s: skipping this rule", err)
		return
	}
	pieces, highest, ok := r.pieces(result)
	if !ok {
		r.warn("bad replacement syntax: skipping this rule")
		return
	}
	switch {
	case highest > 0 && first.not:
		r.warn("$number found in negative match replacement text: skipping this rule")
		return
	case highest > 0 && r.flags&NoRegSub != 0:
		r.warn("regular expression substitution is not allowed: skipping this rule")
		return
	}
	add := rule{line: r.line, result: pieces, groups: highest > 0}
	if add.first, ok = r.compile(first); !ok {
		return
	}
	if highest > uint64(add.first.Groups()) {
		r.warn("out of range replacement index \"%d\": skipping this rule", int32(highest))
		return
	}
	if second != nil {
		if add.second, ok = r.compile(second); !ok {
			return
		}
	}
	r.list = append(r.list, add)
}

// patternSource is a pattern as it is written.
type patternSource struct {
	expr    string
	options uint
	not     bool
}

// pattern reads !/pattern/options.
func (r *ruleReader) pattern() (*patternSource, bool) {
	p := &patternSource{options: r.dialect.defaults}
	text := strings.TrimLeft(r.text, space)
	text, p.not = cutNots(text)
	if text == "" {
		r.warn("no regexp: skipping this rule")
		return nil, false
	}
	delimiter, text := text[:1], text[1:]
	end := 0
	for end < len(text) && text[end] != delimiter[0] {
		if text[end] == '\\' {
			if end+1 == len(text) && r.dialect.lenient {
				break
			}
			end++
		}
		end++
	}
	if end >= len(text) {
		r.warn("no closing regexp delimiter \"%s\": %s this rule", delimiter, r.dialect.unclosed)
		return nil, false
	}
	p.expr, text = text[:end], text[end+1:]
	for text != "" && strings.IndexByte(space, text[0]) < 0 && (text[0] != '!' || !r.dialect.pairs) {
		option := text[:1]
		text = text[1:]
		if bit := strings.Index(r.dialect.options, option); bit >= 0 {
			p.options ^= 1 << bit
		} else if strings.Contains(r.dialect.obsolete, option) {
			r.warn("ignoring obsolete regexp option \"%s\"", option)
		} else {
			r.warn("unknown regexp option \"%s\": skipping this rule", option)
			return nil, false
		}
	}
	r.text = text
	return p, true
}

func (r *ruleReader) compile(p *patternSource) (pattern, bool) {
	m, err := r.dialect.compile(p.expr, p.options)
	if err != nil {
		r.warn("%s", err)
		return pattern{}, false
	}
	return pattern{m, p.not}, true
}

// pieces takes a result apart. highest is the highest number of a group in it.
func (r *ruleReader) pieces(text string) (list []piece, highest uint64, ok bool) {
	ok = true
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			list = append(list, piece{text: literal.String()})
			literal.Reset()
		}
	}
	for rest := text; rest != ""; {
		if after, dollars := strings.CutPrefix(rest, "$$"); dollars {
			literal.WriteByte('$')
			rest = after
			continue
		}
		if rest[0] != '$' {
			literal.WriteByte(rest[0])
			rest = rest[1:]
			continue
		}
		flush()
		var name string
		var err error
		if name, rest, err = cutGroup(rest[1:]); err != nil {
			r.env.Log.Warnf("%s: \"%s\"", err, text)
			return nil, 0, false
		}
		n := groupNumber(name)
		switch {
		case strings.Trim(name, "0123456789") != "":
			r.warn("non-numeric replacement index \"%s\"", name)
			ok = false
		case n == 0:
			r.warn("%s replacement index \"%s\"", r.dialect.index, name)
			ok = false
		}
		highest = max(highest, n)
		list = append(list, piece{group: int(min(n, 1<<30))})
	}
	flush()
	if list == nil {
		list = []piece{{}}
	}
	return list, highest, ok
}

// cutGroup cuts the name off what follows a dollar sign.
func cutGroup(text string) (name, rest string, err error) {
	n := 0
	if text != "" && (text[0] == '{' || text[0] == '(') {
		closing := map[byte]byte{'{': '}', '(': ')'}[text[0]]
		level := 0
		for n = range len(text) {
			switch text[n] {
			case text[0]:
				level++
			case closing:
				level--
			}
			if level == 0 {
				break
			}
		}
		if level > 0 {
			return "", "", errors.New("truncated macro reference")
		}
		name, rest = text[1:n], text[n+1:]
	} else {
		for n < len(text) && (text[n] == '_' || text[n] >= '0' && text[n] <= '9' || text[n]|0x20 >= 'a' && text[n]|0x20 <= 'z') {
			n++
		}
		name, rest = text[:n], text[n:]
	}
	if name == "" {
		return "", "", errors.New("empty macro name")
	}
	return name, rest, nil
}

// groupNumber reads digits as C's atoi does, and Postfix then as a number
// without a sign.
func groupNumber(digits string) uint64 {
	n, _ := strconv.ParseInt(digits, 10, 64) // too large is the largest
	return uint64(int64(int32(n)))
}
