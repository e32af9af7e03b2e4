package forward_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"rhapsode/labs/router/forward"
	"rhapsode/policies"
)

// filtersOf gives a configuration with these statements below `firewall family inet`, F applied to the input of in0.
func filtersOf(statements string) string {
	return "interfaces { ge-0/0/0 { unit 0 { family inet { filter { input F; } } } } ge-0/0/1 { unit 0; } } " +
		"firewall { family inet { " + statements + " } } routing-instances { R { instance-type forwarding; } }"
}

func (l *lab) apply(t testing.TB, config string) forward.Changed {
	t.Helper()
	changed, err := l.kernel.Apply(compile(t, read(t, config)))
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// sends makes a packet of ParsePacket's words and gives its fate.
func (l *lab) sends(t testing.TB, words string) string {
	t.Helper()
	return l.fate(t, encode(packet(t, words), 1))
}

func packet(t testing.TB, words string) *policies.Packet {
	t.Helper()
	p, err := policies.ParsePacket(words)
	if err != nil {
		t.Fatal(err)
	}
	if !p.TTL.Known {
		p.TTL = policies.Known(64)
	}
	return p
}

// holds gives the counters that are not zero, `FILTER NAME PACKETS`.
func (l *lab) holds(t testing.TB) string {
	t.Helper()
	values, err := l.kernel.Counters()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, v := range values {
		if v.Packets > 0 {
			out = append(out, fmt.Sprintf("%s %s %d", v.Filter, v.Name, v.Packets))
		}
	}
	return strings.Join(out, ", ")
}

const (
	udp  = "udp 198.51.100.7:1000 > 203.0.113.1:2000"
	echo = "icmp echo-request from 198.51.100.7 to 203.0.113.1"
)

// TestRootApplyByDifference: a commit that changes one term touches the chain of its filter alone, and takes nothing from
// counters.
func TestRootApplyByDifference(t *testing.T) {
	l := newLab(t)
	const other = "filter G { term x { then { count g; accept; } } } "
	l.apply(t, filtersOf("filter F { term a { from { protocol udp; } then { count c; next term; } } term b { filter G; } } "+other))
	if got := l.sends(t, udp); got != "out0 forwarded" {
		t.Fatalf("the packet is %q", got)
	}
	if got := l.apply(t, filtersOf("filter F { term a { from { protocol udp; } then { count c; next term; } } term b { filter G; } } "+other)); got != (forward.Changed{}) {
		t.Errorf("the same again changes %+v", got)
	}
	got := l.apply(t, filtersOf("filter F { term a { from { protocol udp; } then { count c; discard; } } term b { filter G; } } "+other))
	if got != (forward.Changed{Chains: 1}) {
		t.Errorf("one term changes %+v", got)
	}
	if got := l.sends(t, udp); got != "" {
		t.Errorf("the packet is %q, want none", got)
	}
	if got := l.holds(t); got != "F c 2, G g 1" {
		t.Errorf("counters hold %s", got)
	}
	if got := l.apply(t, filtersOf("filter F { term a { from { protocol [ udp 50 ]; } then { count d; discard; } } term b { filter G; } } "+other)); got != (forward.Changed{Chains: 1, Counters: 2, Sets: 1}) {
		t.Errorf("another counter and a set change %+v", got)
	}
	if got := l.holds(t); got != "G g 1" {
		t.Errorf("counters hold %s", got)
	}
	if got := l.apply(t, "system { host-name x; }"); got.Chains == 0 || l.sends(t, udp) != "out0 forwarded" {
		t.Errorf("without filters %+v changed, and packets are %q", got, l.sends(t, udp))
	}
}

// TestRootApplyAllOrNothing: the kernel refuses a rule set with one bad rule, and all stays as it was.
func TestRootApplyAllOrNothing(t *testing.T) {
	l := newLab(t)
	l.apply(t, filtersOf("filter F { term a { then { count c; discard; } } }"))
	bad := compile(t, read(t, filtersOf("filter F { term a { then { count d; next-ip 192.0.2.9/32; } } }")))
	bad.Chains[len(bad.Chains)-1].Rules = append(bad.Chains[len(bad.Chains)-1].Rules, forward.Rule{forward.Verdict{Kind: forward.Jump, Chain: "nowhere"}})
	if _, err := l.kernel.Apply(bad); err == nil || !strings.Contains(err.Error(), "the kernel refused the rules") {
		t.Errorf("applied: %v", err)
	}
	if got := l.sends(t, udp) + l.holds(t); got != "F c 1" {
		t.Errorf("%s", got)
	}
	rules, err := netlink.RuleListFiltered(netlink.FAMILY_V4, &netlink.Rule{Priority: 100}, netlink.RT_FILTER_PRIORITY)
	if err != nil || len(rules) > 0 {
		t.Errorf("rules are left: %v %v", rules, err)
	}
	if got := l.apply(t, filtersOf("filter F { term a { then { count c; accept; } } }")); got.Chains != 1 || l.sends(t, udp) != "out0 forwarded" || l.holds(t) != "F c 2" {
		t.Errorf("the next change is %+v, counters %s", got, l.holds(t))
	}
}

// TestRootNextIP: a host is reached as the main table has it, also through a gateway, and while it can't be reached its
// packets are dropped: they never take the way that the destination has.
func TestRootNextIP(t *testing.T) {
	l := newLab(t)
	const behind = "198.18.0.9" // by the default route, and by alt0 once there is a route
	with := filtersOf("filter F { term a { from { protocol icmp; } then { count c; next-ip " + behind + "/32; } } term b { then accept; } }")
	l.apply(t, with)
	if got := l.sends(t, echo); got != "out0 forwarded" {
		t.Errorf("by the default route it is %q", got)
	}
	route(t, behind+"/32", "alt0", unix.RT_TABLE_MAIN)
	if err := l.kernel.Resolve(); err != nil {
		t.Fatal(err)
	}
	if got := l.sends(t, echo) + " " + l.sends(t, udp); got != "alt0 forwarded out0 forwarded" {
		t.Errorf("by its own route it is %q", got)
	}
	l.apply(t, "interfaces { lo0 { unit 0 { family inet { filter { input P; } } } } } firewall { family inet { filter P { term a { then { discard; } } } } } "+with)
	if got := l.sends(t, "icmp echo-request from 198.51.100.7 to 100.64.0.1"); got != "alt0 forwarded" {
		t.Errorf("what is for the router itself is %q", got)
	}
	if err := netlink.LinkSetDown(device(t, "alt0")); err != nil {
		t.Fatal(err)
	}
	if got := l.sends(t, echo); got != "" {
		t.Errorf("with the link down, before anybody looked again, it is %q", got)
	}
	defaults, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{LinkIndex: device(t, "out0").Attrs().Index}, netlink.RT_FILTER_OIF)
	if err != nil || len(defaults) != 1 {
		t.Fatal(defaults, err)
	}
	if err := netlink.RouteDel(&defaults[0]); err != nil {
		t.Fatal(err)
	}
	if err := l.kernel.Resolve(); err != nil {
		t.Fatal(err)
	}
	route(t, "203.0.113.0/24", "out0", unix.RT_TABLE_MAIN)
	route(t, "198.51.100.0/24", "out0", unix.RT_TABLE_MAIN)
	if got := l.sends(t, echo) + " " + l.sends(t, udp); got != " out0 forwarded" {
		t.Errorf("without a route to the host it is %q", got)
	}
	if got := l.holds(t); got != "F c 5" {
		t.Errorf("counters hold %s", got)
	}
}

