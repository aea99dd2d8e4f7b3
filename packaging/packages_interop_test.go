// SPDX-License-Identifier: ISC

//go:build interop && linux

package packaging

import (
	"path/filepath"
	"strings"
	"testing"
)

// sbin is where Debian's Postfix has its daemons.
const sbin = "/usr/lib/postfix/sbin"

// packages makes those of a version, with what "make packages" runs.
func packages(t *testing.T, version, bin string) string {
	t.Helper()
	dir := shortDir(t)
	env := []string{"BIN=" + bin, "COMPRESSION=none", "NFPM=" + repository(t) + "/.tools/nfpm"}
	if out, code := status(t, env, "packaging/build", dir+"/dist", version); code != 0 {
		t.Fatalf("packaging/build: %d\n%s", code, out)
	}
	return dir + "/dist"
}

// deb is the file of a package.
func deb(t *testing.T, dir, name, version string) string {
	t.Helper()
	list, err := filepath.Glob(dir + "/" + name + "_" + version + "_*.deb")
	must(t, err)
	if len(list) != 1 {
		t.Fatalf("%s %s in %s: %v", name, version, dir, list)
	}
	return list[0]
}

// withPackages is a system that has two versions of both in /run.
func withPackages(t *testing.T, first, second string) *system {
	t.Helper()
	s := newSystem(t)
	for version, dir := range map[string]string{"0.1.0": first, "0.2.0": second} {
		for _, name := range []string{"postloop", "postloop-postfix"} {
			s.put(deb(t, dir, name, version), "/run/"+name+"-"+version+".deb")
		}
	}
	return s
}

// whose says which program runs as Postfix's master, and that it is alive: its file
// still has a name, and port 25 answers.
const whose = `set -e
postfix status 2>/dev/null
pid=$(tr -d ' ' </var/spool/postfix/pid/master.pid)
cmp -s /proc/$pid/exe ` + sbin + `/master
readlink /proc/$pid/exe
exec 3<>/dev/tcp/127.0.0.1/25
read -r banner <&3
case $banner in 220*) ;; *) echo "$banner"; exit 1 ;; esac
`

func (s *system) alive(t *testing.T) {
	t.Helper()
	s.t = t
	s.untilSaid("Postfix, by the master in "+sbin, "bash <<'EOF'\n"+whose+"EOF")
}

// TestPackages installs, upgrades, removes and purges beside a Postfix that runs.
func TestPackages(t *testing.T) {
	first, second := packages(t, "0.1.0", "bin"), packages(t, "0.2.0", "bin")
	t.Run("lint", lint)
	t.Run("life", func(t *testing.T) { life(t, withPackages(t, first, second)) })
	t.Run("refused", func(t *testing.T) { refused(t, withPackages(t, first, second)) })
	t.Run("torn", func(t *testing.T) { torn(t, withPackages(t, first, second)) })
}

// lint has lintian look at packages whose daemons are small ones of somebody else's: it takes
// a minute to read ours, and the packages are what is to be looked at.
func lint(t *testing.T) {
	bin := shortDir(t)
	list, err := filepath.Glob("../bin/*")
	must(t, err)
	for _, path := range list {
		from := "/bin/true"
		if filepath.Base(path) == "postloop" { // prints its completion
			from = "bin/postloop"
		}
		run(t, "install", "-m", "755", from, bin+"/"+filepath.Base(path))
	}
	dir := packages(t, "0.1.0", bin)
	if out, code := status(t, nil, "lintian", "--allow-root", "--suppress-tags", "uses-no-compression-for-data-tarball",
		"--fail-on", "error,warning", deb(t, dir, "postloop", "0.1.0"), deb(t, dir, "postloop-postfix", "0.1.0")); code != 0 {
		t.Errorf("lintian: %d\n%s", code, out)
	}
}

