package policies_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"rhapsode/policies"
)

// chance makes random objects, and packets and routes near the edges of what they ask for.
type chance struct{ *rand.Rand }

func newChance(seed uint64) chance { return chance{rand.New(rand.NewPCG(seed, 1))} }

func pick[T any](c chance, list []T) T { return list[c.IntN(len(list))] }

func (c chance) in(n int) bool { return c.IntN(n) == 0 }

// some gives one to three of a list, each once.
func some[T comparable](c chance, list []T) []T {
	var out []T
	for range 1 + c.IntN(3) {
		if x := pick(c, list); !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

var (
	pool4 = prefixes("0.0.0.0/0 10.0.0.0/8 10.1.0.0/16 10.1.2.0/24 192.0.2.0/24 192.0.2.128/25 192.0.2.130/32 198.51.100.0/24 203.0.113.0/25 203.0.113.1/32")
	pool6 = prefixes("::/0 2001:db8::/32 2001:db8:1::/48 2001:db8:1::1/128 2001:db8:8000::/33")
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

// address gives the first or last address of a prefix of the pool, or its neighbour outside.
func (c chance) address(f policies.Family) netip.Addr {
	p := pick(c, pool(f))
	first, last := p.Addr(), p.Addr().AsSlice()
	for i := p.Bits(); i < len(last)*8; i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	end, _ := netip.AddrFromSlice(last)
	switch c.IntN(4) {
	case 0:
		return first
	case 1:
		return end
	case 2:
		if a := first.Prev(); a.IsValid() {
			return a
		}
		return first
	}
	if a := end.Next(); a.IsValid() {
		return a
	}
	return end
}

var (
	portValues  = []string{"22", "bgp", "80", "1024-65535", "0-1023", "8000-8010"}
	protoValues = []string{"tcp", "udp", "icmp", "gre", "sctp", "50"}
	typeValues  = []string{"echo-request", "echo-reply", "3", "11-12"}
	flagValues  = []string{"syn", "!ack", "(syn & !ack)", "rst | fin", "fin, ack + !push"}
)

func (c chance) values(list []string) policies.Values {
	return policies.Values{List: some(c, list), Except: c.in(4)}
}

func (c chance) filterMatch(f policies.Family) policies.FilterMatch {
	var m policies.FilterMatch
	for _, at := range []*[]policies.AddressMatch{&m.SourceAddress, &m.DestinationAddress, &m.Address} {
		if !c.in(4) {
			continue
		}
		for _, p := range some(c, pool(f)) {
			*at = append(*at, policies.AddressMatch{Prefix: p, Except: c.in(4)})
		}
	}
	if c.in(5) {
		m.SourcePrefixList = []policies.ListMatch{{Name: "L", Except: c.in(4)}}
	}
	proto := &m.Protocol
	if f == policies.Inet6 {
		if proto = &m.NextHeader; c.in(2) {
			proto = &m.PayloadProtocol
		}
	}
	for _, x := range []struct {
		at   *policies.Values
		list []string
		odds int
	}{
		{proto, protoValues, 2},
		{&m.SourcePort, portValues, 6},
		{&m.DestinationPort, portValues, 6},
		{&m.Port, portValues, 12},
		{&m.ICMPType, typeValues, 8},
		{&m.PacketLength, []string{"0-64", "1500", "100-200"}, 12},
		{&m.FragmentOffset, []string{"0", "1-8191"}, 12},
	} {
		if c.in(x.odds) {
			*x.at = c.values(x.list)
		}
	}
	m.IsFragment, m.FirstFragment, m.TCPEstablished = c.in(12), c.in(20), c.in(20)
	if c.in(12) {
		m.TCPFlags = pick(c, flagValues)
	}
	return m
}

func (c chance) filterAction(f policies.Family) policies.FilterAction {
	var a policies.FilterAction
	if c.in(2) {
		a.Count = "c" + fmt.Sprint(c.IntN(5))
	}
	switch c.IntN(8) {
	case 0:
	case 1:
		if f == policies.Inet {
			a.NextIP = netip.MustParsePrefix("192.0.2.9/32")
		} else {
			a.NextIP6 = netip.MustParsePrefix("2001:db8::9/128")
		}
	case 2:
		a.RoutingInstance = "R"
	case 3:
		a.Verdict, a.RejectType = policies.Reject, pick(c, []string{"", "tcp-reset"})
	case 4, 5:
		a.Verdict = policies.NextTerm
	case 6:
		a.Verdict = policies.Discard
	default:
		a.Verdict = policies.Accept
	}
	return a
}

// filters gives a filter `outer` that may call `inner`, and the list that they use.
func (c chance) filters(f policies.Family) *policies.Set {
	s := &policies.Set{PrefixLists: []*policies.PrefixList{{Name: "L", Prefixes: some(c, pool(f))}}}
	for _, name := range []string{"inner", "outer"} {
		x := &policies.Filter{Name: name, Family: f}
		for i := range 1 + c.IntN(5) {
			t := &policies.FilterTerm{Name: fmt.Sprint("t", i), Inactive: c.in(10)}
			if name == "outer" && c.in(5) {
				t.Call = "inner"
			} else {
				t.From, t.Then = c.filterMatch(f), c.filterAction(f)
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
		Protocol: policies.Known(pick(c, []uint32{1, 6, 6, 17, 47, 50, 132, 58})),
		TTL:      policies.Known(64), DSCP: policies.Known(0), Length: policies.Known(pick(c, []uint32{64, 65, 99, 100, 200, 1500})),
	}
	if f == policies.Inet6 && p.Protocol.N == 1 {
		p.Protocol.N = 58
	}
	if c.in(6) {
		p.FragmentOffset = pick(c, []uint32{0, 1, 185})
		p.MoreFragments = c.in(2)
	}
	if p.FragmentOffset > 0 {
		return p
	}
	switch p.Protocol.N {
	case 1, 58:
		p.ICMPType, p.ICMPCode = policies.Known(pick(c, []uint32{0, 2, 3, 8, 11, 12, 13, 128, 129})), policies.Known(0)
	case 6:
		p.TCPFlags = policies.Known(c.Uint32N(64))
		fallthrough
	case 17, 132:
		ports := []uint32{0, 21, 22, 23, 79, 80, 179, 1023, 1024, 8000, 8010, 8011, 65535}
		p.SourcePort, p.DestinationPort = policies.Known(pick(c, ports)), policies.Known(pick(c, ports))
	}
	return p
}

// both gives evaluators of a set, and of what FromConfig makes of its text.
func bothWays(t testing.TB, s *policies.Set) (a, b *policies.Evaluator) {
	t.Helper()
	var out [2]*policies.Evaluator
	for i := range out {
		tree, err := rebuild(t, s)
		if err != nil {
			t.Fatal(err)
		}
		tree = parse(t, tree.Text())
		if out[i], err = policies.NewEvaluator(tree); err != nil {
			t.Fatal(err)
		}
		if s, err = policies.FromConfig(tree); err != nil {
			t.Fatal(err)
		}
	}
	return out[0], out[1]
}

// filtersAgree is the property for one seed: what is written and read back, and the plain model of the typed objects,
// mean the same to random packets.
func filtersAgree(t *testing.T, seed uint64) (decided int) {
	t.Helper()
	c := newChance(seed)
	f := pick(c, []policies.Family{policies.Inet, policies.Inet, policies.Inet6})
	s := c.filters(f)
	a, b := bothWays(t, s)
	for range 40 {
		p := c.packet(f)
		one, err := a.Filter(f, "outer", p)
		if err != nil {
			t.Fatal(err)
		}
		two, _ := b.Filter(f, "outer", p)
		if one.String() != two.String() || !slices.Equal(one.Counts, two.Counts) {
			t.Fatalf("seed %d: %s: %s, read back %s", seed, p, one.String(), two.String())
		}
		traced, _ := a.TraceFilter(f, []string{"outer"}, p)
		if traced.String() != one.String() {
			t.Fatalf("seed %d: %s: %s, traced %s", seed, p, one.String(), traced.String())
		}
		if again, err := policies.ParsePacket(p.String()); err != nil || again.String() != p.String() {
			t.Fatalf("seed %d: packet %q reads back as %v %v", seed, p, again, err)
		}
		if one.Either != nil && !one.Either.All {
			continue // the model follows more
		}
		want := plainEnds(s, s.Filter("outer"), p)
		got := one.String()
		if one.Unknown != "" {
			got = "unknown"
		} else {
			decided++
		}
		if got != want {
			t.Fatalf("seed %d: %s\n got: %s\nwant: %s\n%s", seed, p, one.String(), want, s.Filter("outer").Text()+s.Filter("inner").Text()+s.PrefixList("L").Text())
		}
	}
	return decided
}

func TestFiltersAgree(t *testing.T) {
	decided := 0
	for seed := range uint64(200) {
		decided += filtersAgree(t, seed)
	}
	if decided < 200*40/2 {
		t.Errorf("only %d packets had a known verdict", decided)
	}
}

func FuzzFiltersAgree(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { filtersAgree(t, seed) })
}

// plainEnds is the only end that the model gives whichever way the unknown terms go; unknown if there are several.
func plainEnds(s *policies.Set, f *policies.Filter, p *policies.Packet) string {
	ends := plainFilter(s, f, p)
	if ends[""] {
		delete(ends, "")
		ends["discard"] = true
	}
	if len(ends) == 1 {
		return keys(ends)[0]
	}
	return "unknown"
}

// The plain model: what the vendor says about a subset, over the typed objects, with no index, no compiling and nothing
// in common with the evaluator. It gives the ends that a packet may meet, "" for none.

func plainFilter(s *policies.Set, f *policies.Filter, p *policies.Packet) map[string]bool {
	ends := map[string]bool{}
	for _, t := range f.Terms {
		if t.Inactive {
			continue
		}
		if t.Call != "" {
			for end := range plainFilter(s, s.Filter(t.Call), p) {
				ends[end] = true
			}
			if !ends[""] {
				return ends
			}
			delete(ends, "")
			continue
		}
		match := plainMatch(s, f.Family, &t.From, p)
		if end := plainEnd(&t.Then); match != "no" && end != "" {
			if ends[end] = true; match == "yes" {
				return ends
			}
		}
	}
	ends[""] = true
	return ends
}

func plainEnd(a *policies.FilterAction) string {
	switch {
	case a.Verdict == policies.NextTerm:
		return ""
	case a.Verdict == policies.Reject && a.RejectType != "":
		return "reject " + a.RejectType
	case a.Verdict == policies.Reject, a.Verdict == policies.Discard:
		return a.Verdict.String()
	case a.NextIP.IsValid():
		return "accept, next-ip " + a.NextIP.Addr().String()
	case a.NextIP6.IsValid():
		return "accept, next-ip " + a.NextIP6.Addr().String()
	case a.RoutingInstance != "":
		return "accept, routing-instance " + a.RoutingInstance
	}
	return "accept"
}

func plainMatch(s *policies.Set, f policies.Family, m *policies.FilterMatch, p *policies.Packet) string {
	answer := "yes"
	see := func(x string) {
		if x == "no" || x == "unknown" && answer == "yes" {
			answer = x
		}
	}
	if len(m.SourceAddress)+len(m.SourcePrefixList) > 0 {
		list := slices.Clone(m.SourceAddress)
		for _, l := range m.SourcePrefixList {
			for _, x := range s.PrefixList(l.Name).Prefixes {
				list = append(list, policies.AddressMatch{Prefix: x, Except: l.Except})
			}
		}
		see(yesNo(plainAddress(list, p.Source)))
	}
	if len(m.DestinationAddress) > 0 {
		see(yesNo(plainAddress(m.DestinationAddress, p.Destination)))
	}
	if len(m.Address) > 0 {
		see(yesNo(plainAddress(m.Address, p.Source) || plainAddress(m.Address, p.Destination)))
	}
	next := p.Protocol
	if f == policies.Inet6 && (p.MoreFragments || p.FragmentOffset > 0) {
		next = policies.Known(44)
	}
	for _, x := range []struct {
		v   policies.Values
		has []policies.Maybe
	}{
		{m.Protocol, []policies.Maybe{p.Protocol}},
		{m.PayloadProtocol, []policies.Maybe{p.Protocol}},
		{m.NextHeader, []policies.Maybe{next}},
		{m.SourcePort, []policies.Maybe{p.SourcePort}},
		{m.DestinationPort, []policies.Maybe{p.DestinationPort}},
		{m.Port, []policies.Maybe{p.SourcePort, p.DestinationPort}},
		{m.ICMPType, []policies.Maybe{p.ICMPType}},
		{m.PacketLength, []policies.Maybe{p.Length}},
		{m.FragmentOffset, []policies.Maybe{policies.Known(p.FragmentOffset)}},
	} {
		if len(x.v.List) > 0 {
			see(plainValue(x.v, f, x.has))
		}
	}
	if m.IsFragment {
		see(yesNo(p.FragmentOffset != 0))
	}
	if m.FirstFragment {
		see(yesNo(p.FragmentOffset == 0 && p.MoreFragments))
	}
	n := p.TCPFlags.N
	fin, syn, rst, push, ack := n&1 != 0, n&2 != 0, n&4 != 0, n&8 != 0, n&16 != 0
	if m.TCPEstablished || m.TCPFlags != "" {
		if !p.TCPFlags.Known {
			see("unknown")
			return answer
		}
	}
	if m.TCPEstablished {
		see(yesNo(ack || rst))
	}
	if m.TCPFlags != "" {
		see(yesNo(map[string]bool{
			"syn": syn, "!ack": !ack, "(syn & !ack)": syn && !ack, "rst | fin": rst || fin, "fin, ack + !push": fin || ack && !push,
		}[m.TCPFlags]))
	}
	return answer
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// plainAddress: the longest prefix decides; the same prefix with and without except is excepted.
func plainAddress(list []policies.AddressMatch, a netip.Addr) bool {
	best, in := -1, false
	for _, x := range list {
		switch {
		case !x.Prefix.Contains(a) || x.Prefix.Bits() < best:
		case x.Prefix.Bits() > best:
			best, in = x.Prefix.Bits(), !x.Except
		default:
			in = in && !x.Except
		}
	}
	return in
}

var plainNumbers = map[string]uint32{
	"tcp": 6, "udp": 17, "icmp": 1, "gre": 47, "sctp": 132, "bgp": 179, "echo-request": 8, "echo-reply": 0,
}

func plainValue(v policies.Values, f policies.Family, has []policies.Maybe) string {
	hit, unsaid := false, false
	for _, n := range has {
		unsaid = unsaid || !n.Known
		for _, s := range v.List {
			lo, hi := plainRange(s, f)
			hit = hit || n.Known && lo <= n.N && n.N <= hi
		}
	}
	switch {
	case hit:
		return yesNo(!v.Except)
	case unsaid:
		return "unknown"
	}
	return yesNo(v.Except)
}

func plainRange(s string, f policies.Family) (lo, hi uint32) {
	if f == policies.Inet6 && strings.HasPrefix(s, "echo-") {
		return map[string]uint32{"echo-request": 128, "echo-reply": 129}[s], map[string]uint32{"echo-request": 128, "echo-reply": 129}[s]
	}
	if n, ok := plainNumbers[s]; ok {
		return n, n
	}
	if _, err := fmt.Sscanf(s, "%d-%d", &lo, &hi); err != nil {
		fmt.Sscanf(s, "%d", &lo) //nolint:errcheck // a number of the lists above
		hi = lo
	}
	return lo, hi
}
