// SPDX-License-Identifier: ISC

package table

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"
)

// cidrLines are lines with the reason why they are refused; "" for those that
// are not.
var cidrLines = []struct{ line, want string }{
	{"1.2.3.4\tok", ""},
	{"[1.2.3.5] x", ""},
	{"[1.2.3.8]/29 x", ""},
	{"[1.2.3.16/29] x", ""},
	{"1.2.3.0/024 x", ""},
	{"0.0.0.0/00000000000000000000000 x", ""},
	{"::ffff:1.2.3.4 x", ""},
	{"::ffff:0:0/97 x", ""},
	{"1:2:3:4:5:6:7:: x", ""},
	{"1:2:3:4:5:6:1.2.3.4 x", ""},
	{"::2:3:4:5:6:7:8 x", ""},
	{"! 6.6.6.6 x", ""},
	{"!!6.6.6.6 x", ""},

	{"!", "no address pattern"},
	{"! x", `bad address pattern: "x"`},
	{"1.2.3.4", "no lookup result"},
	{"1.2.3.0/24\t", "no lookup result"},
	{"1.2.3.4x bad", `bad address pattern: "1.2.3.4x"`},
	{"01.2.3.4 x", `bad address pattern: "01.2.3.4"`},
	{"1.2.3.4. x", `bad address pattern: "1.2.3.4."`},
	{"1.2.3.256 x", `bad address pattern: "1.2.3.256"`},
	{"fe80::1%eth0 x", `bad address pattern: "fe80::1%eth0"`},
	{"::: x", `bad address pattern: ":::"`},
	{"12345:: x", `bad address pattern: "12345::"`},
	{"1:2:3:4:5:6:7:8:: x", `bad address pattern: "1:2:3:4:5:6:7:8::"`},
	{"::1.2.3 x", `bad address pattern: "::1.2.3"`},
	{"{1.2.3.4 x}", `bad address pattern: "{1.2.3.4"`},
	{"1.2.3.0/+24 x", `bad mask value in "1.2.3.0/+24"`},
	{"1.2.3.0/ x", `bad mask value in "1.2.3.0/"`},
	{"1.2.3.0/24/3 x", `bad mask value in "1.2.3.0/24/3"`},
	{"1.2.3.0/-1 x", `bad mask value in "1.2.3.0/-1"`},
	{"1.2.3.1/33 x", `bad mask length in "1.2.3.1/33"`},
	{"a:/129 x", `bad mask length in "a:/129"`},
	{"1.2.3.0/99999999999999999999 x", `bad mask length in "1.2.3.0/99999999999999999999"`},
	{"/24 x", `bad network value in "/24"`},
	{"1.2.3/24 x", `bad network value in "1.2.3/24"`},
	{"fe80::%lo/64 x", `bad network value in "fe80::%lo/64"`},
	{"::1/127 x", `non-null host address bits in "::1/127", perhaps you should use "::/127" instead`},
	{"FE80:0:0::1/10 x", `non-null host address bits in "FE80:0:0::1/10", perhaps you should use "fe80::/10" instead`},
	{"::1.2.3.4/127 x", ""},
	{"::1.2.3.5/127 x", `non-null host address bits in "::1.2.3.5/127", perhaps you should use "::1.2.3.4/127" instead`},
	{"::ffff:1.2.3.4/96 x", `non-null host address bits in "::ffff:1.2.3.4/96", perhaps you should use "::ffff:0.0.0.0/96" instead`},
	{"[] x", `bad address pattern: ""`},
	{"[ x", `missing ']' character after "["`},
	{"[1.2.3.4 ] x", `missing ']' character after "[1.2.3.4"`},
	{"[1.2.3.4]] x", `garbage after "[1.2.3.4]"`},
	{"[1.2.3.4]x y", `garbage after "[1.2.3.4]"`},
	{"[1.2.3.4/2]/3 x", `bad network value in "1.2.3.4/2/3"`},
	{"[1.2.3.4]/ x", `bad mask value in "1.2.3.4/"`},

	{"if", "no address pattern"},
	{"IF !!", "no address pattern"},
	{"if x", `bad address pattern: "x"`},
	{"ifx 1", `bad address pattern: "ifx"`},
	{"if/1.2.3.4", `bad mask value in "/1.2.3.4"`},
	{"if 1.2.3.4 junk", `bad address pattern: "1.2.3.4 junk"`},
	{"!if 1.2.3.4", `bad address pattern: "if"`},
	{"endif", "ENDIF without IF"},
	{"endif#", "garbage after ENDIF"},
	{"EndIf junk", "garbage after ENDIF"},
	{"endifx x", `bad address pattern: "endifx"`},
}

func TestCidrLines(t *testing.T) {
	for _, test := range cidrLines {
		w := newWorld(t)
		w.open("cidr:"+w.file("table", test.line+"\n"), 0)
		if test.want == "" {
			w.logged()
		} else {
			w.logged("warning: cidr map table, line 1: " + test.want + ": skipping this rule")
		}
	}
}

