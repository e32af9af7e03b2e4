package forward_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rhapsode/diffs/junos"
	"rhapsode/labs/router/forward"
	"rhapsode/policies"
)

// onUnit compiles with one unit of the example on the device where packets come in.
func onUnit(t testing.TB, tree *junos.Tree, unit string) *forward.RuleSet {
	t.Helper()
	r, err := forward.CompileFilters(forward.Filters{Config: tree, Device: func(u string) string {
		if u == unit {
			return "in0"
		}
		return asIs(u)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const (
	transit   = "xe-0/1/0.0"
	transport = "et-0/0/0.0"
)

// TestRootExample runs telling packets through the filters of the example inventory, each also against the evaluator.
func TestRootExample(t *testing.T) {
	l := newLab(t)
	tree := example(t)
	e, err := policies.NewEvaluator(tree)
	if err != nil {
		t.Fatal(err)
	}
	route(t, "203.0.113.165/32", "alt0", unix.RT_TABLE_MAIN)
	route(t, "2001:db8:2:10::21/128", "alt0", unix.RT_TABLE_MAIN)
	for _, tt := range []struct{ unit, packet, fate, counts string }{
		{transit, "icmp echo-request from 198.51.100.77 to 203.0.113.33", "alt0 forwarded", "offload-ping4-text-textlb"},
		{transit, "icmp echo-reply from 198.51.100.77 to 203.0.113.33", "out0 forwarded", ""},
		{transit, "icmp echo-request from 198.51.100.77 to 203.0.113.35", "out0 forwarded", ""},
		{transit, "icmp echo-request from 198.51.100.77 to 203.0.113.33 first-fragment", "", "border-in4-icmp-first-fragment"},
		{transit, "icmp from 198.51.100.77 to 203.0.113.33 fragment-offset=185", "", "border-in4-icmp-fragments"},
		{transit, "udp from 198.51.100.77 to 203.0.113.33 fragment-offset=185", "out0 forwarded", ""},
		{transit, "tcp 198.51.100.77:40000 > 203.0.113.33:443 syn", "out0 forwarded", ""},
		{transit, "icmp echo-request from 203.0.113.77 to 203.0.113.33", "", "border-in4-own-space"},
		{transit, "icmp echo-request from 10.0.0.7 to 203.0.113.33", "", "border-in4-special-ranges"},
		{transit, "tcp 198.51.100.4:179 > 203.0.113.33:40000 syn", "out0 forwarded", ""},
		{transport, "icmp echo-request from 203.0.113.77 to 203.0.113.33", "out0 forwarded", ""},
		{transport, "icmp echo-request from 198.51.100.77 to 203.0.113.42", "alt0 forwarded", "offload-ping4-dns"},
		{transit, "icmp6 echo-request from 2001:db8:ffff::7 to 2001:db8:2:ed1a::1 ttl=60", "alt0 forwarded", "offload-ping6-text-textlb6"},
		{transit, "icmp6 packet-too-big from 2001:db8:ffff::7 to 2001:db8:2:ed1a::1 ttl=60", "out0 forwarded", ""},
		{transit, "icmp6 neighbor-solicit from 2001:db8:ffff::7 to 2001:db8:2:ed1a::1 ttl=255", "out0 forwarded", ""},
		{transit, "icmp6 from 2001:db8:ffff::7 to 2001:db8:2:ed1a::1 ttl=60 fragment-offset=185 header=fragment", "", "border-in6-icmp-fragments"},
		{transit, "icmp6 echo-request from 2001:db8:ffff::7 to 2001:db8:2:ed1a::1 ttl=60 header=hop-by-hop", "out0 forwarded", ""}, // next-header misses it
		{transport, "icmp6 echo-request from 2001:db8:ffff::7 to 2001:db8:2:ed1a::53 ttl=60", "alt0 forwarded", "offload-ping6-dns"},
	} {
		rules := onUnit(t, tree, tt.unit)
		if _, err := l.kernel.Apply(rules); err != nil {
			t.Fatal(err)
		}
		before, err := l.kernel.Counters()
		if err != nil {
			t.Fatal(err)
		}
		p := packet(t, tt.packet)
		fate := l.fate(t, encode(p, 1))
		_, counts := moved(t, l.kernel, before)
		if fate != tt.fate || strings.Join(counts, " ") != tt.counts {
			t.Errorf("%s: %s: %q counts %q, want %q counts %q", tt.unit, tt.packet, fate, counts, tt.fate, tt.counts)
		}
		name := map[string]string{transit: "border-in", transport: "transport-in"}[tt.unit] + p.Family().Digit()
		want, err := e.Filter(p.Family(), name, p)
		if err != nil {
			t.Fatal(err)
		}
		if bad := agrees(&want, p, fate, counts); bad != "" {
			t.Errorf("%s: %s: %s", name, tt.packet, bad)
		}
	}
}

// TestRootOffloadMoves switches the offload term off and on again, as an operator does: echo requests move and nothing
// else does, and the time from the commit to the first packet that is treated the new way is short.
func TestRootOffloadMoves(t *testing.T) {
	l := newLab(t)
	on := example(t)
	off := on.Clone()
	if _, err := off.Load("", []byte("firewall { family inet { filter border-in4 { inactive: term offload-ping4 { filter offload-ping4; } } } }"), junos.Merge); err != nil {
		t.Fatal(err)
	}
	route(t, "203.0.113.165/32", "alt0", unix.RT_TABLE_MAIN)
	ping := encode(packet(t, "icmp echo-request from 198.51.100.77 to 203.0.113.33"), 1)
	web := encode(packet(t, "tcp 198.51.100.77:40000 > 203.0.113.33:443 syn"), 1)
	if _, err := l.kernel.Apply(onUnit(t, on, transit)); err != nil {
		t.Fatal(err)
	}
	best := time.Hour
	for i := range 10 {
		tree, want := off, "out0 forwarded"
		if i%2 == 1 {
			tree, want = on, "alt0 forwarded"
		}
		start := time.Now()
		changed, err := l.kernel.Apply(onUnit(t, tree, transit))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.fate(t, ping); got != want {
			t.Fatalf("the first echo request after the commit: %q, want %q", got, want)
		}
		best = min(best, time.Since(start))
		if got := l.fate(t, web); got != "out0 forwarded" {
			t.Errorf("what is no echo request: %q", got)
		}
		if changed.Chains != 1 || changed.Counters+changed.Sets+changed.Limits != 0 {
			t.Errorf("the commit changed %+v", changed)
		}
	}
	t.Logf("from the commit, with the translation, to the first packet treated the new way: %v at best", best)
	if best > 100*time.Millisecond {
		t.Errorf("no commit was in force within 100 ms: the best took %v", best)
	}
	if got := l.holds(t); got != "offload-ping4 offload-ping4-text-textlb 5" {
		t.Errorf("counters hold %s", got)
	}
}

// BenchmarkCompile translates the filters of a router of the example.
func BenchmarkCompile(b *testing.B) {
	tree := example(b)
	for b.Loop() {
		if _, err := forward.CompileFilters(forward.Filters{Config: tree, Device: asIs}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApply brings them into force: all of them, and a change of one term.
func BenchmarkApply(b *testing.B) {
	l := newLab(b)
	on := example(b)
	off := on.Clone()
	if _, err := off.Load("", []byte("firewall { family inet { filter border-in4 { inactive: term offload-ping4 { filter offload-ping4; } } } }"), junos.Merge); err != nil {
		b.Fatal(err)
	}
	a, z := onUnit(b, on, transit), onUnit(b, off, transit)
	for _, bench := range []struct {
		name string
		sets []*forward.RuleSet
	}{{"all", []*forward.RuleSet{a, {}}}, {"one term", []*forward.RuleSet{a, z}}} {
		b.Run(bench.name, func(b *testing.B) { // the kernel is reached by its sockets, whatever the thread
			for i := 0; b.Loop(); i++ {
				if _, err := l.kernel.Apply(bench.sets[i%2]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
