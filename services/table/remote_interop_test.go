// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postloop/loop/looptest"
)

// netPostmap runs the real postmap -q on a table.
type netPostmap struct {
	w    *netWorld
	conf string
}

func newNetPostmap(w *netWorld) *netPostmap {
	w.t.Helper()
	if _, err := exec.LookPath("postmap"); err != nil {
		w.t.Fatalf("no Postfix here (.ci/need-postfix installs it): %v", err)
	}
	conf := filepath.Join(w.dir, "conf")
	w.must(os.Mkdir(conf, 0o755))
	w.must(os.WriteFile(conf+"/main.cf", []byte("compatibility_level = 3.6\n"), 0o644))
	w.must(os.WriteFile(conf+"/master.cf", nil, 0o644))
	return &netPostmap{w, conf}
}

// one asks for one key: what postmap prints, and what it warns of.
func (p *netPostmap) one(ref, key string) (out string, failed bool, warnings []string) {
	p.w.t.Helper()
	cmd := exec.Command("postmap", "-c", p.conf, "-q", key, ref)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // it exits 1 when nothing is found
	for line := range strings.Lines(stderr.String()) {
		line = strings.TrimPrefix(strings.TrimRight(line, "\n"), "postmap: ")
		switch {
		case strings.HasPrefix(line, "fatal: table "):
			failed = true
		case strings.Contains(line, "empty string result is not allowed"), strings.Contains(line, "should return NO RESULT"):
			// postmap's own
		default:
			warnings = append(warnings, line)
		}
	}
	return stdout.String(), failed, warnings
}

// all asks for keys on its standard input, and returns what was found.
func (p *netPostmap) all(ref string, keys []string) map[string]string {
	p.w.t.Helper()
	cmd := exec.Command("postmap", "-c", p.conf, "-q", "-", ref)
	cmd.Stdin = strings.NewReader(strings.Join(keys, "\n") + "\n")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if text := stderr.String(); strings.Contains(text, "fatal") || err != nil && len(out) > 0 {
		p.w.t.Fatalf("postmap: %v\n%s", err, text)
	}
	found := map[string]string{}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		found[key] = value
	}
	return found
}

// askAsPostmap is netWorld.ask with postmap's flags.
func (w *netWorld) askAsPostmap(tab Table, key string) Answer {
	w.t.Helper()
	r := &reply{}
	if a := tab.Get(key, postmapFlags, func(a Answer) { r.Answer, r.here = a, true }); a.Status != Later {
		return a
	}
	w.outlast(tab, r)
	return r.Answer
}

// compare asks both about all keys, and returns how many were found.
func (p *netPostmap) compare(ref string, keys []string) (found int) {
	p.w.t.Helper()
	real := p.all(ref, keys)
	tab := p.w.open(ref)
	for _, key := range keys {
		value, ok := real[key]
		want := Answer{Value: value}
		if !ok {
			want = Answer{Status: NoKey}
		}
		if got := p.w.askAsPostmap(tab, key); got != want {
			p.w.t.Errorf("%s: %q: got %+v, postmap has %+v", ref, key, got, want)
		}
	}
	return len(real)
}

// oddKeys are more than 300 keys of every sort that fit into a line. Those with
// "no" in front are not to be found.
func oddKeys() (keys []string) {
	for i := range 100 {
		keys = append(keys, fmt.Sprintf("user%d@example.com", i), fmt.Sprintf("no%d@example.com", i), fmt.Sprintf("USER%d@Example.COM", i))
	}
	for c := 1; c < 256; c++ {
		if c != '\n' && c != '\t' { // tab is what postmap puts between key and value
			keys = append(keys, fmt.Sprintf("odd%cmid", c), "raw"+string([]byte{byte(c)})+"byte")
		}
	}
	return append(keys, "größe@müller.example", "GRÖSSE@MÜLLER.example", "日本語@例え.jp", "ΣΊΣΥΦΟΣ", "a b  c", " leading", "trailing ", "100%", "%41", "@", "@example.com", "user@", "a@b@c", "no such", "\xff\xfe")
}

// serverProcess is a server that is a process of ours.
type serverProcess struct {
	t   testing.TB
	cmd *exec.Cmd
}

