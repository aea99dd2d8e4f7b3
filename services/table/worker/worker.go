// SPDX-License-Identifier: ISC

package worker

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"time"

	"postloop/services/table/wire"

	"golang.org/x/sys/unix"
)

// Table is what a driver makes of its settings.
type Table interface {
	closer
	// Lookup returns what is there for key, which may be more than one value;
	// none is not there.
	Lookup(ctx context.Context, key string) (values []string, err error)
}

type closer interface {
	// Close lets go of everything.
	Close()
}

// Dup says what becomes of a key that is there already.
type Dup string

const (
	Replace Dup = "replace"
	Ignore  Dup = "ignore" // it stays as it is
	Warn    Dup = "warn"   // likewise, and the log is told
)

// Writer is a table that can be changed. What has returned without an error is on
// the disk. done says that there was something to be done.
type Writer interface {
	closer
	// Start opens what there is to be opened. What does not succeed is tried again
	// by whatever comes next.
	Start(ctx context.Context) error
	// Find returns the value of a key, which may be written in these forms.
	Find(ctx context.Context, key string, f Forms) (value string, found bool, err error)
	Put(ctx context.Context, key, value string, f Forms, d Dup) (done bool, err error)
	Delete(ctx context.Context, key string, f Forms) (done bool, err error)
}

// Walker is a Writer whose keys can be asked for one after the other.
type Walker interface {
	// Next returns the first key, or the one behind last, which may have been
	// deleted; keys are as they are written. found is false at the end.
	Next(ctx context.Context, first bool, last string) (key, value string, found bool, err error)
}

// Open makes a table. It waits for nobody: a server need not be there yet.
type Open func(s *Settings) (Table, error)

// ConfigError is an error that will not go away before somebody has changed the
// configuration.
type ConfigError struct{ Err error }

func (e ConfigError) Error() string { return e.Err.Error() }
func (e ConfigError) Unwrap() error { return e.Err }

// Refused is an error that is about one request: what the table lives on is there,
// and has said no to it. Whoever asks for something else may be luckier, so it is no
// reason to leave a server alone. To ask it the same again would not help.
type Refused struct{ Err error }

func (e Refused) Error() string { return e.Err.Error() }
func (e Refused) Unwrap() error { return e.Err }

// Settings are what the table that this process is for has been told to be:
// checked by whoever has sent them, with all defaults in them.
type Settings struct {
	values map[string]string
	log    []string // to be sent
}

// NewSettings makes settings of name, value, name, value.
func NewSettings(list ...string) *Settings {
	s := &Settings{values: map[string]string{}}
	for i := 0; i+1 < len(list); i += 2 {
		s.values[list[i]] = list[i+1]
	}
	return s
}

// String returns a setting, Int and Bool one that is a number, or yes.
func (s *Settings) String(name string) string { return s.values[name] }

func (s *Settings) Int(name string) int {
	n, _ := strconv.Atoi(s.values[name])
	return n
}

func (s *Settings) Bool(name string) bool { return s.values[name] == "yes" }

