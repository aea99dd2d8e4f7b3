// SPDX-License-Identifier: ISC

package maillog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"testing"
)

// fieldsOf reads what the journal reads: lines NAME=value, or a name, a length
// and as many bytes.
func fieldsOf(b []byte) (map[string]string, error) {
	fields := map[string]string{}
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			return nil, errors.New("no end of line")
		}
		name, value, ok := bytes.Cut(b[:end], []byte("="))
		b = b[end+1:]
		if !ok {
			if len(b) < 8 {
				return nil, errors.New("no length")
			}
			n := binary.LittleEndian.Uint64(b)
			if b = b[8:]; n >= uint64(len(b)) || b[n] != '\n' {
				return nil, errors.New("a wrong length")
			}
			value, b = b[:n], b[n+1:]
		}
		if _, twice := fields[string(name)]; twice {
			return nil, errors.New("twice: " + string(name))
		}
		fields[string(name)] = string(value)
	}
	return fields, nil
}

func TestJournalFields(t *testing.T) {
	r := record{when: when, severity: warning, tag: "postfix/master", pid: 77, service: "smtp/inet", text: "a\nb"}
	got, err := fieldsOf(r.appendJournal(nil, facilities["local3"]))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"MESSAGE": "warning: a\nb", "PRIORITY": "4", "SYSLOG_FACILITY": "19", "SYSLOG_IDENTIFIER": "postfix/master",
		"SYSLOG_PID": "77", "SYSLOG_TIMESTAMP": "Mar  4 05:06:07 ", "POSTLOOP_SEVERITY": "warning", "POSTLOOP_SERVICE": "smtp/inet",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// FuzzJournal: no value, whatever is in it, becomes another field.
func FuzzJournal(f *testing.F) {
	f.Add("postfix/master", "text")
	f.Add("a=b", "\nPRIORITY=0\n")
	f.Add("\n", "\x00\xff=\n\n")
	f.Fuzz(func(t *testing.T, tag, text string) {
		r := record{when: when, severity: info, tag: tag, text: text, pid: 1}
		got, err := fieldsOf(r.appendJournal(nil, 2))
		if err != nil {
			t.Fatal(err)
		}
		if got["MESSAGE"] != text || got["SYSLOG_IDENTIFIER"] != tag || len(got) != 7 {
			t.Fatalf("got %q", got)
		}
	})
}
