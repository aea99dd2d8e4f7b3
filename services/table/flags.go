// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"strings"
)

// Flags are wishes about a table, and properties of one. The numbers are those
// of the proxymap protocol.
type Flags uint32

const (
	DupWarn     Flags = 1 << iota // warn of a key that is there already
	DupIgnore                     // leave it as it is, in silence
	Try0Null                      // keys and values have no null byte at their end
	Try1Null                      // they have one
	Fixed                         // keys are strings
	Pattern                       // keys are patterns; no parts of a key are asked for
	Lock                          // lock the file for each access
	DupReplace                    // replace what is there
	SyncUpdate                    // write it to the disk at once
	Debug                         // log each access (Postfix up to 3.10)
	_                             // not in use any more
	NoRegSub                      // no $1 in results of patterns
	NoProxy                       // not over a proxy
	NoUnauth                      // not from a server that anybody could be
	FoldFix                       // lower-case the key if the table is Fixed
	FoldMul                       // lower-case the key if the table is a Pattern
	OpenLock                      // lock the file for as long as the table is open
	BulkUpdate                    // the whole table is being written
	MultiWriter                   // several processes may write
	UTF8Request                   // keys and values are to be checked, and folded as UTF-8
	UTF8Active                    // they are
	RHSIsFile                     // values in source text are names of files
	Surrogate                     // the table could not be opened (Postfix 3.11 and later)
)

var flagNames = [...]string{
	"warn_dup", "ignore_dup", "try0null", "try1null", "fixed", "pattern", "lock", "dup_replace", "sync_update", "debug",
	"", "no_regsub", "no_proxy", "no_unauth", "fold_fix", "fold_mul", "open_lock", "bulk_update", "multi_writer",
	"utf8_request", "utf8_active", "src_rhs_is_file", "surrogate",
}

// String is the names of the flags in Postfix's logs, with a number for those
// that have none.
func (f Flags) String() string {
	var list []string
	for i, name := range flagNames {
		if bit := Flags(1) << i; name != "" && f&bit != 0 {
			list = append(list, name)
			f &^= bit
		}
	}
	if f != 0 {
		list = append(list, fmt.Sprintf("0x%x", uint32(f)))
	}
	return strings.Join(list, "|")
}