// Warnf has a warning logged.
func (s *Settings) Warnf(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

// Messages returns the warnings since it was last called.
func (s *Settings) Messages() []string {
	list := s.log
	s.log = nil
	return list
}

// Limits on what a worker is told.
const maxMessage = 16 << 20

// Statuses, by their numbers in the protocol of proxymap.
const (
	ok     = "0"
	noKey  = "1"
	retry  = "2"
	config = "5"

	refused = wire.Refused // besides
)

// Main is the whole of a worker's program. It does not return.
func Main(open Open) {
	os.Exit(run(open, endWithParent))
}

// MainOfWriter is Main for tables that are written. Such a worker ends when its
// socket does, and by nothing else: what it has begun it finishes.
func MainOfWriter(open func(s *Settings) (Writer, error)) {
	os.Exit(run(open, finishFirst))
}

// finishFirst keeps away what would end this process in the middle of something:
// signals that are for all processes of a service, and a limit on files.
func finishFirst() {
	signal.Ignore(unix.SIGHUP, unix.SIGINT, unix.SIGTERM, unix.SIGXFSZ)
	unix.Umask(0o077)
}

func run[T closer](open func(*Settings) (T, error), begin func()) int {
	if info, err := os.Stdin.Stat(); err != nil || info.Mode()&os.ModeSocket == 0 {
		fmt.Fprintf(os.Stderr, "%s: is not to be started by hand\n", os.Args[0])
		return 64
	}
	begin()
	if err := Serve(os.Stdin, open); err != nil {
		fmt.Fprintf(os.Stderr, "%s\n", err)
		return 1
	}
	return 0
}

// Serve answers what comes over a socket, until that ends.
func Serve[T closer](conn io.ReadWriter, open func(*Settings) (T, error)) error {
	in := bufio.NewReader(conn)
	list, err := readList(in)
	if err != nil {
		return ended(err)
	}
	s := NewSettings(list...)
	t, err := open(s)
	text, opened := "", err == nil
	if !opened {
		text = err.Error()
	}
	if _, err := conn.Write(wire.AppendList(nil, text)); err != nil || !opened {
		return ended(err)
	}
	defer t.Close()
	var out []byte
	for {
		var left [wire.Deadline]byte
		if _, err := io.ReadFull(in, left[:]); err != nil {
			return ended(err)
		}
		list, err := readList(in)
		if err != nil {
			return ended(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(binary.BigEndian.Uint32(left[:]))*time.Millisecond)
		status, values := answer(ctx, s, t, list)
		cancel()
		reply := []string{status, strconv.Itoa(len(s.log))}
		reply = append(append(reply, s.Messages()...), values...)
		out = wire.AppendList(out[:0], reply...)
		if _, err := conn.Write(out); err != nil {
			return ended(err)
		}
		if cap(out) > 64<<10 {
			out = nil
		}
	}
}

// ended is nil for the ordinary end of a worker.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, unix.EPIPE) {
		return nil
	}
	return err
}

// readList reads a list of strings.
func readList(in *bufio.Reader) ([]string, error) {
	head, err := in.Peek(4)
	if err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head)
	if size > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes", size)
	}
	buf := make([]byte, 4+size)
	if _, err := io.ReadFull(in, buf); err != nil {
		return nil, err
	}
	_, list, err := wire.ReadList(buf, maxMessage)
	return list, err
}

// answer does what a request wants.
func answer(ctx context.Context, s *Settings, t closer, list []string) (status string, values []string) {
	found, values, err := request(ctx, t, list)
	_, lasting := errors.AsType[ConfigError](err)
	switch {
	case lasting:
		s.Warnf("%s", err)
		return config, nil
	case err != nil:
		s.Warnf("%s", err)
		if _, no := errors.AsType[Refused](err); no && ctx.Err() == nil { // else it had no time for an answer
			return refused, nil
		}
		return retry, nil
	case !found:
		return noKey, nil
	}
	return ok, values
}

// request does what a request wants. found is whether there is an answer, or was
// something to be done.
func request(ctx context.Context, t closer, list []string) (found bool, values []string, err error) {
	what := ""
	if len(list) > 0 {
		what, list = list[0], list[1:]
	}
	reader, reads := t.(Table)
	w, writes := t.(Writer)
	walker, walks := t.(Walker)
	switch {
	case what == "get" && len(list) == 1 && reads:
		values, err = reader.Lookup(ctx, list[0])
		return len(values) > 0, values, err
	case what == "open" && len(list) == 0 && writes:
		return true, nil, w.Start(ctx)
	case what == "get" && len(list) == 2 && writes:
		value, found, err := w.Find(ctx, list[0], forms(list[1]))
		return found, []string{value}, err
	case what == "put" && len(list) == 4 && writes:
		found, err = w.Put(ctx, list[0], list[1], forms(list[2]), Dup(list[3]))
		return found, nil, err
	case what == "delete" && len(list) == 2 && writes:
		found, err = w.Delete(ctx, list[0], forms(list[1]))
		return found, nil, err
	case what == "first" && len(list) == 0 && walks, what == "next" && len(list) == 1 && walks:
		last := ""
		if len(list) > 0 {
			last = list[0]
		}
		key, value, found, err := walker.Next(ctx, what == "first", last)
		return found, []string{key, value}, err
	}
	return false, nil, ConfigError{fmt.Errorf("unsupported request: %.100q", append([]string{what}, list...))}
}
