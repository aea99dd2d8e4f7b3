// SPDX-License-Identifier: ISC

package maillog

import "syscall"

func selectWrite(n int, set *syscall.FdSet, tv *syscall.Timeval) error {
	_, err := syscall.Select(n, nil, set, nil, tv)
	return err
}
