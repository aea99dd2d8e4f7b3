// SPDX-License-Identifier: ISC

package report

// Protocol is the version of the conversation over the control socket:
// requests and answers are JSON objects, one a line, the answers in the order
// of the requests.
const Protocol = 1

// RequestLimit is how long the line of a request may be, its end included.
const RequestLimit = 4096

// Request is what an operator wants.
type Request struct {
	Protocol int    `json:"v"`
	Command  string `json:"command"`
	Service  string `json:"service,omitempty"`
	Signal   string `json:"signal,omitempty"`
	Program  string `json:"program,omitempty"`
}

// Answer is what came of it.
type Answer struct {
	Protocol int     `json:"v"`
	OK       bool    `json:"ok"`                // it has been done
	Text     string  `json:"text,omitempty"`    // what has happened, for a person
	Errors   []Error `json:"errors,omitempty"`  // why it has not been done
	Reject   bool    `json:"invalid,omitempty"` // the request itself is wrong: nobody would have done it
	Report   *Report `json:"report,omitempty"`  // of status; of one service it has that service only
}
