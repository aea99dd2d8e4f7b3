// SPDX-License-Identifier: ISC

package proxymap

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"postloop/cfg"
	"postloop/loop/looptest"
	"postloop/master/maillog"
	"postloop/master/names"
	"postloop/services/table"
)

// getent knows one user and one group, and keeps a list of what it was asked.
const getent = `#!/bin/sh
echo "$1 $2" >>"${0%/*}/asked"
case $1:$2 in
passwd:far) echo "far:x:4001:4002:Far Away:/far:/bin/sh" ;;
passwd:4001) echo "far:x:4001:4002:Far Away:/far:/bin/sh" ;;
group:circle) echo "circle:x:4003:one,two" ;;
passwd:sick) exit 3 ;;
ahosts:far) printf '192.0.2.1 STREAM far\n2001:db8::1 STREAM\n192.0.2.1 DGRAM\n' ;;
*) exit 2 ;;
esac
`

func newTestNameService(t *testing.T, nsswitch string) (a *nameService, dir string) {
	t.Helper()
	dir = t.TempDir()
	must(t, os.WriteFile(dir+"/passwd", []byte("#no:x:1:1::/:\nnear:x:1000:1000:Near:/near:/bin/sh\nnear:second\n+nis\n"), 0o600))
	must(t, os.WriteFile(dir+"/group", []byte("wheel:x:10:near,far\n"), 0o600))
	must(t, os.WriteFile(dir+"/hosts", []byte("192.0.2.9 near.example\n"), 0o600))
	must(t, os.WriteFile(dir+"/nsswitch.conf", []byte(nsswitch), 0o600))
	must(t, os.WriteFile(dir+"/getent", []byte(getent), 0o700))
	log := maillog.New("proxymap")
	must(t, log.Open(maillog.Dest{Kind: maillog.File, File: dir + "/log"}))
	t.Cleanup(log.Close)
	a = newNameService(looptest.NewReal(t), log, cfg.Protocols{IPv4: true, IPv6: true})
	a.etc = dir
	a.new = func() *names.Resolver {
		n := names.New()
		n.Etc, n.Getent = dir, []string{dir + "/getent"}
		return n
	}
	return a, dir
}

// answerOf waits for an answer, if it does not come at once.
func answerOf(t *testing.T, a *nameService, find func(string, func(table.Answer)) table.Answer, name string) (got table.Answer, late bool) {
	t.Helper()
	done := false
	got = find(name, func(answer table.Answer) { got, done = answer, true })
	if got.Status == table.Later {
		looptest.Until(t, a.loop, func() bool { return done })
		return got, true
	}
	return got, false
}

func TestNames(t *testing.T) {
	a, _ := newTestNameService(t, "passwd: files far\ngroup: files far\n")
	for _, c := range []struct {
		find func(string, func(table.Answer)) table.Answer
		name string
		want table.Answer
		late bool
	}{
		{a.user, "near", table.Answer{Value: "near:x:1000:1000:Near:/near:/bin/sh"}, false},
		{a.user, "far", table.Answer{Value: "far:x:4001:4002:Far Away:/far:/bin/sh"}, true},
		{a.user, "4001", table.Answer{Status: table.NoKey}, true}, // a number is no name
		{a.user, "nobody", table.Answer{Status: table.NoKey}, true},
		{a.user, "sick", table.Answer{Status: table.Retry}, true},
		{a.user, "", table.Answer{Status: table.NoKey}, true},
		{a.user, "-x", table.Answer{Status: table.NoKey}, true},
		{a.user, "+nis", table.Answer{Status: table.NoKey}, true},
		{a.group, "wheel", table.Answer{Value: "wheel:x:10:near,far"}, false},
		{a.host, "127.0.0.1", table.Answer{Value: "127.0.0.1"}, false},
		{a.host, "near.example", table.Answer{Value: "192.0.2.9"}, false},
		{a.host, "far", table.Answer{Value: "192.0.2.1 2001:db8::1"}, true},
		{a.host, "nowhere", table.Answer{Status: table.NoKey}, true},
		{a.group, "circle", table.Answer{Value: "circle:x:4003:one,two"}, true},
	} {
		if got, late := answerOf(t, a, c.find, c.name); got != c.want || late != c.late {
			t.Errorf("%q: got %+v, late %v", c.name, got, late)
		}
	}
}

// TestOnlyFiles: where there is nothing but the files nobody else is asked.
func TestOnlyFiles(t *testing.T) {
	a, dir := newTestNameService(t, "# a comment\npasswd:\tfiles # nothing else\ngroup: files\n")
	if got, late := answerOf(t, a, a.user, "far"); got.Status != table.NoKey || late {
		t.Errorf("got %+v, late %v", got, late)
	}
	// The files are read again when they have changed.
	must(t, os.WriteFile(dir+"/new", []byte("far:x:5:5::/:/bin/sh\n"), 0o600))
	must(t, os.Rename(dir+"/new", dir+"/passwd"))
	if got, late := answerOf(t, a, a.user, "far"); got.Value != "far:x:5:5::/:/bin/sh" || late {
		t.Errorf("got %+v, late %v", got, late)
	}
	must(t, os.Remove(dir+"/passwd"))
	if got, late := answerOf(t, a, a.user, "far"); got.Status != table.NoKey || late {
		t.Errorf("without a file: got %+v, late %v", got, late)
	}
	if _, err := os.Stat(dir + "/asked"); err == nil {
		t.Error("getent was asked")
	}
}

// TestOneQuestion: what many want to know is asked once, and not too much of
// it at a time.
func TestOneQuestion(t *testing.T) {
	a, dir := newTestNameService(t, "passwd: files far\n")
	answers := 0
	count := func(table.Answer) { answers++ }
	for i := range 100 {
		if got := a.user(fmt.Sprintf("user%d", i%10), count); got.Status != table.Later {
			t.Fatalf("got %+v", got)
		}
	}
	if n := a.loop.Stats().Children; n > maxAsking {
		t.Errorf("%d processes", n)
	}
	looptest.Until(t, a.loop, func() bool { return answers == 100 })
	asked, err := os.ReadFile(dir + "/asked")
	must(t, err)
	if n := strings.Count(string(asked), "\n"); n != 10 {
		t.Errorf("%d questions", n)
	}
	// Beyond a limit they are put off.
	answers = 0
	late, off := 0, 0
	began := time.Now()
	for i := range maxAsking + maxWaiting + 3 {
		switch got := a.user(fmt.Sprintf("user%d", i), count); got.Status {
		case table.Later:
			late++
		case table.Retry:
			off++
		case table.OK, table.NoKey, table.Config:
			t.Errorf("got %+v", got)
		}
	}
	if late != maxAsking+maxWaiting || off != 3 {
		t.Errorf("%d are asked, %d put off", late, off)
	}
	a.line = a.line[:10] // which is enough for a test
	looptest.Until(t, a.loop, func() bool { return answers == maxAsking+10 })
	t.Logf("%v", time.Since(began))
}
