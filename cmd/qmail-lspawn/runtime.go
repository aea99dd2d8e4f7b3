// SPDX-License-Identifier: ISC

// One thread runs the loop: there is no number of processors to follow, and
// no files to keep open for it.

//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

package main
