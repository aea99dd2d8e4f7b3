// SPDX-License-Identifier: ISC

package mysql

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"postloop/services/lspawn/worker/record"
	"postloop/services/table/cdb"
)

// domains tells which domain another one stands for: the tables have users of the
// real one only.
type domains struct {
	aliases map[string]string // to real ones
	cdb     string            // users/cdb
}

// aliases pairs two lists with colons in between, the one in the order of the
// other.
func aliases(real, alias string) map[string]string {
	list := map[string]string{}
	reals := strings.Split(real, ":")
	for i, name := range strings.Split(alias, ":") {
		if i < len(reals) && name != "" && reals[i] != "" {
			list[record.Lower(name)] = record.Lower(reals[i])
		}
	}
	return list
}

// find returns the real domain. It is not there if the directory of its users is
// not.
func (d *domains) find(domain string) (real string, ok bool, err error) {
	domain = record.Lower(domain)
	if real, ok := d.aliases[domain]; ok {
		return real, true, nil
	}
	dir, err := d.directory(domain)
	if err != nil {
		return "", false, fmt.Errorf("domain %s: %w", domain, err)
	}
	if dir == "" {
		return domain, true, nil
	}
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("domain %s: %w", domain, err)
	case info.Mode()&fs.ModeSymlink == 0:
		return domain, true, nil
	}
	target, err := os.Readlink(dir)
	if err != nil {
		return "", false, fmt.Errorf("domain %s: %w", domain, err)
	}
	return record.Lower(filepath.Base(target)), true, nil
}

// directory is where the users of a domain are, as users/cdb has it; empty: it
// does not know the domain.
func (d *domains) directory(domain string) (string, error) {
	f, err := os.Open(d.cdb)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	r, err := cdb.New(f, info.Size())
	if err != nil {
		return "", fmt.Errorf("%s: %w", d.cdb, err)
	}
	value, ok, err := r.Get([]byte("!" + domain + "-"))
	if err != nil {
		return "", fmt.Errorf("%s: %w", d.cdb, err)
	}
	const home = 3
	if fields := strings.Split(string(value), "\x00"); ok && len(fields) > home {
		return strings.TrimRight(fields[home], "/"), nil
	}
	return "", nil
}
