// SPDX-License-Identifier: ISC

package lspawn

import (
	"bytes"

	"golang.org/x/sys/unix"
)

// What is said of a delivery that was not made, or not to its end.
const (
	crashed    = "Zqmail-local crashed.\n"
	ownBug     = "ZInternal qmail-lspawn bug.\n"
	asRoot     = "ZNot allowed to perform deliveries as root.\n"
	nfsFailure = "ZNFS failure in qmail-local.\n"
	noAlias    = "ZUnable to find alias user!\n"
	cdbTrouble = "ZTrouble reading users/cdb in qmail-lspawn.\n"
	noSystem   = "ZTemporary failure in qmail-lspawn.\n"
	lowMemory  = "ZOut of memory in qmail-lspawn.\n"
	execSoft   = "ZUnable to run qmail-local.\n"
	execGetpw  = "ZUnable to run qmail-getpw.\n"
	noRootDir  = "ZUnable to cd to root directory.\n"
	execHard   = "DUnable to run qmail-local.\n"
	success    = "K"
)

// ends are the exit statuses that say something themselves, of qmail's child
// that becomes qmail-local. Nobody can tell whether that had become it by then.
var ends = map[int]string{
	112: ownBug, 113: asRoot, 115: nfsFailure, 116: noAlias, 117: cdbTrouble, 118: noSystem,
	119: lowMemory, 120: execSoft, 121: execGetpw, 126: execHard,
}

// dirStatus is one more, of IndiMail's.
const dirStatus = 122

// verdict returns the report on a delivery whose qmail-local has ended in that
// way, with that output.
func (p Protocol) verdict(status unix.WaitStatus, output []byte) string {
	if status.Signaled() {
		return crashed
	}
	code := status.ExitStatus()
	if text, ok := ends[code]; ok {
		return text
	}
	if code == dirStatus && p == IndiMail {
		return noRootDir
	}
	letter := "D"
	switch code {
	case 0:
		letter = success
	case 71, 74, 75, 111: // as sysexits.h has it, and qmail
		letter = "Z"
	}
	if end := bytes.IndexByte(output, 0); end >= 0 { // where qmail-send would take the report to end
		output = output[:end]
	}
	return letter + string(output)
}

// The longest output that is reported, and what is left of a longer one.
const (
	maxOutput  = 3000
	cutOutput  = 2966
	tooLong    = "\nError report too long, sorry.\n"
	outputStep = 128
)

// output is what a qmail-local has said. It is taken in steps, as qmail reads
// it: what a long one is cut to depends on where the steps end.
type output struct {
	text []byte
	step int // how much of the step has come
}

func (o *output) add(in []byte) {
	for len(in) > 0 {
		n := min(len(in), outputStep-o.step)
		o.text = append(o.text, in[:n]...)
		in = in[n:]
		if o.step += n; o.step == outputStep {
			o.step = 0
			o.cut()
		}
	}
}

// cut bounds what is kept. It is the last step's end, too.
func (o *output) cut() []byte {
	if len(o.text) > maxOutput {
		o.text = append(o.text[:cutOutput], tooLong...)
	}
	return o.text
}
