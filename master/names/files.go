// SPDX-License-Identifier: ISC

package names

import (
	"iter"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Users goes through the entries of passwd(5). Lines that make no sense are
// passed over, as the C library does; the first entry of a name counts.
func Users(passwd string) iter.Seq[User] {
	return func(yield func(User) bool) {
		for line := range strings.Lines(passwd) {
			f := strings.Split(strings.TrimRight(line, "\r\n"), ":")
			if len(f) < 7 || !isName(f[0]) {
				continue
			}
			uid, ok1 := parseID(f[2])
			gid, ok2 := parseID(f[3])
			if ok1 && ok2 && !yield(User{Name: f[0], UID: uid, GID: gid, Home: f[5], Shell: f[6]}) {
				return
			}
		}
	}
}

// findUser returns the first entry of passwd(5) with that name.
func findUser(passwd, name string) (User, bool) {
	for u := range Users(passwd) {
		if u.Name == name {
			return u, true
		}
	}
	return User{}, false
}

// findGroup returns the first entry of group(5) with that name.
func findGroup(group, name string) (Group, bool) {
	for line := range strings.Lines(group) {
		f := strings.SplitN(strings.TrimRight(line, "\r\n"), ":", 4)
		if len(f) < 3 || f[0] != name || !isName(f[0]) {
			continue
		}
		if gid, ok := parseID(f[2]); ok {
			return Group{Name: f[0], GID: gid}, true
		}
	}
	return Group{}, false
}

// findEntry returns the line of a name in passwd(5) or group(5).
func findEntry(text, name string) (string, bool) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if first, _, ok := strings.Cut(line, ":"); ok && first == name && isName(first) {
			return line, true
		}
	}
	return "", false
}

// findMember returns the primary group of a user, and those groups of group(5)
// that list the user as a member.
func findMember(group string, u User) []int {
	list := []int{u.GID}
	for line := range strings.Lines(group) {
		f := strings.SplitN(strings.TrimRight(line, "\r\n"), ":", 4)
		if len(f) < 4 || !isName(f[0]) || !slices.Contains(strings.Split(f[3], ","), u.Name) {
			continue
		}
		if gid, ok := parseID(f[2]); ok && !slices.Contains(list, gid) {
			list = append(list, gid)
		}
	}
	return list
}

// parseInitgroups returns the groups in what "getent initgroups" prints: a
// name and numbers.
func parseInitgroups(text string, u User) []int {
	list := []int{u.GID}
	line, _, _ := strings.Cut(text, "\n")
	f := strings.Fields(line)
	if len(f) == 0 || f[0] != u.Name {
		return list
	}
	for _, word := range f[1:] {
		if gid, ok := parseID(word); ok && !slices.Contains(list, gid) {
			list = append(list, gid)
		}
	}
	return list
}

// isName refuses what is not an entry: comments, and the plus and minus that
// mean NIS.
func isName(s string) bool { return s != "" && !strings.ContainsRune("#+-", rune(s[0])) }

// findHost returns all addresses that hosts(5) has for a name.
func findHost(hosts, name string) (list []netip.Addr) {
	for line := range strings.Lines(hosts) {
		f := fields(line)
		if len(f) < 2 || !slices.ContainsFunc(f[1:], func(s string) bool { return strings.EqualFold(s, name) }) {
			continue
		}
		if addr, err := netip.ParseAddr(f[0]); err == nil {
			list = appendNew(list, addr)
		}
	}
	return list
}

// parseAhosts returns the addresses in what "getent ahosts" prints, which has
// one line for each type of socket.
func parseAhosts(text string) (list []netip.Addr) {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 0 {
			if addr, err := netip.ParseAddr(f[0]); err == nil {
				list = appendNew(list, addr)
			}
		}
	}
	return list
}

// findService returns the port that services(5) has for a name or alias and a
// protocol, which question has behind a slash.
func findService(services, question string) (int, bool) {
	name, proto, _ := strings.Cut(question, "/")
	for line := range strings.Lines(services) {
		f := fields(line)
		if len(f) < 2 || f[0] != name && !slices.Contains(f[2:], name) {
			continue
		}
		number, of, ok := strings.Cut(f[1], "/")
		if !ok || of != proto || !isDigits(number) {
			continue
		}
		if port, err := strconv.ParseUint(number, 10, 16); err == nil {
			return int(port), true
		}
	}
	return 0, false
}

// fields splits a line up to its comment at blanks.
func fields(line string) []string {
	line, _, _ = strings.Cut(line, "#")
	return strings.Fields(line)
}

// parseID returns the user or group number that s is. The largest 32-bit
// number is none: to the system it means "leave as it is".
func parseID(s string) (int, bool) {
	if !isDigits(s) {
		return 0, false
	}
	id, err := strconv.ParseUint(s, 10, 32)
	if err != nil || id == math.MaxUint32 || id > math.MaxInt {
		return 0, false
	}
	return int(id), true
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func appendNew(list []netip.Addr, addr netip.Addr) []netip.Addr {
	if slices.Contains(list, addr) {
		return list
	}
	return append(list, addr)
}

// OfFamily returns the addresses of the wanted families; one of IPv4 in IPv6's
// clothes is of IPv4.
func OfFamily(list []netip.Addr, v4, v6 bool) (out []netip.Addr) {
	for _, addr := range list {
		addr = addr.Unmap()
		if addr.Is4() && v4 || addr.Is6() && v6 {
			out = appendNew(out, addr)
		}
	}
	return out
}
