// SPDX-License-Identifier: ISC

package pcre

// tree is an expression, read.
type tree struct {
	op     op
	at     int // where in the expression, for errors
	c      byte
	fold   bool
	set    *set
	kids   []*tree
	group  int    // a number: opCapture, opBack, opCall, opCondition
	name   string // instead of it; of a mark
	min    int    // opRepeat
	max    int    // opRepeat: -1 for any number
	mode   mode   // opRepeat
	place  place  // opPlace
	not    bool   // opLook
	behind bool   // opLook
	loose  bool   // opLook: can be entered again
	verb   verb   // opVerb
	test   test   // opCondition
	open   []int  // opVerb accept: the groups around it
	id     int    // opAlternatives
	thens  bool   // opAlternatives: there is a (*THEN) in them
}

type op uint8

const (
	opEmpty        op = iota
	opByte            // c
	opSet             // set
	opPlace           // place
	opCat             // kids
	opAlternatives    // kids
	opCapture         // group, kids[0]
	opRepeat          // kids[0]
	opBack            // group or name
	opCall            // group or name
	opLook            // kids[0]
	opAtomic          // kids[0]
	opCondition       // test; kids: yes, no; of testLook the assertion before them
	opVerb
	opKeep // \K
	opLine // \R
)

type mode uint8

const (
	greedy mode = iota
	lazy
	possessive
)

// place is what a position must be.
type place uint8

const (
	begin        place = iota // \A, and ^ of a single line
	lineBegin                 // ^ of several
	end                       // \z
	endOrNewline              // \Z, and $ of a single line
	lineEnd                   // $ of several
	wordEdge
	notWordEdge
)

type verb uint8

const (
	verbAccept verb = iota
	verbFail
	verbCommit
	verbPrune
	verbSkip
	verbThen
	verbMark
)

// test is what a condition asks.
type test uint8

const (
	testGroup test = iota // whether it is set
	testCall              // whether in a recursion, into the group or (-1) any
	testLook              // kids[0]
	testNever             // DEFINE
	testAlways
)
