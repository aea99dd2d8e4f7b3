// SPDX-License-Identifier: ISC

package dbtest

import "syscall"

// dieWithParent has a server killed when the test's process ends without having
// done so.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
