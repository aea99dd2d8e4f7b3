// SPDX-License-Identifier: ISC

package spawn

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"postloop/cfg"
	"postloop/services/skeleton"

	"golang.org/x/sys/unix"
)

// commandPath is where a command without a slash is looked for, and what
// every command finds as its PATH.
const commandPath = "/usr/bin:/bin"

// Config is what a spawn service does, checked and resolved.
type Config struct {
	Argv      []string // Argv[0] as configured
	Path      string   // what is executed
	Env       []string
	Chroot    string // empty: none
	UID, GID  int    // -1: unchanged, in a rootless master
	TimeLimit time.Duration
	Protocol  cfg.Protocol
	Client    style // how Env tells who the client is
	Confinement

	// AsRoot calls a function with the rights to start, and to signal, another
	// user's process. It is nil where that takes nothing.
	AsRoot func(func() error) error
}

// Setup is what Parse works from.
type Setup struct {
	Service *cfg.Service
	// Daemon says that this is the process that master.cf names: its options,
	// and the change of its root directory, have been dealt with, and a command
	// that is missing is the trouble of the client that asks for it.
	Daemon  bool
	Main    *cfg.Main // with the service's -o overrides
	Params  *cfg.Params
	Environ []string
	// User and Group return the numbers that belong to a name. An error for
	// which Wait reports true is returned as it is.
	User  func(name string) (uid, gid int, err error)
	Group func(name string) (gid int, err error)
	Wait  func(error) bool
	// Confines says that what a Confinement denies can be denied here.
	Confines bool
}

// Parse checks the arguments of a spawn service: user=name[:group] and
// argv=command with its arguments. The error is in Postfix's words, and the one
// that Postfix would find first.
func Parse(s Setup) (*Config, error) {
	c := &Config{UID: -1, GID: -1}
	var err error
	if c.TimeLimit, err = s.timeLimit(); err != nil {
		return nil, err
	}
	args := s.Service.Args
	if !s.Daemon {
		if args, err = s.hostedArgs(); err != nil {
			return nil, err
		}
	}
	if err := s.attributes(c, args); err != nil {
		return nil, err
	}
	if err := s.checkIdentity(c); err != nil {
		return nil, err
	}
	root, dir := "", s.Params.QueueDirectory
	switch {
	case s.Daemon:
		dir = "." // where the process is, and the command will be
	case s.Service.Chroot:
		c.Chroot, root = dir, dir
	}
	if c.Path, err = lookPath(c.Argv[0], root, dir); err != nil && !s.Daemon {
		return nil, err
	}
	if c.Env, c.Client, err = s.environment(); err != nil {
		return nil, err
	}
	if c.Confinement, err = s.confinement(); err != nil {
		return nil, err
	}
	if c.Protocol, err = s.protocol(); err != nil {
		return nil, err
	}
	return c, nil
}

// protocol returns what becomes of the endpoint, which no process but the master
// can give away.
func (s *Setup) protocol() (p cfg.Protocol, err error) {
	text, err := s.Main.Value("spawn_protocol")
	if err == nil {
		p, err = cfg.ParseProtocol(text)
	}
	switch {
	case err != nil:
		return p, fmt.Errorf("parameter spawn_protocol: %w", err)
	case s.Daemon && p != cfg.Connection:
		return p, fmt.Errorf("spawn_protocol = %s takes a master that serves spawn itself; see builtin_services", text)
	}
	return p, nil
}

// hostedArgs returns what follows the options of an entry, which go to no
// process.
func (s *Setup) hostedArgs() ([]string, error) {
	if s.Service.Unprivileged && !s.Params.Rootless {
		return nil, fmt.Errorf("service %s requires privileged operation; specify n in the unprivileged column", s.Service.Name)
	}
	return skeleton.HostedArgs(s.Service)
}

