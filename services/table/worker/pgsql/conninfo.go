// SPDX-License-Identifier: ISC

package pgsql

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgpassfile"
	"github.com/jackc/pgx/v5/pgconn"

	"postloop/services/table/worker/hosts"
)

// parseHost reads a word of the list of hosts: a URI, unix:/directory,
// inet:host:port or these without the word in front, as libpq takes them. The
// port may be missing, and a colon in the name of a directory means nothing.
func parseHost(word string) hosts.Host {
	if isURI(word) {
		return hosts.Host{Name: redacted(word), Addr: word}
	}
	h := hosts.Host{Name: word}
	for _, prefix := range []string{"unix:", "inet:"} {
		if rest, ok := strings.CutPrefix(word, prefix); ok {
			word = rest
			break
		}
	}
	h.Addr = word
	if colon := strings.LastIndexByte(word, ':'); colon >= 0 && word[0] != '/' {
		h.Addr, h.Port = word[:colon], word[colon+1:]
	}
	h.Unix = h.Addr == "" || h.Addr[0] == '/'
	return h
}

// isURI reports whether a host is one for libpq to read.
func isURI(host string) bool { return strings.Contains(host, "://") }

// redacted is a URI without the passwords in it.
func redacted(uri string) string {
	scheme, rest, _ := strings.Cut(uri, "://")
	// A password may have in it what ought to be escaped: better too much is
	// hidden.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if name, _, ok := strings.Cut(rest[:at], ":"); ok {
			rest = name + ":***" + rest[at:]
		}
	}
	rest, query, ok := strings.Cut(rest, "?")
	if ok {
		list := strings.Split(query, "&")
		for i, s := range list {
			if name, _, ok := strings.Cut(s, "="); ok && strings.HasSuffix(strings.ToLower(name), "password") {
				list[i] = name + "=***"
			}
		}
		rest += "?" + strings.Join(list, "&")
	}
	return scheme + "://" + rest
}

// config is how to connect to a host. The variables of the environment and the
// files of the user that libpq has regard to count here, too.
func (b *base) config(h *hosts.Host) (*pgconn.Config, error) {
	info := h.Addr
	if isURI(info) && !hasScheme(info) {
		return nil, errors.New("missing \"=\" in connection info string")
	}
	if !isURI(info) {
		// As with PQsetdbLogin(), dbname may be more than a name.
		info = b.s.String("dbname")
		if !strings.Contains(info, "=") && !hasScheme(info) {
			info = with("", "dbname", info)
		} else if _, err := parse(info); err != nil { // or what comes behind it would be taken for a part of it
			return nil, err
		}
		for _, s := range [][2]string{{"host", h.Addr}, {"port", h.Port}, {"user", b.s.String("user")}, {"password", b.s.String("password")}} {
			if s[1] != "" {
				info = with(info, s[0], s[1])
			}
		}
	}
	own := strings.Contains(info, "passfile") // a file of this connection's, which is left to the library
	if !own {
		info = with(info, "passfile", "")
	}
	c, err := parse(info)
	if err != nil {
		return nil, err
	}
	if c.Password == "" && !own {
		c.Password, err = password(c)
		if err != nil {
			b.s.Warnf("%s", err)
		}
	}
	if err := checkParameters(c.RuntimeParams); err != nil {
		return nil, err
	}
	return c, checkTLS(c)
}

// hasScheme reports whether libpq reads a connection string as a URI.
func hasScheme(info string) bool {
	return strings.HasPrefix(info, "postgresql://") || strings.HasPrefix(info, "postgres://")
}

// with is a connection string with one more parameter, which overrides what is in
// it.
func with(info, name, value string) string {
	if hasScheme(info) {
		to := "?"
		if strings.Contains(info, "?") {
			to = "&"
		}
		return info + to + name + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
	}
	return info + " " + name + "='" + strings.NewReplacer(`'`, `\'`, `\`, `\\`).Replace(value) + "'"
}

// parse has the library read a connection string. Its errors quote that, with the
// password in it, and are cut short.
func parse(info string) (*pgconn.Config, error) {
	c, err := pgconn.ParseConfig(info)
	if errors.Is(err, fs.ErrNotExist) && strings.Contains(err.Error(), "unable to read CA file") {
		c, err = pgconn.ParseConfig(with(info, "sslrootcert", "")) // such a file may be missing, unless sslmode is about it
	}
	if err != nil {
		text := err.Error()
		_, text, _ = strings.Cut(text[strings.LastIndexByte(text, '`')+1:], ": ")
		return nil, errors.New(text)
	}
	return c, nil
}

