// SPDX-License-Identifier: ISC

package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"postloop/services/table/ldapurl"
)

// defaultSocket is where a server's socket is if an ldapi: URL does not say it.
const defaultSocket = "/var/run/slapd/ldapi"

// maxPacket is the longest message of a server.
const maxPacket = 16 << 20

// connection is one to a server, which knows who we are.
type connection struct {
	*goldap.Conn
	raw    net.Conn // of which Conn makes use
	server address
	used   bool // it has answered
}

// address is where a server is.
type address struct{ scheme, network, name string }

func addressOf(u ldapurl.URL) address {
	host, port := u.Host, u.Port
	switch {
	case u.Scheme == "ldapi":
		if host == "" {
			host = defaultSocket
		}
		return address{u.Scheme, "unix", host}
	case host == "":
		host = "localhost"
	}
	switch {
	case port != 0:
	case u.Scheme == "ldaps":
		port = 636
	default:
		port = 389
	}
	return address{u.Scheme, "tcp", net.JoinHostPort(host, strconv.Itoa(port))}
}

// close ends it. Whatever goes on with it ends, too.
func (c *connection) close() {
	_ = c.raw.Close() // first, so that nobody waits for the server
	_ = c.Close()
}

// identity says to a server who we are.
type identity func(s *session) *failure

// connect makes a connection to the first server that can be reached.
func (t *table) connect(ctx context.Context) (c *connection, err error) {
	for _, u := range t.servers {
		c, err = t.connectTo(ctx, u, t.who)
		f, ok := errors.AsType[*failure](err)
		if !ok || f.code >= 0 || ctx.Err() != nil {
			break
		}
	}
	if f, ok := err.(*failure); ok && t.who != nil { //nolint:errorlint // one that has no words of its own
		return nil, t.unbound(f)
	}
	return c, err // where nobody binds, a failure is that of the first search
}

// connectTo makes a connection to one server.
func (t *table) connectTo(ctx context.Context, u ldapurl.URL, who identity) (*connection, error) {
	server := addressOf(u)
	until := t.until(ctx)
	dialer := net.Dialer{Deadline: until}
	raw, err := dialer.DialContext(ctx, server.network, server.name)
	s := &session{Conn: raw, server: server, until: until}
	if err != nil {
		return nil, s.failed(err)
	}
	c, err := t.greet(s, who)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return c, nil
}

// greet is what comes first on a connection.
func (t *table) greet(s *session, who identity) (*connection, error) {
	_ = s.SetDeadline(s.until)
	raw := s.Conn
	if s.server.scheme == "ldaps" || t.startTLS {
		config, err := t.tlsConfig(s.server)
		if err != nil { // whatever is asked for
			return nil, &toldError{err.Error(), &failure{localError, err}}
		}
		if t.startTLS {
			if f := s.startTLS(config); f != nil {
				return nil, &toldError{fmt.Sprintf("dict_ldap_connect: Unable to set STARTTLS: %d: %s", f.code, f), f}
			}
		} else if f := s.secure(config, serverDown); f != nil {
			return nil, f
		}
	}
	if who != nil {
		if f := who(s); f != nil {
			return nil, f
		}
	}
	_ = s.SetDeadline(time.Time{})
	_, secured := s.Conn.(*tls.Conn)
	c := &connection{Conn: goldap.NewConn(s.Conn, secured), raw: raw, server: s.server}
	c.Start()
	return c, nil
}

// toldError is a failure that has its words already.
type toldError struct {
	text string
	*failure
}

func (e *toldError) Error() string { return e.text }
func (e *toldError) Unwrap() error { return e.failure }

// unbound is the error of servers that cannot be reached, or do not believe us.
func (t *table) unbound(f *failure) error {
	dn := t.bindDN
	if dn == "" {
		dn = "empty or implicit"
	}
	text := fmt.Sprintf("dict_ldap_connect: Unable to bind to server %s with dn %s: %d (%s)", t.hosts, dn, f.code, f.word())
	if f.cause != nil {
		text += ": " + f.cause.Error()
	}
	return &toldError{text, f}
}

// until is when a step has to be over that begins now.
func (t *table) until(ctx context.Context) time.Time {
	until, ok := ctx.Deadline()
	if most := time.Now().Add(t.timeout); t.timeout > 0 && (!ok || most.Before(until)) {
		return most
	}
	return until
}

// session is a connection before the library has it.
type session struct {
	net.Conn
	server address
	until  time.Time
	id     int64
}

// failed is the failure behind an error of the connection.
func (s *session) failed(err error) *failure { return answered(err, !time.Now().Before(s.until)) }

// exchange sends a request, and returns the whole answer.
func (s *session) exchange(op *ber.Packet) (*ber.Packet, *failure) {
	s.id++
	request := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	request.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, s.id, ""))
	request.AppendChild(op)
	if _, err := s.Write(request.Bytes()); err != nil {
		return nil, s.failed(err)
	}
	answer, err := ber.ReadPacket(s)
	if err != nil {
		return nil, s.failed(err)
	}
	if len(answer.Children) < 2 || answer.Children[0].Value != s.id {
		return nil, s.failed(errors.New("an answer to something else"))
	}
	return answer, nil
}

// startTLS has the rest of the connection go through TLS.
func (s *session) startTLS(config *tls.Config) *failure {
	if s.server.scheme == "ldaps" {
		return &failure{code: goldap.LDAPResultOperationsError}
	}
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationExtendedRequest, nil, "")
	op.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "1.3.6.1.4.1.1466.20037", ""))
	answer, f := s.exchange(op)
	if f != nil {
		return f
	}
	if err := goldap.GetLDAPError(answer); err != nil {
		return s.failed(err)
	}
	return s.secure(config, tlsFailed)
}

// secure begins TLS. code is that of a failure.
func (s *session) secure(config *tls.Config, code int) *failure {
	conn := tls.Client(s.Conn, config)
	if err := conn.Handshake(); err != nil {
		if f := s.failed(err); f.code == timedOut {
			return f
		}
		return &failure{code, err}
	}
	s.Conn = conn
	return nil
}

// anonymous says that we are nobody.
func anonymous(s *session) *failure { return s.simpleBind("", "") }

// bindRequest begins a request to bind.
func bindRequest(dn string) *ber.Packet {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, goldap.ApplicationBindRequest, nil, "")
	op.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 3, ""))
	op.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, dn, ""))
	return op
}

func (s *session) simpleBind(dn, password string) *failure {
	op := bindRequest(dn)
	op.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, password, ""))
	answer, f := s.exchange(op)
	if f != nil {
		return f
	}
	if err := goldap.GetLDAPError(answer); err != nil {
		return s.failed(err)
	}
	return nil
}