// TestRootWatch: a route that comes is used without anybody asking.
func TestRootWatch(t *testing.T) {
	l := newLab(t)
	l.apply(t, filtersOf("filter F { term a { then { next-ip 198.51.100.9/32; } } }"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.kernel.Watch(ctx, nil) }()
	for _, tt := range []struct {
		by, fate string
	}{{"alt0", "alt0 forwarded"}, {"vrf0", "vrf0 forwarded"}} {
		route(t, "198.51.100.9/32", tt.by, unix.RT_TABLE_MAIN)
		var got string
		for range 500 { // 10 s at most
			if got = l.sends(t, echo); got == tt.fate {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if got != tt.fate {
			t.Errorf("with a route by %s the packet is %q", tt.by, got)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestRootRouterFilters: filters of lo0 see what is for the router, after those of the interface, fragments as they come;
// output filters see what leaves, forwarded or the router's own.
func TestRootRouterFilters(t *testing.T) {
	l := newLab(t)
	l.apply(t, `interfaces {
			ge-0/0/0 { unit 0 { family inet { filter { input F; } } } }
			ge-0/0/1 { unit 0 { family inet { filter { output O; } } } }
			lo0 { unit 0 { family inet { filter { input P; } } } }
		}
		firewall { family inet {
			filter F { term a { then { count f; accept; } } }
			filter P { term a { from { is-fragment; } then { count fragments; discard; } } term b { from { protocol icmp; } then { count p; accept; } } term c { then { count denied; reject; } } }
			filter O { term a { from { protocol udp; } then { count o; discard; } } term b { then { count passed; accept; } } }
		} }`)
	for _, tt := range []struct{ packet, fate string }{
		{"icmp echo-request from 198.51.100.7 to 100.64.0.1", "out0 icmp 0/0"},
		{"udp 198.51.100.7:1000 > 100.64.0.1:2000", "out0 icmp 3/13"},
		{"icmp from 198.51.100.7 to 100.64.0.1 fragment-offset=185", ""},
		{echo, "out0 forwarded"},
		{udp, ""},
	} {
		if got := l.sends(t, tt.packet); got != tt.fate {
			t.Errorf("%s: %q, want %q", tt.packet, got, tt.fate)
		}
	}
	if got := l.holds(t); got != "F f 5, O o 1, O passed 3, P denied 1, P fragments 1, P p 1" {
		t.Errorf("counters hold %s", got)
	}
	if err := l.kernel.Clear(func(c forward.Counter) bool { return c.Filter == "P" }); err != nil {
		t.Fatal(err)
	}
	if got := l.holds(t); got != "F f 5, O o 1, O passed 3" {
		t.Errorf("after the clearing of P counters hold %s", got)
	}
}

// TestRootPolicer: what is within the rate passes, what is above is dropped and counted.
func TestRootPolicer(t *testing.T) {
	l := newLab(t)
	l.apply(t, "firewall { policer P { if-exceeding { bandwidth-limit 80k; burst-size-limit 2k; } then discard; } } "+
		filtersOf("filter F { term a { then { policer P; count c; accept; } } }"))
	passed := 0
	start := time.Now()
	const sent = 60
	for range sent {
		if l.sends(t, udp+" length=1000") == "out0 forwarded" {
			passed++
		}
	}
	// 10000 bytes a second and a burst of 2000. The kernel's bucket holds a second's worth beside.
	most := 12 + int(time.Since(start).Seconds()*10) + 1
	if passed < 2 || passed > most {
		t.Errorf("of %d packets of 1000 bytes %d passed, want 2 to %d", sent, passed, most)
	}
	if want := fmt.Sprintf("F c %d, F P-a %d", sent, sent-passed); l.holds(t) != want {
		t.Errorf("counters hold %s, want %s", l.holds(t), want)
	}
}

// TestRootPolicerChanges: another rate is in force with the commit, and takes nothing from the counters.
func TestRootPolicerChanges(t *testing.T) {
	l := newLab(t)
	config := func(rate, burst string) string {
		return "firewall { policer P { if-exceeding { bandwidth-limit " + rate + "; burst-size-limit " + burst + "; } then discard; } } " +
			filtersOf("filter F { term a { then { policer P; count c; accept; } } }")
	}
	l.apply(t, config("8k", "100"))
	for range 10 {
		l.sends(t, udp+" length=1000")
	}
	if got := l.apply(t, config("1g", "10m")); got != (forward.Changed{Chains: 1, Limits: 2}) {
		t.Errorf("another rate changes %+v", got)
	}
	before := l.holds(t)
	for range 10 {
		if got := l.sends(t, udp+" length=1000"); got != "out0 forwarded" {
			t.Fatalf("within the new rate a packet is %q", got)
		}
	}
	if got := l.holds(t); got != strings.Replace(before, "F c 10", "F c 20", 1) || !strings.Contains(got, "F P-a ") {
		t.Errorf("counters held %s and hold %s", before, got)
	}
}

// TestRootTakenAway: somebody flushes all tables of the namespace; the next commit brings ours back.
func TestRootTakenAway(t *testing.T) {
	l := newLab(t)
	l.apply(t, filtersOf("filter F { term a { then { count c; discard; } } }"))
	nft, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	nft.FlushRuleset()
	if err := nft.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := l.sends(t, udp); got != "out0 forwarded" {
		t.Fatalf("without tables the packet is %q", got)
	}
	l.apply(t, filtersOf("filter F { term a { then { count c; reject; } } }"))
	if got := l.sends(t, udp) + " " + l.holds(t); got != "out0 icmp 3/13 F c 1" {
		t.Errorf("%s", got)
	}
}

// TestRootDeep: filters may call each other as deep as the kernel can follow.
func TestRootDeep(t *testing.T) {
	l := newLab(t)
	deep := func(n int) string {
		var b strings.Builder
		b.WriteString("filter F { term a { filter N1; } term z { then { count back; accept; } } } ")
		for i := 1; i < n; i++ {
			fmt.Fprintf(&b, "filter N%d { term a { filter N%d; } } ", i, i+1)
		}
		fmt.Fprintf(&b, "filter N%d { term a { from { protocol udp; } then { policer P; count inner; discard; } } }", n)
		return "firewall { policer P { if-exceeding { bandwidth-limit 1g; burst-size-limit 1m; } then discard; } } " + filtersOf(b.String())
	}
	l.apply(t, deep(12))
	if got := l.sends(t, udp) + l.sends(t, echo) + " " + l.holds(t); got != "out0 forwarded F back 1, N12 inner 1" {
		t.Errorf("%s", got)
	}
	_, err := forward.CompileFilters(forward.Filters{Config: read(t, deep(13)), Device: wired, Table: instances})
	if err == nil || !strings.Contains(err.Error(), "more than 12 deep") {
		t.Errorf("one deeper: %v", err)
	}
}

// TestRootLongList: a prefix-list of many prefixes.
func TestRootLongList(t *testing.T) {
	l := newLab(t)
	var b strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&b, "10.%d.%d.0/25; ", i/250, i%250)
	}
	rules := compile(t, read(t, "policy-options { prefix-list L { "+b.String()+" } } "+
		filtersOf("filter F { term a { from { source-prefix-list { L; } } then { count in; discard; } } term b { then accept; } }")))
	start := time.Now()
	if _, err := l.kernel.Apply(rules); err != nil {
		t.Fatal(err)
	}
	t.Logf("4000 prefixes are in force after %v", time.Since(start))
	for packet, want := range map[string]string{"udp 10.0.0.5:1 > 203.0.113.1:2": "", "udp 10.15.249.127:1 > 203.0.113.1:2": "", "udp 10.7.7.128:1 > 203.0.113.1:2": "out0 forwarded"} {
		if got := l.sends(t, packet); got != want {
			t.Errorf("%s: %q, want %q", packet, got, want)
		}
	}
}

// TestRootCodePoint: a term sets the DSCP, and the checksum stays right.
func TestRootCodePoint(t *testing.T) {
	l := newLab(t)
	l.apply(t, `interfaces { ge-0/0/0 { unit 0 { family inet { filter { input F; } } family inet6 { filter { input F; } } } } }
		firewall { family inet { filter F { term a { then { dscp ef; accept; } } } } family inet6 { filter F { term a { then { traffic-class af11; accept; } } } } }`)
	for _, tt := range []struct {
		packet string
		want   uint32
	}{{udp + " dscp=10", 46}, {"udp from 2001:db8:1::1 port 5 to 2001:db8:2::2 port 6 dscp=63", 10}} {
		p := packet(t, tt.packet)
		l.in.send(t, encode(p, 1))
		p.DSCP, p.TTL = policies.Known(tt.want), policies.Known(63)
		if out := l.out.read(t); len(out) != 1 || !slices.Equal(out[0], encode(p, 1)) {
			t.Errorf("%s came out as\n%x, want\n%x", tt.packet, out, encode(p, 1))
		}
	}
}

// TestRootClasses: a term sees the forwarding class and loss priority that an earlier one left on the packet.
func TestRootClasses(t *testing.T) {
	l := newLab(t)
	l.apply(t, filtersOf(`filter F {
		term a { from { protocol udp; } then { forwarding-class gold; loss-priority high; next term; } }
		term b { from { forwarding-class gold; loss-priority-except low; } then { count gold; accept; } }
		term c { from { forwarding-class-except [ gold network-control ]; loss-priority [ low high ]; } then { count rest; accept; } } }`))
	l.sends(t, udp)
	l.sends(t, echo)
	if got := l.holds(t); got != "F gold 1, F rest 1" {
		t.Errorf("counters hold %s", got)
	}
}

// TestRootLeftovers: what a router that was killed left in the namespace goes with the first Apply of the next, and Remove
// leaves nothing at all.
func TestRootLeftovers(t *testing.T) {
	l := newLab(t)
	before := namespaceState(t)
	l.apply(t, filtersOf("filter F { term a { then { count c; next-ip 192.0.2.9/32; } } }"))
	k, err := forward.Open(0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	if _, err := k.Apply(compile(t, read(t, filtersOf("filter F { term a { then { count d; next-ip 192.0.2.8/32; } } }")))); err != nil {
		t.Fatal(err)
	}
	l.kernel = k
	if got := l.sends(t, udp) + " " + l.holds(t); got != "out0 forwarded F d 1" {
		t.Errorf("%s", got)
	}
	if got := namespaceState(t); strings.Count(got, "\nrule ") != strings.Count(before, "\nrule ")+2 {
		t.Errorf("rules:\n%s", got)
	}
	again, err := forward.Open(0) // the same filters: what they lead to stays
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	with := namespaceState(t)
	if _, err := again.Apply(compile(t, read(t, filtersOf("filter F { term a { then { count d; next-ip 192.0.2.8/32; } } }")))); err != nil {
		t.Fatal(err)
	}
	if got := namespaceState(t); got != with {
		t.Errorf("before:\n%s\nafter the same once more:\n%s", with, got)
	}
	k = again
	if err := k.Remove(); err != nil {
		t.Fatal(err)
	}
	if after := namespaceState(t); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if _, err := k.Apply(&forward.RuleSet{}); err != nil {
		t.Errorf("after Remove: %v", err)
	}
}

// namespaceState lists rules and routes of all tables.
func namespaceState(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		rules, err := netlink.RuleList(family)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			fmt.Fprintf(&b, "\nrule %d mark %d table %d", r.Priority, r.Mark, r.Table)
		}
		routes, err := netlink.RouteListFiltered(family, &netlink.Route{}, netlink.RT_FILTER_TABLE)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range routes {
			fmt.Fprintf(&b, "\nroute %v", r)
		}
	}
	return b.String()
}
