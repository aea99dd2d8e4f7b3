// SPDX-License-Identifier: ISC

package lspawn

import (
	"strings"
	"time"
)

// maxAnswers is how many are kept.
const maxAnswers = 4096

// answers are the accounts that qmail-getpw has named a short time ago.
type answers struct {
	lasts time.Duration // 0: none are kept
	now   func() time.Time
	list  map[string]answer // by local part
}

type answer struct {
	account
	until time.Time
}

func (k *answers) get(local string) (a account, ok bool) {
	kept, ok := k.list[local]
	if !ok || !k.now().Before(kept.until) {
		return account{}, false
	}
	return kept.account, true
}

func (k *answers) put(local string, a account) {
	if k.lasts <= 0 {
		return
	}
	if k.list == nil || len(k.list) >= maxAnswers { // they are short-lived anyway
		k.list = map[string]answer{}
	}
	a.ext = strings.Clone(a.ext) // like local, it may be a part of a whole command
	k.list[strings.Clone(local)] = answer{a, k.now().Add(k.lasts)}
}
