// SPDX-License-Identifier: ISC

//go:build linux

package pftest

import (
	"errors"
	"fmt"
	"net/smtp"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

// Send sends n messages to addr over SMTP, one connection each, as so many
// concurrent clients. Message number i goes to userI@example.test and is
// counted from first. It returns when the last has been accepted.
func Send(addr string, first, n, clients int) error {
	var (
		next   atomic.Int64
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed []error
	)
	for range clients {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := SendOne(addr, first+i); err != nil {
					mu.Lock()
					failed = append(failed, fmt.Errorf("message %d: %w", first+i, err))
					mu.Unlock()
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}

// SendOne sends message number i.
func SendOne(addr string, i int) error {
	text := fmt.Sprintf("From: <sender@example.test>\r\nTo: <user%d@example.test>\r\nSubject: message %d\r\n\r\nnumber %d\r\n", i, i, i)
	return smtp.SendMail(addr, nil, "sender@example.test", []string{fmt.Sprintf("user%d@example.test", i)}, []byte(text))
}

// Delivered returns how many messages are in the mailbox.
func (p *Instance) Delivered() int {
	entries, _ := os.ReadDir(p.Dir + "/mail/box/new")
	return len(entries)
}

// Subjects returns the subjects in the mailbox, and how often each came.
func (p *Instance) Subjects() map[string]int {
	p.t.Helper()
	dir := p.Dir + "/mail/box/new/"
	entries, err := os.ReadDir(dir)
	p.must(err)
	seen := make(map[string]int)
	for _, e := range entries {
		text, err := os.ReadFile(dir + e.Name())
		p.must(err)
		for line := range strings.Lines(string(text)) {
			if subject, ok := strings.CutPrefix(line, "Subject: "); ok {
				seen[strings.TrimSpace(subject)]++
				break
			}
		}
	}
	return seen
}

// WaitDelivered waits until n messages are in the mailbox and the queue is
// empty by mailq's account.
func (p *Instance) WaitDelivered(n int) {
	p.t.Helper()
	p.Until(fmt.Sprintf("%d messages are delivered", n), func() bool { return p.Delivered() >= n })
	p.Until("the queue is empty", p.QueueEmpty)
	if got := p.Delivered(); got != n {
		p.t.Errorf("%d messages in the mailbox, want %d", got, n)
	}
}

// QueueEmpty reports whether mailq lists nothing.
func (p *Instance) QueueEmpty() bool {
	p.t.Helper()
	r := p.Command("/usr/sbin/postqueue", "-c", p.Config, "-p")
	return r.Exit == 0 && strings.Contains(r.Output, "Mail queue is empty")
}
