// SPDX-License-Identifier: ISC

package table

import (
	"bytes"
	"fmt"
	"os/exec"
	"testing"
)

// BenchmarkBerkeley asks a table of 100,000 keys that postmap has made, beside a
// Go map of the same: one key to a turn of the loop, and 64, of which the later
// ones find the file locked already.
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
	b.Run("map", func(b *testing.B) {
		i := 0
		for b.Loop() {
			if memory[keys[i]] == "" {
				b.Fatal(keys[i])
			}
			i = (i + 7919) % n
		}
	})
	for _, typ := range []string{"hash", "btree"} {
		s := newBerkeleyStage(b)
		cmd := exec.Command("postmap", "-i", typ+":"+s.dir+"/x")
		cmd.Stdin = bytes.NewReader(source.Bytes())
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		x := s.open(typ, "x", 0)
		s.cool()
		for _, perTurn := range []int{1, 64} {
			for _, miss := range []string{"", "not"} {
				b.Run(fmt.Sprintf("%s/%dperturn/%shit", typ, perTurn, miss), func(b *testing.B) {
					i, asked := 0, 0
					for b.Loop() {
						key := keys[i]
						if miss != "" {
							key = key[:len(key)-1]
						}
						a := x.Get(key, Lock, nil)
						if (a.Status == OK) != (miss == "") {
							b.Fatalf("%s: %v", keys[i], a)
						}
						i = (i + 7919) % n
						if asked++; asked%perTurn == 0 {
							x.(*berkeleyTable).letGo() // what the turn's end does
							s.Loop.Skip(0)
						}
					}
				})
			}
		}
	}
}
