// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"
	"strings"

	"postloop/cfg"
	"postloop/services/table/cf"
)

// maxHTTP is the largest data_size_limit: as a list of values that is still less
// than maxDriven.
const maxHTTP = 2 << 20

// openHTTP opens http:/path/file, or with parameters in main.cf http:name.
// Postfix has no such tables: a resource of a web server for each key. The server
// need not be there.
func openHTTP(e *Env, name string, m Mode, f Flags) (Table, error) {
	if f&NoUnauth != 0 {
		return nil, fmt.Errorf("http:%s map is not allowed for security-sensitive data", name)
	}
	return openDriven(e, driver{"http", "table-http", httpSettings}, name, m)
}

// httpSettings are those in docs/tables.md.
func httpSettings(k *keyed) (list []string, templates []*cf.Template, err error) {
	s := &httpReader{settingsReader{keyed: k}}
	s.add("name", k.Name())
	text := s.text("url", "", 1)
	s.add("url", text)
	url, err := cf.ParseURL(text)
	if err != nil {
		if strings.Contains(text, "@") { // there may be a password before it
			err = fmt.Errorf("%s: url: %w", k.Name(), err)
		} else {
			err = fmt.Errorf("%s: %w: url = %s", k.Name(), err, text)
		}
		s.fail(err)
		return s.done()
	}
	s.format()
	s.request()
	s.tls(strings.HasPrefix(text, "https:"))
	return s.done(url.Template)
}

// httpReader is about those of them that belong together.
type httpReader struct{ settingsReader }

// failf is fail for what the table's name is to be in front of.
func (s *httpReader) failf(format string, args ...any) {
	s.fail(fmt.Errorf("%s: "+format, append([]any{s.Name()}, args...)...))
}

// format is about what an answer is.
func (s *httpReader) format() {
	format, member := s.text("format", "text", 1), s.text("member", "", 0)
	_, ok := cf.ParseMember(member)
	switch {
	case format != "text" && format != "json":
		s.failf("need text or json: format = %s", format)
	case format == "text" && member != "":
		s.failf("a text has no members: member = %s", member)
	case !ok:
		s.failf("need names with dots between them: member = %s", member)
	}
	s.add("format", format)
	s.add("member", member)
	if limit := s.addNumber("data_size_limit", 64<<10, 1); limit > maxHTTP {
		s.failf("invalid data_size_limit parameter value %d > %d", limit, maxHTTP)
	}
}

// request is about how to ask.
func (s *httpReader) request() {
	socket, user, password := s.text("socket", "", 0), s.text("user", "", 0), s.text("password", "", 0)
	headers, err := httpHeaders(s.text("headers", "", 0))
	s.add("socket", socket)
	s.add("user", user)
	s.add("password", password)
	s.add("headers", strings.Join(headers, "\n"))
	s.addNumber("timeout", 10, 1)
	s.addNumber("max_redirects", 0, 0)
	if socket != "" {
		_, err := parseUnix(socket)
		s.fail(err)
	}
	if password != "" && user == "" {
		s.failf("a password without a user")
	}
	if strings.Contains(user, ":") {
		s.failf("a colon ends a user's name") // without it: there may be a password behind it
	}
	if err != nil {
		s.failf("%w", err)
	}
	for _, line := range headers {
		if name, _, _ := strings.Cut(line, ":"); user != "" && strings.EqualFold(name, "Authorization") {
			s.failf("a user, and a header that is to tell who asks")
		}
	}
}

// notOurs are header fields that are not the configuration's to set: they say
// where a message ends, or what becomes of the connection.
const notOurs = " accept-encoding connection content-length expect if-match if-modified-since if-none-match if-range " +
	"if-unmodified-since keep-alive proxy-connection range te trailer transfer-encoding upgrade "

// httpHeaders reads name: value, or {name: value} {name: value}.
func httpHeaders(text string) (list []string, err error) {
	if !strings.HasPrefix(text, "{") {
		if text != "" {
			list = []string{text}
		}
	} else {
		for word, rest := cfg.CutBraced(text, commaBlank); word != ""; word, rest = cfg.CutBraced(rest, commaBlank) {
			line, err := cfg.Unbrace(word)
			if err != nil {
				return nil, err
			}
			list = append(list, line)
		}
	}
	for i, line := range list {
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !ok || name == "" || strings.ContainsFunc(name, func(c rune) bool { return !fieldName(c) }):
			return nil, errors.New("need name: value as a header") // without it: it may be a secret
		case strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }):
			return nil, fmt.Errorf("a control character in the header %s", name)
		case strings.Contains(notOurs, " "+strings.ToLower(name)+" "):
			return nil, fmt.Errorf("this header cannot be set: %s", name)
		}
		list[i] = name + ": " + value
	}
	return list, nil
}

// fieldName reports whether a character may be in the name of a header field
// (RFC 9110, 5.6.2).
func fieldName(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}

// tls is about the server's certificate, and ours. Files are read here, so that
// the table is opened anew when one is replaced.
func (s *httpReader) tls(used bool) {
	var texts [3]string
	for i, param := range []string{"tls_CAfile", "tls_cert_file", "tls_key_file"} {
		name := s.text(param, "", 0)
		if name != "" && !used {
			s.failf("%s is for https: only", param)
		}
		if name != "" && s.err == nil {
			var err error
			texts[i], err = s.read(name)
			s.fail(err)
		}
		s.add(param, texts[i])
	}
	if (texts[1] == "") != (texts[2] == "") {
		s.failf("tls_cert_file and tls_key_file go together")
	}
	s.add("tls_verify_cert", yes(s.flag("tls_verify_cert", true)))
	s.addText("tls_server_name", "", 0)
}
