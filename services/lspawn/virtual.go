// SPDX-License-Identifier: ISC

package lspawn

import (
	"errors"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// domain is what control/virtualdomains says of one.
type domain struct {
	name    string
	virtual bool
	prefix  string // of the local parts of its recipients
}

// mailbox returns the part of a recipient's local part that is a user of the
// domain's. qmail-send has put the prefix before it; it has not if the domain is
// in control/locals as well.
func (d domain) mailbox(local string) string {
	for _, prefix := range []string{d.prefix, d.name} {
		n := len(prefix)
		if n > 0 && len(local) > n && local[n] == '-' && lower(local[:n]) == lower(prefix) {
			return local[n+1:]
		}
	}
	return local
}

// virtualDomains are the lines of control/virtualdomains that are about a whole
// domain. Those about one address, or with a point before the domain, name no
// domain that has users of its own.
type virtualDomains struct {
	path string
	id   unix.Stat_t
	list map[string]string // prefixes by domain; nil: not read yet
}

// maxControl is the size of the longest file.
const maxControl = 64 << 20

// find returns what the file says of a domain now. Without a file, none is
// virtual.
func (v *virtualDomains) find(name string) (domain, error) {
	d := domain{name: name}
	now, err := statFile(v.path)
	if err == nil && (v.list == nil || now != v.id) {
		err = v.read()
	}
	if errors.Is(err, unix.ENOENT) {
		v.list, err = nil, nil
	}
	if err != nil {
		v.list = nil
		return d, err
	}
	d.prefix, d.virtual = v.list[lower(name)]
	return d, nil
}

func (v *virtualDomains) read() error {
	fd := -1
	// Whatever it is, opening it does not wait for anybody.
	err := retry(func() (err error) {
		fd, err = unix.Open(v.path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if v.id, err = fstat(fd); err != nil {
		return err
	}
	switch {
	case v.id.Mode&unix.S_IFMT != unix.S_IFREG:
		return errors.New("not a regular file")
	case v.id.Size > maxControl:
		return unix.EFBIG
	}
	text, err := io.ReadAll(io.NewSectionReader(reader(fd), 0, v.id.Size))
	if err != nil {
		return err
	}
	v.list = parseVirtualDomains(string(text))
	return nil
}

// parseVirtualDomains returns the prefixes of the domains. Of two lines about one
// the last counts, as for qmail-send. A line without a prefix makes an exception:
// that domain is not virtual.
func parseVirtualDomains(text string) map[string]string {
	list := map[string]string{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		name, prefix, ok := strings.Cut(strings.Trim(line, " \t\r\n"), ":")
		if name = lower(name); !ok || name == "" || name[0] == '.' || strings.Contains(name, "@") {
			continue
		}
		if list[name] = prefix; prefix == "" {
			delete(list, name)
		}
	}
	return list
}
