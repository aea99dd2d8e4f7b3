// SPDX-License-Identifier: ISC

package wire

import (
	"encoding/binary"
	"fmt"
)

// A list is a message between a table and the process that does its work: some
// strings of any bytes. The length of the whole is in front, in four bytes, and
// that of each string likewise.

// AppendList appends a list.
func AppendList(b []byte, list ...string) []byte {
	size := 0
	for _, s := range list {
		size += 4 + len(s)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(size))
	for _, s := range list {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	return b
}

// ReadList reads a list of up to limit bytes.
func ReadList(in []byte, limit int) (n int, list []string, err error) {
	if len(in) < 4 {
		return 0, nil, nil
	}
	size := int(binary.BigEndian.Uint32(in))
	if size > limit {
		return 0, nil, fmt.Errorf("list of %d bytes, above the limit of %d", size, limit)
	}
	n = 4 + size
	if len(in) < n {
		return 0, nil, nil
	}
	for rest := in[4:n]; len(rest) > 0; {
		if len(rest) < 4 {
			return 0, nil, fmt.Errorf("list that ends within a length")
		}
		length := binary.BigEndian.Uint32(rest)
		rest = rest[4:]
		if uint64(length) > uint64(len(rest)) {
			return 0, nil, fmt.Errorf("string of %d bytes in a list with %d left", length, len(rest))
		}
		list = append(list, string(rest[:length]))
		rest = rest[length:]
	}
	return n, list, nil
}

// Refused is a worker's status beside those of proxymap's protocol: "not now", of a
// server that is there, and does not like what it is asked.
const Refused = "102"

// Deadline is what stands before a list that is a request: the milliseconds in
// which it wants its answer, in four bytes.
const Deadline = 4

// AppendDeadline appends it.
func AppendDeadline(b []byte, milliseconds int64) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(max(0, min(milliseconds, 1<<31))))
}
