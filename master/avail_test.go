// SPDX-License-Identifier: ISC

package master

import (
	"testing"

	"postloop/cfg"
)

// TestWantListen goes through every combination of what the rule looks at.
func TestWantListen(t *testing.T) {
	for _, stopping := range []bool{false, true} {
		for _, throttled := range []bool{false, true} {
			for idle := range 3 {
				for total := idle; total < 4; total++ {
					for limit := range 4 {
						s := &service{
							spec: &cfg.Service{Limit: limit}, stopping: stopping, throttled: throttled,
							idle: idle, total: total,
						}
						free := limit == 0 || total < limit
						want := !stopping && !throttled && idle == 0 && free
						if got := s.wantListen(); got != want {
							t.Errorf("stopping %v, throttled %v, %d idle of %d, limit %d: %v, want %v",
								stopping, throttled, idle, total, limit, got, want)
						}
					}
				}
			}
		}
	}
}
