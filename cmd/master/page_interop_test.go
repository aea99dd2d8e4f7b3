// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"postloop/cmd/internal/pftest"
)

// TestStatusPage: a browser shows what the master does, while it does it.
func TestStatusPage(t *testing.T) {
	r := newRootless(t)
	where, echo := pftest.FreeAddr(t), pftest.FreeAddr(t)
	const odd = `<b>odd<i>&amp;"`
	configure := func(more string) {
		r.write("etc/postloop.toml", fmt.Sprintf(`
rootless = true
state = %q
metrics = %q
log.to = "stderr"
[[service]]
listen = %q
run = ["/bin/cat"]
limit = 20
[[service]]
listen = "unix:public/clock"
run = ["/bin/date"]
[[service]]
listen = 'unix:public/%s'
run = ["/bin/date"]
%s`, r.dir+"/run", where, echo, odd, more))
	}
	configure("")
	r.start()
	b := newBrowser(t)
	b.size(1200, 900)
	b.open("http://" + where + "/")
	b.until("document.querySelectorAll('#services tr').length === 3 && document.getElementById('live').innerText === 'live'")
	names := b.eval("[...document.querySelectorAll('#services b')].map((e) => e.textContent).join(' ')")
	if want := echo + " clock " + odd; names != want {
		t.Errorf("the services are %q, not %q", names, want)
	}
	if n := b.eval("document.querySelectorAll('#services b *').length"); n != 0.0 {
		t.Error("a name has become markup")
	}
	const busy = "document.querySelector('#services tr td:nth-child(3) span').innerText"
	const state = "document.querySelector('#services .state').innerText"
	if got := b.eval(busy); got != "0 / 20" {
		t.Errorf("busy: %q", got)
	}

	t.Log("a client comes, and goes")
	client, err := net.Dial("tcp", echo)
	must(t, err)
	b.until(busy + " === '1 / 20' && " + state + " === 'busy'")
	must(t, client.Close())
	b.until(busy + " === '0 / 20' && " + state + " === 'listening'")

	t.Log("it fits, whatever the screen, and is dark where all is")
	var colours []any
	for _, width := range []int{320, 390, 800, 1200} {
		for _, scheme := range []string{"light", "dark"} {
			b.size(width, 800)
			b.scheme(scheme)
			b.until(fmt.Sprintf("innerWidth === %d && matchMedia('(prefers-color-scheme: %s)').matches", width, scheme))
			if wide := b.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth"); wide != 0.0 {
				t.Errorf("the page is %v wider than a window of %d", wide, width)
			}
			if width == 320 {
				colours = append(colours, b.eval("getComputedStyle(document.documentElement).backgroundColor"))
			}
		}
	}
	if colours[0] == colours[1] {
		t.Error("light and dark are the same:", colours)
	}

	t.Log("a filter")
	b.eval("document.getElementById('filter').value = 'CLOCK'; document.getElementById('filter').dispatchEvent(new Event('input'))")
	b.until("[...document.querySelectorAll('#services tr')].filter((e) => !e.hidden).length === 1")
	b.eval("document.getElementById('filter').value = ''; document.getElementById('filter').dispatchEvent(new Event('input'))")

	t.Log("a reload that is refused, and one that is not")
	configure("[[service]]\nlisten = 'unix:public/more'\ncommand = 'nothing'\n")
	must(t, r.cmd.Process.Signal(unix.SIGHUP))
	b.until("document.querySelector('.note.bad li') !== null")
	if text := fmt.Sprint(b.eval("document.querySelector('.note.bad').innerText")); !strings.Contains(text, "line 16: service \"more\"") {
		t.Error(text)
	}
	configure("[[service]]\nlisten = 'unix:public/more'\nrun = ['/bin/date']\n")
	must(t, r.cmd.Process.Signal(unix.SIGHUP))
	b.until("document.querySelectorAll('#services tr').length === 4 && document.querySelector('.note') === null")

	t.Log("nobody looks, and nothing is asked")
	b.eval("Object.defineProperty(document, 'hidden', {get: () => window.away === true}); window.away = true; document.dispatchEvent(new Event('visibilitychange'))")
	b.until("!asking")
	b.eval("window.asked = 0; const get = window.fetch; window.fetch = (...a) => { window.asked++; return get(...a); }; ask()")
	if b.eval("window.asked") != 0.0 || b.eval("document.getElementById('live').innerText") != "not looked at" {
		t.Error("it asks on")
	}
	b.eval("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
	b.until("window.asked > 0 && document.getElementById('live').innerText === 'live'")

	if len(b.said) > 0 {
		t.Errorf("the console has:\n%s", strings.Join(b.said, "\n"))
	}

	t.Log("the master goes, and comes back")
	pid := r.cmd.Process.Pid
	r.stop()
	b.until("document.getElementById('live').innerText.startsWith('the master is gone, last seen ') && document.title.includes('gone')")
	r.start()
	b.until(fmt.Sprintf("document.getElementById('live').innerText === 'live' && !document.getElementById('about').innerText.includes('pid %d')", pid))
}
