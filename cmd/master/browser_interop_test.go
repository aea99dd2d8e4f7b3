// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/cmd/internal/pftest"
)

// browser is a headless Chromium with one page, driven through a pair of pipes.
type browser struct {
	t       *testing.T
	to      *os.File
	from    *bufio.Reader
	session string
	last    int
	said    []string // errors and messages of the page's console
}

// message is what Chromium says: the answer to a call, or an event.
type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	dir, err := os.MkdirTemp("", "chromium")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	theirIn, to, err := os.Pipe()
	must(t, err)
	from, theirOut, err := os.Pipe()
	must(t, err)
	c := exec.Command("/usr/bin/chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir="+dir, "--remote-debugging-pipe", "about:blank")
	c.Env = append(os.Environ(), "HOME="+dir)
	c.ExtraFiles = []*os.File{theirIn, theirOut}
	must(t, c.Start())
	must(t, theirIn.Close())
	must(t, theirOut.Close())
	must(t, from.SetReadDeadline(time.Now().Add(2*pftest.Patience)))
	b := &browser{t: t, to: to, from: bufio.NewReader(from)}
	t.Cleanup(func() {
		b.session = ""
		b.call("Browser.close", nil, nil)
		must(t, c.Wait())
		must(t, to.Close())
		must(t, from.Close())
	})
	var target struct {
		ID      string `json:"targetId"`
		Session string `json:"sessionId"`
	}
	b.call("Target.createTarget", args{"url": "about:blank"}, &target)
	b.call("Target.attachToTarget", args{"targetId": target.ID, "flatten": true}, &target)
	b.session = target.Session
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

type args map[string]any

// call has Chromium do something, and waits until it is done. result may be nil.
func (b *browser) call(method string, params args, result any) {
	b.t.Helper()
	b.last++
	call := args{"id": b.last, "method": method, "params": params}
	if params == nil {
		call["params"] = args{}
	}
	if b.session != "" {
		call["sessionId"] = b.session
	}
	text, err := json.Marshal(call)
	must(b.t, err)
	_, err = b.to.Write(append(text, 0))
	must(b.t, err)
	for {
		line, err := b.from.ReadString(0)
		if err != nil {
			b.t.Fatalf("%s: %v; the console:\n%s", method, err, strings.Join(b.said, "\n"))
		}
		var m message
		must(b.t, json.Unmarshal([]byte(strings.TrimSuffix(line, "\x00")), &m))
		switch {
		case m.ID == b.last && m.Error != nil:
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		case m.ID == b.last:
			if result != nil {
				must(b.t, json.Unmarshal(m.Result, result))
			}
			return
		case slices.Contains([]string{"Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"}, m.Method):
			b.said = append(b.said, m.Method+" "+string(m.Params))
		}
	}
}

// eval returns the value of an expression in the page, waited for if it is a promise.
func (b *browser) eval(expression string) any {
	b.t.Helper()
	var r struct {
		Result struct {
			Value any `json:"value"`
		} `json:"result"`
		Exception json.RawMessage `json:"exceptionDetails"`
	}
	b.call("Runtime.evaluate", args{"expression": expression, "awaitPromise": true, "returnByValue": true}, &r)
	if r.Exception != nil {
		b.t.Fatalf("%s: %s", expression, r.Exception)
	}
	return r.Result.Value
}

// until waits until an expression is true in the page.
func (b *browser) until(condition string) {
	b.t.Helper()
	limit := pftest.Patience.Milliseconds()
	if b.eval(fmt.Sprintf(`new Promise((done) => {
		const end = performance.now() + %d;
		const look = () => { if (%s) done(true); else if (performance.now() > end) done(false); else setTimeout(look, 20); };
		look();
	})`, limit, condition)) != true {
		b.t.Fatalf("it never is so: %s; the page:\n%s", condition, b.eval("document.body.innerText"))
	}
}

// size is that of the window.
func (b *browser) size(width, height int) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", args{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
}

// scheme is dark or light.
func (b *browser) scheme(name string) {
	b.t.Helper()
	b.call("Emulation.setEmulatedMedia", args{"features": []args{{"name": "prefers-color-scheme", "value": name}}}, nil)
}

// open goes to a page.
func (b *browser) open(url string) {
	b.t.Helper()
	b.call("Page.navigate", args{"url": url}, nil)
	b.until("document.readyState === 'complete' && location.href === " + string(mustJSON(b.t, url)))
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return text
}
