// SPDX-License-Identifier: ISC

package proxymap

import (
	"strconv"

	"postloop/services/attr"
	"postloop/services/table"
)

// appendReply appends the answer to a request, in its dialect. Texts are for
// those who get what they asked for.
func appendReply(b []byte, q *request, r *reply) []byte {
	var list [4]attr.Attr
	out := append(list[:0], attr.Attr{Name: "status", Value: strconv.Itoa(int(r.status))})
	if q.what == open || q.newer && q.what != unknown {
		out = append(out, attr.Attr{Name: "flags", Value: strconv.FormatUint(uint64(r.flags), 10)})
	}
	key, value := r.key, r.value
	if r.status != table.OK {
		key, value = "", ""
	}
	if q.what == sequence {
		out = append(out, attr.Attr{Name: "key", Value: key})
	}
	if q.what == sequence || q.what == lookup {
		out = append(out, attr.Attr{Name: "value", Value: value})
	}
	return attr.Append(b, out...)
}
