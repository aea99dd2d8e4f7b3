// SPDX-License-Identifier: ISC

//go:build linux

package measure

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ListeningTCP reads /proc/net/tcp, and returns the inodes of the sockets that
// listen by their addresses.
func ListeningTCP(text string) map[string]string {
	const local, state, inode, listen = 1, 3, 9, "0A"
	list := map[string]string{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) <= inode || f[state] != listen {
			continue
		}
		host, port, _ := strings.Cut(f[local], ":")
		ip, err := hex.DecodeString(host)
		n, portErr := strconv.ParseUint(port, 16, 16)
		if err != nil || portErr != nil || len(ip) != 4 {
			continue
		}
		slices.Reverse(ip) // it is a number of the machine, and we only have machines where the last byte comes first
		list[netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip)), uint16(n)).String()] = f[inode]
	}
	return list
}

// ListeningUnix reads /proc/net/unix, and returns the inodes of the sockets
// that listen by their paths.
func ListeningUnix(text string) map[string]string {
	const flags, inode, path, listen = 3, 6, 7, "00010000"
	list := map[string]string{}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == path+1 && f[flags] == listen {
			list[f[path]] = f[inode]
		}
	}
	return list
}
