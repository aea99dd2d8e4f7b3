// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"postloop/cmd/internal/pftest"
)

// fetch asks for a page of a master, at a socket or an address.
func fetch(t *testing.T, network, addr, path string) (status int, body string) {
	t.Helper()
	c := http.Client{Timeout: pftest.Patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return net.Dial(network, addr) },
	}}
	a, err := c.Get("http://localhost" + path)
	must(t, err)
	text, err := io.ReadAll(a.Body)
	must(t, err)
	must(t, a.Body.Close())
	return a.StatusCode, string(text)
}

// series are the metrics by name and labels.
func series(t *testing.T, network, addr string) map[string]float64 {
	t.Helper()
	_, text := fetch(t, network, addr, "/metrics")
	list := map[string]float64{}
	for _, m := range regexp.MustCompile(`(?m)^(\w.*) (\S+)$`).FindAllStringSubmatch(text, -1) {
		value, err := strconv.ParseFloat(m[2], 64)
		must(t, err)
		list[m[1]] = value
	}
	return list
}

// TestMetricsOfPostfix: what a master that is root says about a whole Postfix is what
// the system says, before and after a reload that moves it elsewhere.
func TestMetricsOfPostfix(t *testing.T) {
	beyondPostfix(t, "it has no metrics")
	addr := pftest.FreeAddr(t)
	p := instance(t, pftest.Options{Main: map[string]string{"metrics_listen": addr}})
	p.Start()
	must(t, pftest.Send(p.MailAddr, 0, 40, 4))
	p.WaitDelivered(40)
	daemons := map[string]string{ // by service
		p.MailAddr + `",type="inet`: "smtpd", `cleanup",type="unix`: "cleanup", `qmgr",type="unix`: "qmgr", `rewrite",type="unix`: "trivial-rewrite",
	}
	check := func(network, addr string) map[string]float64 {
		t.Helper()
		var list map[string]float64
		p.Until("the numbers are the system's", func() bool {
			was := map[string]int{}
			for service, daemon := range daemons {
				was[service] = len(p.Running(daemon))
			}
			list = series(t, network, addr)
			for service, n := range was {
				if list[`postloop_service_processes{service="`+service+`"}`] != float64(n) {
					return false
				}
			}
			return true
		})
		for service, daemon := range daemons {
			labels := `{service="` + service + `"}`
			starts := list["postloop_service_starts_total"+labels]
			ends := 0.0
			for _, result := range []string{"ok", "failed", "signal"} {
				ends += list["postloop_service_exits_total"+strings.TrimSuffix(labels, "}")+`,result="`+result+`"}`]
			}
			if starts < 1 || starts-ends != list["postloop_service_processes"+labels] {
				t.Errorf("%s: %v starts, %v ends, %v processes", daemon, starts, ends, list["postloop_service_processes"+labels])
			}
		}
		return list
	}
	first := check("tcp", addr)
	if status, body := fetch(t, "tcp", addr, "/readyz"); status != 200 || body != "ready\n" {
		t.Error(status, body)
	}

	p.SetMain(map[string]string{"metrics_listen": "192.0.2.1:9199"})
	p.Must("reload")
	p.WaitLog(`metrics_listen: 192\.0\.2\.1 is not a loopback address`)
	if status, _ := fetch(t, "tcp", addr, "/readyz"); status != 200 {
		t.Error("a refused reload has closed it")
	}
	p.Until("it is known that the reload was refused", func() bool { return series(t, "tcp", addr)["postloop_last_reload_successful"] == 0 })
	p.SetMain(map[string]string{"metrics_listen": "unix:private/view"})
	p.Must("reload")
	p.WaitLog(`status page and metrics at unix:private/view`)
	second := check("unix", fmt.Sprintf("%s/private/view", p.Queue))
	if c, err := net.Dial("tcp", addr); err == nil {
		t.Error("the old place is open still")
		must(t, c.Close())
	}
	for name := range maps.Keys(first) {
		if strings.Contains(name, "_total") && second[name] < first[name] {
			t.Errorf("%s went from %v back to %v", name, first[name], second[name])
		}
	}
	must(t, pftest.Send(p.MailAddr, 40, 20, 4))
	p.WaitDelivered(60)
	p.Stop()
}
