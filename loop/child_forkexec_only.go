// SPDX-License-Identifier: ISC

//go:build !(linux && (amd64 || arm64)) || loopforkexec

package loop

// kept is for the leaner start.
type kept struct{}

func newStarter() (starter, error) { return forkExec{}, nil }
