// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// endpoint is where a server is: a path, or a host and a port.
type endpoint struct {
	name       string // in messages
	path       string // of a unix-domain socket
	host, port string // port is a number or the name of a service
}

// parseEndpoint reads transport:endpoint, as in inet:host:port and unix:path.
func parseEndpoint(text string) (endpoint, error) {
	transport, rest, ok := strings.Cut(text, ":")
	switch {
	case !ok:
		return endpoint{}, fmt.Errorf("need service transport:endpoint instead of \"%s\"", text)
	case transport == "unix":
		return parseUnix(rest)
	case transport == "inet":
		return parseInet(rest)
	default:
		return endpoint{}, fmt.Errorf("invalid transport name: %s in service: %s", transport, text)
	}
}

// longestPath is what fits into a socket's address on every system we know.
const longestPath = 103

func parseUnix(path string) (endpoint, error) {
	switch {
	case path == "":
		return endpoint{}, fmt.Errorf("need service transport:endpoint instead of \"unix:\"")
	case len(path) > longestPath:
		return endpoint{}, fmt.Errorf("unix-domain name too long: %s", path)
	}
	return endpoint{name: path, path: path}, nil
}

// parseInet reads host:port, [address]:port, or a port of this machine.
func parseInet(text string) (endpoint, error) {
	host, port := "", text
	if after, ok := strings.CutPrefix(text, "["); ok {
		inside, rest, ok := strings.Cut(after, "]")
		if !ok {
			return endpoint{}, fmt.Errorf("%s: missing \"]\"", text)
		}
		if port, ok = strings.CutPrefix(rest, ":"); !ok {
			return endpoint{}, fmt.Errorf("%s: garbage after \"]\"", text)
		}
		host = inside
	} else if colon := strings.LastIndexByte(text, ':'); colon >= 0 {
		host, port = text[:colon], text[colon+1:]
	}
	switch {
	case port == "":
		return endpoint{}, fmt.Errorf("%s: missing service name or number", text)
	case '0' <= port[0] && port[0] <= '9':
		if n, err := strconv.Atoi(port); err != nil {
			return endpoint{}, fmt.Errorf("%s: garbage after numerical service", text)
		} else if n > 65535 {
			return endpoint{}, fmt.Errorf("%s: no port has such a number", text)
		}
	}
	if host == "" {
		host = "localhost"
	}
	return endpoint{name: text, host: host, port: port}, nil
}

// portNumber returns the number of a port, which services(5) knows if it is a
// name.
func portNumber(port string) (n int, ok bool) {
	if n, err := strconv.Atoi(port); err == nil {
		return n, true
	}
	text, err := os.ReadFile("/etc/services")
	if err != nil {
		return 0, false
	}
	return findPort(string(text), port)
}

// findPort returns the TCP port of that name, or alias, in services(5).
func findPort(services, name string) (n int, ok bool) {
	for line := range strings.Lines(services) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		number, proto, _ := strings.Cut(f[1], "/")
		if proto != "tcp" {
			continue
		}
		for i, word := range f {
			if i != 1 && word == name {
				n, err := strconv.ParseUint(number, 10, 16)
				return int(n), err == nil
			}
		}
	}
	return 0, false
}

// hostWords are the members of a list of hosts, or of what is about them:
// anything that does not print is a blank.
func hostWords(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return c <= ' ' || c == ',' })
}
