// SPDX-License-Identifier: ISC

package sqlite

import (
	"errors"
	"io/fs"

	"github.com/ncruces/go-sqlite3/vfs"
)

// readerVFS is the name of files that we may not be able to write.
const readerVFS = "reader"

func init() { vfs.Register(readerVFS, reader{vfs.Find("os").(vfs.VFSFilename)}) }

// reader opens a write-ahead log for reading if it is not ours to write, as SQLite
// itself does where it has not been translated.
type reader struct{ vfs.VFSFilename }

// OpenFilename opens a file.
func (r reader) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, got, err := r.VFSFilename.OpenFilename(name, flags)
	if errors.Is(err, fs.ErrPermission) && flags&vfs.OPEN_WAL != 0 {
		return r.VFSFilename.OpenFilename(name, flags&^(vfs.OPEN_READWRITE|vfs.OPEN_CREATE)|vfs.OPEN_READONLY)
	}
	return file, got, err
}