func life(t *testing.T, s *system) {
	s.sh("postfix start >/dev/null 2>&1")
	s.alive(t)
	before := s.sh("sha256sum " + sbin + "/*")

	s.sh("dpkg -i /run/postloop-0.1.0.deb")
	if out := s.sh("postloop --help; bash -n /usr/share/bash-completion/completions/postloop; man -w 1 postloop 2>/dev/null || true"); !strings.Contains(out, "status") {
		t.Error(out)
	}
	s.sh("systemd-analyze verify --man=no postloop.service postloop@x.service")
	if out := s.sh("ps -eo args"); strings.Contains(out, "postloop") && strings.Contains(out, "lib/postloop") {
		t.Errorf("the package alone starts something:\n%s", out)
	}
	if after := s.sh("sha256sum " + sbin + "/*"); after != before {
		t.Errorf("the package alone changes Postfix:\n%s", after)
	}

	for _, version := range []string{"0.1.0", "0.2.0"} {
		s.sh("dpkg -i /run/postloop*-" + version + ".deb")
		s.alive(t)
		s.sh("postloop -c /etc/postfix status")
		s.sh("cmp " + sbin + "/master /usr/lib/postloop/master")
		for _, name := range []string{"master", "spawn", "proxymap"} {
			sum := s.sh("sha256sum <" + sbin + "/" + name + ".postfix")
			if word, _, _ := strings.Cut(sum, " "); !strings.Contains(before, word+"  "+sbin+"/"+name+"\n") {
				t.Errorf("%s: %s.postfix is not Postfix's: %s", version, name, sum)
			}
			if out := s.sh("dpkg -S " + sbin + "/" + name); !strings.Contains(out, "diversion by postloop-postfix") {
				t.Errorf("%s: %s", version, out)
			}
		}
		if out := s.sh("dpkg-query -W -f '${Version} ${db:Status-Abbrev}' postloop-postfix"); out != version+" ii " {
			t.Errorf("the package is %q", out)
		}
	}

	s.sh("dpkg --remove postloop-postfix")
	s.alive(t)
	if after := s.sh("sha256sum " + sbin + "/*"); after != before {
		t.Errorf("after the removal:\n%s\nbefore the installation:\n%s", after, before)
	}
	s.sh("postfix stop >/dev/null 2>&1")
	s.sh("dpkg --remove postloop; dpkg --purge postloop postloop-postfix")
	untouched(t, s)
}

// refused is an installation beside a Postfix whose configuration is broken: it
// runs on, with its own programs.
func refused(t *testing.T, s *system) {
	s.sh("postfix start >/dev/null 2>&1")
	s.alive(t)
	s.sh("dpkg -i /run/postloop-0.1.0.deb && cp -p /etc/postfix/master.cf /run && echo 'typo inet n - n - many smtpd' >>/etc/postfix/master.cf")
	out, code := s.try("dpkg -i /run/postloop-postfix-0.1.0.deb")
	if code == 0 || !strings.Contains(out, "many") || !strings.Contains(out, "Postfix stays as it is") {
		t.Errorf("an installation beside a broken configuration: %d\n%s", code, out)
	}
	s.sh("cp -p /run/master.cf /etc/postfix/master.cf")
	s.alive(t)
	s.sh("postfix stop >/dev/null 2>&1; dpkg --purge postloop")
	untouched(t, s)
}

// torn is an installation that fails in its middle, when dpkg finds another
// package's file in its way.
func torn(t *testing.T, s *system) {
	s.sh("postfix start >/dev/null 2>&1")
	s.alive(t)
	s.sh("set -e; mkdir -p /run/other/DEBIAN /run/other" + sbin + "; echo x >/run/other" + sbin + "/table-sqlite" +
		"; printf 'Package: other\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@localhost>\\nDescription: x\\n' >/run/other/DEBIAN/control" +
		"; dpkg-deb -b /run/other /run/other.deb; dpkg -i /run/other.deb /run/postloop-0.1.0.deb")
	out, code := s.try("dpkg -i /run/postloop-postfix-0.1.0.deb")
	if code == 0 || !strings.Contains(out, "trying to overwrite") {
		t.Errorf("an installation over another package: %d\n%s", code, out)
	}
	s.alive(t)
	s.sh("postfix stop >/dev/null 2>&1; dpkg --purge postloop other")
	untouched(t, s)
}

// untouched compares the system with the machine that it is a copy of.
func untouched(t *testing.T, s *system) {
	t.Helper()
	if list := s.changes(); len(list) > 0 {
		t.Errorf("not as they were: %v", list)
	}
	// dpkg keeps them in no order.
	const sorted = " dpkg-divert --list | sort"
	if before, after := run(t, "sh", "-c", sorted), s.sh(sorted); before != after {
		t.Errorf("diversions: %s\nwere: %s", after, before)
	}
	if out := s.sh("dpkg-query -W -f '${Package} ${db:Status-Status}\n' | grep '^postloop.* [^n]' | grep -v not-installed || true"); out != "" {
		t.Errorf("dpkg knows: %s", out)
	}
}
