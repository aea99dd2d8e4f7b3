// SPDX-License-Identifier: ISC

package master

// change is what a reload does to one service.
type change struct {
	old  *service // nil: it is added
	want *wanted  // nil: it is removed
}

// plan compares the running services with the wanted ones. It lists the
// wanted ones in their order, then the ones to remove in the order in which
// they were started. An entry that is wanted twice is there once: the caller
// has resolved duplicates.
func plan(running []*service, want []*wanted) []change {
	left := byKey(running)
	list := make([]change, 0, len(want))
	for _, w := range want {
		list = append(list, change{old: left[w.key], want: w})
		delete(left, w.key)
	}
	for _, s := range running {
		if left[s.key] != nil {
			list = append(list, change{old: s})
		}
	}
	return list
}

// byKey returns services by their keys. Only a change wants them so: to keep the
// map for it would cost each of thousands of services some 60 bytes.
func byKey(services []*service) map[key]*service {
	list := make(map[key]*service, len(services))
	for _, s := range services {
		list[s.key] = s
	}
	return list
}
