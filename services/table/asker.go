// SPDX-License-Identifier: ISC

package table

import (
	"postloop/services/table/wire"
)

// Asker asks the processes of a program as a table does whose driver is in one,
// but takes what they answer as it is: nothing is folded, joined or cut.
type Asker struct{ *remote }

// Asker returns one for the program of that name, in e.Workers. settings are
// name, value, name, value: what each process is told first. ref is what it is
// called, to Limits, in the log and in the list of processes. Nothing is started
// before it is asked for something.
func (e *Env) Asker(ref, program string, settings ...string) *Asker {
	return &Asker{newRemote(e, "program", ref, Fixed, []endpoint{{name: program}}, e.workerPolicy(ref, program, settings))}
}

// Ask has done called with the values of key, once: before it returns, or in
// another turn, unless the Asker is closed before. They are there if the status
// is OK. Whoever asks for the same key while it is being asked for gets the same
// answer.
func (a *Asker) Ask(key string, done func(values []string, s Status)) {
	finish := func(answer Answer) {
		_, values, _ := wire.ReadList([]byte(answer.Value), maxDriven) // our own
		done(values, answer.Status)
	}
	answer := a.lanes.do(key, true, len(key), func(done func(Answer)) {
		a.askWorker(key, func(values []string) Answer {
			return Answer{Value: string(wire.AppendList(nil, values...))}
		}, done)
	}, finish)
	if answer.Status != Later {
		finish(answer)
	}
}
