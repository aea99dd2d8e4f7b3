// SPDX-License-Identifier: ISC

package loop

// Become has another program take the place of this one, in the same process:
// it has the same number, parent and children, and the descriptors in keep with
// the numbers that they have here. It returns only with an error, and then
// nothing has changed. It is called between two turns.
//
// Signals that a program is told its master's wishes by are blocked meanwhile,
// and stay so in the new one, where they wait until OnSignal is called; it
// calls UnblockSignals then. The error is ErrSignal if one is on its way to its
// callback; what another thread takes after that, in the instant before execve(2),
// is lost: the runtime has no means to block a signal in all of them.
func (l *Loop) Become(path string, args, env []string, keep []int) error {
	l.owner.check()
	if l.inTurn {
		panic("loop: Become called from inside a callback; use Stop")
	}
	l.gatherSignals()
	if l.mail.waiting() > 0 {
		return ErrSignal
	}
	return Become(path, args, env, keep)
}
