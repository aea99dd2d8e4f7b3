// SPDX-License-Identifier: ISC

package main

import (
	"postloop/master"
	"postloop/master/activation"
)

// inheritedSockets are the sockets that this process was started with.
func inheritedSockets(list []activation.Socket) (sockets []master.Socket) {
	for _, s := range list {
		sockets = append(sockets, master.Socket(s))
	}
	return sockets
}
