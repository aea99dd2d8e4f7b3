// SPDX-License-Identifier: ISC

package main

import (
	"fmt"

	"postloop/master/handover"
	"postloop/master/maillog"

	"golang.org/x/sys/unix"
)

// canUpgrade says whether another program can take this one's place here.
const canUpgrade = true

// stateFile returns a file in memory with st in it.
func stateFile(st *handover.State) (fd int, err error) {
	text, err := st.Encode()
	if err != nil {
		return -1, err
	}
	if fd, err = unix.MemfdCreate("postloop-state", unix.MFD_CLOEXEC); err != nil {
		return -1, fmt.Errorf("memfd_create: %s", maillog.Strerror(err))
	}
	for len(text) > 0 {
		n, err := unix.Write(fd, text)
		if err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("memfd: %s", maillog.Strerror(err))
		}
		text = text[n:]
	}
	return fd, nil
}
