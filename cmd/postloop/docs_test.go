// SPDX-License-Identifier: ISC

package main

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"postloop/master/report"
)

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + name)
	must(t, err)
	return string(text)
}

// TestDocsCommands: each command is on the page.
func TestDocsCommands(t *testing.T) {
	text := page(t, "postloop.md")
	root := (&app{in: os.Stdin, out: &sink{File: os.Stdout}, err: os.Stderr}).root()
	for _, c := range root.Commands() {
		if !strings.Contains(text, "`"+c.Name()) && !strings.Contains(text, "postloop "+c.Name()) {
			t.Errorf("command %s is not in the page", c.Name())
		}
	}
}

// TestDocsReport: each name of the report, of requests and of answers is on the page.
func TestDocsReport(t *testing.T) {
	text := page(t, "control.md")
	seen := map[reflect.Type]bool{}
	var look func(typ reflect.Type)
	look = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() || seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" {
				t.Errorf("%s.%s has no name in JSON", typ, f.Name)
			}
			if !regexp.MustCompile("[`.]" + name + "[`.[]").MatchString(text) {
				t.Errorf("%s, of %s, is not in the page", name, typ)
			}
			look(f.Type)
		}
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[report.Request](), reflect.TypeFor[report.Answer]()} {
		look(typ)
	}
	if !seen[reflect.TypeFor[report.Clients]()] {
		t.Error("not all was looked at")
	}
}
