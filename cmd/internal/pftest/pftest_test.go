// SPDX-License-Identifier: ISC

//go:build interop && linux

package pftest_test

import (
	"testing"

	"postloop/cmd/internal/pftest"
)

// TestRealPostfixDelivers proves the harness itself: Postfix, with its own
// master, in the usual circumstances.
func TestRealPostfixDelivers(t *testing.T) {
	p := pftest.New(t, pftest.Options{})
	p.Start()
	if err := pftest.Send(p.MailAddr, 0, 10, 3); err != nil {
		t.Fatal(err)
	}
	p.WaitDelivered(10)
	p.Stop()
}

// TestProbeUnderTheRealMaster proves the probe itself.
func TestProbeUnderTheRealMaster(t *testing.T) {
	addr := pftest.FreeAddr(t)
	p := pftest.New(t, pftest.Options{Services: addr + " inet n n n - 2 probe\n" + pftest.PostlogService})
	p.InstallProbe("probe")
	p.StartMaster()
	c, err := pftest.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.Report()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(text)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	p.Stop()
}
