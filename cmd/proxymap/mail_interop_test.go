// SPDX-License-Identifier: ISC

//go:build interop && linux

package main

import (
	"fmt"
	"strings"
	"testing"

	"postloop/cmd/internal/pftest"
)

// TestMail: a stock Postfix delivers its mail with all of its maps behind our
// proxymap, and keeps what verify finds out behind our proxywrite.
func TestMail(t *testing.T) {
	var boxes, senders, clients strings.Builder
	for i := range 200 {
		fmt.Fprintf(&boxes, "user%d@example.test box/\n", i)
	}
	fmt.Fprintf(&senders, "sender@example.test sender@elsewhere.example\n")
	fmt.Fprintf(&clients, "127.0.0.1 permit\n0.0.0.0/0 reject\n")
	dir := tables(t, map[string]string{
		"boxes": boxes.String(), "canonical": senders.String(), "clients": clients.String(),
		"recipients": "user13@example.test user13@alias.example\n", "alias": "user13@alias.example user13@example.test\n",
		"transport": "example.test virtual:\n", "domains": "example.test here\nalias.example here\n",
		"relocated": "gone@example.test elsewhere\n", "access": "evil@example.test REJECT not you\n",
		"bcc": "user7@example.test archive@example.test\n", "virtual": "archive@example.test user0@example.test\n",
	})
	index(t, "hash:"+dir+"/boxes")
	index(t, "btree:"+dir+"/canonical")
	proxied := func(typ, name string) string { return "proxy:" + typ + ":" + dir + "/" + name }
	main := map[string]string{
		"virtual_mailbox_domains":         proxied("texthash", "domains"),
		"virtual_mailbox_maps":            proxied("hash", "boxes"),
		"sender_canonical_maps":           proxied("btree", "canonical"),
		"recipient_canonical_maps":        "proxy:unionmap:{texthash:" + dir + "/recipients,texthash:" + dir + "/missing-keys}",
		"virtual_alias_maps":              proxied("texthash", "alias") + ", " + proxied("texthash", "virtual"),
		"virtual_alias_domains":           "",
		"recipient_bcc_maps":              proxied("texthash", "bcc"),
		"transport_maps":                  proxied("texthash", "transport"),
		"relocated_maps":                  proxied("texthash", "relocated"),
		"smtpd_client_restrictions":       "check_client_access " + proxied("cidr", "clients"),
		"smtpd_sender_restrictions":       "check_sender_access " + proxied("texthash", "access"),
		"smtpd_recipient_restrictions":    "reject_unverified_recipient, permit",
		"local_recipient_maps":            "proxy:unix:passwd.byname",
		"address_verify_map":              "proxy:btree:$data_directory/verify",
		"address_verify_poll_delay":       "1s",
		"unverified_recipient_defer_code": "250",
	}
	write(t, dir+"/missing-keys", "nobody@nowhere.example x\n")
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			p := c.prepare(t, main)
			p.Start()
			sendAll(t, p)
			// One to read and one to write; and where the machine is busy with
			// other things, the one that reads may have asked for company.
			if n := len(p.Running("proxymap")); n < 2 || n > 4 {
				t.Errorf("%d processes, want one to read and one to write", n)
			}
			// What verify found out is there for others.
			w := connect(t, p, "proxywrite")
			cache := p.Data + "/verify"
			if got := w.ask("request=sequence", "table=btree:"+cache, "flags=0", "function=0"); !strings.HasPrefix(got, "status=0 key=") {
				t.Errorf("the cache has %q", got)
			}
			p.Stop()
			p.AllGone()
			if n := len(listed(t, "btree:"+cache)); n < 200 {
				t.Errorf("postmap finds %d entries in the cache", n)
			}
			verified(t, cache+".db")
		})
	}
}

// sendAll sends 200 messages and looks that each is delivered, once, and user7's
// twice: a copy of it goes to user0. Senders are rewritten.
func sendAll(t *testing.T, p *pftest.Instance) {
	t.Helper()
	must(t, pftest.Send(p.MailAddr, 0, 200, 10))
	p.WaitDelivered(201)
	seen := p.Subjects()
	for i := range 200 {
		want := 1
		if i == 7 {
			want = 2
		}
		if n := seen[fmt.Sprintf("message %d", i)]; n != want {
			t.Errorf("message %d came %d times", i, n)
		}
	}
	if n := p.Count(`from=<sender@elsewhere.example>`); n < 200 {
		t.Errorf("%d messages have the canonical sender", n)
	}
	if bad := p.Complaints(); len(bad) > 0 {
		t.Errorf("complaints in the log: %q", bad)
	}
}