// attributes reads the arguments from left to right.
func (s *Setup) attributes(c *Config, args []string) error {
	user := false
	for i, arg := range args {
		name, value, given := strings.Cut(arg, "=")
		switch {
		case given && strings.EqualFold(name, "user"):
			user = true
			if err := s.user(c, value); err != nil {
				return err
			}
			continue
		case given && strings.EqualFold(name, "argv"):
			c.Argv = append([]string{value}, args[i+1:]...)
		default:
			return fmt.Errorf("unknown attribute name: %s", arg)
		}
		break // what follows argv= is the command's
	}
	switch {
	case !user && !s.Params.Rootless:
		return errors.New("missing user= attribute")
	case c.Argv == nil:
		return errors.New("missing argv= attribute")
	}
	return nil
}

// timeLimit returns the parameter that is named after the service.
func (s *Setup) timeLimit() (time.Duration, error) {
	name := s.Service.Name + "_time_limit"
	return s.Main.TimeParam(name, "$command_time_limit", time.Second)
}

// user finds the user of the command, and the group: the user's primary one
// unless another is named.
func (s *Setup) user(c *Config, value string) (err error) {
	if s.Params.Rootless {
		return fmt.Errorf("user=%s asks for a change of user, which rootless = yes rules out; remove it", value)
	}
	user, group, _ := strings.Cut(value, ":")
	if c.UID, c.GID, err = s.User(user); err != nil {
		return s.unknown(err, "unknown user name: %s", user)
	}
	if group == "" {
		return nil
	}
	if c.GID, err = s.Group(group); err != nil {
		return s.unknown(err, "unknown group name: %s", group)
	}
	return nil
}

// unknown returns err in Postfix's words, unless it says to wait.
func (s *Setup) unknown(err error, format, name string) error {
	if s.Wait(err) {
		return err
	}
	return fmt.Errorf(format, name)
}

// checkIdentity refuses those who must never run a command for a stranger.
func (s *Setup) checkIdentity(c *Config) error {
	if s.Params.Rootless {
		return nil
	}
	ownerUID, ownerGID, err := s.User(s.Params.MailOwner)
	if err != nil {
		return s.unknown(err, "unknown user name: %s", s.Params.MailOwner)
	}
	switch {
	case c.UID == 0:
		return errors.New("request to deliver as root")
	case c.UID == ownerUID:
		return errors.New("request to deliver as mail system owner")
	case c.GID == 0:
		return fmt.Errorf("request to use privileged group id %d", c.GID)
	case c.GID == ownerGID:
		return fmt.Errorf("request to use mail system owner group id %d", c.GID)
	case uint32(c.UID) == ^uint32(0):
		return errors.New("user must not have user ID -1")
	case uint32(c.GID) == ^uint32(0):
		return errors.New("user must not have group ID -1")
	}
	return nil
}

// environment returns the variables that export_environment lets through,
// and a PATH that is always the system's; and how the client's are to be added.
func (s *Setup) environment() (env []string, client style, err error) {
	text, err := s.Main.Value("export_environment")
	if err != nil {
		return nil, 0, err
	}
	list, err := cfg.ParseEnv("export_environment", text)
	if err != nil {
		return nil, 0, err
	}
	list = append(list, cfg.EnvEntry{Name: "PATH", Value: commandPath, Forced: true})
	if text, err = s.Main.Value("spawn_client_environment"); err != nil {
		return nil, 0, err
	}
	if client, err = parseStyles(text); err != nil {
		return nil, 0, err
	}
	return withoutClient(cfg.CleanEnv(s.Environ, list), client), client, nil
}

// lookPath finds the file of a command, in the file system that the command
// will see. A relative name is one in dir, where commands start. With the error
// comes the path that is tried last, which says the same.
func lookPath(name, root, dir string) (path string, err error) {
	if strings.Contains(name, "/") {
		full := root + "/" + name
		if name[0] != '/' && root == "" {
			full = dir + "/" + name
		}
		if err := unix.Access(full, unix.X_OK); err != nil {
			return name, fmt.Errorf("command %s: %w", name, err)
		}
		return name, nil
	}
	if name == "" {
		return "", fmt.Errorf("command %q is not in %s", name, commandPath)
	}
	for _, dir := range strings.Split(commandPath, ":") {
		path = dir + "/" + name
		if unix.Access(root+path, unix.X_OK) == nil {
			return path, nil
		}
	}
	return path, fmt.Errorf("command %q is not in %s", name, commandPath)
}
