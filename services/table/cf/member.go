// SPDX-License-Identifier: ISC

package cf

import "strings"

// ParseMember reads the way to a member of a JSON document: names with dots
// between them. One with a dot in it stands in double quotes, and \ in front of
// what is to mean itself there. No text is no names: the document itself.
func ParseMember(text string) (names []string, ok bool) {
	for rest := text; rest != ""; {
		var name string
		if inside, quoted := strings.CutPrefix(rest, `"`); quoted {
			name, rest, ok = cutQuoted(inside)
			if !ok {
				return nil, false
			}
		} else {
			end := strings.IndexByte(rest, '.')
			if end < 0 {
				end = len(rest)
			}
			name, rest = rest[:end], rest[end:]
			if name == "" || strings.Contains(name, `"`) {
				return nil, false
			}
		}
		names = append(names, name)
		if rest == "" {
			break
		}
		if rest, ok = strings.CutPrefix(rest, "."); !ok || rest == "" {
			return nil, false
		}
	}
	return names, true
}

// cutQuoted returns what stands before the double quote that ends it, and what
// behind.
func cutQuoted(text string) (inside, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), text[i+1:], true
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}
