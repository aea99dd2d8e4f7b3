// SPDX-License-Identifier: ISC

package master

import (
	"os"
	"strconv"

	"postloop/cfg"
)

// Prepare gives main.cf the defaults that only a program knows: its own name, and
// where the daemons are, unless that is empty.
func Prepare(m *cfg.Main, process, programs string) {
	m.SetDefault("mail_version", Version)
	m.SetDefault("process_name", process)
	m.SetDefault("process_id", strconv.Itoa(os.Getpid()))
	if programs != "" {
		m.SetDefault("daemon_directory", programs)
	}
	if name, err := os.Hostname(); err == nil {
		m.SetDefault("myhostname", name)
	}
}
