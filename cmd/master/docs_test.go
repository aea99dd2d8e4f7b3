// SPDX-License-Identifier: ISC

package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocsOptions: the options that the page has, and with it master(8), are
// those that there are.
func TestDocsOptions(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n# 6. The master program\n")
	if !found {
		t.Fatal("no section about the program")
	}
	documented := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `-(\\w)( \\w+)?` \\|").FindAllStringSubmatch(section, -1) {
		documented[m[1]] = strings.TrimSpace(m[2])
	}
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		letter := string(c)
		takes := func(words ...string) bool {
			_, err := parseOptions(append([]string{"master", "-" + letter}, words...))
			return err == nil || !strings.HasPrefix(err.Error(), "usage: ")
		}
		value, there := documented[letter]
		if there != (takes() || takes("1")) || there && (value != "") != takes("1") {
			t.Errorf("-%s %s: alone %v, with a value %v, in the page %v", letter, value, takes(), takes("1"), there)
		}
	}
	if len(documented) == 0 {
		t.Error("no options in the page")
	}
}
