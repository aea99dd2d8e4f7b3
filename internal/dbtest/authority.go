// SPDX-License-Identifier: ISC

package dbtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"testing"
	"time"
)

// Authority makes certificates.
type Authority struct {
	// File is where its own certificate and key are, without .pem and .key.
	File string

	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes an authority of that name, which has its files in dir.
func NewAuthority(t testing.TB, dir, name string) *Authority {
	t.Helper()
	a := &Authority{t: t, dir: dir}
	a.cert = &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.File = a.Issue(name, a.cert)
	return a
}

// Issue signs a certificate, and writes it to FILE.pem and its key to FILE.key.
// It is valid for an hour, unless want says until when.
func (a *Authority) Issue(name string, want *x509.Certificate) (file string) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.must(err)
	if a.key == nil {
		a.key = key
	}
	want.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	a.must(err)
	if want.NotAfter.IsZero() {
		want.NotAfter = time.Now().Add(time.Hour)
	}
	want.NotBefore = want.NotAfter.Add(-48 * time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, want, a.cert, &key.PublicKey, a.key)
	a.must(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	a.must(err)
	file = a.dir + "/" + name
	a.must(errors.Join(
		os.WriteFile(file+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644),
		os.WriteFile(file+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600),
	))
	return file
}

func (a *Authority) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}
