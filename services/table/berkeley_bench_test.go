// SPDX-License-Identifier: ISC

package table

import (
	"bytes"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkBerkeley asks tables of 100,000 keys that postmap has made, right
// after that (hot) and later, beside a Go map of the same. cpu-ns/op is the
// processor time, which says more where others have work to do.
func BenchmarkBerkeley(b *testing.B) {
	if _, err := exec.LookPath("postmap"); err != nil {
		b.Skip("no postmap")
	}
	const n = 100_000
	var source bytes.Buffer
	memory := make(map[string]string, n)
	keys := make([]string, n)
	for i := range n {
		keys[i] = fmt.Sprintf("user%d@example.com", i)
		memory[keys[i]] = fmt.Sprintf("mailbox%d", i)
		fmt.Fprintf(&source, "%s %s\n", keys[i], memory[keys[i]])
	}
	run := func(name string, hit bool, get func(key string) bool) {
		b.Run(name, func(b *testing.B) {
			i, before := 0, used(b)
			for b.Loop() {
				key := keys[i]
				if !hit {
					key = key[:len(key)-1]
				}
				if get(key) != hit {
					b.Fatal(key)
				}
				i = (i + 7919) % n
			}
			b.ReportMetric(float64(used(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
	run("map/hit", true, func(key string) bool { return memory[key] != "" })
	run("map/miss", false, func(key string) bool { return memory[key] != "" })
	for _, typ := range []string{"hash", "btree"} {
		s := newBerkeleyStage(b)
		cmd := exec.Command("postmap", "-i", typ+":"+s.dir+"/x")
		cmd.Stdin = bytes.NewReader(source.Bytes())
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		x := s.open(typ, "x", 0)
		get := func(key string) bool { return x.Get(key, Lock, nil).Status == OK }
		run(typ+"/hot", true, get)
		s.cool()
		run(typ+"/hit", true, get)
		run(typ+"/miss", false, get)
	}
}

func used(b *testing.B) time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
