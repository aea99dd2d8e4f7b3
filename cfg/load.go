// SPDX-License-Identifier: ISC

package cfg

import (
	"errors"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The files of a configuration directory.
const (
	tomlFile   = "postloop.toml"
	mainFile   = "main.cf"
	masterFile = "master.cf"
)

// Load reads the configuration in a directory: postloop.toml if it is there,
// or else main.cf and master.cf. It is an error to have both, as somebody
// would edit the one that is not read.
//
// prepare, if not nil, is given the chance to set the program's defaults
// (Main.SetDefault) before anything is evaluated; config_directory is dir by
// then. The error has everything found wrong in all files; see All.
func Load(dir string, prepare func(*Main)) (*Config, error) {
	c := &Config{}
	return c.finish(c.read(dir, false, false, prepare))
}

// LoadFile is Load for one TOML file, whatever its name, in the directory that
// it is in.
func LoadFile(name string, prepare func(*Main)) (*Config, error) {
	c := &Config{}
	return c.finish(c.read(name, true, false, prepare))
}

// LoadPartly is Load, or LoadFile, for who wants to know all that is wrong: with an
// error there may be a Config that has what could be read, with no services that
// could not, and with Params if these are all right.
func LoadPartly(path string, isFile bool, prepare func(*Main)) (*Config, error) {
	c := &Config{}
	_, err := c.finish(c.read(path, isFile, false, prepare))
	if c.Main == nil {
		return nil, err
	}
	return c, err
}

// Peek returns the parameters in path, a directory or a TOML file, as far as they
// can be read: for who has to find the master of a configuration that has become
// a bad one since. The error is what is wrong; only where nothing can be read at
// all is there no Main.
func Peek(path string, isFile bool, prepare func(*Main)) (*Main, error) {
	c := &Config{}
	err := c.read(path, isFile, true, prepare)
	if c.Main != nil && err != nil {
		withDefaults(c.Dir, prepare)(c.Main) // the reading may have ended before
	}
	return c.Main, err
}

// read reads a directory, or one TOML file; with mainOnly no master.cf.
func (c *Config) read(path string, isFile, mainOnly bool, prepare func(*Main)) (err error) {
	file := tomlFile
	if isFile {
		c.Dir = filepath.Dir(path)
	} else {
		c.Dir = path
		if c.source != nil {
			file = c.source.first()
		} else if file, err = choose(path); err != nil {
			return err
		}
		path = filepath.Join(path, file)
	}
	ready := withDefaults(c.Dir, prepare)
	switch {
	case file == tomlFile:
		return c.loadTOML(path, ready)
	case mainOnly:
		return c.loadMain(ready)
	}
	return c.loadPostfix(ready)
}

// finish evaluates what has been read, with err, which it adds to.
func (c *Config) finish(err error) (*Config, error) {
	var errs Errors
	if err != nil && !errors.As(err, &errs) || c.Main == nil {
		return nil, err // a file that cannot be opened says enough
	}
	p, err := c.Main.Params()
	c.Notes = append(c.Notes, p.Notes...)
	if more := Errors(nil); errors.As(err, &more) {
		errs = append(errs, more...)
	} else {
		c.Params = p
	}
	if errs != nil {
		c.incomplete = true
		return nil, errs
	}
	return c, nil
}

// LoadMain is Load for those who need no service: errors in master.cf, which
// is not read, do not concern them. A postloop.toml is read as a whole.
func LoadMain(dir string, prepare func(*Main)) (*Main, error) {
	file, err := choose(dir)
	if err != nil {
		return nil, err
	}
	if file == tomlFile {
		c, err := Load(dir, prepare)
		if err != nil {
			return nil, err
		}
		return c.Main, nil
	}
	c := &Config{Dir: dir}
	err = c.loadMain(withDefaults(dir, prepare))
	return c.Main, err
}

// withDefaults gives a Main what is known before its file is read.
func withDefaults(dir string, prepare func(*Main)) func(*Main) {
	return func(m *Main) {
		m.SetDefault("config_directory", dir)
		if prepare != nil {
			prepare(m)
		}
	}
}

// choose returns the file to begin with.
func choose(dir string) (string, error) {
	name := filepath.Join(dir, tomlFile)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return mainFile, nil
	} else if err != nil {
		return "", err
	}
	for _, other := range []string{mainFile, masterFile} {
		if _, err := os.Stat(filepath.Join(dir, other)); err == nil {
			return "", Errors{{File: name, Text: "stands beside " + other + ", and only one of them can count: remove " + tomlFile + ", or else main.cf and master.cf"}}
		}
	}
	return tomlFile, nil
}

