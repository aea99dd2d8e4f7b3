// SPDX-License-Identifier: ISC

package spawn

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"postloop/cfg"
	"postloop/loop"
)

// style is a way to tell a command, in its environment, who its client is.
type style uint8

const (
	ucspiStyle   style = 1 << iota // tcpserver, s6-tcpserver, s6-ipcserver
	xinetdStyle                    // xinetd
	systemdStyle                   // Accept=yes of systemd.socket(5)
)

var styleNames = map[string]style{"tcpserver": ucspiStyle, "xinetd": xinetdStyle, "systemd": systemdStyle}

// parseStyles reads spawn_client_environment.
func parseStyles(text string) (set style, err error) {
	for _, word := range cfg.SplitList(text) {
		one, known := styleNames[word]
		if !known {
			return 0, fmt.Errorf("parameter spawn_client_environment: unknown style: %s; specify tcpserver, xinetd or systemd", word)
		}
		set |= one
	}
	return set, nil
}

// clientVars are the variables that a style can set.
var clientVars = map[style][]string{
	ucspiStyle: {
		"PROTO", "TCPLOCALIP", "TCPLOCALPORT", "TCPLOCALHOST", "TCPREMOTEIP", "TCPREMOTEPORT", "TCPREMOTEHOST", "TCPREMOTEINFO",
		"TCP6LOCALIP", "TCP6LOCALPORT", "TCP6LOCALHOST", "TCP6REMOTEIP", "TCP6REMOTEPORT", "TCP6REMOTEHOST", "TCP6REMOTEINFO", "TCP6INTERFACE",
		"IPCLOCALPATH", "IPCREMOTEPATH", "IPCREMOTEEUID", "IPCREMOTEEGID",
	},
	xinetdStyle:  {"REMOTE_HOST"},
	systemdStyle: {"REMOTE_ADDR", "REMOTE_PORT"},
}

// withoutClient takes from an environment what the styles in set may say: what
// master was started with must not be taken for a client.
func withoutClient(env []string, set style) []string {
	var taken []string
	for one, names := range clientVars {
		if set&one != 0 {
			taken = append(taken, names...)
		}
	}
	return slices.DeleteFunc(env, func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(taken, name)
	})
}

// appendClient says who p is. Names of hosts are not looked up.
func appendClient(env []string, set style, p, local loop.Peer) []string {
	if !p.Addr().IsValid() {
		uid, gid, _, known := p.Cred()
		if set&ucspiStyle != 0 && known {
			env = append(env, "PROTO=IPC", "IPCREMOTEEUID="+strconv.Itoa(uid), "IPCREMOTEEGID="+strconv.Itoa(gid), "IPCREMOTEPATH=")
		}
		return env
	}
	ip, port := p.Addr().WithZone("").String(), strconv.Itoa(p.Port())
	if set&ucspiStyle != 0 {
		localIP, localPort := local.Addr().WithZone("").String(), strconv.Itoa(local.Port())
		proto := "PROTO=TCP"
		if p.Addr().Is6() {
			proto = "PROTO=TCP6"
			env = append(env, "TCP6REMOTEIP="+ip, "TCP6REMOTEPORT="+port, "TCP6LOCALIP="+localIP, "TCP6LOCALPORT="+localPort)
		}
		env = append(env, proto, "TCPREMOTEIP="+ip, "TCPREMOTEPORT="+port, "TCPLOCALIP="+localIP, "TCPLOCALPORT="+localPort)
	}
	if set&xinetdStyle != 0 {
		env = append(env, "REMOTE_HOST="+ip)
	}
	if set&systemdStyle != 0 {
		env = append(env, "REMOTE_ADDR="+ip, "REMOTE_PORT="+port)
	}
	return env
}