// password is the one that the user's file of passwords has for a connection. The
// library would read any file, and look up all directories of sockets as localhost.
func password(c *pgconn.Config) (string, error) {
	path := os.Getenv("PGPASSFILE")
	if path == "" {
		path = filepath.Join(os.Getenv("HOME"), ".pgpass")
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", nil
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("password file \"%s\" is not a plain file", path)
	case info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("password file \"%s\" has group or world access; permissions should be u=rw (0600) or less", path)
	}
	list, err := pgpassfile.ReadPassfile(path)
	if err != nil {
		return "", nil
	}
	host := c.Host
	if host == "/var/run/postgresql" || host == "/tmp" { // where a server has its socket if it is not told
		host = "localhost"
	}
	return list.FindPassword(host, strconv.Itoa(int(c.Port)), c.Database, c.User), nil
}

// setHome has HOME be the user's, where whoever has started this has not set it,
// as a master does not.
func setHome() {
	if os.Getenv("HOME") != "" {
		return
	}
	if u, err := user.LookupId(strconv.Itoa(os.Geteuid())); err == nil {
		_ = os.Setenv("HOME", u.HomeDir)
	}
}

// checkParameters goes over what the library does not know, and would send to the
// server: it takes out what libpq keeps to itself, where it makes no difference
// here, and refuses the rest.
func checkParameters(params map[string]string) error {
	for name, value := range params {
		switch name {
		case "application_name", "options", "timezone", "replication":
		case "fallback_application_name":
			delete(params, name)
			if params["application_name"] == "" {
				params["application_name"] = value
			}
		case "client_encoding", // another setting's
			"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", // each request has its time
			"gsslib", "gssdelegation", "load_balance_hosts", "sslcompression":
			delete(params, name)
		case "gssencmode":
			if value == "require" {
				return fmt.Errorf("connection option \"%s\" cannot be %s here", name, value)
			}
			delete(params, name)
		case "hostaddr", "requirepeer", "sslcrl", "sslcrldir", "ssl_min_protocol_version", "ssl_max_protocol_version":
			return fmt.Errorf("connection option \"%s\" is not supported", name)
		default:
			return fmt.Errorf("invalid connection option \"%s\"", name)
		}
	}
	return nil
}

// checkTLS makes of the library's idea of sslmode that of libpq: where there is a
// file of certificates the server's is checked with it in every mode, and where
// there is none, it is not checked with those of the system.
func checkTLS(c *pgconn.Config) error {
	list := []*tls.Config{c.TLSConfig}
	for _, f := range c.Fallbacks {
		list = append(list, f.TLSConfig)
	}
	for _, t := range list {
		if t == nil {
			continue
		}
		verifyName := !t.InsecureSkipVerify
		if t.RootCAs == nil {
			if verifyName || t.VerifyPeerCertificate != nil {
				return errors.New("root certificate file does not exist -- provide one, or change sslmode")
			}
			continue
		}
		t.InsecureSkipVerify, t.VerifyPeerCertificate = true, nil // for that is done here
		t.VerifyConnection = func(s tls.ConnectionState) error {
			host := ""
			if verifyName {
				host = t.ServerName
			}
			return verify(s.PeerCertificates, t.RootCAs, host)
		}
	}
	return nil
}

// verify checks a chain of certificates, the server's first, and unless host is
// empty whether it is one for that. The common name counts where there is no other.
func verify(chain []*x509.Certificate, roots *x509.CertPool, host string) error {
	if len(chain) == 0 {
		return errors.New("the server has no certificate")
	}
	first, others := chain[0], x509.NewCertPool()
	for _, c := range chain[1:] {
		others.AddCert(c)
	}
	if _, err := first.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others}); err != nil {
		return err
	}
	if host == "" {
		return nil
	}
	if common := first.Subject.CommonName; len(first.DNSNames)+len(first.IPAddresses) == 0 {
		if net.ParseIP(host) != nil && common == host {
			return nil
		}
		first = &x509.Certificate{DNSNames: []string{common}}
	}
	return first.VerifyHostname(host)
}
