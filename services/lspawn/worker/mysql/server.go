// SPDX-License-Identifier: ISC

package mysql

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// server says where the tables are, and who we are there.
type server struct {
	network, addr    string // as in net.Dial
	host             string // the name in its certificate
	user, password   string
	database         string
	active, inactive string // tables

	connect, read, write time.Duration // limits; 0: none

	secret     bool // it has to be TLS
	ca, caPath string
	cert, key  string
}

// sockets are where servers have theirs: Debian's and its kin's, Red Hat's, and
// the one that MySQL comes with.
var sockets = []string{"/run/mysqld/mysqld.sock", "/var/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock"}

// readServer takes the variables and the line of control/host.mysql, which is
// host:user:password:socket or port, with :ssl or :nossl behind it.
func readServer(getenv func(string) string, control string) (*server, error) {
	line := getenv("MYSQL_HOST")
	if line == "" {
		text, err := os.ReadFile(control + "/host.mysql")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		line, _, _ = strings.Cut(string(text), "\n")
	}
	parts := strings.Split(strings.TrimSpace(line), ":")
	part := func(i int, variable, other string) string {
		switch {
		case i >= 0 && i < len(parts) && parts[i] != "":
			return parts[i]
		case variable != "" && getenv(variable) != "":
			return getenv(variable)
		}
		return other
	}
	s := &server{
		host: part(0, "", "localhost"), user: part(1, "MYSQL_USER", "indimail"), password: part(2, "MYSQL_PASSWD", ""),
		database: part(-1, "MYSQL_DATABASE", "indimail"),
		active:   part(-1, "MYSQL_TABLE", "indimail"), inactive: part(-1, "MYSQL_INACTIVE_TABLE", "indibak"),
		secret: part(4, "", "") == "ssl",
		ca:     getenv("MYSQL_OPT_SSL_CA"), caPath: getenv("MYSQL_OPT_SSL_CAPATH"),
		cert: getenv("MYSQL_OPT_SSL_CERT"), key: getenv("MYSQL_OPT_SSL_KEY"),
	}
	if word := part(4, "", ""); word != "" && word != "ssl" && word != "nossl" {
		return nil, fmt.Errorf("host.mysql: neither ssl nor nossl: %s", word)
	}
	for _, limit := range []struct {
		name    string
		seconds int
		d       *time.Duration
	}{{"CONNECT", 120, &s.connect}, {"READ", 20, &s.read}, {"WRITE", 20, &s.write}} {
		name := "MYSQL_OPT_" + limit.name + "_TIMEOUT"
		n, err := strconv.ParseUint(part(-1, name, strconv.Itoa(limit.seconds)), 10, 20)
		if err != nil {
			return nil, fmt.Errorf("%s: not a number of seconds: %s", name, getenv(name))
		}
		*limit.d = time.Duration(n) * time.Second
	}
	return s, s.place(part(3, "", ""), getenv("MYSQL_SOCKET"), getenv("MYSQL_VPORT"))
}

// place says where the server is. door is its socket or its port, whichever
// host.mysql has; the others are for where that says nothing.
func (s *server) place(door, socket, port string) error {
	switch {
	case strings.HasPrefix(door, "/"), strings.HasPrefix(door, "."):
		socket = door
	case door != "":
		socket, port = "", door
	case socket == "" && port == "" && s.host == "localhost":
		socket = sockets[0]
		for _, path := range sockets {
			if _, err := os.Stat(path); err == nil {
				socket = path
				break
			}
		}
	}
	if socket != "" && isHere(s.host) {
		s.network, s.addr, s.host = "unix", socket, "localhost"
		return nil
	}
	if port == "" {
		port = "3306"
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("not a port, nor the path of a socket: %s", port)
	}
	s.network, s.addr = "tcp", net.JoinHostPort(s.host, port)
	return nil
}

// isHere reports whether host is this machine.
func isHere(host string) bool {
	if name, err := os.Hostname(); host == "localhost" || err == nil && host == name {
		return true
	}
	ip := net.ParseIP(host)
	if ip == nil {
		return false
	}
	if ip.IsLoopback() {
		return true
	}
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
			return true
		}
	}
	return false
}

// config is for the driver. What is in the tables comes as it is stored, in
// whatever character set.
func (s *server) config() (*mysql.Config, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.DBName = s.user, s.password, s.database
	cfg.Net, cfg.Addr = s.network, s.addr
	cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout = s.connect, s.read, s.write
	cfg.Params = map[string]string{"character_set_results": "NULL"}
	cfg.Logger = &mysql.NopLogger{} // the errors say enough
	if !s.secret || s.network == "unix" {
		return cfg, nil
	}
	c, err := s.tls()
	if err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	cfg.TLS = c
	return cfg, nil
}

// tls is how to be secret. Without somebody to vouch for the server anybody could
// be it, as with the original.
func (s *server) tls() (*tls.Config, error) {
	c := &tls.Config{ServerName: s.host, InsecureSkipVerify: s.ca == "" && s.caPath == ""}
	if !c.InsecureSkipVerify {
		c.RootCAs = x509.NewCertPool()
		files := []string{}
		if s.ca != "" {
			files = append(files, s.ca)
		}
		if s.caPath != "" {
			list, err := os.ReadDir(s.caPath)
			if err != nil {
				return nil, err
			}
			for _, f := range list {
				files = append(files, s.caPath+"/"+f.Name())
			}
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			c.RootCAs.AppendCertsFromPEM(text)
		}
	}
	if s.cert != "" {
		pair, err := tls.LoadX509KeyPair(s.cert, s.key)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
