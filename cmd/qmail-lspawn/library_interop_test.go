// SPDX-License-Identifier: ISC

//go:build interop && linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"postloop/services/lspawn/lspawntest"
)

// library is one with the functions of libindimail, which does what users are
// called. WHO is its name; a function can be left out.
const library = `
#include <ctype.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
int is_inactive, userNotFound, opened;
static struct passwd pw;
static char name[100], text[200];
static int there(const char *file) { struct stat st; char path[500]; sprintf(path, "DIR/out/%s", file); return !stat(path, &st); }
int isvirtualdomain(char *domain) {
	for (char *p = domain; *p; p++) *p = tolower(*p);
	if (!strcmp(domain, "exit.example")) exit(111);
	if (!strcmp(domain, "odd.example")) return -7;
	return strlen(domain) > 8 && !strcmp(domain + strlen(domain) - 8, ".example");
}
int iopen(char *host) {
	if (host || there("down")) return -1;
	opened = 1;
	return 0;
}
void iclose(void) { opened = 0; }
static struct passwd *find(const char *how, char *user, char *domain) {
	is_inactive = !strcmp(user, "old");
	if (!strcmp(user, "none")) { userNotFound = 1; return 0; }
	if (!strcmp(user, "error")) return 0;
	if (!strcmp(user, "crash")) *(volatile int *)0 = 1;
	if (!strcmp(user, "exit")) _exit(0);
	if (!strcmp(user, "hang")) for (;;) pause();
	if (!strcmp(user, "say")) { fprintf(stderr, "a library has much to say\n"); printf("and more\n"); fflush(stdout); }
	strcpy(name, user);
	for (char *p = user; *p; p++) *p = 'x';
	sprintf(text, "%s %s %s %s", how, WHO, domain, opened ? "open" : "closed");
	pw.pw_name = name; pw.pw_passwd = "pw"; pw.pw_uid = -1; pw.pw_gid = 8; pw.pw_gecos = text; pw.pw_dir = "/d"; pw.pw_shell = "NOQUOTA";
	if (!strcmp(name, "null")) pw.pw_gecos = pw.pw_dir = 0;
	return &pw;
}
#ifndef LACKS
struct passwd *sql_getpw(char *user, char *domain) { return find("sql_getpw", user, domain); }
#endif
void *inquery(char type, char *email, char *ip) {
	char *at = strrchr(email, '@');
	if (type != 3 || ip) return 0;
	*at = 0;
	return find("inquery", email, at + 1);
}
`

// compile makes a library of that name, in one step.
func compile(t *testing.T, r *lspawntest.Rig, name string, flags ...string) string {
	t.Helper()
	path := r.Dir + "/bin/" + name + ".so"
	must(t, os.WriteFile(path+".c", []byte(strings.ReplaceAll(library, "DIR", r.Dir)), 0o644))
	c := exec.Command("cc", append(flags, "-shared", "-fPIC", "-w", `-DWHO="`+name+`"`, "-o", path+".tmp", path+".c")...)
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, text)
	}
	must(t, os.Rename(path+".tmp", path))
	return path
}

