// SPDX-License-Identifier: ISC

package dbtest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// MariaDB is a private server of MariaDB's. Its root has no password, and comes
// over the socket.
type MariaDB struct {
	Socket string
	Port   int // of 127.0.0.1

	t    testing.TB
	dir  string
	args []string
	run  *process
}

// StartMariaDB makes a server and starts it with some more options.
func StartMariaDB(t testing.TB, options ...string) *MariaDB {
	t.Helper()
	dir := directory(t)
	m := &MariaDB{Socket: dir + "/s", Port: freePort(t), t: t, dir: dir, args: options}
	text, err := exec.Command("mariadb-install-db", m.argv("--auth-root-authentication-method=normal", "--skip-test-db")...).CombinedOutput()
	if err != nil {
		t.Fatalf("mariadb-install-db: %v\n%s", err, text)
	}
	m.Start()
	return m
}

// argv are the options that all its programs need.
func (m *MariaDB) argv(more ...string) []string {
	list := []string{"--no-defaults", "--datadir=" + m.dir + "/data"}
	if os.Getuid() == 0 {
		list = append(list, "--user=root")
	}
	return append(list, more...)
}

// Start starts the server that was stopped.
func (m *MariaDB) Start() {
	m.t.Helper()
	argv := m.argv(
		"--socket="+m.Socket, "--port="+strconv.Itoa(m.Port), "--bind-address=127.0.0.1", "--pid-file="+m.dir+"/pid",
		"--skip-log-bin", "--skip-name-resolve", "--thread-handling=one-thread-per-connection",
		"--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=0")
	m.run = start(m.t, "ready for connections", exec.Command("mariadbd", append(argv, m.args...)...))
}

// Stop ends the server. Its data stays.
func (m *MariaDB) Stop() {
	m.t.Helper()
	m.run.stop()
}

// Signal sends the server a signal, such as SIGSTOP.
func (m *MariaDB) Signal(s syscall.Signal) {
	m.t.Helper()
	m.run.signal(s)
}

// SQL runs statements, and returns what they print: columns with tabs in
// between, without their names.
func (m *MariaDB) SQL(text string) string {
	m.t.Helper()
	c := exec.Command("mariadb", "--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4",
		"--socket="+m.Socket, "--user=root")
	c.Stdin = strings.NewReader(text)
	out, err := c.CombinedOutput()
	if err != nil {
		m.t.Fatalf("mariadb: %v\n%s", err, out)
	}
	return string(out)
}

// Connections is how many connections a user has.
func (m *MariaDB) Connections(user string) int {
	m.t.Helper()
	text := m.SQL(fmt.Sprintf("SELECT COUNT(*) FROM information_schema.processlist WHERE user = '%s'", user))
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		m.t.Fatal(err)
	}
	return n
}

// Status is the number that a status variable has.
func (m *MariaDB) Status(name string) int {
	m.t.Helper()
	text := m.SQL("SHOW GLOBAL STATUS LIKE '" + name + "'")
	_, number, _ := strings.Cut(strings.TrimSpace(text), "\t")
	n, err := strconv.Atoi(number)
	if err != nil {
		m.t.Fatalf("%s: %q", name, text)
	}
	return n
}
