// SPDX-License-Identifier: ISC

package pgsql

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// shifty are the encodings, by the server's names for them, in which a byte below
// 128 may be the second one of a character.
var shifty = map[string]bool{"BIG5": true, "GB18030": true, "GBK": true, "JOHAB": true, "SHIFT_JIS_2004": true, "SJIS": true, "UHC": true}

// quoting returns how parts of key are written within quotes, over a connection
// whose server has reported these parameters. known is false if nothing can be
// found for such a key.
func quoting(parameter func(name string) string, key string) (quote func(string) string, known bool, err error) {
	encoding := parameter("client_encoding")
	switch {
	case strings.IndexByte(key, 0) >= 0:
		return nil, false, nil
	case encoding == "UTF8" && !utf8.ValidString(key):
		return nil, false, nil
	case shifty[encoding] && strings.ContainsFunc(key, func(c rune) bool { return c >= utf8.RuneSelf }):
		return nil, false, fmt.Errorf("this cannot be done in the encoding %s", encoding)
	}
	switch parameter("standard_conforming_strings") {
	case "on":
		return strings.NewReplacer(`'`, `''`).Replace, true, nil
	case "off":
		return strings.NewReplacer(`'`, `''`, `\`, `\\`).Replace, true, nil
	}
	return nil, false, errors.New("the server does not say whether a backslash is a character like any other")
}