// TestLibrary: a library that answers, and one that does not, whatever it does
// instead.
func TestLibrary(t *testing.T) {
	t.Parallel()
	r := newVirtualRig(t, "vuser-library")
	first := compile(t, r, "first")
	s := startVirtual(t, r, "VIRTUAL_PKG_LIB="+first, "QMAIL_LSPAWN_VIRTUAL_TIME=2", "PWSTRUCT=stale")
	record := func(user, domain string) string {
		return fmt.Sprintf("%s@%s:pw:4294967295:8:sql_getpw first %s open:/d:NOQUOTA:0", user, domain, domain)
	}
	works := func() {
		t.Helper()
		says(t, s, "virt.example-user@virt.example", "K/|virt.example-user|"+record("user", "virt.example"))
		says(t, s, "joe@h", "K/home/joe|joe|none")
	}
	works()
	says(t, s, "virt.example-user@VIRT.example", "K/|virt.example-user|user@VIRT.example:pw:4294967295:8:sql_getpw first VIRT.example open:/d:NOQUOTA:0")
	says(t, s, "acct-user@other.example", "K/|acct-user|"+record("user", "other.example"))
	says(t, s, "joe-x@odd.example", "K/home/joe|joe-x|"+record("joe-x", "odd.example")) // what the file does not have
	says(t, s, "virt.example-old@virt.example", "K/|virt.example-old|"+strings.TrimSuffix(record("old", "virt.example"), "0")+"1")
	says(t, s, "virt.example-none@virt.example", "K/|virt.example-none|No such user none@virt.example")
	works() // the library's variables are of one call
	says(t, s, "virt.example-null@virt.example", "K/|virt.example-null|null@virt.example:pw:4294967295:8:::NOQUOTA:0")
	says(t, s, "virt.example-say@virt.example", "K/|virt.example-say|"+record("say", "virt.example"))
	for _, recipient := range []string{
		"virt.example-error@virt.example", "virt.example-crash@virt.example", "virt.example-exit@virt.example", "virt.example-hang@virt.example", "joe@exit.example",
	} {
		says(t, s, recipient, noDatabase)
		works()
	}
	setFile(t, r.Dir+"/out/down", "")
	says(t, s, "virt.example-user@virt.example", noDatabase)
	says(t, s, "joe@h", "K/home/joe|joe|none")
	must(t, os.Remove(r.Dir+"/out/down"))
	works()

	// One that hangs holds up nobody.
	s.Command(to(1, "virt.example-hang@virt.example"))
	says(t, s, "virt.example-none@virt.example", "K/|virt.example-none|No such user none@virt.example")
	if got := s.Report(); got.Number != 1 || got.Text != noDatabase {
		t.Errorf("%+v", got)
	}
	ends(t, s)
}

// TestLibraryCache: inquery instead of the database.
func TestLibraryCache(t *testing.T) {
	t.Parallel()
	r := newVirtualRig(t, "vuser-library")
	s := startVirtual(t, r, "VIRTUAL_PKG_LIB="+compile(t, r, "first"), "QUERY_CACHE=")
	says(t, s, "virt.example-user@virt.example", "K/|virt.example-user|user@virt.example:pw:4294967295:8:inquery first virt.example closed:/d:NOQUOTA:0")
	says(t, s, "virt.example-none@virt.example", "K/|virt.example-none|No such user none@virt.example")
	says(t, s, "virt.example-error@virt.example", noDatabase)
	ends(t, s)
}

// TestLibraryChanges: control/libindimail says which library, and another one takes
// the place of one that was loaded.
func TestLibraryChanges(t *testing.T) {
	t.Parallel()
	r := newVirtualRig(t, "vuser-library")
	is := func(s *lspawntest.Spawner, who string) {
		t.Helper()
		says(t, s, "virt.example-user@virt.example", fmt.Sprintf("K/|virt.example-user|user@virt.example:pw:4294967295:8:sql_getpw %s virt.example open:/d:NOQUOTA:0", who))
	}
	control := r.Dir + "/control/libindimail"
	setFile(t, control, compile(t, r, "first")+"  \nmore\n")
	s := startVirtual(t, r)
	is(s, "first")
	setFile(t, control, compile(t, r, "second")+"\n")
	is(s, "second")
	must(t, os.Rename(compile(t, r, "third"), r.Dir+"/bin/second.so"))
	is(s, "third")

	// A library that cannot be used defers mail of all domains, for it has to say
	// which are virtual; and nothing needs to be restarted.
	defers := func(why string) {
		t.Helper()
		for _, recipient := range []string{"virt.example-user@virt.example", "joe@h"} {
			s.Command(to(1, recipient))
			if got := s.Report(); got.Text != noLibrary {
				t.Errorf("%s, %s: %q", why, recipient, got.Text)
			}
		}
	}
	setFile(t, control, compile(t, r, "lacking", "-DLACKS")+"\n")
	defers("a missing symbol")
	setFile(t, control, r.Dir+"/bin/none.so\n")
	defers("no such file")
	setFile(t, control, "\n")
	defers("no path")
	setFile(t, r.Dir+"/bin/text.so", "this is not a library\n")
	setFile(t, control, r.Dir+"/bin/text.so\n")
	defers("not a library")
	must(t, os.Remove(control))
	defers("no control file")
	setFile(t, control, compile(t, r, "first")+"\n")
	is(s, "first")
	ends(t, s)
}
