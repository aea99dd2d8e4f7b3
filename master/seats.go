// SPDX-License-Identifier: ISC

package master

// seat adds n to the clients whose descriptors master holds: those who wait in
// queues, and those who are connections (Host). Services of the latter accept
// nobody when that are too many: without any descriptor left no service could
// start a process, and no configuration could be read.
func (m *Master) seat(n int) {
	had := m.hasSeat()
	m.seats += n
	if m.hasSeat() != had {
		m.loop.Later(m.seatsChanged)
	}
}

func (m *Master) hasSeat() bool { return m.seats < m.waitersBelow }

// seatsChanged has services accept clients again, or no more.
func (m *Master) seatsChanged() {
	for _, s := range m.services {
		if s.hasConnections() {
			s.enforce()
		}
	}
}

// hasConnections reports whether the clients of s are connections of master's.
func (s *service) hasConnections() bool { return s.isHosted() && s.host.current.connections }