// startServer starts a program, and waits until it says that it is ready.
func startServer(t testing.TB, ready string, argv ...string) *serverProcess {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // read only
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v (apt-get install memcached redis-server)", argv[0], err)
	}
	_ = w.Close()
	p := &serverProcess{t, cmd}
	t.Cleanup(p.kill)
	lines := bufio.NewReader(r)
	var text strings.Builder
	for !strings.Contains(text.String(), ready) {
		line, err := lines.ReadString('\n')
		text.WriteString(line)
		if err != nil {
			t.Fatalf("%v ended:\n%s", argv, text.String())
		}
	}
	go io.Copy(io.Discard, r) //nolint:errcheck // until it ends
	return p
}

func (p *serverProcess) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// kill ends it, and waits until it has.
func (p *serverProcess) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Signal(syscall.SIGKILL)
		_ = p.cmd.Wait()
	}
}

// finder finds a value for every key without "no" in front, whatever the
// protocol.
func finder(p protocol, key func(request string) string) func(string) saying {
	return func(request string) saying {
		k := key(request)
		if strings.HasPrefix(k, "no") || strings.HasPrefix(k, "NO") {
			return say(p.none)
		}
		return say(p.found(k, "value of "+k))
	}
}

// afterSpace is the key of a request of tcp: and socketmap:.
func afterSpace(request string) string {
	_, key, _ := strings.Cut(request, " ")
	return key
}

// TestTCPInterop: the keys of postmap arrive at the server as ours do, and its
// answers at us as at postmap.
func TestTCPInterop(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	pm := newNetPostmap(w)
	s := newFake(w, "tcp", "127.0.0.1:0", readLine, finder(protocols[0], afterSpace))
	keys := append(oddKeys(), strings.Repeat("x", 3000))
	n := pm.compare("tcp:"+s.addr, keys)
	asked := s.requests()
	if half := len(asked) / 2; n < 300 || 2*half != len(asked) || strings.Join(asked[:half], "\n") != strings.Join(asked[half:], "\n") {
		t.Errorf("%d keys found; postmap and we have asked for different things, %d together", n, len(asked))
	}
	replies := []string{
		"200 hello\n", "200 \n", "200\n", "200\thi\n", "200  two\n", "200 a%20b%25%zz\n", "200 a%4\n", "200 %c3%A4\n", "500 x\n", "500\n",
		"299 x\n", "100 x\n", "999 x\n", "2a0 x\n", "20x\n", "20 x\n", "200 hi\r\n", "2000 x\n", "200 x\x00y\n", "200 trailing  \n", "400 later\n",
		"450 \n", "599 x\n", "  200 x\n", "\n", "200 " + strings.Repeat("x", 4091) + "\n", "200 one\n200 two\n",
	}
	pm.compareReplies("tcp", readLine, func(addr string) string { return "tcp:" + addr }, replies)
}

// TestSocketmapInterop is the same for socketmap:, over both sorts of sockets.
func TestSocketmapInterop(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	pm := newNetPostmap(w)
	for _, at := range [][2]string{{"tcp", "127.0.0.1:0"}, {"unix", w.dir + "/s"}} {
		s := newFake(w, at[0], at[1], readNetstring, finder(protocols[1], afterSpace))
		ref := func(addr string) string {
			return "socketmap:" + map[string]string{"tcp": "inet", "unix": "unix"}[at[0]] + ":" + addr + ":name"
		}
		n := pm.compare(ref(s.addr), append(oddKeys(), strings.Repeat("x", 9000)))
		asked := s.requests()
		if half := len(asked) / 2; n < 300 || 2*half != len(asked) || strings.Join(asked[:half], "\n") != strings.Join(asked[half:], "\n") {
			t.Errorf("%d keys found; postmap and we have asked for different things, %d together", n, len(asked))
		}
		var replies []string
		for _, text := range []string{
			"OK hello", "OK ", "OK  two", "NOTFOUND ", "NOTFOUND", "NOTFOUND x", "TEMP why", "TEMP", "TIMEOUT why", "PERM why", "PERM ", "WHAT x", "", " ",
			"ok x", "OK a\tb", "OK\tx", "OK x\x00y", "OK " + strings.Repeat("x", 9000), "TEMP " + strings.Repeat("x", 300),
		} {
			replies = append(replies, netstring(text))
		}
		replies = append(replies, "4:OK xz", "abc", "04:OK x,", ":,", "0:,", "999999:x", "100001:", "4 :OK x,", "4:OK x,4:OK y,", "\n")
		pm.compareReplies(at[0], readNetstring, ref, replies)
	}
}

