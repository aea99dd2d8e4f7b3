// SPDX-License-Identifier: ISC

package table

import (
	"os"
	"strings"
	"testing"

	"postloop/loop/looptest"
)

// TestSqliteSettings: what is wrong or odd about them is said when the table is
// opened.
func TestSqliteSettings(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	w.must(os.WriteFile(w.dir+"/base", nil, 0o600))
	base := "dbpath = " + w.dir + "/base\n"
	for _, row := range []struct{ text, want string }{
		{"", ": bad string length 0 < 1: dbpath = "},
		{base, ": bad string length 0 < 1: table = "},
		{base + "query = %z", ": Invalid query template: %z"},
		{"query = SELECT 1\ndbpath = /nowhere/base", "open /nowhere/base: no such database"},
		{base + "query = SELECT 1\nresult_format = %z", ": Invalid result template: %z"},
	} {
		if tab, err := w.Open("sqlite:"+w.file(row.text+"\n"), ReadOnly, 0); err == nil || !strings.HasSuffix(err.Error(), row.want) {
			t.Errorf("%s: got %v, %v, want %s", row.text, tab, err, row.want)
		}
	}
	for query, escape := range map[string]string{
		"SELECT 1":            "",
		"SELECT '%s'":         "",
		"SELECT '%u' || '%%'": "",
		"SELECT 5 %% 3":       "",
		"SELECT 5 %% 3, %u":   "%u",
		"SELECT %s":           "%s",
		`SELECT "%d"`:         "%d",
		"SELECT '%s', %1":     "%1",
		"SELECT 'it''s %s'":   "",
		"SELECT 'it''s' = %S": "%S",
		"SELECT '%%' || %9":   "%9",
	} {
		name := w.file(base + "query = " + query + "\n")
		w.open("sqlite:" + name)
		want := ""
		if escape != "" {
			want = "warning: sqlite:" + name + ": query >" + query + "< contains >" + escape + "< without the recommended '' quotes"
		}
		if got := w.logged(); got != want {
			t.Errorf("%s: logged %s, want %s", query, got, want)
		}
	}
	name := w.file(base + "table = t\nselect_field = f\nwhere_field = w\n")
	w.open("sqlite:" + name)
	if got := w.logged(); got != "" {
		t.Error(got)
	}
}
