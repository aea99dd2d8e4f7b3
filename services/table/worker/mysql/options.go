// SPDX-License-Identifier: ISC

package mysql

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"postloop/services/table/worker"
	"postloop/services/table/worker/hosts"
	"postloop/services/table/worker/mycnf"
)

// sockets are where servers have theirs: Debian's and its kin's, that of older
// ones, Red Hat's, and the one that MySQL comes with. MariaDB's library knows the
// one of the system that it was built for.
var sockets = []string{"/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"}

// target is all that a connection is made with.
type target struct {
	network, addr  string // as in net.Dial
	host           string // name or address of the server, for its certificate and messages
	user, password string
	dbname         string
	charset        string
	initial        string // to be run first
	timeout        time.Duration
	tls            secrecy
}

// refused are options that would make a connection safer, and are not known here.
var refused = []string{"ssl-crl", "ssl-crlpath", "ssl-fp", "ssl-fplist", "ssl-fp-list", "ssl-passphrase", "tls-version"}

// target adds to a host what the settings say, and then the option files.
func (b *base) target(h *hosts.Host) (*target, error) {
	o, err := b.options()
	if err != nil {
		return nil, err
	}
	for _, name := range refused {
		if value, _ := o.Get(name); value != "" {
			return nil, worker.ConfigError{Err: fmt.Errorf("option %s is not supported", name)}
		}
	}
	either := func(setting, option string) string {
		text := b.s.String(setting)
		if text == "" {
			text, _ = o.Get(option)
		}
		return text
	}
	t := &target{
		user: b.s.String("user"), password: b.s.String("password"), dbname: b.s.String("dbname"),
		charset: either("charset", "default-character-set"),
		tls: secrecy{
			cert: either("tls_cert_file", "ssl-cert"), key: either("tls_key_file", "ssl-key"),
			caFile: either("tls_CAfile", "ssl-ca"), caPath: either("tls_CApath", "ssl-capath"),
			ciphers: either("tls_ciphers", "ssl-cipher"), verify: b.s.Bool("tls_verify_cert"),
		},
	}
	if b.s.String("tls_verify_cert") == "" {
		t.tls.verify = option(o, "ssl-verify-server-cert")
	}
	t.tls.enforce = t.tls.verify || option(o, "ssl-enforce")
	if t.charset == "" || t.charset == "auto" {
		t.charset = "utf8mb4"
	}
	t.initial, _ = o.Get("init-command")
	if t.user == "" {
		if t.user, _ = o.Get("user"); t.user != "" && t.password == "" {
			t.password, _ = o.Get("password")
		}
	}
	if t.user == "" {
		if u, err := user.Current(); err == nil {
			t.user = u.Username
		}
	}
	for _, name := range []string{"timeout", "connect-timeout"} {
		if text, _ := o.Get(name); text != "" {
			n, err := strconv.ParseUint(text, 10, 31)
			if err != nil {
				return nil, worker.ConfigError{Err: fmt.Errorf("bad value of option %s: %s", name, text)}
			}
			t.timeout = time.Duration(n) * time.Second
		}
	}
	t.place(h, o)
	return t, nil
}

// place says where the server is.
func (t *target) place(h *hosts.Host, o *mycnf.Options) {
	host, port := h.Addr, h.Port
	if host == "" {
		host, _ = o.Get("host") // which is then what localhost means
	}
	switch {
	case h.Unix && h.Addr != "":
		t.network, t.addr, t.host = "unix", h.Addr, "localhost"
	case host == "" || host == "localhost":
		t.network, t.host = "unix", "localhost"
		if t.addr, _ = o.Get("socket"); t.addr == "" {
			t.addr = socket()
		}
	default:
		if port == "" {
			port, _ = o.Get("port")
		}
		if port == "" {
			port = "3306"
		}
		t.network, t.addr, t.host = "tcp", net.JoinHostPort(host, port), host
	}
}

// socket is the first that is there.
func socket() string {
	for _, path := range sockets {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return sockets[0]
}

// options reads the option files.
func (b *base) options() (*mycnf.Options, error) {
	file, group := b.s.String("option_file"), b.s.String("option_group")
	o := mycnf.New("client", "client-server", "client-mariadb", group)
	if file != "" {
		if err := o.Read(file); err != nil {
			b.s.Warnf("%s: option file: %s", b.name, strings.TrimPrefix(err.Error(), "stat "))
		}
		return o, nil
	}
	if group == "" {
		return o, nil
	}
	for _, file := range defaultFiles() {
		if err := o.Read(file); err != nil && !os.IsNotExist(err) && !os.IsPermission(err) {
			return nil, err
		}
	}
	return o, nil
}

// defaultFiles are the option files that MariaDB's library looks for.
func defaultFiles() []string {
	list := []string{"/etc/my.cnf", "/etc/mysql/my.cnf"}
	for _, name := range []string{"MARIADB_HOME", "MYSQL_HOME"} {
		if dir := os.Getenv(name); dir != "" {
			list = append(list, dir+"/my.cnf")
			break
		}
	}
	if dir := os.Getenv("HOME"); dir != "" {
		list = append(list, dir+"/.my.cnf")
	}
	return list
}

// option reports whether an option without a value, or with one that means yes,
// is there.
func option(o *mycnf.Options, name string) bool {
	value, ok := o.Get(name)
	return ok && (value == "" || yes(value))
}

func yes(text string) bool {
	switch strings.ToLower(text) {
	case "1", "on", "true", "yes":
		return true
	}
	return false
}

// limit is ctx with the time that a connection may take.
func (t *target) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if t.timeout > 0 {
		return context.WithTimeout(ctx, t.timeout)
	}
	return context.WithCancel(ctx)
}
