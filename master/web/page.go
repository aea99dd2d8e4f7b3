// SPDX-License-Identifier: ISC

package web

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
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

// Page is the status page, which asks for /status.json again and again. It is
// whole by itself, and its policy lets it do nothing but that: no other script or
// style than its own, which are known by their hashes.
func Page() Answer {
	text := strings.NewReplacer("/*style*/", style, "/*script*/", script).Replace(frame)
	return Answer{
		Status: OK, Type: HTML, Body: []byte(text),
		Policy: nothing + "; script-src '" + hash(script) + "'; style-src '" + hash(style) + "'; connect-src 'self'; img-src data:",
	}
}

// hash is text as a policy names it.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
