// SPDX-License-Identifier: ISC

package loop

// Cmd says what a child is to be. One that is used again and again costs
// least: what the kernel wants of its strings is kept with it, and made anew
// only where they have changed.
type Cmd struct {
	Path string   // of the executable; no search
	Dir  string   // to start in; empty: ours
	Args []string // Args[0] is its name
	Env  []string // all of it

	// Files[i] becomes descriptor i, whatever its number is here and whether
	// or not it is close-on-exec; -1 leaves i closed. The child has no others,
	// as long as everything else in this process is close-on-exec: what this
	// package opens or accepts is, CloseOnExecFrom sees to what was inherited.
	Files []int

	// PidEnv is the name of one more variable, with the child's own process
	// number, which nobody knows before the child is there; empty: none. Where
	// only the standard library starts children, /bin/sh sets it, and then runs
	// Path under that name.
	PidEnv string

	Session bool   // it leads a session, and a process group, of its own
	Root    string // of its file system, which Path and Dir are then in; empty: ours
	User    *User  // nil: whoever we are

	// The rest takes something away, and not every system can: see
	// Loop.Confines.

	Nice       int      // added to our nice value
	Rlimits    []Rlimit // besides those that we have
	NoNewPrivs bool     // no set-uid program gives it anything, ever
	Caps       *Caps    // those that it and its children can ever have; nil: no change

	//lint:ignore U1000 not every system's starter keeps something
	kept kept
}

// User is whom a child runs as: real, effective and saved. A process whose
// real or saved user is root may start one, whoever it is at the time.
type User struct {
	UID, GID int
	Groups   []int // all supplementary ones
}

// Rlimit is a limit of setrlimit(2).
type Rlimit struct {
	Resource int // unix.RLIMIT_NOFILE and its like
	Cur, Max uint64
}

// Caps is a set of capabilities, by their numbers as bits.
type Caps uint64

// Has reports whether c has the capability with that number.
func (c Caps) Has(n int) bool { return c>>n&1 != 0 }

// confined reports whether c asks for what only some systems can do.
func (c *Cmd) confined() bool {
	return c.Nice != 0 || len(c.Rlimits) > 0 || c.NoNewPrivs || c.Caps != nil
}

// ExecError is an error of a child that was born, but could not be set up or
// could not execute its program. Any other error of Spawn says that this
// system has no room for one more process.
type ExecError struct {
	Path string
	Step string // the system call that failed, where that is known
	Pid  int    // of the child that was, where that is known
	Err  error
}

func (e *ExecError) Error() string {
	step := e.Step
	if step == "" {
		step = "exec"
	}
	return step + " " + e.Path + ": " + e.Err.Error()
}
func (e *ExecError) Unwrap() error { return e.Err }
