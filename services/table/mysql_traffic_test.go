// SPDX-License-Identifier: ISC

//go:build interop && linux

package table

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"postloop/internal/dbtest"
)

// traffic is a table under load.
type traffic struct {
	*mysqlWorld
	Table
	most int // connections that were ever seen
}

// newTraffic makes a server and a table with keys key0 to key99; slow0 and the
// like are answered after five seconds.
func newTraffic(t *testing.T, limits Limits, settings string) *traffic {
	t.Helper()
	m := newMysqlWorld(t)
	var rows strings.Builder
	for i := range 100 {
		fmt.Fprintf(&rows, "INSERT INTO t VALUES ('key%d', 'value of key%d', 1);", i, i)
	}
	m.SQL("USE d; " + rows.String() + `
CREATE FUNCTION slowly (a VARCHAR(255)) RETURNS VARCHAR(255) READS SQL DATA SQL SECURITY INVOKER
RETURN IF(a LIKE 'slow%' AND SLEEP(5) = 0, CONCAT('value of ', a), (SELECT v FROM t WHERE k = a));`)
	m.Limits = func(string) Limits { return limits }
	return &traffic{m, m.open(m.table("query = SELECT slowly('%s')\n" + settings)), 0}
}

// look counts the connections of the table.
func (r *traffic) look() {
	r.t.Helper()
	n := r.Connections("u")
	if r.most = max(r.most, n); n > r.limits("").Connections {
		r.t.Errorf("%d connections", n)
	}
}

// see waits for what nothing wakes the loop for.
func (r *traffic) see(cond func() bool) {
	r.t.Helper()
	r.until(func() bool {
		ok := cond()
		if !ok {
			r.Loop.Post(func() {})
		}
		return ok
	})
}

// send asks for n keys without waiting; every tenth is not there.
func (r *traffic) send(n int) (list []*reply, keys []string) {
	for i := range n {
		key := fmt.Sprintf("key%d", i%110)
		list, keys = append(list, r.get(r.Table, key)), append(keys, key)
	}
	return list, keys
}

// check waits for answers, and checks that each is right. Those that are Retry
// are counted where they may be.
func (r *traffic) check(list []*reply, keys []string, mayRetry bool) (retried int) {
	r.t.Helper()
	for i, a := range list {
		r.outlast(r.Table, a)
		want := Answer{Value: "value of " + keys[i]}
		if n := 0; strings.HasPrefix(keys[i], "key") {
			if _, _ = fmt.Sscanf(keys[i], "key%d", &n); n >= 100 {
				want = Answer{Status: NoKey}
			}
		}
		switch {
		case a.Status == Retry && mayRetry:
			retried++
		case a.Answer != want:
			r.t.Fatalf("%s: got %s, want %s", keys[i], spell(a.Answer), spell(want))
		}
	}
	return retried
}

// TestMysqlLimit: there are never more connections than there may be, and slow
// queries keep nobody waiting but one of them each.
func TestMysqlLimit(t *testing.T) {
	r := newTraffic(t, Limits{Connections: 3, Queue: 5000, Deadline: time.Minute}, "")
	slow := []*reply{r.get(r.Table, "slow1"), r.get(r.Table, "slow2")}
	r.see(func() bool { return strings.Count(r.processes(), "SELECT slowly('slow") == 2 })
	for range 3 {
		list, keys := r.send(1000)
		r.look()
		r.check(list, keys, false)
		r.look()
	}
	if slow[0].here || slow[1].here {
		t.Error("a slow query was fast, or the others have waited for it")
	}
	r.check(slow, []string{"slow1", "slow2"}, false)
	if r.most != 3 {
		t.Errorf("%d connections at most, want 3", r.most)
	}
	if most := r.Status("Max_used_connections"); most > 3+1 { // and the one that looks
		t.Errorf("the server has had %d connections", most)
	}
	if text := r.logged(); text != "" {
		t.Error(text)
	}
}

// processes is what the server is busy with.
func (r *traffic) processes() string {
	return r.SQL("SELECT info FROM information_schema.processlist WHERE user = 'u' AND info IS NOT NULL")
}

// TestMysqlGivenUp: a query that nobody waits for any more ends at the server as
// well, and a slow key is not the others' trouble.
func TestMysqlGivenUp(t *testing.T) {
	r := newTraffic(t, Limits{Connections: 2, Queue: 5000, Deadline: 2 * time.Second}, "")
	list, keys := r.send(1)
	r.check(list, keys, false)
	slow := r.get(r.Table, "slow1")
	r.see(func() bool { return strings.Contains(r.processes(), "slow1") })
	list, keys = r.send(500)
	r.check(list, keys, false)
	r.until(func() bool { return slow.here }) // the worker gives up
	r.expect(slow.Answer, Answer{Status: Retry})
	r.see(func() bool { return !strings.Contains(r.processes(), "slow1") })
	list, keys = r.send(500)
	r.look()
	r.check(list, keys, false)
	if text := r.logged(); !strings.Contains(text, "query failed") || strings.Count(text, "\n") > 0 {
		t.Errorf("logged %s", text)
	}
}

