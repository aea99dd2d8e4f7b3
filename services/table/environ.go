// SPDX-License-Identifier: ISC

package table

import (
	"os"

	"postloop/master/maillog"
)

// environ is the environment of this process, or what stands for it. Nobody sees it who runs with more
// privileges than their user has.
type environ struct{ common }

func openEnviron(e *Env, name string, _ Mode, _ Flags) (Table, error) {
	return &environ{common{e, "environ:" + name, Fixed}}, nil
}

func (t *environ) Get(key string, f Flags, _ func(Answer)) Answer {
	key, ok := t.key(key, f)
	if !ok || os.Getuid() != os.Geteuid() || os.Getgid() != os.Getegid() {
		return Answer{Status: NoKey}
	}
	value, ok := t.env.Environ[key]
	if t.env.Environ == nil {
		value, ok = os.LookupEnv(key)
	}
	if !ok {
		return Answer{Status: NoKey}
	}
	return t.answer(key, value, f)
}

func (t *environ) Put(key, value string, f Flags, _ func(Status)) Status {
	key, ok := t.key(key, f)
	if !ok {
		return OK // as of something that nobody can ask for
	}
	if t.env.Environ != nil {
		t.env.Environ[key] = value
		return OK
	}
	if err := os.Setenv(key, value); err != nil {
		t.env.Log.Warnf("%s: set \"%s\": %s", t.ref, key, maillog.Strerror(err))
		return Config
	}
	return OK
}

// Delete is refused.
func (t *environ) Delete(key string, _ Flags, _ func(Status)) Status {
	t.env.Log.Warnf("table %s: delete operation is not supported", t.ref)
	return Config
}
