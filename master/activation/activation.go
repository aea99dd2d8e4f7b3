// SPDX-License-Identifier: ISC

// Package activation takes sockets that whoever started this process has
// opened for it: sd_listen_fds(3), without a library.
package activation

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// First is the descriptor of the first socket.
const First = 3

// most is how many there may be: far more than anybody has, and far less than
// would keep us busy.
const most = 4096

// Socket is one of them.
type Socket struct {
	FD   int
	Name string // empty: it has none
}

// variables are for the one process that the sockets are for.
var variables = [...]string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"}

// Take returns the sockets that this process was started with, and removes what
// says so from the environment. They are the caller's, and are not
// close-on-exec. An error is about a number of sockets that is none; there are
// none then.
func Take() ([]Socket, error) {
	list, err := parse(os.Getenv, os.Getpid())
	for _, name := range variables {
		_ = os.Unsetenv(name) // fails for a bad name only
	}
	return list, err
}

// parse reads the environment of the process number pid.
func parse(getenv func(string) string, pid int) ([]Socket, error) {
	if owner := getenv("LISTEN_PID"); owner != strconv.Itoa(pid) {
		return nil, nil // somebody else's, who did not clean up
	}
	text := getenv("LISTEN_FDS")
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return nil, fmt.Errorf("LISTEN_FDS=%s: no number of sockets", text)
	}
	list := make([]Socket, n)
	names := strings.Split(getenv("LISTEN_FDNAMES"), ":")
	for i := range list {
		list[i].FD = First + i
		if len(names) == n && names[i] != "unknown" { // which is no name
			list[i].Name = names[i]
		}
	}
	return list, nil
}
