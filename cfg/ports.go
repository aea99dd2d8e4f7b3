// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"strconv"
	"strings"
)

// parsePorts reads known_tcp_ports, a comma-separated list of
// name[=name...]=port. Elements with something wrong in them are left out,
// and reported.
func parsePorts(text string) (ports map[string]uint16, wrong []string) {
	ports = map[string]uint16{}
	for element := range strings.SplitSeq(text, ",") {
		element = trim(element)
		if element == "" {
			continue
		}
		words := strings.Split(element, "=")
		for i, word := range words {
			words[i] = trim(word)
		}
		names, last := words[:len(words)-1], words[len(words)-1]
		if len(names) == 0 {
			wrong = append(wrong, fmt.Sprintf(`in "%s" is not in "name = value" form`, element))
			continue
		}
		port, reason := parsePort(last)
		for _, name := range names {
			if reason == "" {
				reason = badServiceName(name, ports)
			}
		}
		if reason != "" {
			wrong = append(wrong, fmt.Sprintf(`in "%s": %s`, element, reason))
			continue
		}
		for _, name := range names {
			ports[name] = port
		}
	}
	return ports, wrong
}

// parsePort returns a port number, or the reason why text is none.
func parsePort(text string) (port uint16, reason string) {
	switch {
	case text == "":
		return 0, `missing port value after "="`
	case strings.ContainsAny(text, white):
		return 0, "whitespace in port number"
	case !allDigits(text):
		return 0, "non-numerical service port"
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, "port number out of range"
	}
	return uint16(n), ""
}

func badServiceName(name string, ports map[string]uint16) (reason string) {
	switch {
	case name == "":
		return `missing service name before "="`
	case strings.ContainsAny(name, white):
		return "whitespace in service name"
	case allDigits(name):
		return "numerical service name"
	}
	if _, known := ports[name]; known {
		return "duplicate service name"
	}
	return ""
}
