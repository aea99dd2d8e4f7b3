// SPDX-License-Identifier: ISC

package names

import (
	"errors"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// ErrPending says that a name needs to be asked for outside this process. The
// question has been noted: ask again when Resolve is done.
var ErrPending = errors.New("name not looked up yet")

// ErrUnknown says that nobody knows a name.
var ErrUnknown = errors.New("unknown name")

// User is what the system knows about a user.
type User struct {
	Name     string
	UID, GID int // GID is of the primary group
	Home     string
	Shell    string
}

// Group is what the system knows about a group.
type Group struct {
	Name string
	GID  int
}

// Resolver answers for one transaction, in which the files do not change.
// Whoever uses one goes through the whole configuration, collects what is
// missing on the way, and after Resolve goes through it again, until nothing is
// missing.
type Resolver struct {
	Etc    string   // the directory of the files
	Getent []string // where to look for that program

	files   map[string]string
	answers map[question]answer
	users   map[string]User // found, by name
	groups  map[string]Group
	ports   map[string]int // by name and protocol
	missing []question
	running []*query
	waiting []question // for one of running to end
}

// question is a name in a database of getent(1).
type question struct{ database, name string }

// answer is what getent printed, or why it did not.
type answer struct {
	text string
	err  error
}

// New returns a resolver that has not read anything yet.
func New() *Resolver {
	return &Resolver{
		Etc:     "/etc",
		Getent:  []string{"/usr/bin/getent", "/bin/getent", "/usr/sbin/getent", "/usr/local/bin/getent"},
		files:   map[string]string{},
		answers: map[question]answer{},
		users:   map[string]User{},
		groups:  map[string]Group{},
		ports:   map[string]int{},
	}
}

// Missing reports whether a question waits for Resolve.
func (n *Resolver) Missing() bool { return len(n.missing) > 0 }

// Asking reports whether Resolve is at work.
func (n *Resolver) Asking() bool { return len(n.running)+len(n.waiting) > 0 }

// User returns the user of that name. A number is no name: getent takes it
// for one, Postfix does not.
func (n *Resolver) User(name string) (User, error) {
	return lookup(n, n.users, "passwd", name, findUser)
}

// Group returns the group of that name.
func (n *Resolver) Group(name string) (Group, error) {
	return lookup(n, n.groups, "group", name, findGroup)
}

// Entry returns the line of a name in passwd or group, as getent(1) prints it.
func (n *Resolver) Entry(database, name string) (string, error) {
	if line, ok := findEntry(n.file(database), name); ok {
		return line, nil
	}
	text, err := n.ask(database, name)
	if err != nil {
		return "", err
	}
	if line, ok := findEntry(text, name); ok { // a number is not asked for
		return line, nil
	}
	return "", ErrUnknown
}

// Groups returns the numbers of all groups that a user is in, the primary one
// first. For a user of the system's own file that file's neighbour is believed.
func (n *Resolver) Groups(u User) ([]int, error) {
	if _, local := findUser(n.file("passwd"), u.Name); local {
		return findMember(n.file("group"), u), nil
	}
	text, err := n.ask("initgroups", u.Name)
	if err != nil {
		return nil, err
	}
	return parseInitgroups(text, u), nil
}

// ReadFiles reads the files of users and groups now, for a process about to
// leave for another root directory.
func (n *Resolver) ReadFiles() {
	n.file("passwd")
	n.file("group")
}

// lookup returns what file says of name, or getent, and remembers it: a
// configuration asks for the same few names over and over.
func lookup[T any](n *Resolver, memory map[string]T, file, name string, find func(text, name string) (T, bool)) (T, error) {
	if x, ok := memory[name]; ok {
		return x, nil
	}
	x, ok := find(n.file(file), name)
	if !ok {
		text, err := n.ask(file, name)
		if err != nil {
			return x, err
		}
		if x, ok = find(text, name); !ok {
			return x, ErrUnknown
		}
	}
	memory[name] = x
	return x, nil
}

// Host returns the addresses of a host, or the address that name is, as far
// as they are of a wanted family. An address of the other family is no error:
// the list is empty then.
func (n *Resolver) Host(name string, v4, v6 bool) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(name); err == nil {
		return OfFamily([]netip.Addr{addr}, v4, v6), nil
	}
	if list := OfFamily(findHost(n.file("hosts"), name), v4, v6); len(list) > 0 {
		return list, nil
	}
	text, err := n.ask("ahosts", name)
	if err != nil {
		return nil, err
	}
	list := parseAhosts(text)
	if len(list) == 0 {
		return nil, ErrUnknown
	}
	return OfFamily(list, v4, v6), nil
}

// Port returns the port of a service over proto, or the one that name is.
// known goes before the system's services.
func (n *Resolver) Port(name, proto string, known map[string]uint16) (int, error) {
	if isDigits(name) {
		port, err := strconv.ParseUint(name, 10, 16)
		if err != nil {
			return 0, ErrUnknown
		}
		return int(port), nil
	}
	if port, ok := known[name]; ok {
		return int(port), nil
	}
	return lookup(n, n.ports, "services", name+"/"+proto, findService)
}

// file returns the text of a file below etc, read once. One that cannot be
// read knows nothing: getent is asked then.
func (n *Resolver) file(name string) string {
	text, ok := n.files[name]
	if !ok {
		b, _ := os.ReadFile(n.Etc + "/" + name)
		text = string(b)
		n.files[name] = text
	}
	return text
}

// ask returns what getent has printed for a name, ErrPending if it has to run
// first.
func (n *Resolver) ask(database, name string) (string, error) {
	q := question{database, name}
	if a, ok := n.answers[q]; ok {
		return a.text, a.err
	}
	if !askable(name) {
		return "", ErrUnknown
	}
	n.answers[q] = answer{err: ErrPending}
	n.missing = append(n.missing, q)
	return "", ErrPending
}

// askable keeps from getent what it could take for an option, and what no
// database has as a name.
func askable(name string) bool {
	return name != "" && name[0] != '-' && !strings.ContainsFunc(name, func(c rune) bool {
		return c <= ' ' || c == 0x7f || c == ':'
	})
}