func TestCidrBlocks(t *testing.T) {
	w := newWorld(t)
	table := w.open("cidr:"+w.file("table", `# negation, nesting, families
1.2.3.4 first
IF 1.2.0.0/16
	 # a comment in between
if[1.2.3.0/24]
1.2.3.5	inner
!1.2.3.128/25 lower
::1 never
endif
1.2.3.200 upper
! 1.2.3.0/24 elsewhere
EndIf
if !1.2.0.0/16
1.2.9.9 never
9.0.0.0/8 nine
::/0 never
endif
if ! 2001:db8::/32
2001:db8::1 never
fe80::/10 local
endif
!1.2.0.0/16 four
!::1 six
if 1.2.3.201
1.2.3.201 open
`), 0)
	for key, want := range map[string]string{
		"1.2.3.4": "=first", "1.2.3.5": "=inner", "1.2.3.6": "=lower", "1.2.3.200": "=upper", "1.2.3.201": "=open", "1.2.3.202": "no key",
		"1.2.9.9": "=elsewhere", "9.1.1.1": "=nine", "10.0.0.1": "=four", "0.0.0.0": "=four", "255.255.255.255": "=four",
		"2001:db8::1": "=six", "fe80::1": "=local", "::1": "no key", "::": "=six", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "=six",
		"::ffff:1.2.3.4": "=six",
		"":               "no key", "foo": "no key", "1.2.3.04": "no key", "1.2.3.4 ": "no key", "[1.2.3.4]": "no key", "::1%lo": "no key", "1.2.3.4/32": "no key",
	} {
		w.asks(table, key, 0, want)
	}
	w.logged("warning: cidr map table, line 24: IF has no matching ENDIF")
}

// slowRule is a line of a table, for slowCidr.
type slowRule struct {
	network       netip.Prefix
	not           bool
	opens, closes bool
	value         string
}

func (r slowRule) String() string {
	text := r.network.String()
	switch {
	case r.closes:
		return "endif"
	case r.not:
		text = "!" + text
	}
	if r.opens {
		return "if " + text
	}
	return text + " " + r.value
}

// slowCidr asks one rule after the other, as the original does.
func slowCidr(rules []slowRule, addr netip.Addr) string {
	for i := 0; i < len(rules); i++ {
		r := rules[i]
		match := !r.closes && r.network.Addr().BitLen() == addr.BitLen() && r.network.Contains(addr) != r.not
		switch {
		case r.opens && !match:
			for depth := 1; depth > 0; {
				i++
				if rules[i].opens {
					depth++
				} else if rules[i].closes {
					depth--
				}
			}
		case !r.opens && match:
			return "=" + r.value
		}
	}
	return "no key"
}

func TestCidrLikeOneByOne(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func(i int) slowRule {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(r.IntN(2)), byte(r.IntN(256))})
		bits := 20 + r.IntN(13)
		if r.IntN(3) == 0 {
			addr, bits = netip.AddrFrom16([16]byte{7: byte(r.IntN(2)), 8: byte(r.IntN(2)), 15: byte(r.IntN(256))}), 56+r.IntN(73)
		}
		if r.IntN(20) == 0 {
			bits = 0
		}
		return slowRule{network: netip.PrefixFrom(addr, bits).Masked(), not: r.IntN(4) == 0, value: fmt.Sprint(i)}
	}
	w := newWorld(t)
	for range 100 {
		var rules []slowRule
		depth := 0
		for i := range 1 + r.IntN(40) {
			rule := random(i)
			switch n := r.IntN(10); {
			case n == 0:
				rule.opens = true
				depth++
			case n == 1 && depth > 0:
				rule = slowRule{closes: true}
				depth--
			}
			rules = append(rules, rule)
		}
		for ; depth > 0; depth-- {
			rules = append(rules, slowRule{closes: true})
		}
		var text strings.Builder
		for _, rule := range rules {
			fmt.Fprintln(&text, rule)
		}
		table := w.open("cidr:"+w.file("table", text.String()), 0)
		for i := range 512 {
			addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			w.asks(table, addr.String(), 0, slowCidr(rules, addr))
			addr = netip.AddrFrom16([16]byte{7: byte(r.IntN(2)), 8: byte(i >> 8), 15: byte(i)})
			w.asks(table, addr.String(), 0, slowCidr(rules, addr))
		}
		w.logged()
		if t.Failed() {
			t.Fatalf("the table is\n%s", text.String())
		}
	}
}

func FuzzCidr(f *testing.F) {
	f.Add("if 1.2.0.0/16\n!1.2.3.4 x\nendif\n[::1]/128 y\n", "1.2.3.4")
	f.Add("if !::/0\nif\nendif x\n::1.2.3.4/97 v", "::1")
	f.Add("0.0.0.0/0 a\n255.255.255.255 b\n!::/0 c\nffff::/16 d", "255.255.255.255")
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, text, key string) {
		w.t = t
		w.log = nil
		table, err := w.Open("cidr:"+w.file("table", text), ReadOnly, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer table.Close()
		if a := table.Get(key, 0, nil); a.Status != OK && a.Status != NoKey {
			t.Errorf("%q: %s", key, spell(a))
		}
		for _, r := range []ranges{table.(*cidr).v4, table.(*cidr).v6} {
			for i := 1; i < len(r.low); i++ {
				if r.low[i-1].compare(r.low[i]) >= 0 {
					t.Errorf("ranges are not in order: %v", r.low)
				}
			}
		}
	})
}

// Fifty thousand networks, each a lookup that finds the last of them.
func BenchmarkCidr(b *testing.B) {
	w := newWorld(b)
	var text strings.Builder
	for i := range 50000 {
		fmt.Fprintf(&text, "%d.%d.%d.0/24 v%d\n", 1+i>>16, i>>8&255, i&255, i)
	}
	path := w.dir + "/table"
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			w.open("cidr:"+path, 0)
		}
	})
	table := w.open("cidr:"+path, 0)
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if a := table.Get("1.195.79.7", 0, nil); a.Status != OK {
				b.Fatal(spell(a))
			}
		}
	})
}
