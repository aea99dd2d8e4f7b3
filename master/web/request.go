// SPDX-License-Identifier: ISC

// Package web is the part of HTTP that a status page needs, as bytes: which of
// a handful of things somebody asks for, and an answer. It knows no sockets.
//
// It is made for a process that has better things to do, and may be root: of a
// request only its first line is looked at, which has to be one of a few, and
// whether it is meant for a name. No number is read. Every answer ends the
// connection, so nothing a client sends can be taken for the next request.
package web

import (
	"bytes"
	"errors"
)

// HeadLimit is how long the head of a request may be, its last line included.
// Browsers send less than a kilobyte, with cookies of other pages of the same
// host more.
const HeadLimit = 8 << 10

// lineLimit is how long its first line may be.
const lineLimit = 1 << 10

// Request is what somebody wants.
type Request struct {
	Path string // without the query
	Head bool   // the answer's head is enough
	// Named says that its Host is a name, other than localhost. Behind a port that
	// only this machine can reach, that is how a page from elsewhere comes, whose
	// own name was made to stand for this machine: the browser takes the answer for
	// one of that page's own server.
	Named bool
}

// What a request can be instead of one.
var (
	ErrBad    = errors.New("not a request")
	ErrMethod = errors.New("neither GET nor HEAD")
)

// Scan looks for a request at the beginning of in. used is 0 as long as there is
// none, nor anything that cannot become one; the result does not depend on how
// the input was cut. An error means that there will be none.
func Scan(in []byte) (q Request, used int, err error) {
	line, rest, whole := bytes.Cut(in, []byte("\n"))
	switch {
	case len(line) > lineLimit:
		return q, len(in), ErrBad
	case !whole:
		return q, 0, nil
	}
	if q, err = parse(bytes.TrimSuffix(line, []byte("\r"))); err != nil {
		return q, len(in), err
	}
	// The head ends with an empty line, which may be the next one.
	for at := len(in) - len(rest); ; {
		line, _, whole := bytes.Cut(in[at:], []byte("\n"))
		switch at += len(line) + 1; {
		case !whole && len(in) >= HeadLimit, whole && at > HeadLimit:
			return q, len(in), ErrBad
		case !whole:
			return Request{}, 0, nil
		case len(line) == 0 || string(line) == "\r":
			return q, at, nil
		}
		q.Named = q.Named || namesHost(line)
	}
}

// parse reads the first line: a method, a path and a version.
func parse(line []byte) (q Request, err error) {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, version, _ := bytes.Cut(rest, []byte(" "))
	if string(version) != "HTTP/1.1" && string(version) != "HTTP/1.0" {
		return q, ErrBad
	}
	for _, c := range line {
		if c < ' ' || c > '~' {
			return q, ErrBad
		}
	}
	switch string(method) {
	case "GET":
	case "HEAD":
		q.Head = true
	default:
		return q, ErrMethod
	}
	if len(target) == 0 || target[0] != '/' {
		return q, ErrBad
	}
	path, _, _ := bytes.Cut(target, []byte("?"))
	q.Path = string(path)
	return q, nil
}

// namesHost reports whether line is a Host with a name other than localhost. What
// browsers take for an address has digits and points, or brackets.
func namesHost(line []byte) bool {
	field, value, _ := bytes.Cut(line, []byte(":"))
	if !bytes.EqualFold(bytes.TrimSpace(field), []byte("host")) {
		return false
	}
	host := bytes.TrimSpace(value)
	if bytes.HasPrefix(host, []byte("[")) {
		return false
	}
	host, _, _ = bytes.Cut(host, []byte(":"))
	return len(bytes.Trim(host, "0123456789.")) > 0 && !bytes.EqualFold(host, []byte("localhost"))
}
