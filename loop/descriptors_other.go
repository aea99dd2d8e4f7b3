// SPDX-License-Identifier: ISC

//go:build !linux

package loop

// ReserveDescriptors does nothing here; see that of Linux.
func (*Loop) ReserveDescriptors(int) {}
