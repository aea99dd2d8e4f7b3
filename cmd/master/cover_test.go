// SPDX-License-Identifier: ISC

//go:build !interop

package main

import "flag"

// coverDir is where the processes under measurement leave their counts.
func coverDir() string { return flag.Lookup("test.gocoverdir").Value.String() }
