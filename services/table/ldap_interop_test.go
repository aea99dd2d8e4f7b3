// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"postloop/internal/dbtest"
)

// ldapSchema is for entries that hold anything: k is asked for, v, leaf and
// terminal are values, and special leads on.
const ldapSchema = `attributetype (1.3.6.1.4.1.55555.1.1 NAME 'k' EQUALITY octetStringMatch SUBSTR octetStringSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40)
attributetype (1.3.6.1.4.1.55555.1.2 NAME 'v' SUP k)
attributetype (1.3.6.1.4.1.55555.1.3 NAME 'special' SUP k)
attributetype (1.3.6.1.4.1.55555.1.4 NAME 'leaf' SUP k)
attributetype (1.3.6.1.4.1.55555.1.5 NAME 'terminal' SUP k)
attributetype (1.3.6.1.4.1.55555.1.6 NAME 'number' EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27)
attributetype (1.3.6.1.4.1.55555.1.7 NAME 'mailacceptinggeneralid' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15)
attributetype (1.3.6.1.4.1.55555.1.8 NAME 'maildrop' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15)
objectclass (1.3.6.1.4.1.55555.2.1 NAME 'thing' SUP top STRUCTURAL MUST cn
	MAY (k $ v $ special $ leaf $ terminal $ number $ mailacceptinggeneralid $ maildrop $ description $ userPassword))
`

// ldapEntry writes an entry called cn=NAME below base, of name, value, name, value.
func ldapEntry(name, base string, attrs ...string) string {
	var b strings.Builder
	line := func(attr, value string) {
		fmt.Fprintf(&b, "%s:: %s\n", attr, base64.StdEncoding.EncodeToString([]byte(value)))
	}
	line("dn", "cn="+name+","+base)
	line("objectClass", "thing")
	line("cn", name)
	for i := 0; i+1 < len(attrs); i += 2 {
		line(attrs[i], attrs[i+1])
	}
	return b.String() + "\n"
}

// ldapUnit writes an entry called ou=NAME, for others to be below.
func ldapUnit(name string) string {
	return "dn: ou=" + name + ",dc=example\nobjectClass: organizationalUnit\nou: " + name + "\n\n"
}

const ldapTop = "dn: dc=example\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: example\n\n"

// ldapKeys has an entry for each key that is to be found.
func ldapKeys(keys []string) string {
	var b strings.Builder
	b.WriteString(ldapTop + ldapUnit("keys"))
	for i, key := range keys {
		if !strings.HasPrefix(key, "no") {
			b.WriteString(ldapEntry(fmt.Sprint("e", i), "ou=keys,dc=example", "k", strings.ToLower(key), "v", fmt.Sprint("value ", i), "leaf", "größe"))
		}
	}
	return b.String()
}

// ldapFile writes a file of settings; of those with the same name the last one
// counts.
func ldapFile(w *netWorld, s *dbtest.Slapd, settings ...string) string {
	values := map[string]string{"server_host": s.URL(), "search_base": "dc=example", "query_filter": "(k=%s)", "result_attribute": "v"}
	for _, one := range settings {
		name, value, _ := strings.Cut(one, " = ")
		values[name] = value
	}
	var b strings.Builder
	for name, value := range values {
		fmt.Fprintf(&b, "%s = %s\n", name, value)
	}
	return "ldap:" + w.settled(w.file(b.String())) // postmap waits for the end of what is being written
}

