// SPDX-License-Identifier: ISC

package table

import (
	"encoding/base64"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"postloop/cfg"
	"postloop/loop"
	"postloop/master/maillog"
)

// fileHot is how long a file that has changed may still be in the middle of
// being written, and how long a further change may have the same time.
const fileHot = time.Second

// maxSource is the size from which on a text is refused.
const maxSource = 1 << 30

// commaBlank separates members of a list, as in main.cf.
const commaBlank = ", \t\r\n"

// sources are the files that a table has read as text. With them embedded, a
// table is a Changer.
type sources struct {
	loop *loop.Loop
	list []source
	seed maphash.Seed
}

// source is a file as it was when it was read.
type source struct {
	name string
	id   fileID
	hot  bool   // it was read within fileHot of its last change
	sum  uint64 // of the text, if hot
}

// fileID tells one state of a file from another; the zero one is that of a file
// that cannot be found.
type fileID struct {
	dev, ino     uint64
	size         int64
	mtime, ctime time.Time
}

func (e *Env) newSources() sources { return sources{loop: e.Loop, seed: maphash.MakeSeed()} }

// sourceError says what could not be done to a file.
type sourceError struct {
	op, name string // op is open or read
	err      error
}

func (e *sourceError) Error() string {
	return fmt.Sprintf("%s %s: %s", e.op, e.name, maillog.Strerror(e.err))
}

// read returns what a file holds. From then on the table counts as changed when
// the file does, even if there is none yet.
func (s *sources) read(name string) (string, error) {
	text, id, err := readFile(name)
	if err != nil {
		s.list = append(s.list, source{name: name, id: id})
		return "", err
	}
	src := source{name: name, id: id, hot: s.isHot(id)}
	if src.hot {
		src.sum = maphash.String(s.seed, text)
	}
	s.list = append(s.list, src)
	return text, nil
}

// isHot says whether the file was changed just now.
func (s *sources) isHot(id fileID) bool {
	return s.loop.Now().Sub(id.mtime).Abs() < fileHot
}

// Changed says whether a file is another one now, or has other contents. One
// that somebody is writing has not changed before they have let go of it for
// a second, and one that has vanished has not changed before there is another.
func (s *sources) Changed() bool {
	for i := range s.list {
		if s.changed(&s.list[i]) {
			return true
		}
	}
	return false
}

func (s *sources) changed(src *source) bool {
	var st unix.Stat_t
	if retry(func() error { return unix.Stat(src.name, &st) }) != nil {
		return false
	}
	id := identify(&st)
	if id != src.id {
		inPlace := id.dev == src.id.dev && id.ino == src.id.ino
		return !inPlace || !s.isHot(id)
	}
	if !src.hot || s.isHot(id) {
		return false
	}
	// What was written within the same tick of the clock as what we have read
	// shows in the contents only.
	src.hot = false
	text, _, err := readFile(src.name)
	return err == nil && maphash.String(s.seed, text) != src.sum
}

// values returns what source text has as a value: itself, or if f says so the
// contents of the files that it names, encoded so that any bytes may be in them.
func (s *sources) value(text string, f Flags) (string, error) {
	if f&RHSIsFile == 0 {
		return text, nil
	}
	var parts []string
	for {
		name, rest := cfg.CutBraced(text, commaBlank)
		if name == "" {
			break
		}
		part, err := s.read(name)
		if err != nil {
			return "", err
		}
		parts, text = append(parts, part), rest
	}
	if parts == nil {
		return "", fmt.Errorf("empty pathname list: >>%s<<'", text)
	}
	return base64.StdEncoding.EncodeToString([]byte(strings.Join(parts, "\n"))), nil
}

// readFile reads a file without ever waiting for it. With an error, the
// identity is that of the file that could not be read.
func readFile(name string) (text string, id fileID, err error) {
	var fd int
	err = retry(func() error {
		fd, err = unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		return err
	})
	if err != nil {
		return "", fileID{}, &sourceError{"open", name, err}
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", fileID{}, &sourceError{"read", name, err}
	}
	id = identify(&st)
	limit := int64(maxSource)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR:
	case unix.S_IFCHR: // /dev/null is an empty table
		limit = 0
	default:
		return "", id, fmt.Errorf("read %s: not a file", name)
	}
	var b strings.Builder
	b.Grow(int(min(max(st.Size, 0), limit)))
	var buf [32 << 10]byte
	for {
		var n int
		err := retry(func() error {
			n, err = unix.Read(fd, buf[:])
			return err
		})
		switch {
		case err != nil:
			return "", id, &sourceError{"read", name, err}
		case n == 0:
			return b.String(), id, nil
		case int64(b.Len()+n) > limit:
			return "", id, fmt.Errorf("file too large: %s", name)
		}
		b.Write(buf[:n])
	}
}

// retry does a system call until no signal interrupts it.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func identify(st *unix.Stat_t) fileID {
	return fileID{
		dev: uint64(st.Dev), //nolint:unconvert // its type differs between systems
		ino: st.Ino, size: st.Size,
		mtime: time.Unix(st.Mtim.Unix()), ctime: time.Unix(st.Ctim.Unix()),
	}
}

// ruleLines returns the lines of a table of rules: those of a file, or the
// pieces of {{rule} {rule}}. typ is for messages.
func (s *sources) ruleLines(e *Env, typ, name string) ([]cfg.Line, error) {
	if strings.HasPrefix(name, "{") {
		rules, err := inlineRules(name)
		if err != nil {
			return nil, fmt.Errorf("%s map: %w", typ, err)
		}
		return e.sourceLines(name, strings.Join(rules, "\n")), nil
	}
	text, err := s.read(name)
	if failed, ok := errors.AsType[*sourceError](err); ok && failed.op == "read" {
		return nil, fmt.Errorf("%s map %s: read error: %s", typ, name, maillog.Strerror(failed.err))
	}
	if err != nil {
		return nil, err
	}
	return e.sourceLines(name, text), nil
}

// inlineRules returns the rules of {{rule} {rule}}.
func inlineRules(name string) (rules []string, err error) {
	rest, err := cfg.Unbrace(name)
	for err == nil {
		var word string
		if word, rest = cfg.CutBraced(rest, commaBlank); word == "" {
			return rules, nil
		}
		word, err = cfg.Unbrace(word)
		rules = append(rules, word)
	}
	return nil, err
}

// sourceLines splits a text into logical lines. name is for messages, which are
// logged.
func (e *Env) sourceLines(name, text string) []cfg.Line {
	lines, notes, _ := cfg.ReadLines(name, strings.NewReader(text)) // a string does not fail
	for _, note := range notes {
		e.Log.Warnf("%s", note.Text)
	}
	return lines
}
