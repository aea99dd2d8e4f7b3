// SPDX-License-Identifier: ISC

package http

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"postloop/services/table/cf"
	"postloop/services/table/worker"
)

// spellFound is what find returns, on one line.
func spellFound(values []string, err error) string {
	_, lasting := errors.AsType[worker.ConfigError](err)
	_, refused := errors.AsType[worker.Refused](err)
	switch {
	case lasting:
		return "config: " + err.Error()
	case refused:
		return "refused: " + err.Error()
	case err != nil:
		return "retry: " + err.Error()
	}
	return fmt.Sprintf("%q", values)
}

func TestFind(t *testing.T) {
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	for _, row := range []struct{ doc, member, want string }{
		{`"box"`, "", `["box"]`},
		{` 12 `, "", `["12"]`},
		{`null`, "", `[]`},
		{`null`, "a.b", `[]`},
		{`""`, "", `[""]`},
		{`{"a": "x"}`, "a", `["x"]`},
		{`{"a": "x", "b": 1}`, "c", `[]`},
		{`{}`, "a.b.c", `[]`},
		{`{"data": {"mailbox": "x/"}}`, "data.mailbox", `["x/"]`},
		{`{"data": null}`, "data.mailbox", `[]`},
		{`{"data": {"mailbox": null}}`, "data.mailbox", `[]`},
		{`{"a": 1.50, "b": 2}`, "a", `["1.50"]`},
		{`{"a": 12345678901234567890}`, "a", `["12345678901234567890"]`},
		{`{"a": -0.0E+10 }`, "a", `["-0.0E+10"]`},
		{`{"a": true}`, "a", `["true"]`},
		{`{"a": false}`, "a", `["false"]`},
		{`{"a": ["x", 2, null, true, "y"]}`, "a", `["x" "2" "true" "y"]`},
		{`{"a": []}`, "a", `[]`},
		{`[]`, "a", `[]`},
		{`{"a": [["x"], [["y"]], []]}`, "a", `["x" "y"]`},
		{`[{"a": "x"}, {"b": 1}, {"a": ["y", "z"]}]`, "a", `["x" "y" "z"]`},
		{`[{"a": "x"}, {"a": "y"}]`, "1.a", `["y"]`},
		{`[{"a": "x"}]`, "7.a", `[]`},
		{`["x", "y"]`, "0", `["x"]`},
		{`{"0": "x"}`, "0", `["x"]`},
		{`{"a.b": "x"}`, `"a.b"`, `["x"]`},
		{`{"a\"\\": {"": "x"}}`, `"a\"\\".""`, `["x"]`},
		{`{"\u0061": "x"}`, "a", `["x"]`},
		{`{"ä": "ö"}`, "ä", `["ö"]`},
		{`{"A": "x"}`, "a", `[]`},
		{`{"a": "\ud83d\ude00 \u00e4 \\ud800 \n"}`, "a", `["😀 ä \\ud800 \n"]`},
		{`{"a": "\ufffd` + "\ufffd" + `"}`, "a", "[\"\ufffd\ufffd\"]"},
		{`{"a": "\ud83d"}`, "a", "retry: half a character in the answer"},
		{`{"a": "\ude00\ud83d"}`, "a", "retry: half a character in the answer"},
		{`{"a": "\ud83dx\ude00"}`, "a", "retry: half a character in the answer"},
		{`{"a": "\ud83d\n"}`, "a", "retry: half a character in the answer"},
		{`{"b": "\ud83d", "a": 1}`, "a", `["1"]`},
		{`{"a": {"b": 1}}`, "a", "config: an object instead of a value in the answer"},
		{`{"a": [1, {"b": 1}]}`, "a", "config: an object instead of a value in the answer"},
		{`{}`, "", "config: an object instead of a value in the answer"},
		{`{"a": "x"}`, "a.b", `config: a value instead of an object with "b" in the answer`},
		{`false`, "a", `config: a value instead of an object with "a" in the answer`},
		{deep, "", "config: the answer is nested too deeply"},
		{`{"a": "x", "a": "y"}`, "a", `retry: "a" is there twice in the answer`},
		{`{"a": "x", "b": {"c": 1, "c": 2}}`, "a", `["x"]`},
		{``, "a", "retry: the answer is not JSON"},
		{`{"a": "x"`, "a", "retry: the answer is not JSON"},
		{`{"a": "x"} {`, "a", "retry: the answer is not JSON"},
		{`{"a": 'x'}`, "a", "retry: the answer is not JSON"},
		{`{"a": 01}`, "a", "retry: the answer is not JSON"},
		{`{"a": NaN}`, "a", "retry: the answer is not JSON"},
		{"{\"a\": \"\xff\"}", "a", "retry: the answer is not JSON"},
		{"{\"a\": \"\n\"}", "a", "retry: the answer is not JSON"},
		{"\ufeff{}", "a", "retry: the answer is not JSON"},
		{`<html>`, "a", "retry: the answer is not JSON"},
		{strings.Repeat("[", 20000) + strings.Repeat("]", 20000), "", "retry: the answer is not JSON"},
	} {
		names, ok := cf.ParseMember(row.member)
		if !ok {
			t.Fatalf("%q is no way", row.member)
		}
		if got := spellFound(find([]byte(row.doc), names)); got != row.want {
			t.Errorf("%.80s at %s: got %s, want %s", row.doc, row.member, got, row.want)
		}
	}
}

// FuzzFind: what is found is in the document, whatever that is, as another way to
// read it has it.
func FuzzFind(f *testing.F) {
	f.Add([]byte(`{"a": {"b": ["x", 1.0, null, true, "\ud83d\ude00"]}}`), "a.b")
	f.Add([]byte(`[{"a": "x"}, {"a": ["y"]}]`), "1.a")
	f.Add([]byte(`{"a": "\ud83d"}`), "a")
	f.Fuzz(func(t *testing.T, doc []byte, member string) {
		names, ok := cf.ParseMember(member)
		if !ok {
			return
		}
		values, err := find(doc, names)
		var whole any
		d := json.NewDecoder(strings.NewReader(string(doc)))
		d.UseNumber()
		bad := d.Decode(&whole)
		if err != nil {
			return
		}
		if bad != nil {
			t.Fatalf("%q is no JSON, and has %q", doc, values)
		}
		var want []string
		if model(whole, names, &want) && fmt.Sprintf("%q", values) != fmt.Sprintf("%q", want) {
			t.Errorf("%q at %q: got %q, want %q", doc, names, values, want)
		}
		for _, v := range values {
			if !utf8.ValidString(v) {
				t.Errorf("%q at %q: %q", doc, names, v)
			}
		}
	})
}

// model is find on a document that has been read as a whole.
func model(doc any, names []string, values *[]string) bool {
	switch v := doc.(type) {
	case nil:
		return true
	case []any:
		index := len(names) > 0 && names[0] != "" && strings.Trim(names[0], "0123456789") == "" && len(names[0]) < 9
		for i, element := range v {
			switch {
			case !index:
				if !model(element, names, values) {
					return false
				}
			case strings.TrimLeft(names[0], "0") == strings.TrimLeft(fmt.Sprint(i), "0"):
				return model(element, names[1:], values)
			}
		}
		return true
	case map[string]any:
		if len(names) == 0 {
			return false
		}
		return model(v[names[0]], names[1:], values)
	case string:
		*values = append(*values, v)
	default:
		*values = append(*values, fmt.Sprint(v))
	}
	return len(names) == 0
}