func TestLdapPostmap(t *testing.T) {
	w := newWorkerWorld(t, "table-ldap")
	p := newNetPostmap(w)
	keys := append(oddKeys(), "many@example.com", "*", "a*", "(x)", "a)(k=*", `\2a`, `a\`, "cn=x,dc=y", "#x", "<x>", "a;b", `"`, " ", "a  ")
	ldif := ldapKeys(keys) +
		ldapEntry("many", "ou=keys,dc=example", "k", "many@example.com", "v", "one@a.example", "v", "plain", "v", "b\x00c", "v", "@d", "v", "two@b.example", "description", "x") +
		ldapEntry("more", "ou=keys,dc=example", "k", "many@example.com", "v", "three@c.example") +
		ldapEntry("Odd, +name", "ou=keys,dc=example", "v", "quoted")
	s := dbtest.StartSlapd(t, ldapSchema, "index k eq", strings.Replace(ldif, "dn:: "+base64.StdEncoding.EncodeToString([]byte("cn=Odd, +name,ou=keys,dc=example")), `dn: cn=Odd\, \+name,ou=keys,dc=example`, 1), nil)
	for i, settings := range [][]string{
		{},
		{"server_host = " + s.Socket},
		{"result_format = <%u>"},
		{"result_format = [%d] %S", "scope = one", "search_base = ou=keys,dc=example"},
		{"result_filter = <%s>", "result_format = "},
		{"query_filter = k=%u@%d", "domain = example.com, 例え.jp"},
		{"query_filter = (&(objectclass=thing) (|(k=%s)(!(objectclass=*))))"},
		{"result_attribute = v, leaf", "bind = no"},
		{"search_base = cn=%s,ou=keys,dc=example", "query_filter = (objectclass=*)", "scope = base"},
		{"search_base = cn=%1,ou=keys,dc=example"},
		{"expansion_limit = 7"},
	} {
		ref := ldapFile(w, s, settings...)
		some := keys
		if i >= 2 { // the sorts of keys are the same
			some = slices.Concat(keys[:60], keys[290:340], keys[len(keys)-40:])
		}
		if found := p.compare(ref, some); i < 8 && found == 0 || i < 2 && found < 300 {
			t.Errorf("%s: %d found", settings, found)
		}
	}
	// With the name as the key, whatever is in it.
	p.compare(ldapFile(w, s, "search_base = cn=%s,ou=keys,dc=example", "query_filter = (v=*)"), []string{"e1", "e2", "odd, +name", "none", "e1,ou=keys,dc=example"})
	if n := s.Connections(); n > DefaultLimits.Connections*13 { // each table has its own
		t.Errorf("%d connections", n)
	}
}

// ldapQuestion is a key for a table, and what postmap has to say to it.
type ldapQuestion struct {
	ref, key, what string // what is for whoever reads an error
	out            string
	failed         bool
	warnings       []string
}

// ldapSame compares what both have to say: the answers, and the log as far as the
// words are Postfix's. Of postmaps a few run at once, for they take a second to
// fail.
func ldapSame(p *netPostmap, list []*ldapQuestion) {
	p.w.t.Helper()
	var wg sync.WaitGroup
	limit := make(chan bool, 8)
	for _, q := range list {
		wg.Go(func() {
			limit <- true
			q.out, q.failed, q.warnings = p.one(q.ref, q.key)
			<-limit
		})
	}
	wg.Wait()
	for _, q := range list {
		p.w.log = nil
		tab, err := p.w.Open(q.ref, ReadOnly, 0)
		p.w.must(err)
		got := p.w.askAsPostmap(tab, q.key)
		tab.Close()
		q.compare(p.w, got)
	}
}

// compare checks an answer, and what has been logged with it.
func (q *ldapQuestion) compare(w *netWorld, got Answer) {
	w.t.Helper()
	want := Answer{Value: strings.TrimSuffix(q.out, "\n")}
	switch {
	case q.failed:
		want = Answer{Status: Retry}
		if got.Status == Config {
			got.Status = Retry
		}
	case q.out == "":
		want = Answer{Status: NoKey}
	}
	log := strings.Join(w.log, "\n")
	if got != want {
		w.t.Errorf("%s: %q: got %+v, postmap has %+v\n%s", q.what, q.key, got, want, log)
	}
	for _, text := range q.warnings {
		_, text, _ = strings.Cut(strings.TrimSpace(text), ": ") // without the severity
		if strings.Contains(text, "Had some trouble") {         // it says again what has just been said
			continue
		}
		for _, ours := range []string{"malformed URL ", "error parsing URL "} { // its reasons are those of something else
			if head, _, ok := strings.Cut(text, ours); ok {
				text = head + ours
			}
		}
		if !strings.Contains(log, text) {
			w.t.Errorf("%s: %q: postmap warns of %q, and we of\n%s", q.what, q.key, text, log)
		}
	}
	if log != "" && len(q.warnings) == 0 {
		w.t.Errorf("%s: %q: postmap says nothing, and we\n%s", q.what, q.key, log)
	}
}

// TestLdapGroups: entries that lead to others, by name and by URL.
func TestLdapGroups(t *testing.T) {
	w := newWorkerWorld(t, "table-ldap")
	p := newNetPostmap(w)
	const in = "ou=g,dc=example"
	ldif := ldapTop + ldapUnit("g") + ldapUnit("many") +
		ldapEntry("one", in, "k", "one", "v", "one@x", "v", "uno@x", "leaf", "leaf1@x") +
		ldapEntry("two", in, "k", "two", "v", "two@x", "leaf", "leaf2@x", "terminal", "term2@x", "description;lang-de", "zwei", "description", "deux") +
		ldapEntry("both", in, "k", "both", "leaf", "leaf@x", "v", "v@x", "special", "cn=one,"+in) +
		ldapEntry("group", in, "k", "group", "leaf", "gleaf@x", "v", "gdrop@x", "v", "last@x", "special", "cn=one,"+in, "special", "cn=two,"+in, "special", "cn=nosuch,"+in,
			"special", "ldap:///"+in+"?v?sub?(cn=t*)", "special", "ldap:///"+in+"?description?sub?(cn=t*)") +
		ldapEntry("nested", in, "k", "nested", "special", "cn=group,"+in, "special", "cn=one,"+in) +
		ldapEntry("loop", in, "k", "loop", "v", "loop@x", "special", "cn=loop,"+in) +
		ldapEntry("baddn", in, "k", "baddn", "v", "b@x", "special", "not a dn") +
		ldapEntry("null", in, "k", "null", "v", "\x00x", "v", "ok@x") +
		ldapEntry("bin", in, "k", "bin", "v", "\xff", "v", "ok@x") +
		ldapEntry("all", in, "k", "all", "special", "ldap:///ou=many,dc=example??one?(v=*)")
	for i := range 400 {
		ldif += ldapEntry(fmt.Sprint("m", i), "ou=many,dc=example", "v", fmt.Sprintf("member%d@x", i))
	}
	urls := []string{
		"ldap:///cn=one," + in, "ldap:///cn=one," + in + "?", "ldap:///cn=one," + in + "??base", "ldap:///" + in + "??one?(cn=t*)", "ldap:///" + in,
		"LDAP:///cn=one," + in, "ldap://other.host:99/cn=one," + in, "ldaps:///cn=one," + in, "ldapi:///cn=one," + in, "ldapi://%2Ffoo/cn=one," + in,
		"<ldap:///cn=one," + in + ">", "URL:ldap:///cn=one," + in, "url:ldap:///cn=one," + in, "<URL:ldap:///cn=one," + in + ">", "<ldap:///cn=one," + in,
		"ldap:///cn=one%2Cou=g,dc=example", "ldap:///cn=one+ou=g,dc=example", "ldap:///ou=g%zz,dc=example?v?sub?(cn=t*)",
		"ldap:///" + in + "??sub?cn=t*", "ldap:///" + in + "?v,cn?sub?(cn=t*)", "ldap:///" + in + "?*?sub?(cn=t*)", "ldap:///" + in + "?V?SUB?(cn=t*)",
		"ldap:///" + in + "?v?subtree?(cn=t*)", "ldap:///" + in + "?v?onelevel?(cn=t*)", "ldap:///" + in + "?v?subordinate?(cn=t*)", "ldap:///" + in + "?v?children?(cn=t*)",
		"ldap:///" + in + "?v?sub?(cn=t*)?x", "ldap:///" + in + "?v?sub?(cn=t*)?!x", "ldap:///" + in + "?v?sub?(cn=t*)?", "ldap:///" + in + "?v?sub?(cn=t*)?a?b",
		"ldap://", "ldap:///", "ldap:///?v?sub?(cn=one)", "ldap://127.0.0.1?v?sub?(cn=t*)", "ldap://127.0.0.1:x/" + in + "?v?sub?(cn=t*)",
		"ldap:///ou=nosuch,dc=example?v?sub?(cn=t*)", "ldap:cn=one," + in, "http:///cn=one", "pldap:///cn=one," + in, "cldap:///cn=one," + in,
		"ldap:///" + in + "?description;lang-de?sub?(cn=t*)", "ldap:///" + in + "?description;lang-en?sub?(cn=t*)", "ldap:///" + in + "?v;x?sub?(cn=t*)",
		"ldap:///" + in + "?cn?sub?(cn=t*)", "ldap:///" + in + "? v?sub?(cn=t*)", "ldap:///" + in + "?v%2Ccn?sub?(cn=t*)", "ldap:///" + in + "?v,?sub?(cn=t*)",
		"ldap:///" + in + "?,?sub?(cn=t*)", "ldap:///" + in + "?v,v?sub?(cn=t*)", "ldap:///" + in + "?v?sub?(cn=t*)#x", "ldap:///" + in + "?v?sub?%28cn=t*%29",
		"ldap:///" + in + `?v?sub?(cn=\74wo)`, "ldap:///" + in + "??bogus?", "ldap:///" + in + "??sub?(x", " cn=one," + in, "cn=one," + in + "\x00x",
		"ldap:///" + in + "?special?sub?(cn=both)", "ldap:///" + in + "?leaf?sub?(cn=both)", "ldap:///" + in + "??sub?(cn=two)",
	}
	for i, url := range urls {
		ldif += ldapEntry(fmt.Sprint("url", i), in, "k", fmt.Sprint("url", i), "v", fmt.Sprint("url", i, "@x"), "special", url)
	}
	s := dbtest.StartSlapd(t, ldapSchema, "", ldif, nil)
	const special = "special_result_attribute = special"
	var list []*ldapQuestion
	for _, row := range []struct {
		names    string
		settings []string
	}{
		{"one two both group nested loop baddn null bin all nosuch", []string{special}},
		{"one two both group nested", []string{special, "result_attribute = ", "leaf_result_attribute = leaf"}},
		{"two group nested", []string{special, "result_attribute = ", "leaf_result_attribute = leaf", "terminal_result_attribute = terminal"}},
		{"two both", []string{special, "result_attribute = v", "leaf_result_attribute = v, leaf"}},
		{"two group", []string{special, "result_attribute = v, terminal", "terminal_result_attribute = terminal", "leaf_result_attribute = leaf"}},
		{"two both", []string{special, "result_attribute = leaf", "leaf_result_attribute = leaf", "terminal_result_attribute = leaf"}},
		{"both", []string{special, "result_attribute = v, special"}},
		{"two group", []string{special, "result_attribute = v description;lang-de"}},
		{"two", []string{"result_attribute = description"}},
		{"two", []string{"result_attribute = description;lang-de, V"}},
		{"two", []string{"result_attribute = *"}},
		{"two", []string{"result_attribute = "}},
		{"two", []string{"result_attribute = nosuch"}},
		{"two both", []string{"terminal_result_attribute = terminal", "leaf_result_attribute = leaf"}},
		{"nested null", []string{"result_format = <%s>", special}},
		{"group", []string{special, "expansion_limit = 6", "size_limit = 0"}},
		{"group loop", []string{special, "expansion_limit = 5", "size_limit = 0"}},
		{"all", []string{special, "expansion_limit = 399", "size_limit = 0"}},
		{"all", []string{special, "expansion_limit = 400", "size_limit = 0", "result_format = %u"}},
		{"one all", []string{special, "size_limit = 399"}},
		{"both nested one", []string{special, "recursion_limit = 1"}},
		{"nested loop", []string{special, "recursion_limit = 2"}},
		{"nested loop", []string{special, "recursion_limit = 3"}},
	} {
		ref := ldapFile(w, s, row.settings...)
		for name := range strings.FieldsSeq(row.names) {
			list = append(list, &ldapQuestion{ref: ref, key: name, what: strings.Join(row.settings, ", ")})
		}
	}
	ref := ldapFile(w, s, special, "result_attribute = v, description;lang-de", "leaf_result_attribute = leaf")
	for i, url := range urls {
		list = append(list, &ldapQuestion{ref: ref, key: fmt.Sprint("url", i), what: url})
	}
	all := &ldapQuestion{ref: ldapFile(w, s, special), key: "all"}
	ldapSame(p, append(list, all))
	if n := strings.Count(all.out, ","); n != 399 {
		t.Errorf("%d commas", n)
	}
}
