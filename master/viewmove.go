// SPDX-License-Identifier: ISC

package master

import (
	"postloop/master/handover"
	"postloop/master/maillog"
)

// handOver is what another program in the place of this one has to know of v.
// Those who are being answered lose their connections.
func (v *view) handOver() *handover.View {
	if v == nil {
		return nil
	}
	h := &handover.View{At: v.at, Name: v.name, SocketFile: handover.SocketFile{FD: v.fd}}
	if v.file != nil {
		h.SocketFile = v.file.handOver()
	}
	return h
}

// adoptView is that of another program in this process, at which nobody is
// let in yet.
func adoptView(h *handover.View) *view {
	if h == nil {
		return nil
	}
	v := &view{at: h.At, name: h.Name, fd: h.FD}
	if v.at.Path != "" {
		v.file = adoptSocketFile(h.SocketFile)
	}
	return v
}

// attendView lets in whoever has come to an adopted view.
func (m *Master) attendView() {
	if m.view == nil {
		return
	}
	var err error
	if m.view.ln, err = m.loop.Listen(m.view.fd, m.viewed); err != nil {
		m.log.Warnf("status page: %s -- nobody can look until the next start", maillog.Strerror(err))
	}
}
