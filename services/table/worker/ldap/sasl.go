// SPDX-License-Identifier: ISC

package ldap

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"postloop/services/table/ldapurl"
)

// account is who we are to SASL.
type account struct {
	mechanisms   []string // in the order in which they are tried; none: whatever suits
	user         string
	password     string
	realm, authz string
	strength     int  // what a connection has to have of it, in bits
	certificate  bool // we have one of our own
}

// mechanism is the client's side of a SASL exchange.
type mechanism struct {
	first []byte // goes with the request; nil: nothing does
	// next answers a challenge; nil: there should be none.
	next func(challenge []byte) ([]byte, error)
	// proved reports whether the server has shown that it knows the password; nil:
	// it need not.
	proved func() bool
}

// maxRounds is how often a server may ask for more.
const maxRounds = 8

// saslBind says who we are by the first mechanism that the server has.
func (a *account) saslBind(s *session) *failure {
	names := a.mechanisms
	if len(names) == 0 {
		names = a.suitable(s)
	}
	if len(names) == 0 {
		return &failure{unknownAuth, errors.New("there is no mechanism without bind_dn")}
	}
	for _, name := range names {
		if name != "EXTERNAL" && s.strength() < a.strength {
			return &failure{localError, fmt.Errorf("sasl_minssf is %d, and the connection has %d", a.strength, s.strength())}
		}
		f := s.authenticate(name, a.mechanism(name, s))
		if f == nil || f.code != noMechanism {
			return f
		}
	}
	return &failure{unknownAuth, fmt.Errorf("the server has none of: %s", strings.Join(names, " "))}
}

// suitable are the mechanisms that may work, and give no password away.
func (a *account) suitable(s *session) (names []string) {
	_, secured := s.Conn.(*tls.Conn)
	if s.server.scheme == "ldapi" || secured && a.certificate {
		names = append(names, "EXTERNAL")
	}
	if a.user != "" {
		names = append(names, "DIGEST-MD5")
		if secured || s.server.scheme == "ldapi" {
			names = append(names, "PLAIN")
		}
	}
	return names
}

// strength is how many bits protect the connection.
func (s *session) strength() int {
	conn, secured := s.Conn.(*tls.Conn)
	switch {
	case secured && strings.Contains(tls.CipherSuiteName(conn.ConnectionState().CipherSuite), "128"):
		return 128
	case secured:
		return 256
	case s.server.scheme == "ldapi":
		return 71 // as OpenLDAP rates it
	}
	return 0
}

// mechanism returns that of a name, which is one of those that there are.
func (a *account) mechanism(name string, s *session) *mechanism {
	switch name {
	case "EXTERNAL":
		return &mechanism{first: []byte(a.authz)}
	case "PLAIN":
		return &mechanism{first: []byte(a.authz + "\x00" + a.user + "\x00" + a.password)}
	}
	d := &digest{account: a, uri: "ldap/" + s.host()}
	return &mechanism{next: d.next, proved: func() bool { return d.proved }}
}

// host is the name of the server.
func (s *session) host() string {
	if s.server.scheme == "ldapi" {
		name, _ := os.Hostname()
		return name
	}
	u, _ := ldapurl.Parse("ldap://" + s.server.name)
	return u.Host
}

// authenticate runs a mechanism.
func (s *session) authenticate(name string, m *mechanism) *failure {
	response := m.first
	for range maxRounds {
		op := bindRequest("")
		auth := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "")
		auth.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, name, ""))
		if response != nil {
			auth.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(response), ""))
		}
		op.AppendChild(auth)
		answer, f := s.exchange(op)
		if f != nil {
			return f
		}
		var more *failure
		if err := goldap.GetLDAPError(answer); err != nil {
			if more = s.failed(err); more.code != moreToCome {
				return more
			}
		}
		challenge := credentials(answer)
		if m.next != nil && (more != nil || challenge != nil) {
			var err error
			if response, err = m.next(challenge); err != nil {
				return &failure{localError, err}
			}
		} else if more != nil {
			return &failure{localError, errors.New("the server wants more than " + name + " has")}
		}
		if more == nil {
			if m.proved != nil && !m.proved() {
				return &failure{localError, errors.New("the server has not shown that it knows the password")}
			}
			return nil
		}
	}
	return &failure{localError, errors.New("the server wants more and more")}
}