// TestMysqlRestart: while the server is away, there is no answer; when it is
// back, there is, and no other than the right one.
func TestMysqlRestart(t *testing.T) {
	r := newTraffic(t, Limits{Connections: 3, Queue: 5000, Deadline: 20 * time.Second}, "retry_interval = 1")
	list, keys := r.send(300)
	r.check(list, keys, false)
	// A server that was away while nobody asked is found at once.
	r.Stop()
	r.Start()
	list, keys = r.send(300)
	r.check(list, keys, false)
	// In the middle of something.
	list, keys = r.send(2000)
	r.until(func() bool { return list[100].here })
	r.Stop()
	r.check(list, keys, true)
	list, keys = r.send(20)
	if n := r.check(list, keys, true); n != 20 {
		t.Errorf("%d of 20 requests had no answer from a server that is not there", n)
	}
	if text := r.logged(); !strings.Contains(text, "Can't connect to local server through socket") {
		t.Errorf("logged %.500s", text)
	}
	r.Start()
	r.see(func() bool { // each worker has a second to wait
		list, keys = r.send(20)
		return r.check(list, keys, true) == 0
	})
	list, keys = r.send(1000)
	r.look()
	r.check(list, keys, false)
	r.look()
}

// TestMysqlStopped: a server that hangs has requests end in time, and goes on
// when it does.
func TestMysqlStopped(t *testing.T) {
	r := newTraffic(t, Limits{Connections: 3, Queue: 5000, Deadline: 2 * time.Second}, "retry_interval = 1")
	list, keys := r.send(300)
	r.check(list, keys, false)
	r.Signal(syscall.SIGSTOP)
	list, keys = r.send(10)
	n := r.check(list, keys, true)
	r.Signal(syscall.SIGCONT)
	if n != 10 {
		t.Errorf("%d of 10 requests had no answer from a server that hangs", n)
	}
	r.see(func() bool {
		list, keys = r.send(20)
		return r.check(list, keys, true) == 0
	})
	list, keys = r.send(1000)
	r.check(list, keys, false)
	r.look()
}

// TestMysqlSecondServer: when one server goes, another is asked; and the first
// again, once that has gone.
func TestMysqlSecondServer(t *testing.T) {
	r := newTraffic(t, Limits{Connections: 2, Queue: 5000, Deadline: 20 * time.Second}, "")
	other := dbtest.StartMariaDB(t)
	other.SQL(mysqlSetup + "INSERT INTO t VALUES ('key1', 'value of key1', 1)")
	both := r.open(r.table(fmt.Sprintf("hosts = inet:127.0.0.1:%d, unix:%s\nretry_interval = 1\nquery = SELECT CONCAT(v, @@port) FROM t WHERE k = '%%s'", other.Port, r.Socket)))
	first, second := fmt.Sprintf("value of key1%d", r.Port), fmt.Sprintf("value of key1%d", other.Port)
	r.expect(r.ask(both, "key1"), Answer{Value: first})
	r.Signal(syscall.SIGSTOP) // it does not answer in its half of the time
	r.expect(r.ask(both, "key1"), Answer{Value: second})
	r.Signal(syscall.SIGCONT)
	r.expect(r.ask(both, "key1"), Answer{Value: second}) // for as long as it works
	r.Stop()
	other.Stop()
	r.expect(r.ask(both, "key1"), Answer{Status: Retry})
	r.Start()
	r.see(func() bool { return r.ask(both, "key1") == Answer{Value: first} })
}

// TestMysqlPassword: a password that is wrong is the operator's affair, and that
// it is right now is noticed.
func TestMysqlPassword(t *testing.T) {
	r := newTraffic(t, Limits{Connections: 2, Queue: 5000, Deadline: 20 * time.Second}, "retry_interval = 1\nidle_interval = 1")
	r.expect(r.ask(r.Table, "key1"), Answer{Value: "value of key1"})
	r.SQL("SET PASSWORD FOR u = PASSWORD('another')")
	r.see(func() bool { return r.Connections("u") == 0 }) // it has been idle
	r.expect(r.ask(r.Table, "key1"), Answer{Status: Config})
	if text := r.logged(); !strings.Contains(text, "Access denied for user 'u'@'localhost' (using password: YES)") {
		t.Errorf("logged %s", text)
	}
	r.SQL("SET PASSWORD FOR u = PASSWORD('pw')")
	r.see(func() bool { return r.ask(r.Table, "key1") == Answer{Value: "value of key1"} })
}
