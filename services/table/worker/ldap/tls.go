// SPDX-License-Identifier: ISC

package ldap

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// security is what there is to say about TLS.
type security struct {
	require       bool // that the server's certificate is good
	caFile, caDir string
	cert, key     string
	suites        []uint16 // of TLS 1.2; none: the library's own
}

// tlsConfig is for one connection. All files are read anew.
func (t *table) tlsConfig(server address) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(server.name)
	if err != nil {
		host, _ = os.Hostname() // at the other end of a socket in the file system
	}
	config := &tls.Config{
		ServerName:         host,
		InsecureSkipVerify: true, // verified below, if it shall be
		CipherSuites:       t.suites,
	}
	if t.require {
		roots, err := t.roots()
		if err != nil {
			return nil, err
		}
		config.VerifyConnection = func(state tls.ConnectionState) error { return verify(state.PeerCertificates, roots, host) }
	}
	if t.cert != "" || t.key != "" {
		pair, err := tls.LoadX509KeyPair(t.cert, t.key)
		if err != nil {
			return nil, tlsError("tls_cert", t.cert, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func tlsError(option, name string, err error) error {
	return fmt.Errorf("dict_ldap_set_tls_options: Unable to set %s to %s: %w", option, name, err)
}

// roots are the authorities that are trusted; nil: those of the system.
func (t *table) roots() (*x509.CertPool, error) {
	if t.caFile == "" && t.caDir == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if t.caFile != "" {
		text, err := os.ReadFile(t.caFile)
		if err == nil && !pool.AppendCertsFromPEM(text) {
			err = errors.New("no certificate in it")
		}
		if err != nil {
			return nil, tlsError("tls_ca_cert_file", t.caFile, err)
		}
	}
	if t.caDir != "" {
		names, err := os.ReadDir(t.caDir)
		if err != nil {
			return nil, tlsError("tls_ca_cert_dir", t.caDir, err)
		}
		for _, entry := range names {
			if text, err := os.ReadFile(filepath.Join(t.caDir, entry.Name())); err == nil {
				pool.AppendCertsFromPEM(text)
			}
		}
	}
	return pool, nil
}

// verify checks that a chain of certificates is host's. A certificate that names
// no host in the way of today may do so in the way of old.
func verify(chain []*x509.Certificate, roots *x509.CertPool, host string) error {
	if len(chain) == 0 {
		return errors.New("the server has no certificate")
	}
	options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, cert := range chain[1:] {
		options.Intermediates.AddCert(cert)
	}
	leaf := chain[0]
	if _, err := leaf.Verify(options); err != nil {
		return err
	}
	err := leaf.VerifyHostname(host)
	if err == nil {
		return nil
	}
	names := []string{host}
	if host == "localhost" { // OpenLDAP's library takes that for the name of this machine
		if own, e := os.Hostname(); e == nil && leaf.VerifyHostname(own) == nil {
			return nil
		} else if e == nil {
			names = append(names, own)
		}
	}
	if len(leaf.DNSNames) == 0 && len(leaf.IPAddresses) == 0 {
		for _, name := range names {
			if strings.EqualFold(leaf.Subject.CommonName, name) {
				return nil
			}
		}
	}
	return err
}

// harmless are words of cipher lists, of OpenSSL or GnuTLS, that change nothing
// here: what they forbid is never used, and of what they allow all that is used
// is part.
var harmless = strings.Fields(`
	ALL DEFAULT HIGH MEDIUM NORMAL SECURE128 PFS PERFORMANCE @STRENGTH %SERVER_PRECEDENCE
	!ADH !AECDH !aNULL !eNULL !NULL !aDSS !DSS !EXP !EXPORT !LOW !MD5 !RC4 !DES !3DES !IDEA !SEED !CAMELLIA !PSK !SRP !kRSA
	!SSLv2 !SSLv3 -SSLv2 -SSLv3 -VERS-SSL3.0 -VERS-TLS1.0 -VERS-TLS1.1 -3DES-CBC -ARCFOUR-128 -MD5 -RSA -DHE-RSA -DHE-DSS`)

// parseSuites reads tls_cipher_suite: names of suites, or words that have no
// effect.
func (s *security) parseSuites(text string) error {
	known := map[string]*tls.CipherSuite{}
	for _, suite := range tls.CipherSuites() {
		known[suite.Name] = suite
		known[openSSLName(suite.Name)] = suite
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(":, \t", r) }) {
		suite := known[word]
		switch {
		case suite != nil && suite.SupportedVersions[0] == tls.VersionTLS13:
			// those of TLS 1.3 are not for choosing
		case suite != nil:
			s.suites = append(s.suites, suite.ID)
		case !slices.Contains(harmless, word):
			return fmt.Errorf("tls_cipher_suite: %s is not known here", word)
		}
	}
	return nil
}

// openSSLName is what OpenSSL calls a suite of TLS 1.2.
func openSSLName(name string) string {
	name = strings.TrimPrefix(name, "TLS_")
	name = strings.NewReplacer("_WITH_", "-", "AES_128", "AES128", "AES_256", "AES256", "_CBC_", "-", "CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305").Replace(name)
	return strings.ReplaceAll(name, "_", "-")
}