func (c *Config) loadTOML(name string, ready func(*Main)) error {
	text, err := c.text(name)
	if err != nil {
		return err
	}
	c.Main, c.Services, c.Notes, err = parseTOML(name, strings.NewReader(text), ready)
	return err
}

// loadMain reads main.cf.
func (c *Config) loadMain(ready func(*Main)) error {
	name := filepath.Join(c.Dir, mainFile)
	text, err := c.text(name)
	if err != nil {
		return err
	}
	c.Main = NewMain(name)
	ready(c.Main)
	err = c.Main.read(strings.NewReader(text))
	c.Notes = c.Main.Notes()
	return err
}

// loadPostfix reads master.cf even if main.cf has errors, to find those in
// both.
func (c *Config) loadPostfix(ready func(*Main)) error {
	var errs Errors
	if err := c.loadMain(ready); err != nil && !errors.As(err, &errs) {
		return err
	}
	name := filepath.Join(c.Dir, masterFile)
	text, err := c.text(name)
	if err != nil {
		return err
	}
	services, notes, err := parseMaster(name, strings.NewReader(text), c.Main)
	c.Services, c.Notes = services, append(c.Notes, notes...)
	if more := Errors(nil); errors.As(err, &more) {
		errs = append(errs, more...)
	}
	if errs != nil {
		return errs
	}
	return err
}

// text returns what is in a configuration file, and has it count for Sum.
func (c *Config) text(name string) (text string, err error) {
	base := filepath.Base(name)
	if c.source != nil {
		var there bool
		if text, there = c.source.Files[base]; !there {
			return "", &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
		}
	} else if text, err = textOf(name); err != nil {
		return "", err
	}
	c.sum.add(base, text)
	return text, nil
}

func textOf(name string) (string, error) {
	f, err := open(name)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(f)
	return string(text), err
}

// Sum tells one text of configuration files from another, if nobody makes two of
// one sum on purpose.
type Sum [16]byte

// add has one more file count.
func (s *Sum) add(base, text string) {
	h := fnv.New128a()
	for _, part := range []string{string(s[:]), base, "\x00", text} {
		_, _ = io.WriteString(h, part) // it cannot fail
	}
	h.Sum(s[:0])
}

// Sum is that of the files that c was read from.
func (c *Config) Sum() Sum { return c.sum }

// Source is a configuration directory as text.
type Source struct {
	Dir   string
	Files map[string]string // by name, without the directory
}

// ReadSource reads the files that Load would, without a look at what they say.
func ReadSource(dir string) (*Source, error) {
	file, err := choose(dir)
	if err != nil {
		return nil, err
	}
	s := &Source{Dir: dir, Files: map[string]string{}}
	names := []string{file}
	if file == mainFile {
		names = append(names, masterFile)
	}
	for _, name := range names {
		if s.Files[name], err = textOf(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Load is the function of that name, for s in the place of files.
func (s *Source) Load(prepare func(*Main)) (*Config, error) {
	c := &Config{source: s}
	err := c.read(s.Dir, false, false, prepare)
	c.source = nil // the text is no part of what it means
	return c.finish(err)
}

// Sum is that of a Config that was read from s.
func (s *Source) Sum() (sum Sum) {
	for _, name := range []string{tomlFile, mainFile, masterFile} {
		if text, there := s.Files[name]; there {
			sum.add(name, text)
		}
	}
	return sum
}

func (s *Source) first() string {
	if _, there := s.Files[tomlFile]; there {
		return tomlFile
	}
	return mainFile
}

// open opens a configuration file. Anything but a regular one is refused
// without waiting for it: a pipe without a writer would hold the caller up.
func open(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		_ = f.Close()
		return nil, &Error{File: name, Text: "not a regular file"}
	}
	return f, nil
}

// Modified returns when a file of the configuration in dir was last written
// to. One that was written to a moment ago may not be complete yet: Postfix
// reads again until it is a second old. The zero time is for no file at all.
func Modified(dir string) time.Time {
	var last time.Time
	for _, name := range []string{tomlFile, mainFile, masterFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last
}
