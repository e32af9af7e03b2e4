package forward_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rhapsode/labs/router/forward"
	"rhapsode/policies"
)

// agrees tells whether what the kernel did is what the evaluator says, or one of what it says it may be; empty: yes.
func agrees(r *policies.FilterResult, p *policies.Packet, fate string, counted []string) string {
	if !mayCount(r, counted) {
		return fmt.Sprintf("counted %v, want %v (and perhaps %v)", counted, r.Counts, r.MayCount)
	}
	ends := []string{r.String()}
	switch {
	case r.Either != nil && !r.Either.All:
		return ""
	case r.Either != nil:
		ends = slices.Concat(r.Either.IfMatch, r.Either.IfNot)
	case r.Unknown != "":
		return "the evaluator does not know: " + r.Unknown
	}
	var want []string
	for _, end := range ends {
		want = append(want, fates(p, end)...)
	}
	// Once the filter has accepted, a router that is not on a strict source route drops the packet, and most often
	// answers with an error, which has options.
	strict := slices.Contains(p.Options, 137) && (strings.HasPrefix(fate, "out0 47") || fate == "")
	if strict && slices.ContainsFunc(want, func(s string) bool { return strings.HasSuffix(s, " forwarded") }) {
		return ""
	}
	if !slices.Contains(want, fate) {
		return fmt.Sprintf("its fate is %q, want one of %q: %s", fate, want, r)
	}
	return ""
}

// mayCount tells whether the counters that moved are those that must, and none that may not. Where it is not known which
// terms match, the evaluator does not tell how often a counter moves.
func mayCount(r *policies.FilterResult, counted []string) bool {
	if r.Either == nil && len(r.Regardless) == 0 {
		return slices.Equal(counted, slices.Sorted(slices.Values(r.Counts)))
	}
	for _, c := range r.Counts {
		if !slices.Contains(counted, c) {
			return false
		}
	}
	return !slices.ContainsFunc(counted, func(c string) bool {
		return !slices.Contains(r.Counts, c) && !slices.Contains(r.MayCount, c)
	})
}

// fates gives how an end shows on the wires.
func fates(p *policies.Packet, end string) []string {
	switch {
	case end == "accept":
		return []string{"out0 forwarded"}
	case strings.HasPrefix(end, "accept, next-ip "):
		return []string{"alt0 forwarded"}
	case strings.HasPrefix(end, "accept, routing-instance "):
		return []string{"vrf0 forwarded"}
	case end == "discard":
		return []string{""}
	case end == "reject tcp-reset":
		if p.Protocol.N != 6 || p.FragmentOffset > 0 || p.MoreFragments || p.TCPFlags.N&4 != 0 {
			return []string{""}
		}
		if len(p.ExtensionHeaders) > 0 {
			return []string{"out0 reset", ""}
		}
		return []string{"out0 reset"}
	}
	_, kind, _ := strings.Cut(end, "reject ")
	code := map[string]string{
		"": "3/13", "administratively-prohibited": "3/13", "port-unreachable": "3/3", "host-unreachable": "3/1",
	}[kind]
	if p.Family() == policies.Inet6 {
		code = map[string]string{"": "1/1", "administratively-prohibited": "1/1", "port-unreachable": "1/4", "host-unreachable": "1/3"}[kind]
	}
	answered := []string{"out0 icmp " + code}
	if unanswered(p) {
		return append(answered, "")
	}
	return answered
}

// unanswered tells whether a host may keep silent on a packet: no ICMP error answers another, or a fragment (RFC 1122,
// section 3.2.2; RFC 4443, section 2.4), and this kernel knows few types of ICMP.
func unanswered(p *policies.Packet) bool {
	echo := map[policies.Family]uint32{policies.Inet: 8, policies.Inet6: 128}[p.Family()]
	icmp := (p.Protocol.N == 1 || p.Protocol.N == 58) && p.ICMPType.N != echo
	return icmp || p.FragmentOffset > 0 || p.MoreFragments || len(p.ExtensionHeaders) > 0
}

// simulated is the kernel as far as a rule set uses it, so that the translation can be tested by an ordinary user, too. What
// it does not know of the kernel, the tests that need root do.
type simulated struct {
	rules     *forward.RuleSet
	family    policies.Family
	packet    []byte
	transport int    // where the payload begins
	protocol  uint32 // of the payload
	mark      uint32
	counted   []string
}

func newSimulated(r *forward.RuleSet, f policies.Family, packet []byte) *simulated {
	s := &simulated{rules: r, family: f, packet: packet}
	s.protocol, s.transport, _ = s.walk(-1)
	if f == policies.Inet {
		s.protocol, s.transport = uint32(packet[9]), int(packet[0]&15)*4
	}
	return s
}

// walk goes along the extension headers to one, or with -1 to the payload.
func (s *simulated) walk(to int) (protocol uint32, at int, found bool) {
	next, at := int(s.packet[6]), 40
	for {
		if next == to {
			return uint32(next), at, true
		}
		if !slices.Contains([]int{0, 43, 44, 60}, next) || at+8 > len(s.packet) {
			return uint32(next), at, false
		}
		trailing := next == 44 && binary.BigEndian.Uint16(s.packet[at+2:])&0xfff8 != 0
		next, at = int(s.packet[at]), at+8
		if trailing {
			return uint32(next), at, false
		}
	}
}

