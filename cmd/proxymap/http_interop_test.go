// SPDX-License-Identifier: ISC

//go:build interop && linux

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// TestHTTP: the real postmap finds through our proxymap on a web server what it
// finds in a database that has the same in it.
func TestHTTP(t *testing.T) {
	source, keys := source()
	values := map[string]string{}
	for _, e := range entries(strings.ReplaceAll(source, "\t", " ")) {
		values[e[0]] = e[1]
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return strings.ContainsAny(key, "\r\n") })
	in := strings.Join(keys, "\n") + "\n"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		value, ok := values[strings.TrimPrefix(r.URL.Path, "/")]
		switch {
		case r.Header.Get("Authorization") != "Bearer of-the-ring":
			w.WriteHeader(http.StatusForbidden)
		case !ok:
			http.NotFound(w, r)
		case r.URL.RawQuery == "json":
			_ = json.NewEncoder(w).Encode(map[string][]string{"boxes": {value, value}})
		default:
			_, _ = fmt.Fprintln(w, value)
		}
	}))
	defer s.Close()
	headers := "headers = Authorization: Bearer of-the-ring\n"
	dir := tables(t, map[string]string{
		"http.cf":   "url = " + s.URL + "/%s\n" + headers,
		"json.cf":   "url = " + s.URL + "/%s?json\nformat = json\nmember = boxes.1\n" + headers,
		"wrong.cf":  "url = " + s.URL + "/%s\n",
		"nobody.cf": "url = http://nowhere.example/%s\nsocket = /nowhere\n",
	})
	real := realBoth.prepare(t, nil)
	want, _ := postmap(t, real, in, "-q", "-", "sqlite:"+sqliteTable(t, dir, source))
	if n := strings.Count(want, "\n"); len(keys) < 300 || n < 200 {
		t.Fatalf("of %d keys, %d are there", len(keys), n)
	}
	main := map[string]string{}
	for _, name := range []string{"http", "json", "wrong", "nobody"} {
		main["proxy_read_maps"] += " proxy:http:" + dir + "/" + name + ".cf"
	}
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			p := c.instance(t, main)
			c.workers(t, p, "table-http")
			for _, name := range []string{"http", "json"} {
				got, exit := postmap(t, p, in, "-q", "-", "proxy:http:"+dir+"/"+name+".cf")
				if got != want || exit != 0 {
					t.Errorf("%s: exit status %d, and\n%s\nwant\n%s", name, exit, firstDifference(got, want), firstDifference(want, got))
				}
			}
			for name, why := range map[string]string{
				"wrong":  "query failed for key 'k': the server answers 403 Forbidden",
				"nobody": "query failed for key 'k': connect to /nowhere: No such file or directory",
			} {
				if out, exit := postmap(t, p, "", "-q", "k", "proxy:http:"+dir+"/"+name+".cf"); exit != 1 || out != "" {
					t.Errorf("%s: exit status %d, and %s", name, exit, out)
				}
				p.WaitLog(why)
			}
			end(t, p)
		})
	}
}