// credentials are the server's in an answer to a request to bind, if any are
// there.
func credentials(answer *ber.Packet) []byte {
	for _, child := range answer.Children[1].Children {
		if child.ClassType == ber.ClassContext && child.Tag == 7 {
			return append([]byte{}, child.Data.Bytes()...)
		}
	}
	return nil
}

// digest is a client of DIGEST-MD5 (RFC 2831), without its layers of protection.
type digest struct {
	*account
	uri     string // of the service
	cnonce  string // made up for the exchange
	want    string // what shows that the server knows the password
	proved  bool
	started bool
}

func (d *digest) next(challenge []byte) ([]byte, error) {
	values, err := directives(string(challenge))
	switch {
	case err != nil:
		return nil, err
	case !d.started:
		d.started = true
		return d.respond(values)
	case d.want == "" || values["rspauth"] != d.want:
		return nil, errors.New("DIGEST-MD5: the server does not know the password")
	}
	d.proved = true
	return []byte{}, nil
}

// respond answers the first challenge.
func (d *digest) respond(values map[string]string) ([]byte, error) {
	if values["nonce"] == "" || values["algorithm"] != "md5-sess" {
		return nil, errors.New("DIGEST-MD5: a challenge that is none")
	}
	if qop, ok := values["qop"]; ok && !strings.Contains(","+strings.ReplaceAll(qop, " ", "")+",", ",auth,") {
		return nil, fmt.Errorf("DIGEST-MD5: the server wants %s", qop)
	}
	realm := d.realm
	if realm == "" {
		realm = values["realm"]
	}
	if d.cnonce == "" {
		d.cnonce = rand.Text()
	}
	secret := md5.Sum([]byte(d.user + ":" + realm + ":" + d.password))
	a1 := string(secret[:]) + ":" + values["nonce"] + ":" + d.cnonce
	if d.authz != "" {
		a1 += ":" + d.authz
	}
	proof := func(a2 string) string {
		return md5Hex(md5Hex(a1) + ":" + values["nonce"] + ":00000001:" + d.cnonce + ":auth:" + md5Hex(a2))
	}
	d.want = proof(":" + d.uri)
	text := `username=` + quoted(d.user)
	if realm != "" {
		text += `,realm=` + quoted(realm)
	}
	text += `,nonce=` + quoted(values["nonce"]) + `,cnonce=` + quoted(d.cnonce) + `,nc=00000001,qop=auth,digest-uri=` + quoted(d.uri) +
		`,response=` + proof("AUTHENTICATE:"+d.uri)
	if values["charset"] == "utf-8" {
		text += `,charset=utf-8`
	}
	if d.authz != "" {
		text += `,authzid=` + quoted(d.authz)
	}
	return []byte(text), nil
}

func md5Hex(text string) string {
	sum := md5.Sum([]byte(text))
	return fmt.Sprintf("%x", sum)
}

// quoted is a string of a message of DIGEST-MD5.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// directives reads a message of DIGEST-MD5. Of a name that is there more than
// once the first value counts.
func directives(text string) (map[string]string, error) {
	values := map[string]string{}
	for text = strings.TrimLeft(text, ", \t\r\n"); text != ""; text = strings.TrimLeft(text, ", \t\r\n") {
		name, rest, ok := strings.Cut(text, "=")
		if !ok {
			return nil, errors.New("DIGEST-MD5: a challenge that is none")
		}
		var b strings.Builder
		if strings.HasPrefix(rest, `"`) {
			i := 1
			for ; i < len(rest) && rest[i] != '"'; i++ {
				if rest[i] == '\\' && i+1 < len(rest) {
					i++
				}
				b.WriteByte(rest[i])
			}
			if i == len(rest) {
				return nil, errors.New("DIGEST-MD5: a challenge without an end")
			}
			text = rest[i+1:]
		} else {
			end := strings.IndexByte(rest, ',')
			if end < 0 {
				end = len(rest)
			}
			b.WriteString(strings.TrimSpace(rest[:end]))
			text = rest[end:]
		}
		name = strings.ToLower(strings.TrimSpace(name))
		if _, there := values[name]; !there {
			values[name] = b.String()
		}
	}
	return values, nil
}
