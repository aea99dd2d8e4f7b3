// SPDX-License-Identifier: ISC

// Package berkeley is what a hash: or btree: table that can be written is made of:
// Berkeley DB 5.3, the library that Postfix uses for it, loaded at run time.
//
// # Others
//
// The library keeps pages of the file in memory. While one request is done, the
// file is locked with flock(2), as Postfix locks it, and what the library has
// kept is thrown away first if the file is not what we have left. A table that is
// opened with "hold" has its file locked for as long as it is open.
//
// # The disk
//
// Pages are written in their places, without a log. So there must be room for all
// that a change may write before it begins; a change for which there is none is
// refused, and has done nothing. If writing fails all the same, the file stays
// locked, and the pages in memory, until they can be written: nobody sees a half
// of it.
//
// # See also
//
// services/table/bdb, which reads these files without the library, and knows their
// format.
package berkeley