// load gives a field; false: the packet does not have it.
func (s *simulated) load(f forward.Field) (string, bool) {
	cut := func(at int) (string, bool) {
		at += int(f.Offset)
		if at+int(f.Len) > len(s.packet) {
			return "", false
		}
		return string(s.packet[at : at+int(f.Len)]), true
	}
	has := func(b bool) (string, bool) {
		if b {
			return "\x01", true
		}
		return "\x00", true
	}
	switch f.Base {
	case forward.Network:
		return cut(0)
	case forward.Transport:
		return cut(s.transport)
	case forward.Header:
		_, at, found := s.walk(int(f.Type))
		if !found {
			return "", false
		}
		return cut(at)
	case forward.HasHeader:
		_, _, found := s.walk(int(f.Type))
		return has(found)
	case forward.HasOption:
		return has(slices.Contains(optionTypes(s.packet[20:s.transport]), f.Type))
	case forward.PayloadProtocol:
		return string([]byte{byte(s.protocol)}), true
	case forward.InInterface:
		return "in0" + strings.Repeat("\x00", 13), true
	case forward.PacketMark:
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], s.mark)
		return string(b[:]), true
	}
	return "", false
}

func optionTypes(b []byte) []uint8 {
	var out []uint8
	for len(b) > 1 && b[0] > 0 {
		if b[0] == 1 {
			b = b[1:]
			continue
		}
		out = append(out, b[0])
		b = b[min(max(2, int(b[1])), len(b)):]
	}
	return out
}

func under(s, mask string) string {
	if mask == "" {
		return s
	}
	b := []byte(s)
	for i := range b {
		b[i] &= mask[i]
	}
	return string(b)
}

// chain runs a chain; empty: it gives the packet back.
func (s *simulated) chain(name string) string {
	i := slices.IndexFunc(s.rules.Chains, func(c forward.Chain) bool { return c.Family == s.family && c.Name == name })
	for _, r := range s.rules.Chains[i].Rules {
		if end := s.rule(r); end != "" {
			return end
		}
	}
	return ""
}

func (s *simulated) rule(r forward.Rule) string {
	for _, step := range r {
		switch x := step.(type) {
		case forward.Compare:
			v, ok := s.load(x.Field)
			v = under(v, x.Mask)
			if !ok || (x.From <= v && v <= x.To) == x.Not {
				return ""
			}
		case forward.Member:
			v, ok := s.load(x.Field)
			v = under(v, x.Mask)
			i := slices.IndexFunc(s.rules.Sets, func(o forward.Set) bool { return o.Family == s.family && o.Name == x.Set })
			in := slices.ContainsFunc(s.rules.Sets[i].Ranges, func(o forward.Bytes) bool { return o.From <= v && v <= o.To })
			if !ok || in == x.Not {
				return ""
			}
		case forward.Exceeds:
			return ""
		case forward.Count:
			i := slices.IndexFunc(s.rules.Counters, func(o forward.Counter) bool { return o.Family == s.family && o.Key == x.Key })
			s.counted = append(s.counted, strings.TrimSuffix(s.rules.Counters[i].Name, "-ge-0/0/0.0-i"))
		case forward.Mark:
			s.mark = s.mark&^x.Mask | x.Value
		case forward.Reject:
			if x.Reset {
				return "reset"
			}
			kind := 3
			if s.family == policies.Inet6 {
				kind = 1
			}
			return fmt.Sprintf("out0 icmp %d/%d", kind, x.Code)
		case forward.Verdict:
			switch x.Kind {
			case forward.Accept:
				return "accept"
			case forward.Drop:
				return "drop"
			}
			if end := s.chain(x.Chain); end != "" {
				return end
			}
			return "" // the rule is over, the chain goes on
		}
	}
	return ""
}

// fate tells what would be seen on the wires.
func (s *simulated) fate(p *policies.Packet) string {
	switch end := s.chain("interface input"); end {
	case "drop":
		return ""
	case "reset":
		return fates(p, "reject tcp-reset")[0]
	case "accept", "":
		i := slices.IndexFunc(s.rules.Diversions, func(d forward.Diversion) bool {
			return d.Family == s.family && uint32(d.Mark) == s.mark&0xffff
		})
		switch {
		case i < 0:
			return "out0 forwarded"
		case s.rules.Diversions[i].Instance != "":
			return "vrf0 forwarded"
		}
		return "alt0 forwarded"
	default:
		return end
	}
}

func translationAgrees(t *testing.T, seed uint64, packets int) {
	t.Helper()
	c := newChance(seed)
	f := pick(c, policies.Inet, policies.Inet6)
	s := c.filters(f)
	list := [][]string{{"outer"}, {"outer", "last"}, {"last", "outer", "inner"}}[c.IntN(3)]
	tree := configuration(t, s, f, list, false)
	e, err := policies.NewEvaluator(tree)
	if err != nil {
		t.Fatal(err)
	}
	rules := compile(t, tree)
	for n := range packets {
		p := c.packet(f)
		k := newSimulated(rules, f, encode(p, seed*1000+uint64(n)))
		want, err := e.FilterList(f, list, p)
		if err != nil {
			t.Fatal(err)
		}
		fate := k.fate(p)
		slices.Sort(k.counted)
		if bad := agrees(&want, p, fate, k.counted); bad != "" {
			t.Fatalf("seed %d packet %d: %s\n%s\nfilters %v\n%s\n%s", seed, n, p, bad, list, tree.Text(), rules)
		}
	}
}

// TestTranslationAgrees holds the rule set, as the kernel is thought to read it, against the evaluator.
func TestTranslationAgrees(t *testing.T) {
	for seed := range uint64(150) {
		translationAgrees(t, seed, 40)
	}
}

func FuzzTranslationAgrees(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { translationAgrees(t, seed, 40) })
}
