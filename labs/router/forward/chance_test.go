package forward_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
	"rhapsode/labs/router/forward"
	"rhapsode/policies"
)

// chance makes random filters of everything that can be translated, and packets near the edges of what they ask for. The
// generator of policies' own property tests makes less: its plain model knows a part of the language only.
type chance struct{ *rand.Rand }

func newChance(seed uint64) chance { return chance{rand.New(rand.NewPCG(seed, 2))} }

func pick[T any](c chance, list ...T) T { return list[c.IntN(len(list))] }

func (c chance) in(n int) bool { return c.IntN(n) == 0 }

func some[T comparable](c chance, list []T) []T {
	var out []T
	for range 1 + c.IntN(3) {
		if x := pick(c, list...); !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

const instanceTable = 500

var (
	nextHop4 = netip.MustParseAddr("192.0.2.9")
	nextHop6 = netip.MustParseAddr("2001:db8::9")
)

var (
	pool4 = prefixes("0.0.0.0/0 10.0.0.0/8 10.1.0.0/16 10.1.2.0/24 192.0.2.0/24 192.0.2.128/25 192.0.2.130/32 198.51.100.0/24 203.0.113.0/25 203.0.113.1/32")
	pool6 = prefixes("::/0 2001:db8::/32 2001:db8:1::/48 2001:db8:1::1/128 2001:db8:8000::/33 2001:db8:1:8000::/49 2001:db8:1:2::/64 8000::/1")
)

func prefixes(list string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range strings.Fields(list) {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func pool(f policies.Family) []netip.Prefix {
	if f == policies.Inet6 {
		return pool6
	}
	return pool4
}

// address gives an edge of a prefix of the pool, or its neighbour outside, among those that a router forwards from and to.
func (c chance) address(f policies.Family) netip.Addr {
	for {
		p := pick(c, pool(f)...)
		first, last := p.Addr(), p.Addr().AsSlice()
		for i := p.Bits(); i < len(last)*8; i++ {
			last[i/8] |= 0x80 >> (i % 8)
		}
		end, _ := netip.AddrFromSlice(last)
		a := pick(c, first, end, first.Prev(), end.Next())
		if a.IsValid() && routable(a) {
			return a
		}
	}
}

// routable leaves out what the kernel drops itself: multicast, loopback, 0/8, 240/4.
func routable(a netip.Addr) bool {
	if a.Is4() {
		first := a.As4()[0]
		return first != 0 && first != 127 && first < 224
	}
	return !a.IsMulticast() && !a.IsLoopback() && !a.IsUnspecified() && !a.IsLinkLocalUnicast() && a != nextHop6
}

func (c chance) values(list ...string) policies.Values {
	return policies.Values{List: some(c, list), Except: c.in(4)}
}

func (c chance) matchAddresses(f policies.Family, m *policies.FilterMatch) {
	for _, at := range []*[]policies.AddressMatch{&m.SourceAddress, &m.DestinationAddress, &m.Address} {
		if !c.in(4) {
			continue
		}
		for _, p := range some(c, pool(f)) {
			*at = append(*at, policies.AddressMatch{Prefix: p, Except: c.in(4)})
		}
	}
	for _, at := range []*[]policies.ListMatch{&m.SourcePrefixList, &m.DestinationPrefixList, &m.PrefixList} {
		if c.in(8) {
			*at = []policies.ListMatch{{Name: pick(c, "L", "M"), Except: c.in(4)}}
		}
	}
}

func (c chance) match(f policies.Family) policies.FilterMatch {
	var m policies.FilterMatch
	c.matchAddresses(f, &m)
	proto := &m.Protocol
	protocols := []string{"tcp", "udp", "icmp", "gre", "sctp", "50", "6-17"}
	ttl, dscp := &m.TTL, &m.DSCP
	if f == policies.Inet6 {
		if proto = &m.NextHeader; c.in(2) {
			proto = &m.PayloadProtocol
		}
		protocols = append(protocols, "icmp6", "hop-by-hop", "fragment", "dstopts")
		ttl, dscp = &m.HopLimit, &m.TrafficClass
		if c.in(8) {
			m.ExtensionHeader = c.values("hop-by-hop", "fragment", "routing", "dstopts", "esp", "any", "0-50", "200")
		}
	} else if c.in(8) {
		m.Options = c.values("route-record", "router-alert", "any", "7")
	}
	types := []string{"echo-request", "echo-reply", "3", "11-12", "0-255"}
	for _, x := range []struct {
		at   *policies.Values
		list []string
		odds int
	}{
		{proto, protocols, 2},
		{&m.SourcePort, []string{"22", "bgp", "80", "1024-65535", "0-1023", "8000-8010", "0-65535"}, 6},
		{&m.DestinationPort, []string{"22", "bgp", "80", "1024-65535", "0-1023", "8000-8010"}, 6},
		{&m.Port, []string{"22", "bgp", "80", "1024-65535", "0-1023", "8000-8010"}, 8},
		{&m.ICMPType, types, 8},
		{&m.ICMPCode, []string{"0", "1-3", "port-unreachable"}, 16},
		{&m.PacketLength, []string{"0-64", "1500", "100-200", "0-65535", "65-99"}, 12},
		{&m.FragmentOffset, []string{"0", "1-8191", "185", "1", "0-1"}, 10},
		{ttl, []string{"2", "64", "255", "3-63", "0-255"}, 10},
		{dscp, []string{"ef", "be", "af11", "cs1-cs6", "63", "0-7"}, 10},
	} {
		if c.in(x.odds) {
			*x.at = c.values(x.list...)
		}
	}
	m.IsFragment, m.FirstFragment, m.LastFragment = c.in(12), c.in(16), c.in(20)
	m.TCPEstablished, m.TCPInitial = c.in(20), c.in(20)
	if c.in(12) {
		m.TCPFlags = pick(c, "syn", "!ack", "(syn & !ack)", "rst | fin", "fin, ack + !push", "!(syn | fin) & urgent", "0x10")
	}
	if f == policies.Inet && c.in(16) {
		m.FragmentFlags = pick(c, "more-fragments", "dont-fragment", "!more-fragments & !dont-fragment", "more-fragments | dont-fragment")
	}
	if c.in(16) {
		m.Interface = some(c, []string{"ge-0/0/0.0", "ge-0/0/1.0", "ge-9/9/9.0"})
	}
	return m
}

func (c chance) action(f policies.Family) policies.FilterAction {
	var a policies.FilterAction
	if c.in(2) {
		a.Count = "c" + fmt.Sprint(c.IntN(5))
	}
	a.Log, a.Syslog, a.Sample = c.in(20), c.in(20), c.in(20)
	if c.in(20) {
		a.ForwardingClass, a.LossPriority = pick(c, "expedited-forwarding", "own"), pick(c, "low", "high", "")
	}
	if c.in(20) {
		a.Policer = "wide"
	}
	switch c.IntN(9) {
	case 0:
	case 1:
		if f == policies.Inet {
			a.NextIP = netip.PrefixFrom(nextHop4, 32)
		} else {
			a.NextIP6 = netip.PrefixFrom(nextHop6, 128)
		}
	case 2:
		a.RoutingInstance = "R"
	case 3:
		a.Verdict, a.RejectType = policies.Reject, pick(c, "", "tcp-reset", "port-unreachable", "host-unreachable", "administratively-prohibited")
	case 4, 5:
		a.Verdict = policies.NextTerm
	case 6:
		a.Verdict = policies.Discard
	default:
		a.Verdict = policies.Accept
	}
	return a
}

// stay takes out of filters what sends packets elsewhere.
func stay(s *policies.Set) {
	for _, f := range s.Filters {
		for _, t := range f.Terms {
			t.Then.NextIP, t.Then.NextIP6, t.Then.RoutingInstance = netip.Prefix{}, netip.Prefix{}, ""
		}
	}
}

// filters gives filters `inner`, `outer`, which may call it, and `last`, and the lists that they use.
func (c chance) filters(f policies.Family) *policies.Set {
	s := &policies.Set{PrefixLists: []*policies.PrefixList{{Name: "L", Prefixes: some(c, pool(f))}, {Name: "M", Prefixes: some(c, pool(f))}}}
	for _, name := range []string{"inner", "outer", "last"} {
		x := &policies.Filter{Name: name, Family: f}
		for i := range 1 + c.IntN(5) {
			t := &policies.FilterTerm{Name: fmt.Sprint("t", i), Inactive: c.in(10)}
			if name == "outer" && c.in(5) {
				t.Call = "inner"
			} else {
				t.From, t.Then = c.match(f), c.action(f)
			}
			x.Terms = append(x.Terms, t)
		}
		s.Filters = append(s.Filters, x)
	}
	return s
}

func (c chance) packet(f policies.Family) *policies.Packet {
	p := &policies.Packet{
		Source: c.address(f), Destination: c.address(f),
		Protocol: policies.Known(pick[uint32](c, 1, 6, 6, 17, 47, 50, 132, 58)),
		TTL:      policies.Known(pick[uint32](c, 64, 64, 2, 63, 3, 255)), DSCP: policies.Known(pick[uint32](c, 0, 0, 46, 10, 63, 7, 8)),
		Length:       policies.Known(pick[uint32](c, 0, 64, 65, 99, 100, 200, 1500)),
		DontFragment: f == policies.Inet && c.in(3), Interface: "ge-0/0/0.0",
	}
	for p.Destination == p.Source { // an answer could not be told from the packet itself
		p.Destination = c.address(f)
	}
	if c.in(5) {
		p.FragmentOffset = pick[uint32](c, 0, 1, 185)
		p.MoreFragments = c.in(2)
	}
	if f == policies.Inet6 {
		if p.Protocol.N == 1 {
			p.Protocol.N = 58
		}
		for _, n := range []uint32{0, 60, 43} { // in the order of RFC 8200
			if c.in(8) {
				p.ExtensionHeaders = append(p.ExtensionHeaders, n)
			}
		}
		if p.FragmentOffset > 0 || p.MoreFragments || c.in(20) {
			p.ExtensionHeaders = append(p.ExtensionHeaders, 44)
		}
		if p.Protocol.N == 50 && p.FragmentOffset == 0 {
			p.ExtensionHeaders = append(p.ExtensionHeaders, 50)
		}
	} else if c.in(6) {
		p.Options = some(c, []uint32{7, 148, 68})
		if c.in(3) {
			p.Options = []uint32{pick[uint32](c, 131, 137)}
		}
	}
	if p.FragmentOffset > 0 {
		return p
	}
	switch p.Protocol.N {
	case 1, 58:
		p.ICMPType, p.ICMPCode = policies.Known(pick[uint32](c, 0, 2, 3, 8, 11, 12, 13, 128, 129)), policies.Known(pick[uint32](c, 0, 0, 1, 3))
	case 6:
		p.TCPFlags = policies.Known(c.Uint32N(64))
		fallthrough
	case 17, 132:
		list := []uint32{0, 21, 22, 23, 79, 80, 179, 1023, 1024, 8000, 8010, 8011, 65535}
		p.SourcePort, p.DestinationPort = policies.Known(pick(c, list...)), policies.Known(pick(c, list...))
	}
	return p
}

// configuration puts filters into a configuration, applied to the interface on which packets come, or to the one by which
// they leave.
func configuration(t testing.TB, s *policies.Set, f policies.Family, list []string, output bool) *junos.Tree {
	t.Helper()
	var b strings.Builder
	for _, l := range s.PrefixLists {
		fmt.Fprintf(&b, "policy-options {\n%s}\n", l.Text())
	}
	for _, x := range s.Filters {
		fmt.Fprintf(&b, "firewall {\nfamily %s {\n%s}\n}\n", f, x.Text())
	}
	b.WriteString("firewall { policer wide { if-exceeding { bandwidth-limit 8g; burst-size-limit 100m; } then discard; } }\n")
	way := "input"
	if output {
		way = "output"
	}
	applied := fmt.Sprintf("family %s { filter { %s %s; } }", f, way, list[0])
	if len(list) > 1 {
		applied = fmt.Sprintf("family %s { filter { %s-list [ %s ]; } }", f, way, strings.Join(list, " "))
	}
	in, out := applied, ""
	if output {
		in, out = out, in
	}
	fmt.Fprintf(&b, "interfaces { ge-0/0/0 { unit 0 { %s } } ge-0/0/1 { unit 0 { %s } } }\n", in, out)
	b.WriteString("routing-instances { R { instance-type forwarding; } }\n")
	return read(t, b.String())
}

// wired names the devices of the lab's router.
func wired(unit string) string {
	return map[string]string{"ge-0/0/0.0": "in0", "ge-0/0/1.0": "out0"}[unit]
}

func instances(name string) (uint32, bool) { return instanceTable, name == "R" }

func compile(t testing.TB, tree *junos.Tree) *forward.RuleSet {
	t.Helper()
	r, err := forward.CompileFilters(forward.Filters{Config: tree, Device: wired, Table: instances})
	if err != nil {
		t.Fatalf("%v\n%s", err, tree.Text())
	}
	return r
}
