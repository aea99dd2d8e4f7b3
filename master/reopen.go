// SPDX-License-Identifier: ISC

package master

import "postloop/master/maillog"

// LogReopened has the processes leave that have the log's file open under the
// name that it had, and returns how many. They do when they have nothing to do;
// their successors open the file anew. The log itself is the program's to open.
// Without a status channel there is nobody to tell: a program of its own has none.
//
// Where lines go to a file directly, that is every daemon, since master does not
// know whose it is; and Postfix's postlogd in any case. No client notices.
func (m *Master) LogReopened() (leaving int) {
	direct := m.log.Dest().Kind == maillog.File
	for _, s := range m.services {
		if s.procs > 0 && s.status != nil && (direct || s.m.params.IsPostlog(s.spec)) {
			leaving += s.procs
			s.closeStatus()
		}
	}
	return leaving
}
