// SPDX-License-Identifier: ISC

package table

// failing is a table that always fails, to find out what somebody does then.
type failing struct{ common }

func openFail(e *Env, name string, _ Mode, _ Flags) (Table, error) {
	return &failing{common{e, "fail:" + name, Pattern}}, nil
}

func (t *failing) Get(key string, f Flags, _ func(Answer)) Answer {
	if _, ok := t.key(key, f); !ok {
		return Answer{Status: NoKey}
	}
	return Answer{Status: Retry}
}

func (t *failing) Put(_, _ string, _ Flags, _ func(Status)) Status { return Retry }

func (t *failing) Delete(string, Flags, func(Status)) Status { return Retry }

func (t *failing) Next(bool, Flags, func(Pair, Status)) (Pair, Status) { return Pair{}, Retry }
