// SPDX-License-Identifier: ISC

// Package ldapurl reads LDAP URLs: those that name a server, and those that are
// values in a directory and stand for a search. It opens nothing.
//
// It takes what OpenLDAP's library takes, and in the same sense: angle brackets
// and URL: around, words for a scope beyond those of the standard, nothing where
// an escape makes no sense. Of what is behind a second question mark nothing is
// looked at where no slash comes before it.
//
// # See also
//
// RFC 4516; ldap_url_parse(3).
package ldapurl

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// URL is an LDAP URL in its parts.
type URL struct {
	Scheme string // ldap, ldaps or ldapi
	Host   string // without brackets; for ldapi a path; may be empty
	Port   int    // 0: the usual one
	DN     string
	Attrs  []string // none: all
	Scope  Scope
	Filter string // empty: every entry
}

// Scope is how far a search goes. The numbers are those of the protocol.
type Scope int

const (
	NoScope     Scope = -1 // none is given
	Base        Scope = 0  // the entry itself
	One         Scope = 1  // those right below it
	Sub         Scope = 2  // it, and all below
	Subordinate Scope = 3  // all below
)

// Reasons why a URL makes no sense.
var (
	errScheme     = errors.New("not an LDAP URL")
	errEnclosure  = errors.New("no > at the end")
	errPort       = errors.New("bad port")
	errHost       = errors.New("bad host")
	errScope      = errors.New("bad scope")
	errExtensions = errors.New("empty extensions")
	errParts      = errors.New("too many parts")
)

// schemes are those that there are, and what each of them means here.
var schemes = []struct{ prefix, scheme string }{
	{"ldap://", "ldap"},
	{"ldapi://", "ldapi"},
	{"ldaps://", "ldaps"},
	{"pldap://", "ldap"},
	{"pldaps://", "ldaps"},
}

// Is reports whether s looks like an LDAP URL. It need not be a good one.
func Is(s string) bool {
	_, _, ok := cut(s)
	return ok
}

// cut takes off what is in front of the host.
func cut(s string) (scheme, rest string, ok bool) {
	s = strings.TrimPrefix(s, "<")
	if len(s) >= 4 && strings.EqualFold(s[:4], "URL:") {
		s = s[4:]
	}
	for _, one := range schemes {
		if len(s) >= len(one.prefix) && strings.EqualFold(s[:len(one.prefix)], one.prefix) {
			return one.scheme, s[len(one.prefix):], true
		}
	}
	return "", "", false
}

// Parse reads a URL.
func Parse(s string) (URL, error) {
	u := URL{Scope: NoScope}
	scheme, rest, ok := cut(s)
	if !ok {
		return u, errScheme
	}
	u.Scheme = scheme
	if strings.HasPrefix(s, "<") {
		if rest, ok = strings.CutSuffix(rest, ">"); !ok {
			return u, errEnclosure
		}
	}
	host, rest, more := strings.Cut(rest, "/")
	if !more {
		host, _, _ = strings.Cut(host, "?")
	}
	if err := u.server(host); err != nil {
		return u, err
	}
	parts := strings.Split(rest, "?")
	if len(parts) > 5 {
		return u, errParts
	}
	parts = append(parts, make([]string, 4)...)[:max(4, len(parts))]
	u.DN = unescape(parts[0])
	u.Attrs = strings.FieldsFunc(unescape(parts[1]), func(r rune) bool { return r == ',' })
	if u.Scope, ok = ParseScope(parts[2]); !ok && parts[2] != "" {
		return u, errScope
	}
	u.Filter = unescape(parts[3])
	if len(parts) == 5 && parts[4] == "" {
		return u, errExtensions
	}
	return u, nil
}

// server reads host and port.
func (u *URL) server(text string) error {
	host, port, colon := text, "", false
	if u.Scheme != "ldapi" {
		if end := strings.LastIndexByte(text, ']'); strings.HasPrefix(text, "[") {
			if end < 0 {
				return errHost
			}
			host, port = text[1:end], text[end+1:]
			if port, colon = strings.CutPrefix(port, ":"); !colon && port != "" {
				return errHost
			}
		} else {
			host, port, colon = strings.Cut(text, ":")
		}
	}
	if colon {
		n, err := strconv.Atoi(port)
		if err != nil || n < 0 || n > 65535 {
			return errPort
		}
		u.Port = n
	}
	u.Host = unescape(host)
	return nil
}

// Server is the URL of the server alone.
func (u URL) Server() string {
	host := u.Host
	switch {
	case u.Scheme == "ldapi":
		host = url.PathEscape(host)
	case strings.ContainsRune(host, ':'):
		host = "[" + host + "]"
	}
	if u.Port != 0 {
		host += ":" + strconv.Itoa(u.Port)
	}
	return u.Scheme + "://" + host
}

// ParseScope returns the scope of that name.
func ParseScope(name string) (Scope, bool) {
	switch strings.ToLower(name) {
	case "base":
		return Base, true
	case "one", "onelevel":
		return One, true
	case "sub", "subtree":
		return Sub, true
	case "subord", "subordinate", "children":
		return Subordinate, true
	}
	return NoScope, false
}

// unescape returns nothing if s has an escape that is none.
func unescape(s string) string {
	text, err := url.PathUnescape(s)
	if err != nil {
		return ""
	}
	return text
}