// compareReplies has servers send one reply each, to postmap and to us: the
// answer and the log are the same. ref is the table with a server at addr.
func (p *netPostmap) compareReplies(network string, read func(*bufio.Reader) (string, error), ref func(addr string) string, replies []string) {
	p.w.t.Helper()
	type result struct {
		ref, out string
		failed   bool
		warnings []string
	}
	results := make([]result, len(replies))
	var wg sync.WaitGroup
	limit := make(chan bool, 8) // postmap takes its time to fail
	for i, text := range replies {
		addr := "127.0.0.1:0"
		if network == "unix" {
			addr = fmt.Sprint(p.w.dir, "/r", i)
		}
		s := newFake(p.w, network, addr, read, func(string) saying { return say(text) })
		r := &results[i]
		r.ref = ref(s.addr)
		wg.Go(func() {
			limit <- true
			r.out, r.failed, r.warnings = p.one(r.ref, "key")
			<-limit
		})
	}
	wg.Wait()
	for i, text := range replies {
		r := results[i]
		p.w.log = nil
		tab := p.w.open(r.ref)
		got := p.w.askAsPostmap(tab, "key")
		tab.Close()
		want := Answer{Value: strings.TrimSuffix(r.out, "\n")}
		switch {
		case r.failed:
			want = got
			if got.Status != Retry && got.Status != Config {
				p.w.t.Errorf("%.40q: got %+v, postmap fails", text, got)
			}
		case r.out == "":
			want = Answer{Status: NoKey}
		}
		if got != want {
			p.w.t.Errorf("%.40q: got %+v, postmap has %+v", text, got, want)
		}
		// We log every try, also the last.
		if got, want := slices.Compact(p.w.log), slices.Compact(r.warnings); !slices.Equal(got, want) {
			p.w.t.Errorf("%.40q: logged\n%s\npostmap logs\n%s", text, got, want)
		}
	}
}

// TestMemcacheInterop: keys in a real memcached, told to it by us, asked by
// postmap and by us.
func TestMemcacheInterop(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	pm := newNetPostmap(w)
	startServer(t, "server listening", "memcached", "-vv", "-u", "root", "-s", w.dir+"/m", "-a", "0700", "-t", "1", "-m", "16")
	ref := "memcache:" + w.file("memcache = unix:"+w.dir+"/m\nkey_format = p:%s\n")
	tab := w.openFor(ref, ReadWrite)
	var keys []string
	for _, key := range oddKeys() {
		if strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			continue // we skip control characters, as Postfix does from 3.12 on
		}
		keys = append(keys, key)
		if strings.HasPrefix(key, "no") || strings.HasPrefix(key, "USER") {
			continue // not there, or folded
		}
		d := &done{}
		d.set(tab.(Writer).Put(key, "value of "+key, postmapFlags, d.later))
		w.until(func() bool { return d.here })
	}
	w.log = nil
	if n := pm.compare(ref, keys); n < 300 {
		t.Errorf("%d keys found", n)
	}
	for _, template := range []string{"%u/%d", "%1-%2-%3", "x%%%s", "%S%U%D"} {
		pm.compare("memcache:"+w.file("memcache = unix:"+w.dir+"/m\nkey_format = "+template+"\n"), keys)
	}
	pm.compare("memcache:"+w.file("memcache = unix:"+w.dir+"/m\nkey_format = p:%s\ndomain = Example.COM, x\n"), keys)
	// Deleted by postmap, and by us.
	if out, err := exec.Command("postmap", "-c", pm.conf, "-d", "user1@example.com", ref).CombinedOutput(); err != nil {
		t.Errorf("postmap -d: %v, %s", err, out)
	}
	w.expect(w.ask(tab, "user1@example.com"), Answer{Status: NoKey})
	w.changed(w.delete(tab, "user2@example.com"), OK)
	if out, failed, _ := pm.one(ref, "user2@example.com"); out != "" || failed {
		t.Errorf("postmap has %q", out)
	}
	// Longer than memcached takes: both fail.
	long := strings.Repeat("x", 300)
	if out, failed, warnings := pm.one(ref, long); !failed {
		t.Errorf("postmap has %q, %v", out, warnings)
	}
	w.expect(w.askAsPostmap(tab, long), tryAgain)
}

