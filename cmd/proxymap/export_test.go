// SPDX-License-Identifier: ISC

package main

import (
	"os"
	"os/exec"
	"testing"
)

// TestExport: under a name of its own the program prints what it would let
// clients open.
func TestExport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	err := os.WriteFile(dir+"/main.cf", []byte("rootless = yes\nqueue_directory = "+dir+
		"\nproxy_read_maps = proxy:texthash:/b, hash:/c, unionmap:{proxy:static:a,cidr:/d} nothing\nproxy_write_maps = proxy:btree:/w\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"export-proxy-proxymap":   "static:a\ntexthash:/b\n",
		"export-all-proxymap":     "cidr:/d\nhash:/c\nstatic:a\ntexthash:/b\n",
		"export-proxy-proxywrite": "btree:/w\n",
	} {
		c := exec.Command(exe, "-S", "-n", name)
		c.Args[0] = "proxymap"
		c.Env = []string{"MAIL_CONFIG=" + dir}
		c.Stderr = os.Stderr
		text, err := c.Output()
		if err != nil || string(text) != want {
			t.Errorf("%s: got %q, %v, want %q", name, text, err, want)
		}
	}
}
