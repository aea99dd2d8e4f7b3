// SPDX-License-Identifier: ISC

package cf

import (
	"errors"
	"net/url"
	"strings"
)

// URL is a Template that makes an address of a key: the key may choose a
// resource, and never the server.
type URL struct{ *Template }

// everyPart is a key that no template lacks anything of.
const everyPart = "u@9.8.7.6.5.4.3.2.1"

// Errors of addresses.
var (
	errEscape    = errors.New("an escape that is none")
	errNoServer  = errors.New("need http://host/ or https://host/")
	errCharacter = errors.New("a character that no address can have")
	errHostParts = errors.New("an escape where the server is")
	errUserInfo  = errors.New("user and password have settings of their own")
	errFragment  = errors.New("a # has no place in it")
	errDots      = errors.New("a . or .. as part of the path")
)

// ParseURL makes a template of the text of an address, http: or https:. Escapes
// may stand in its path and in its query.
func ParseURL(text string) (URL, error) {
	t, ok := ParseTemplate(text)
	if !ok {
		return URL{}, errEscape
	}
	scheme, rest, _ := strings.Cut(text, "://")
	server := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		server = rest[:end]
	}
	switch {
	case scheme != "http" && scheme != "https" || server == "":
		return URL{}, errNoServer
	case strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' }):
		return URL{}, errCharacter
	case strings.Contains(strings.ReplaceAll(server, "%%", ""), "%"):
		return URL{}, errHostParts
	case strings.Contains(server, "@"):
		return URL{}, errUserInfo
	case strings.Contains(rest, "#"):
		return URL{}, errFragment
	}
	whole, _ := t.Query(everyPart, escape)
	u, err := url.Parse(whole)
	if parse, ok := errors.AsType[*url.Error](err); ok {
		return URL{}, parse.Err
	}
	switch {
	case err != nil:
		return URL{}, err
	case u.Hostname() == "":
		return URL{}, errNoServer
	case u.String() != whole: // such a path would be escaped anew, without what is escaped in it already
		return URL{}, errCharacter
	case dots(u):
		return URL{}, errDots
	}
	return URL{t}, nil
}

// Address returns the address for key, each part of which is escaped. ok is false
// for a key that lacks what the template asks for, and for one that would lead
// out of the path that the template names.
func (t URL) Address(key string) (u *url.URL, ok bool) {
	text, ok := t.Query(key, escape)
	if !ok {
		return nil, false
	}
	u, err := url.Parse(text)
	return u, err == nil && !dots(u)
}

// escape leaves the characters of a text that mean nothing anywhere in an address
// (RFC 3986, 2.3), and writes the others as %XX.
func escape(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// dots reports whether part of a path is . or .., for which servers take other
// parts away. Some see such a part between escaped slashes as well.
func dots(u *url.URL) bool {
	for part := range strings.FieldsFuncSeq(u.Path, func(c rune) bool { return c == '/' || c == '\\' }) {
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}