// TestMemcacheBackupInterop: with a backup, and a table among the domains.
func TestMemcacheBackupInterop(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	pm := newNetPostmap(w)
	startServer(t, "server listening", "memcached", "-vv", "-u", "root", "-s", w.dir+"/m", "-a", "0700", "-t", "1", "-m", "16")
	var text strings.Builder
	var keys []string
	for i := range 300 {
		keys = append(keys, fmt.Sprintf("u%d@d%d.org", i, i%7))
		if i%3 != 0 {
			fmt.Fprintf(&text, "u%d@d%d.org value %d\n", i, i%7, i)
		}
	}
	base := "memcache = unix:" + w.dir + "/m\nbackup = texthash:" + w.file(text.String()) + "\n"
	domains := "domain = !d1.org, inline:{d2.org=x, d3.org=y}, d4.org\n"
	for _, settings := range []string{base + "key_format = 1:%s\n", base + "key_format = 2:%s\n" + domains, base + domains + "key_format = %3\n"} {
		ref := "memcache:" + w.file(settings)
		for range 2 { // from the backup, then from memcached as far as it goes
			pm.compare(ref, keys)
		}
	}
	// What one has taken from the backup the other finds in memcached.
	cached := w.open("memcache:" + w.file("memcache = unix:"+w.dir+"/m\nkey_format = 1:%s\n"))
	w.expect(w.ask(cached, "u1@d1.org"), Answer{Value: "value 1"})
	w.expect(w.ask(cached, "u3@d3.org"), Answer{Status: NoKey})
}

// TestMemcacheReplies: what a memcached would never say.
func TestMemcacheReplies(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	pm := newNetPostmap(w)
	ref := func(addr string) string { return "memcache:" + w.file("memcache = inet:"+addr+"\n") }
	pm.compareReplies("tcp", readLine, ref, []string{
		"END\r\n", "END\n", "VALUE key 0 2\r\nhi\r\nEND\r\n", "VALUE key 0 0\r\n\r\nEND\r\n", "VALUE key 0 2\nhi\r\nEND\r\n",
		"VALUE key 0 2 33\r\nhi\r\nEND\r\n", "VALUE key 0 3\r\nh\x00i\r\nEND\r\n", "ERROR\r\n", "SERVER_ERROR x\r\n", "VALUE key 0 99999\r\nhi\r\nEND\r\n",
		"VALUE key 0 x\r\n", "VALUE key 0 -1\r\n", "STORED\r\n",
	})
}

// TestStoppedServers: a real server that is stopped, killed and started again
// while it is asked costs no wrong answer, and nobody has to help.
func TestStoppedServers(t *testing.T) {
	for name, start := range map[string]func(t *testing.T, w *netWorld) (*serverProcess, string){
		"memcache": func(t *testing.T, w *netWorld) (*serverProcess, string) {
			return startServer(t, "server listening", "memcached", "-vv", "-u", "root", "-s", w.dir+"/m", "-a", "0700", "-t", "1", "-m", "16"),
				"memcache:" + w.dir + "/m.cf"
		},
		"redis": func(t *testing.T, w *netWorld) (*serverProcess, string) {
			return startRedis(t, w), "redis:" + w.dir + "/r.cf"
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newNetWorld(t, looptest.New(t))
			w.must(os.WriteFile(w.dir+"/m.cf", []byte("memcache = unix:"+w.dir+"/m\n"), 0o600))
			w.must(os.WriteFile(w.dir+"/r.cf", []byte("hosts = unix:"+w.dir+"/r\n"), 0o600))
			s, ref := start(t, w)
			tab := w.open(ref)
			none := Answer{Status: NoKey}
			for i := range 3 {
				w.expect(w.ask(tab, fmt.Sprint("k", i)), none)
			}
			s.signal(syscall.SIGSTOP)
			var list []*reply
			for i := range 20 {
				list = append(list, w.get(tab, fmt.Sprint("k", i)))
			}
			looptest.Advance(w.Loop, 6*time.Second)
			for _, r := range list {
				w.expect(r.Answer, tryAgain)
			}
			s.signal(syscall.SIGCONT)
			w.expect(w.askAsPostmap(tab, "k"), none)
			s.kill()
			if a := w.askAsPostmap(tab, "k"); a != tryAgain {
				t.Errorf("got %+v from nobody", a)
			}
			start(t, w)
			looptest.Advance(w.Loop, shortPause)
			w.expect(w.ask(tab, "k"), none)
		})
	}
}

func startRedis(t *testing.T, w *netWorld, more ...string) *serverProcess {
	t.Helper()
	return startServer(t, "eady to accept connections", append([]string{
		"redis-server", "--port", "0", "--unixsocket", w.dir + "/r", "--save", "", "--appendonly", "no", "--dir", w.dir, "--daemonize", "no",
	}, more...)...)
}

