// SPDX-License-Identifier: ISC

package manual

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// directive is a line that Page replaces.
var directive = regexp.MustCompile(`^\.\\" @(\w+) (\S+)(?: "([^"]*)"(?: (\d+))?)?$`)

// Page returns the page whose source is the file src. Files that it names are
// looked for below root.
func Page(root, src string, parts map[string]string) (string, error) {
	source, err := os.ReadFile(src)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	for i, line := range strings.Split(strings.TrimSuffix(string(source), "\n"), "\n") {
		if !strings.HasPrefix(line, `.\" @`) {
			fmt.Fprintln(&out, line)
			continue
		}
		got, err := replace(root, line, parts)
		if err != nil {
			return "", fmt.Errorf("%s, line %d: %w", src, i+1, err)
		}
		out.WriteString(got)
	}
	name, sect, _ := cutLast(filepath.Base(src), ".")
	self := regexp.MustCompile(`(?m)^\.Xr ` + regexp.QuoteMeta(name+" "+sect) + `(?: ([.,:;]))?$`)
	text := self.ReplaceAllString(out.String(), "this page$1")
	return strings.ReplaceAll(text, ".\nthis page", ".\nThis page"), nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func replace(root, line string, parts map[string]string) (string, error) {
	m := directive.FindStringSubmatch(line)
	if m == nil {
		return "", fmt.Errorf("%s: what is that", line)
	}
	verb, name, heading := m[1], m[2], m[3]
	if verb == "part" {
		part, ok := parts[name]
		if !ok {
			return "", fmt.Errorf("nobody has a part %q", name)
		}
		return part, nil
	}
	page, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return "", err
	}
	blocks, err := section(string(page), heading)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	switch verb {
	case "text":
		return mdoc(blocks), nil
	case "table":
		var tables []block
		for _, b := range blocks {
			if b.kind == table {
				tables = append(tables, b)
			}
		}
		if m[4] != "" {
			n, _ := strconv.Atoi(m[4])
			if n < 1 || n > len(tables) {
				return "", fmt.Errorf("%s: %q has %d tables", name, heading, len(tables))
			}
			tables = tables[n-1 : n]
		}
		if len(tables) == 0 {
			return "", fmt.Errorf("%s: %q has no table", name, heading)
		}
		return mdoc(tables), nil
	}
	return "", fmt.Errorf("%s: what is that", line)
}
