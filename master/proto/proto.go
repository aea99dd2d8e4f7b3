// SPDX-License-Identifier: ISC

package proto

import (
	"encoding/binary"
	"strconv"
)

// Descriptors as a child finds them.
const (
	FlowRead  = 3
	FlowWrite = 4
	StatusFD  = 5
	ListenFD  = 6 // the first of them
)

// Values of Status.Avail. A master warns about any other and ignores it.
const (
	Taken     = 0
	Available = 1
)

// Status is one report of a child about itself.
type Status struct {
	Pid        int32
	Generation uint32
	Avail      int32
}

// StatusSize is how many bytes a Status takes on the status channel.
const StatusSize = 12

// Append appends s as it goes over the status channel, to be written at once.
func (s Status) Append(b []byte) []byte {
	b = binary.NativeEndian.AppendUint32(b, uint32(s.Pid))
	b = binary.NativeEndian.AppendUint32(b, s.Generation)
	return binary.NativeEndian.AppendUint32(b, uint32(s.Avail))
}

// ParseStatus returns the record in b, and false unless b is exactly one. It
// does not judge what the record says.
func ParseStatus(b []byte) (Status, bool) {
	if len(b) != StatusSize {
		return Status{}, false
	}
	return Status{
		Pid:        int32(binary.NativeEndian.Uint32(b)),
		Generation: binary.NativeEndian.Uint32(b[4:]),
		Avail:      int32(binary.NativeEndian.Uint32(b[8:])),
	}, true
}

// GenerationEnv names the environment variable that tells a child its
// generation.
const GenerationEnv = "GENERATION"

// FormatGeneration returns g as the value of GenerationEnv: octal, without a
// prefix.
func FormatGeneration(g uint32) string {
	return strconv.FormatUint(uint64(g), 8)
}

// ParseGeneration returns the generation that the value s of GenerationEnv
// names, and false if it names none. Only digits will do: no sign, no blank,
// no prefix.
func ParseGeneration(s string) (uint32, bool) {
	for _, c := range []byte(s) {
		if c < '0' || c > '7' {
			return 0, false
		}
	}
	g, err := strconv.ParseUint(s, 8, 32)
	return uint32(g), err == nil
}
