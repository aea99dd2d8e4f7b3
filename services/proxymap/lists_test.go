// SPDX-License-Identifier: ISC

package proxymap

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"postloop/cfg"
	"postloop/services/table"
)

// listed returns what a main.cf has a service open, and the warnings.
func listed(t testing.TB, mode table.Mode, main string) (tables []string, warnings string) {
	t.Helper()
	m, err := cfg.ParseMain("/etc/postfix/main.cf", strings.NewReader(main))
	must(t, err)
	m.SetDefault("myhostname", "host.example.com")
	var w strings.Builder
	got, err := readList(m, mode, false, func(format string, args ...any) { fmt.Fprintf(&w, format+"\n", args...) })
	must(t, err)
	return slices.Sorted(maps.Keys(got)), w.String()
}

// TestLists: what is listed is what Postfix takes for listed.
func TestLists(t *testing.T) {
	for _, c := range []struct{ value, want, warning string }{
		{"", "", ""},
		{"proxy:hash:/a,proxy:hash:/b", "hash:/a hash:/b", ""},
		{"proxy:hash:/a\tproxy:hash:/b", "hash:/a hash:/b", ""},
		{"hash:/a proxy:hash:/b", "hash:/b", ""},
		{"{ proxy:hash:/a search_order=x }", "hash:/a", ""},
		{"{proxy:hash:/c, proxy:hash:/d}", "hash:/c", ""},
		{"{} {{proxy:hash:/a}} proxy:hash:/b", "hash:/b", ""},
		{"unionmap:{proxy:hash:/a, hash:/b, {proxy:hash:/c}}", "hash:/a hash:/c", ""},
		{"proxy:unionmap:{proxy:hash:/a,hash:/b}", "unionmap:{proxy:hash:/a,hash:/b}", ""},
		{"pipemap:{unionmap:{proxy:hash:/x},proxy:hash:/y}", "hash:/x hash:/y", ""},
		{"proxy:proxy:hash:/p", "hash:/p", ""},
		{"proxy:nocolon", "nocolon", ""},
		{"check_client_access proxy:cidr:/x, reject", "cidr:/x", ""},
		{"proxy:inline:{a=b, c=d}", "inline:{a=b, c=d}", ""},
		{"proxy:inline:{{a = b c}}", "inline:{{a = b c}}", ""},
		{"proxy:randmap:{proxy:hash:/r}", "randmap:{proxy:hash:/r}", ""},
		{"randmap:{proxy:hash:/q}", "", ""},
		{"!proxy:hash:/n", "", ""},
		{"PROXY:hash:/u", "", ""},
		{`"proxy:hash:/q"`, "", ""},
		{"check_x{proxy:cidr:/x}", "", ""},
		{"unionmap:proxy:hash:/z", "", ""},
		{"proxy:hash:/a;proxy:hash:/b", "hash:/a;proxy:hash:/b", ""},
		{"{proxy:hash:/a", "", `bad syntax in proxy_read_maps content: missing '}' in "{proxy:hash:/a"` + "\n"},
		{"{proxy:hash:/a}x proxy:hash:/b", "hash:/b", `bad syntax in proxy_read_maps content: syntax error after '}' in "{proxy:hash:/a}x"` + "\n"},
		{"unionmap:{proxy:hash:/a", "", `bad syntax in proxy_read_maps content: missing '}' in "{proxy:hash:/a"` + "\n"},
		{"/no/such/list", "", "open /no/such/list: No such file or directory\n"},
		{"$unknown proxy:hash:$config_directory/x", "hash:/etc/postfix/x", ""},
	} {
		got, warnings := listed(t, table.ReadOnly, "proxy_read_maps = "+c.value+"\n")
		want := strings.Join(got, " ")
		if want != c.want || warnings != c.warning {
			t.Errorf("%s: got %q and %q, want %q and %q", c.value, want, warnings, c.want, c.warning)
		}
	}
}

