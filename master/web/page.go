// SPDX-License-Identifier: ISC

package web

import (
	_ "embed"
	"strings"
)

var (
	//go:embed page.html
	frame string
	//go:embed page.css
	style string
	//go:embed page.js
	script string
)

// The names of the two in the page's policy, which are their hashes. They stand
// here, and a test has them right, because nothing else in this program needs
// cryptography.
const (
	styleHash  = "sha256-dDZituHE6Z17Q/7qfJj2S1Pqa57k/WdFqLAc6lfdJm8="
	scriptHash = "sha256-vDpIJUdkWahG6Zxfu6L/H8VcNg2fTu25CHOq4bjOer4="
)

// Page is the status page, which asks for /status.json again and again. It is
// whole by itself, and its policy lets it do nothing but that: no other script or
// style than its own, which are known by their hashes.
func Page() Answer {
	text := strings.NewReplacer("/*style*/", style, "/*script*/", script).Replace(frame)
	return Answer{
		Status: OK, Type: HTML, Body: []byte(text),
		Policy: nothing + "; script-src '" + scriptHash + "'; style-src '" + styleHash + "'; connect-src 'self'; img-src data:",
	}
}
