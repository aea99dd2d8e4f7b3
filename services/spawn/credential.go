// SPDX-License-Identifier: ISC

package spawn

import "syscall"

// credential is c's user with exactly one group: the supplementary groups of
// the user are not for a command that strangers talk to.
func credential(c *Config) *syscall.Credential {
	return &syscall.Credential{Uid: uint32(c.UID), Gid: uint32(c.GID), Groups: []uint32{uint32(c.GID)}}
}
