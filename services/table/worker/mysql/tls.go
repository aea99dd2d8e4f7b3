// SPDX-License-Identifier: ISC

package mysql

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// secrecy is what a table has to say about TLS.
type secrecy struct {
	cert, key      string // files
	caFile, caPath string
	ciphers        string
	verify         bool // the server's name
	enforce        bool // no connection without TLS
}

// wanted reports whether TLS is to be used with a server that has it.
func (s *secrecy) wanted() bool {
	return s.enforce || s.cert != "" || s.key != "" || s.caFile != "" || s.caPath != "" || s.ciphers != ""
}

// config is for a connection to the host of that name. A certificate is looked
// at if there is something to measure it by, its name only if that is wanted.
func (s *secrecy) config(host string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: true} // VerifyConnection does it
	var err error
	if s.ciphers != "" {
		if c.CipherSuites, err = cipherSuites(s.ciphers); err != nil {
			return nil, err
		}
	}
	if s.cert != "" || s.key != "" {
		pair, err := s.pair()
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	roots, err := s.roots()
	if err != nil {
		return nil, err
	}
	if roots != nil || s.verify {
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if err := s.check(state, roots, host); err != nil {
				return fmt.Errorf("TLS/SSL error: %w", err)
			}
			return nil
		}
	}
	return c, nil
}

// pair reads the client's certificate and key, either of which may be in the
// other's file.
func (s *secrecy) pair() (tls.Certificate, error) {
	cert, key := s.cert, s.key
	if cert == "" {
		cert = key
	}
	if key == "" {
		key = cert
	}
	return tls.LoadX509KeyPair(cert, key)
}

// roots reads the authorities; nil are the system's.
func (s *secrecy) roots() (*x509.CertPool, error) {
	if s.caFile == "" && s.caPath == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if s.caFile != "" {
		text, err := os.ReadFile(s.caFile)
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("no certificate in %s", s.caFile)
		}
	}
	if s.caPath != "" {
		list, _ := filepath.Glob(filepath.Join(s.caPath, "*"))
		for _, name := range list {
			if text, err := os.ReadFile(name); err == nil {
				pool.AppendCertsFromPEM(text)
			}
		}
	}
	return pool, nil
}

// check verifies what a server has shown.
func (s *secrecy) check(state tls.ConnectionState, roots *x509.CertPool, host string) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("no certificate")
	}
	cert, rest := state.PeerCertificates[0], x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		rest.AddCert(c)
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: rest}); err != nil {
		return err
	}
	if s.verify && !named(cert, host) {
		return fmt.Errorf("certificate is not for %s", host)
	}
	return nil
}

// named reports whether a certificate is for host. The common name counts where
// there are no other names.
func named(cert *x509.Certificate, host string) bool {
	if cert.VerifyHostname(host) == nil {
		return true
	}
	if len(cert.DNSNames)+len(cert.IPAddresses) > 0 || cert.Subject.CommonName == "" {
		return false
	}
	common := &x509.Certificate{DNSNames: []string{cert.Subject.CommonName}}
	return strings.EqualFold(cert.Subject.CommonName, host) || common.VerifyHostname(host) == nil
}

// suites are names of OpenSSL's, each with what it is here. Those of TLS 1.3 can
// not be chosen; nor can they in OpenSSL, by this setting.
var suites = map[string]uint16{
	"ECDHE-ECDSA-AES128-GCM-SHA256": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-ECDSA-AES256-GCM-SHA384": tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-ECDSA-CHACHA20-POLY1305": tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-ECDSA-AES128-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	"ECDHE-ECDSA-AES256-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	"ECDHE-RSA-AES128-GCM-SHA256":   tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-RSA-AES256-GCM-SHA384":   tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-CHACHA20-POLY1305":   tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-RSA-AES128-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	"ECDHE-RSA-AES256-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	"AES128-GCM-SHA256":             tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
	"AES256-GCM-SHA384":             tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	"AES128-SHA":                    tls.TLS_RSA_WITH_AES_128_CBC_SHA,
	"AES256-SHA":                    tls.TLS_RSA_WITH_AES_256_CBC_SHA,
}

// cipherSuites reads a list of cipher suites. HIGH, DEFAULT and ALL leave the
// choice to the library; what is excluded is a suite of the list, or something
// that is not there anyway.
func cipherSuites(text string) (list []uint16, err error) {
	except := map[uint16]bool{}
	any := false
	for _, word := range strings.FieldsFunc(text, func(c rune) bool { return c == ':' || c == ',' || c == ' ' }) {
		switch id := suites[strings.TrimLeft(word, "!-")]; {
		case word[0] == '!' || word[0] == '-':
			except[id] = true
		case word == "HIGH" || word == "DEFAULT" || word == "ALL":
			any = true
		case word[0] == '@':
		case id != 0:
			list = append(list, id)
		}
	}
	if any {
		list = nil
		for _, suite := range tls.CipherSuites() {
			list = append(list, suite.ID)
		}
	}
	kept := list[:0]
	for _, id := range list {
		if !except[id] {
			kept = append(kept, id)
		}
	}
	if len(kept) == 0 {
		return nil, errors.New("no cipher match")
	}
	return kept, nil
}