// TestRedisInterop: keys and hashes of a real Redis with a password, in
// another database than the first.
func TestRedisInterop(t *testing.T) {
	w := newNetWorld(t, looptest.New(t))
	startRedis(t, w, "--requirepass", "secret")
	cli := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("redis-cli", append([]string{"-s", w.dir + "/r", "-a", "secret", "--no-auth-warning", "-n", "3"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("redis-cli: %v\n%s", err, out)
		}
		return string(out)
	}
	base := "hosts = unix:" + w.dir + "/nowhere, unix:" + w.dir + "/r\npassword = secret\ndatabase = 3\n"
	plain := w.open("redis:" + w.file(base+"key_format = p:%s\n"))
	hash := w.open("redis:" + w.file(base+"key_format = %u\nhash = h:%d\nresult_format = [%s]\n"))
	var script strings.Builder
	quote := func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, "\\x%02x", s[i])
		}
		return `"` + b.String() + `"`
	}
	keys := oddKeys()
	for _, key := range keys {
		if key, ok := Fold(key, postmapFlags, Fixed); ok && !strings.HasPrefix(key, "no") {
			fmt.Fprintf(&script, "SET %s %s\n", quote("p:"+key), quote("value of "+key))
			if local, domain, ok := strings.Cut(key, "@"); ok && local != "" && domain != "" {
				fmt.Fprintf(&script, "HSET %s %s %s\n", quote("h:"+domain), quote(local), quote("in hash: "+key))
			}
		}
	}
	cmd := exec.Command("redis-cli", "-s", w.dir+"/r", "-a", "secret", "--no-auth-warning", "-n", "3")
	cmd.Stdin = strings.NewReader(script.String())
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "ERR") {
		t.Fatalf("redis-cli: %v\n%s", err, out)
	}
	found := 0
	for _, key := range keys {
		folded, ok := Fold(key, postmapFlags, Fixed)
		want := Answer{Value: "value of " + folded}
		if !ok || strings.HasPrefix(folded, "no") {
			want = Answer{Status: NoKey}
		} else {
			found++
		}
		w.expect(w.askAsPostmap(plain, key), want)
		if local, domain, ok := strings.Cut(folded, "@"); ok && local != "" && domain != "" && !strings.Contains(domain, "@") {
			want := Answer{Value: "[in hash: " + folded + "]"}
			if strings.HasPrefix(folded, "no") {
				want = Answer{Status: NoKey}
			}
			w.expect(w.askAsPostmap(hash, key), want)
		}
	}
	if found < 300 {
		t.Errorf("%d keys found", found)
	}
	w.expect(w.askAsPostmap(hash, "nodomain"), Answer{Status: NoKey})
	// Beside each other, up to the limit, which the server confirms.
	w.log = nil
	var list []*reply
	for i := range 200 {
		list = append(list, w.get(plain, fmt.Sprintf("user%d@example.com", i%100)), w.get(plain, fmt.Sprint("nokey", i)))
	}
	for i, r := range list {
		w.until(func() bool { return r.here })
		want := Answer{Status: NoKey}
		if i%2 == 0 {
			want = Answer{Value: fmt.Sprintf("value of user%d@example.com", i/2%100)}
		}
		w.expect(r.Answer, want)
	}
	if n := strings.Count(cli("CLIENT", "LIST"), "cmd=get"); n < 1 || n > defaultPool {
		t.Errorf("%d connections", n)
	}
	if text := w.logged(); text != "" {
		t.Error(text)
	}
	// What goes wrong.
	cli("LPUSH", "p:list", "x")
	w.expect(w.ask(plain, "list"), Answer{Status: Config})
	cli("SET", "p:empty", "")
	w.expect(w.ask(plain, "empty"), Answer{Status: NoKey})
	cli("SET", "p:long", strings.Repeat("x", 10241))
	w.expect(w.askAsPostmap(plain, "long"), tryAgain)
	if text := w.logged(); !strings.Contains(text, "query failed: WRONGTYPE") || !strings.Contains(text, `empty lookup result for: "empty" -- ignored`) || !strings.Contains(text, "above the limit of 10240") {
		t.Error(text)
	}
	for text, want := range map[string]string{
		"":                                 "NOAUTH",
		"password = wrong\n":               "AUTH: WRONGPASS",
		"password = secret\nuser = x":      "AUTH: WRONGPASS",
		"password = secret\ndatabase = 99": "SELECT: ERR",
	} {
		tab := w.open("redis:" + w.file("hosts = unix:"+w.dir+"/r\nmax_try = 1\n"+text))
		w.expect(w.askAsPostmap(tab, "k"), tryAgain)
		if text := w.logged(); !strings.Contains(text, want) {
			t.Errorf("want %s, logged %s", want, text)
		}
	}
}