// TestDefaultLists: what Postfix allows when main.cf says nothing of it.
func TestDefaultLists(t *testing.T) {
	if got, warnings := listed(t, table.ReadOnly, ""); fmt.Sprint(got) != "[unix:passwd.byname]" || warnings != "" {
		t.Errorf("got %q, %q", got, warnings)
	}
	if got, _ := listed(t, table.ReadWrite, ""); len(got) != 0 {
		t.Errorf("for writing: %q", got)
	}
	// One parameter of each time, and some by way of others' defaults.
	got, _ := listed(t, table.ReadOnly, `
virtual_maps = proxy:hash:/by/another/name
smtpd_client_restrictions = check_client_access proxy:cidr:/clients, {check_helo_access proxy:pcre:/helo}
smtpd_reject_filter_maps = proxy:pcre:/filter
header_checks = proxy:regexp:/header
smtpd_forbidden_commands = proxy:regexp:{{/^[^A-Z]/ Bogus}}
transport_maps = unionmap:{proxy:mysql:/a.cf, ldap:/b.cf}
local_recipient_maps =
address_verify_map = proxy:btree:/not/for/reading
smtpd_restriction_classes = strict, loose
strict = check_sender_access proxy:hash:/strict, reject
loose = permit
other = proxy:hash:/other
`)
	want := []string{"cidr:/clients", "hash:/by/another/name", "hash:/strict", "mysql:/a.cf", "pcre:/filter", "regexp:/header", "regexp:{{/^[^A-Z]/ Bogus}}"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	got, _ = listed(t, table.ReadWrite, `
address_verify_map = proxy:btree:$data_directory/verify
postscreen_cache_map = proxy:lmdb:/screen
smtp_sasl_auth_cache_name = proxy:btree:/smtp
lmtp_sasl_auth_cache_name = btree:/lmtp
smtpd_restriction_classes = strict
strict = proxy:hash:/strict
`)
	if want := []string{"btree:/smtp", "btree:/var/lib/postfix/verify", "lmdb:/screen"}; !slices.Equal(got, want) {
		t.Errorf("for writing: %q, want %q", got, want)
	}
}

// TestListFiles: a list may be in files, whose lines are like main.cf's.
func TestListFiles(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/list", []byte("# a comment\nproxy:hash:/a\n   proxy:hash:/b,\nhash:/c\n\n"+dir+"/more\n"), 0o600))
	must(t, os.WriteFile(dir+"/more", []byte("proxy:hash:/d\n"+dir+"/more\n"), 0o600)) // and itself
	got, warnings := listed(t, table.ReadOnly, "proxy_read_maps = "+dir+"/list proxy:hash:/e\n")
	if want := []string{"hash:/a", "hash:/b", "hash:/d", "hash:/e"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !strings.HasPrefix(warnings, "proxy_read_maps: files that name files are more than 20 deep at ") || strings.Count(warnings, "\n") != 1 {
		t.Errorf("warnings: %q", warnings)
	}
}

// FuzzLists: no list does any harm, and what it lists does not depend on how
// often it says so.
func FuzzLists(f *testing.F) {
	for _, seed := range []string{"proxy:hash:/a", "{ proxy:hash:/a x }", "unionmap:{proxy:hash:/a,{proxy:b:c}}", "pipemap:{unionmap:{proxy:hash:/x}}", "{{{{", "}}}}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "/") { // is for files
			text = strings.ReplaceAll(text, "/", "_")
		}
		scan := func(text string) map[string]bool {
			l := listing{tables: map[string]bool{}, warn: func(string, ...any) {}}
			l.scan(text)
			return l.tables
		}
		got := scan(text)
		for name := range got {
			if strings.HasPrefix(name, proxy) {
				t.Errorf("%q: %q", text, name)
			}
		}
		if strings.Count(text, "{") == strings.Count(text, "}") && !maps.Equal(scan(text+" "+text), got) && !strings.ContainsAny(text, "{}") {
			t.Errorf("%q: twice is not the same", text)
		}
	})
}
