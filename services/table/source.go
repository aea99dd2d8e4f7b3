// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"os"
	"syscall"

	"postloop/cfg"
	"postloop/master/maillog"
	"postloop/services/table/cf"
)

// settingsFile is where the settings of a table come from.
type settingsFile struct {
	path   string // empty: main.cf
	opened os.FileInfo
}

// settings reads the settings of the table called name: a file, or parameters
// in main.cf.
func (e *Env) settings(name string) (*cf.Settings, settingsFile, error) {
	if !cf.IsFile(name) {
		main := e.Main
		if main == nil {
			main = cfg.NewMain("main.cf")
		}
		return cf.Main(name, main), settingsFile{}, nil
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, settingsFile{}, fmt.Errorf("open %s: %s", name, maillog.Strerror(err))
	}
	defer f.Close() //nolint:errcheck // nothing was written
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, settingsFile{}, fmt.Errorf("open %s: %s", name, maillog.Strerror(err))
	case info.IsDir():
		return nil, settingsFile{}, fmt.Errorf("read %s: %s", name, maillog.Strerror(syscall.EISDIR))
	case !info.Mode().IsRegular():
		return nil, settingsFile{}, fmt.Errorf("open %s: not a regular file", name)
	}
	s, notes, err := cf.Parse(name, f)
	for _, n := range notes {
		e.Log.Warnf("%s", n.Text)
	}
	return s, settingsFile{name, info}, err
}

// Changed reports whether the file is another, or was written to, since it was
// read. One that is gone has not changed: what was read stays good.
func (s settingsFile) Changed() bool {
	if s.path == "" {
		return false
	}
	info, err := os.Stat(s.path)
	return err == nil && (!os.SameFile(info, s.opened) || !info.ModTime().Equal(s.opened.ModTime()) || info.Size() != s.opened.Size())
}
