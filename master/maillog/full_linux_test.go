// SPDX-License-Identifier: ISC

package maillog_test

import (
	"testing"
	"time"

	"postloop/master/maillog"
)

// A disk that is full says nothing when it is not any more.
func TestRetryInWhenTheDiskIsFull(t *testing.T) {
	l := newLogger(t, newClock())
	open(t, l, maillog.Dest{Kind: maillog.File, File: "/dev/full"})
	l.Infof("one")
	expectRetryIn(t, l, time.Second)
}
