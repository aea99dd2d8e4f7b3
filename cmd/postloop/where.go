// SPDX-License-Identifier: ISC

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"postloop/cfg"
	"postloop/master"
)

const defaultConfigDir = "/etc/postfix"

// where is what the configuration is read from: a directory, or one file. The answer
// is that of the first time, as this program goes elsewhere.
func (a *app) where() (path string, isFile bool, err error) {
	if a.found != "" {
		return a.found, a.file != "", nil
	}
	path = a.dir
	switch {
	case a.file != "":
		path, isFile = a.file, true
	case path == "":
		path = os.Getenv("MAIL_CONFIG")
	}
	if path == "" {
		path = defaultConfigDir
	}
	if a.found, err = filepath.Abs(path); err == nil && a.control != "" {
		a.control, err = filepath.Abs(a.control)
	}
	return a.found, isFile, err
}

// load reads the whole configuration as the master would.
func (a *app) load() (*cfg.Config, error) {
	path, isFile, err := a.where()
	if err != nil {
		return nil, err
	}
	var c *cfg.Config
	if isFile {
		c, err = cfg.LoadFile(path, prepare)
	} else {
		c, err = cfg.Load(path, prepare)
	}
	if err != nil {
		return nil, badConfig(err)
	}
	return c, nil
}

// socket is where the control socket of the master is: the directory that its name
// is relative to, and the name. wrong is what keeps this from being certain.
func (a *app) socket() (dir, name string, wrong, err error) {
	path, isFile, err := a.where()
	if err != nil {
		return "", "", nil, err
	}
	if a.control != "" {
		return filepath.Dir(a.control), filepath.Base(a.control), nil, nil
	}
	m, wrong := cfg.Peek(path, isFile, prepare)
	if m == nil {
		return "", "", nil, badConfig(wrong)
	}
	if dir, err = m.Value("queue_directory"); err == nil {
		name, err = m.Value("control_socket")
	}
	switch {
	case err != nil:
		return "", "", nil, badConfig(err)
	case name == "":
		return "", "", nil, fail(exitNot, "control_socket is empty in %s: the master has none", m.File())
	}
	return dir, name, wrong, nil
}

// badConfig gives an error of reading its status: a file that is not there is
// a wrong command line as much as a bad configuration.
func badConfig(err error) error { return &failure{status: exitConfig, err: err} }

// prepare gives main.cf the defaults that master would give it.
func prepare(m *cfg.Main) { master.Prepare(m, "master", programDir()) }

// programDir is where the master is, which is where its daemons are: beside this
// program, or in one of the places that systems have for them. As with the master,
// a link that this one is called by stands among its fellows.
func programDir() string {
	var places []string
	self, err := filepath.Abs(os.Args[0])
	if filepath.Base(os.Args[0]) == os.Args[0] {
		self, err = os.Executable()
	}
	if err == nil {
		places = append(places, filepath.Dir(self))
	}
	for _, dir := range append(places, "/usr/libexec/postfix", "/usr/lib/postfix/sbin", "/usr/lib/postfix", "/usr/local/libexec/postfix") {
		if _, err := os.Stat(dir + "/master"); !errors.Is(err, fs.ErrNotExist) {
			return dir
		}
	}
	return ""
}
