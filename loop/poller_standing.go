// SPDX-License-Identifier: ISC

//go:build !looppoll

package loop

// standing is the list of descriptors that are ready whenever they are asked
// for. Both epoll and kqueue refuse to watch some files.
type standing []event

// set records that fd is asked for want.
func (s *standing) set(fd int, want Ready) {
	for i := range *s {
		if (*s)[i].fd == fd {
			*s = append((*s)[:i], (*s)[i+1:]...)
			break
		}
	}
	if want != 0 {
		*s = append(*s, event{fd, want})
	}
}

// has reports whether fd is in the list.
func (s standing) has(fd int) bool {
	for i := range s {
		if s[i].fd == fd {
			return true
		}
	}
	return false
}
