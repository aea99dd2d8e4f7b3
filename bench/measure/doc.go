// SPDX-License-Identifier: ISC

// Package measure tells what a server and everything it has started use of the
// machine: processor time with that of children long dead, resident memory,
// descriptors. It also places servers and load on processors, and tells what
// else the machine was doing meanwhile.
//
// # Processor time
//
// A Tree is a control group of its own where one can be made: of version 2,
// whose cpu.stat every group has, or of version 1's cpuacct. Their account is
// exact and includes the dead. Otherwise it is the sum over /proc/PID/stat of
// the processes that live, with what they have waited for: in units of 10 ms,
// and short of children that nobody has waited for.
package measure
