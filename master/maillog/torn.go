// SPDX-License-Identifier: ISC

package maillog

import "syscall"

// torn is the first queued line if its file was let go of in the middle of it.
type torn struct {
	file syscall.Stat_t
	off  int // how much of sink.line the file has; 0: there is no such line
}

// tear keeps in mind how much of the first line is written, for the case that
// the file is opened again: what follows half a line must be its other half.
// A socket's next server gets the line whole.
func (s *sink) tear() {
	if s.off > 0 && s.framing == lineEnded && syscall.Fstat(s.fd, &s.torn.file) == nil {
		s.torn.off = s.off
	}
	s.off = 0
}

// mend has a torn line continued if its file is open again, and reports
// whether it is.
func (s *sink) mend() bool {
	if s.torn.off == 0 {
		return false
	}
	var st syscall.Stat_t
	if s.framing == lineEnded && syscall.Fstat(s.fd, &st) == nil && sameFile(&st, &s.torn.file) {
		s.off = s.torn.off // and s.line is still that line
	}
	s.torn.off = 0
	return s.off > 0
}

func sameFile(a, b *syscall.Stat_t) bool {
	return a.Dev == b.Dev && a.Ino == b.Ino && a.Rdev == b.Rdev
}
