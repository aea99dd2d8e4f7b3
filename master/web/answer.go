// SPDX-License-Identifier: ISC

package web

import (
	"strconv"
	"time"
)

// The types of answers.
const (
	HTML = "text/html; charset=utf-8"
	JSON = "application/json"
	Text = "text/plain; charset=utf-8"
)

// The statuses of answers.
const (
	OK          = "200 OK"
	Bad         = "400 Bad Request"
	NotFound    = "404 Not Found"
	NotAllowed  = "405 Method Not Allowed"
	Misdirected = "421 Misdirected Request"
	Unavailable = "503 Service Unavailable"
)

// Answer is what a client gets.
type Answer struct {
	Status string
	Type   string
	Policy string // Content-Security-Policy; empty: the page may do nothing
	Body   []byte
}

// Head is everything before the body. Nobody keeps an answer for later, shows
// it inside another page, or takes it for something else than it is called.
func (a *Answer) Head(now time.Time) []byte {
	policy := a.Policy
	if policy == "" {
		policy = nothing
	}
	h := make([]byte, 0, 640)
	add := func(name, value string) {
		h = append(append(append(append(h, name...), ": "...), value...), "\r\n"...)
	}
	h = append(append(append(h, "HTTP/1.1 "...), a.Status...), "\r\n"...)
	add("Date", now.UTC().Format("Mon, 02 Jan 2006 15:04:05")+" GMT")
	add("Content-Type", a.Type)
	add("Content-Length", strconv.Itoa(len(a.Body)))
	if a.Status == NotAllowed {
		add("Allow", "GET, HEAD")
	}
	add("Cache-Control", "no-store")
	add("Content-Security-Policy", policy)
	add("Cross-Origin-Resource-Policy", "same-origin")
	add("Referrer-Policy", "no-referrer")
	add("X-Content-Type-Options", "nosniff")
	add("X-Frame-Options", "DENY")
	add("Connection", "close")
	return append(h, "\r\n"...)
}

const nothing = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Line is an answer of one line of text.
func Line(status, text string) Answer {
	return Answer{Status: status, Type: Text, Body: []byte(text + "\n")}
}
