// SPDX-License-Identifier: ISC

package table

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// postfixData returns the directory with Postfix's own table tests, which come
// with its source, in src/util: POSTFIX_TESTDATA, or where this project's are.
// They are not ours to give away.
func postfixData(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("POSTFIX_TESTDATA")
	if dir == "" {
		dir = "../../../shared/peer-data/postfix"
		if _, err := os.Stat(dir); err != nil {
			t.Skip("no Postfix test data: set POSTFIX_TESTDATA to its src/util")
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Postfix's sessions with cidr tables: warnings first, then "> get KEY" and its
// answer.
func TestPostfixCidr(t *testing.T) {
	from := postfixData(t)
	for name, f := range map[string]Flags{"dict_cidr": 0, "dict_cidr_file": RHSIsFile} {
		w := newWorld(t)
		t.Chdir(w.dir)
		for _, file := range []string{"dict_cidr_file1", "dict_cidr_file2"} { // as dict_cidr_file.map wants them
			w.must(os.WriteFile(file, []byte("this-is-"+strings.TrimPrefix(file, "dict_cidr_")+"\n"), 0o600))
		}
		text, err := os.ReadFile(filepath.Join(from, name+".map"))
		w.must(err)
		w.must(os.WriteFile(name+".map", text, 0o600))
		text, err = os.ReadFile(filepath.Join(from, name+".ref"))
		w.must(err)
		table := w.open("cidr:"+name+".map", f)
		for _, line := range slices.Clone(w.log) {
			if !strings.HasPrefix(line, "warning: cidr map "+name+".map, line ") {
				t.Error(line)
			}
		}
		var got strings.Builder
		for _, line := range w.log {
			got.WriteString("./dict_open: " + line + "\n")
		}
		asked := 0
		for line := range strings.Lines(string(text)) {
			key, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "> get ")
			switch {
			case strings.HasPrefix(line, "owner="):
				got.WriteString(line)
			case ok:
				asked++
				got.WriteString(line)
				if a := table.Get(key, f, nil); a.Status == OK {
					got.WriteString(key + "=" + a.Value + "\n")
				} else {
					got.WriteString(key + ": not found\n")
				}
			}
		}
		if got.String() != string(text) || asked == 0 {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got.String(), text)
		}
	}
}

// Postfix's tests of texthash, which print a table in order.
func TestPostfixTexthash(t *testing.T) {
	from := postfixData(t)
	for in, ref := range map[string]string{"dict_thash.map": "dict_thash.map", "dict_thash.in": "dict_thash.ref"} {
		w := newWorld(t)
		t.Chdir(from)
		want, err := os.ReadFile(ref)
		w.must(err)
		table := w.open("texthash:"+in, DupWarn|UTF8Request)
		var got, rows []string
		for _, line := range w.log {
			got = append(got, "postmap: "+line+"\n")
		}
		for p, s := table.(Walker).Next(true, 0, nil); s == OK; p, s = table.(Walker).Next(false, 0, nil) {
			rows = append(rows, p.Key+"\t"+p.Value+"\n")
		}
		slices.Sort(rows)
		if all := strings.Join(append(got, rows...), ""); all != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", in, all, want)
		}
	}
}
