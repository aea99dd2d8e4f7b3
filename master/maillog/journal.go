// SPDX-License-Identifier: ISC

package maillog

import (
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// EnvJournal names the stream into the journal that a process was started
// with, as device:inode.
const EnvJournal = "JOURNAL_STREAM"

// journalSocket is where the journal takes datagrams.
const journalSocket = "/run/systemd/journal/socket"

// appendJournal appends r as fields of the journal. The message and its
// identifier are what syslog would have, so that the same question finds both.
func (r *record) appendJournal(b []byte, facility int) []byte {
	b = appendField(b, "MESSAGE", prefixes[r.severity]+r.text)
	b = appendField(b, "PRIORITY", strconv.Itoa(priorities[r.severity]))
	b = appendField(b, "SYSLOG_FACILITY", strconv.Itoa(facility))
	b = appendField(b, "SYSLOG_IDENTIFIER", r.tag)
	b = appendField(b, "SYSLOG_PID", strconv.Itoa(r.pid))
	b = appendField(b, "SYSLOG_TIMESTAMP", r.when.Format("Jan _2 15:04:05 ")) // a line may have waited
	b = appendField(b, "POSTLOOP_SEVERITY", words[r.severity])
	if r.service != "" {
		b = appendField(b, "POSTLOOP_SERVICE", r.service)
	}
	return b
}

// appendField appends one field: a line, or where the value has more than one,
// the name, the length and the value as it is.
func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	if strings.IndexByte(value, '\n') < 0 {
		b = append(b, '=')
	} else {
		b = append(b, '\n')
		b = binary.LittleEndian.AppendUint64(b, uint64(len(value)))
	}
	b = append(b, value...)
	return append(b, '\n')
}

func (s *sink) connectJournal() {
	fd, err := dialJournal(s.dest.Path)
	if err != nil {
		s.retryLater()
		return
	}
	s.fd, s.framing = fd, datagram
}

func dialJournal(path string) (fd int, err error) {
	if path == "" {
		path = journalSocket
	}
	return dial(path, syscall.SOCK_DGRAM)
}

// upgrade makes a stream into the journal the journal, if that is there to be
// spoken to. JSON was asked for and stays what it is.
func (d *Dest) upgrade() {
	stdio := map[Kind]int{Stdout: 1, Stderr: 2}
	fd, ok := stdio[d.Kind]
	if !ok || d.Format != Text || !hasJournal || !isStream(fd, os.Getenv(EnvJournal)) {
		return
	}
	if probe, err := dialJournal(d.Path); err == nil {
		_ = syscall.Close(probe)
		d.Kind = Journal
	}
}

// isStream reports whether stream, as JOURNAL_STREAM has it, is fd. The variable
// is inherited by processes whose descriptors are others.
func isStream(fd int, stream string) bool {
	var st syscall.Stat_t
	if stream == "" || syscall.Fstat(fd, &st) != nil {
		return false
	}
	return stream == strconv.FormatUint(uint64(st.Dev), 10)+":"+strconv.FormatUint(uint64(st.Ino), 10) //nolint:unconvert // not the same type everywhere
}
