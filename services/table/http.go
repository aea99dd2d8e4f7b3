// SPDX-License-Identifier: ISC

package table

import (
	"errors"
	"fmt"
	"strconv"
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
	text, err := k.String("url", "", 1)
	if err != nil {
		return nil, nil, err
	}
	url, err := cf.ParseURL(text)
	if err != nil {
		if strings.Contains(text, "@") { // there may be a password before it
			return nil, nil, fmt.Errorf("%s: url: %w", k.Name(), err)
		}
		return nil, nil, fmt.Errorf("%s: %w: url = %s", k.Name(), err, text)
	}
	list = []string{"name", k.Name(), "url", text}
	for _, part := range []func() ([]string, error){
		k.httpFormat, k.httpRequest, func() ([]string, error) { return k.httpTLS(strings.HasPrefix(text, "https:")) },
	} {
		more, err := part()
		if err != nil {
			return nil, nil, err
		}
		list = append(list, more...)
	}
	return list, []*cf.Template{url.Template}, nil
}

// httpFormat is about what an answer is.
func (k *keyed) httpFormat() ([]string, error) {
	format, err := k.String("format", "text", 1)
	if err != nil {
		return nil, err
	}
	member, err := k.String("member", "", 0)
	if err != nil {
		return nil, err
	}
	_, ok := cf.ParseMember(member)
	switch {
	case format != "text" && format != "json":
		return nil, fmt.Errorf("%s: need text or json: format = %s", k.Name(), format)
	case format == "text" && member != "":
		return nil, fmt.Errorf("%s: a text has no members: member = %s", k.Name(), member)
	case !ok:
		return nil, fmt.Errorf("%s: need names with dots between them: member = %s", k.Name(), member)
	}
	limit, err := k.Int("data_size_limit", 64<<10, 1)
	if err == nil && limit > maxHTTP {
		err = fmt.Errorf("%s: invalid data_size_limit parameter value %d > %d", k.Name(), limit, maxHTTP)
	}
	return []string{"format", format, "member", member, "data_size_limit", strconv.Itoa(limit)}, err
}

// httpRequest is about how to ask.
func (k *keyed) httpRequest() ([]string, error) {
	var errs [6]error
	var socket, user, password, text string
	var timeout, redirects int
	socket, errs[0] = k.String("socket", "", 0)
	user, errs[1] = k.String("user", "", 0)
	password, errs[2] = k.String("password", "", 0)
	text, errs[3] = k.String("headers", "", 0)
	timeout, errs[4] = k.Int("timeout", 10, 1)
	redirects, errs[5] = k.Int("max_redirects", 0, 0)
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	if socket != "" {
		if _, err := parseUnix(socket); err != nil {
			return nil, err
		}
	}
	if password != "" && user == "" {
		return nil, fmt.Errorf("%s: a password without a user", k.Name())
	}
	if strings.Contains(user, ":") {
		return nil, fmt.Errorf("%s: a colon ends a user's name", k.Name()) // without it: there may be a password behind it
	}
	headers, err := httpHeaders(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name(), err)
	}
	for _, line := range headers {
		if name, _, _ := strings.Cut(line, ":"); user != "" && strings.EqualFold(name, "Authorization") {
			return nil, fmt.Errorf("%s: a user, and a header that is to tell who asks", k.Name())
		}
	}
	return []string{
		"socket", socket, "user", user, "password", password, "headers", strings.Join(headers, "\n"),
		"timeout", strconv.Itoa(timeout), "max_redirects", strconv.Itoa(redirects),
	}, nil
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

// httpTLS is about the server's certificate, and ours. Files are read here, so
// that the table is opened anew when one is replaced.
func (k *keyed) httpTLS(used bool) (list []string, err error) {
	var texts [3]string
	for i, param := range []string{"tls_CAfile", "tls_cert_file", "tls_key_file"} {
		name, err := k.String(param, "", 0)
		if err != nil {
			return nil, err
		}
		if name != "" && !used {
			return nil, fmt.Errorf("%s: %s is for https: only", k.Name(), param)
		}
		if name != "" {
			if texts[i], err = k.read(name); err != nil {
				return nil, err
			}
		}
		list = append(list, param, texts[i])
	}
	if (texts[1] == "") != (texts[2] == "") {
		return nil, fmt.Errorf("%s: tls_cert_file and tls_key_file go together", k.Name())
	}
	verify, err := k.Bool("tls_verify_cert", true)
	if err != nil {
		return nil, err
	}
	server, err := k.String("tls_server_name", "", 0)
	word := "no"
	if verify {
		word = "yes"
	}
	return append(list, "tls_verify_cert", word, "tls_server_name", server), err
}
