// SPDX-License-Identifier: ISC

package lspawn

import (
	"os"
	"strings"

	"postloop/master/names"

	"golang.org/x/sys/unix"
)

// maxName is the length from which on qmail-getpw takes nothing for the name of
// a user.
const maxName = 32

// passwd is qmail-getpw without a process: it finds the users that the file has,
// and looks at their home directories. It is read again when it has changed.
type passwd struct {
	path  string
	id    unix.Stat_t
	users map[string]names.User // nil: not read yet
}

// find returns the user whose mail a local part's is: the one with that name,
// or with the longest beginning of it that ends before a break, and alias if
// there is none.
func (w *passwd) find(local string, c *Config) (a account, report string) {
	if w.read() != nil {
		return account{}, noSystem
	}
	for n := len(local); n > 0; n-- {
		if n >= maxName || n < len(local) && local[n] != c.Break {
			continue
		}
		u, ok := w.users[lower(local[:n])]
		if !ok || u.UID == 0 {
			continue
		}
		owned, err := ownsHome(u)
		switch {
		case err != nil:
			return account{}, nfsFailure
		case !owned:
		case n == len(local):
			return account{user: u.Name, uid: u.UID, gid: u.GID, home: u.Home}, ""
		default:
			return account{user: u.Name, uid: u.UID, gid: u.GID, home: u.Home, dash: "-", ext: local[n+1:]}, ""
		}
	}
	u, ok := w.users[c.Alias]
	switch {
	case !ok:
		return account{}, noAlias
	case u.UID == 0:
		return account{}, asRoot
	}
	return account{user: u.Name, uid: u.UID, gid: u.GID, home: u.Home, dash: "-", ext: local}, ""
}

// ownsHome reports whether a user has a home directory. An error may be gone
// the next time.
func ownsHome(u names.User) (bool, error) {
	st, err := statFile(u.Home)
	if err != nil {
		if isSoft(err) {
			return false, err
		}
		return false, nil
	}
	return int(st.Uid) == u.UID, nil
}

// read makes sure that what is known is what the file says.
func (w *passwd) read() error {
	now, err := statFile(w.path)
	if err != nil || w.users != nil && now == w.id {
		return err
	}
	text, err := os.ReadFile(w.path)
	if err != nil {
		return err
	}
	w.id = now // what has changed since then is seen the next time
	w.users = map[string]names.User{}
	for u := range names.Users(string(text)) {
		if _, ok := w.users[u.Name]; !ok {
			w.users[strings.Clone(u.Name)] = u
		}
	}
	return nil
}
