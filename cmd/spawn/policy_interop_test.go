// SPDX-License-Identifier: ISC

//go:build interop && linux

package main_test

import (
	"fmt"
	"net/textproto"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postloop/cmd/internal/pftest"
)

// policy is a policy server as SMTPD_POLICY_README has it: smtpd keeps its
// connection and asks about one recipient after the other.
const policy = `#!/bin/sh
n=0
while IFS== read -r name value; do
	case $name in
	protocol_state) state=$value ;;
	client_address) client=$value ;;
	recipient) recipient=$value ;;
	'')
		n=$((n + 1))
		case $recipient in
		good*) printf 'action=PREPEND X-Policy: %s\n\n' "$1, question $n, $client in $state to $recipient" ;;
		bad*) printf 'action=REJECT not today\n\n' ;;
		later*) printf 'action=DEFER not yet\n\n' ;;
		slow*) sleep 3; printf 'action=REJECT after so long a time\n\n' ;;
		*) printf 'action=DUNNO\n\n' ;;
		esac ;;
	esac
done
`

// TestPolicy has the real smtpd ask policy servers under spawn, the usual way:
// through a private socket and through a port.
func TestPolicy(t *testing.T) {
	for _, c := range combinations {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			runPolicy(t, c)
		})
	}
}

func runPolicy(t *testing.T, c combination) {
	addr := pftest.FreeAddr(t)
	p := c.instance(t, pftest.Options{Main: map[string]string{
		"policy_time_limit":    "3600",
		addr + "_time_limit":   "3600",
		"impatient_time_limit": "1s",
	}})
	command := script(t, p, "policy", policy, 0o755)
	var services strings.Builder
	asking := map[string]string{} // the addresses of smtpd, by whom it asks
	for _, server := range []string{"unix:private/policy", "inet:" + addr, "unix:private/impatient"} {
		asking[server] = pftest.FreeAddr(t)
		fmt.Fprintf(&services, "%s inet n - n - 20 smtpd -o { smtpd_recipient_restrictions = check_policy_service %s }\n", asking[server], server)
	}
	fmt.Fprintf(&services, "policy unix - n n - 0 spawn user=nobody argv=%s local\n", command)
	fmt.Fprintf(&services, "%s inet n n n - 0 spawn user=nobody argv=%s port\n", addr, command)
	fmt.Fprintf(&services, "impatient unix - n n - 0 spawn user=nobody argv=%s impatient\n", command)
	p.SetServices(services.String() + p.MailServices())
	p.Start()

	for server, name := range map[string]string{"unix:private/policy": "local", "inet:" + addr: "port"} {
		want := []string{
			"MAIL FROM:<sender@example.test>: 250 2.1.0 Ok",
			"RCPT TO:<good@example.test>: 250 2.1.5 Ok",
			"RCPT TO:<bad@example.test>: 554 5.7.1 <bad@example.test>: Recipient address rejected: not today",
			"RCPT TO:<later@example.test>: 450 4.7.1 <later@example.test>: Recipient address rejected: not yet",
			"RCPT TO:<other@example.test>: 250 2.1.5 Ok",
			"RCPT TO:<good2@example.test>: 250 2.1.5 Ok",
			"DATA: 354 End data with <CR><LF>.<CR><LF>",
			"Subject: to " + name + "\r\n\r\n.: 250 2.0.0 Ok: queued as QUEUEID",
			"QUIT: 221 2.0.0 Bye",
		}
		if got := converse(t, p, asking[server], want); !slices.Equal(got, want) {
			t.Errorf("%s: smtpd says\n%s\nwant\n%s", server, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	p.WaitDelivered(6)
	want := []string{
		"local, question 1, 127.0.0.1 in RCPT to good@example.test", "local, question 5, 127.0.0.1 in RCPT to good2@example.test",
		"port, question 1, 127.0.0.1 in RCPT to good@example.test", "port, question 5, 127.0.0.1 in RCPT to good2@example.test",
	}
	if got := headers(t, p); !slices.Equal(got, want) {
		t.Errorf("the messages have the headers %q, want %q", got, want)
	}

	// Where the time limit is more than a line in the log, smtpd finds that the
	// server is gone, asks another one, and then has had enough.
	answer, lines := "451 4.3.5 <slow@example.test>: Recipient address rejected: Server configuration problem", []string{
		"postfix/spawn: warning: DIR/policy: process id N: command time limit exceeded",
		"postfix/spawn: warning: command DIR/policy killed by signal 9",
		"postfix/spawn: warning: DIR/policy: process id N: command time limit exceeded",
		"postfix/spawn: warning: command DIR/policy killed by signal 9",
	}
	if !c.ours() {
		answer, lines = "554 5.7.1 <slow@example.test>: Recipient address rejected: after so long a time", lines[:1]
	}
	slow := []string{"MAIL FROM:<sender@example.test>: 250 2.1.0 Ok", "RCPT TO:<slow@example.test>: " + answer, "QUIT: 221 2.0.0 Bye"}
	if got := converse(t, p, asking["unix:private/impatient"], slow); !slices.Equal(got, slow) {
		t.Errorf("smtpd says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(slow, "\n"))
	}
	var got []string
	p.Until("spawn has said what it has to", func() bool {
		got = p.Grep(`postfix/spawn`)
		return len(got) >= len(lines)
	})
	for i, line := range got {
		got[i] = p.Normal(line)
	}
	if !slices.Equal(got, lines) {
		t.Errorf("spawn logs %q, want %q", got, lines)
	}
	p.Stop()
}

// converse says what stands before ": ", after the greeting, and returns it
// with the answers.
func converse(t *testing.T, p *pftest.Instance, addr string, lines []string) (said []string) {
	t.Helper()
	conn, err := endpoint{addr: addr}.dial()
	noError(t, err)
	c := textproto.NewConn(conn)
	defer func() { _ = c.Close() }()
	answer := func() string {
		code, text, err := c.ReadResponse(0)
		if err != nil {
			return err.Error()
		}
		return queueID.ReplaceAllString(fmt.Sprintf("%d %s", code, text), "queued as QUEUEID")
	}
	answer()
	noError(t, c.PrintfLine("HELO client.example.test"))
	answer()
	for _, line := range lines {
		command, _, _ := strings.Cut(line, ": ")
		if strings.HasPrefix(line, "Subject: ") {
			command = line[:strings.Index(line, "\r\n.")+len("\r\n.")]
		}
		noError(t, conn.SetDeadline(time.Now().Add(pftest.Patience)))
		noError(t, c.PrintfLine("%s", command))
		said = append(said, command+": "+answer())
	}
	return said
}

var queueID = regexp.MustCompile(`queued as [0-9A-F]+`)

// headers returns what policy servers have added to the delivered messages,
// each once.
func headers(t *testing.T, p *pftest.Instance) (list []string) {
	t.Helper()
	dir := p.Dir + "/mail/box/new/"
	entries, err := os.ReadDir(dir)
	noError(t, err)
	for _, e := range entries {
		text, err := os.ReadFile(dir + e.Name())
		noError(t, err)
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "X-Policy: "); ok {
				list = append(list, strings.TrimSpace(value))
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
