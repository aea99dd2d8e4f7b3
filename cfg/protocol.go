// SPDX-License-Identifier: ISC

package cfg

import "fmt"

// Protocol says what a service of spawn does with its endpoint.
type Protocol uint8

const (
	// Connection is spawn(8): each client is accepted, and has a command of its
	// own.
	Connection Protocol = iota
	// Wait hands the listening socket itself to one program, as its standard
	// input, output and error output: inetd's wait.
	Wait
	// ListenFDs hands all listening sockets to one program, from descriptor 3 on,
	// and says so in its environment: sd_listen_fds(3).
	ListenFDs
)

// ParseProtocol reads the value of spawn_protocol.
func ParseProtocol(text string) (Protocol, error) {
	switch text {
	case "connection":
		return Connection, nil
	case "wait":
		return Wait, nil
	case "listen-fds":
		return ListenFDs, nil
	}
	return 0, fmt.Errorf("unrecognized value: %s; specify one of connection, wait, listen-fds", text)
}
