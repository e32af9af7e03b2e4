package policies

import (
	"fmt"
	"strings"
)

// unknownTest is a condition of which nothing is known.
func unknownTest(text, reason string) packetTest {
	return packetTest{text: text, why: func(*Packet) string { return reason }}
}

// packetTests makes the conditions of a term ready, in the order in which the configuration shows them.
func (e *Evaluator) packetTests(f Family, m *FilterMatch) []packetTest {
	var out []packetTest
	fields, lists := m.addressFields(), m.listFields()
	for i, x := range fields {
		if len(*x.value)+len(*lists[i].value) > 0 {
			out = append(out, e.addressTest(f, x.key, *x.value, *lists[i].value))
		}
	}
	for _, x := range m.valueFields() {
		if len(x.value.List) > 0 {
			out = append(out, valueTest(f, x.key, *x.value))
		}
	}
	out = append(out, flagTests(m)...)
	for _, x := range m.textFields() {
		if *x.value != "" {
			out = append(out, bitsTest(f, x.key, *x.value))
		}
	}
	if len(m.Interface) > 0 {
		out = append(out, interfaceTest(m.Interface))
	}
	return out
}

func (e *Evaluator) addressTest(f Family, key string, own []AddressMatch, lists []ListMatch) packetTest {
	text := addressText(key, own, lists)
	set, unknown := e.addresses(f, own, lists)
	if unknown != "" {
		return unknownTest(text, unknown)
	}
	switch key {
	case "source-address":
		return packetTest{
			text,
			func(p *Packet) Answer { return answer(set.contains(p.Source)) },
			func(p *Packet) string { return "from " + p.Source.String() },
		}
	case "destination-address":
		return packetTest{
			text,
			func(p *Packet) Answer { return answer(set.contains(p.Destination)) },
			func(p *Packet) string { return "to " + p.Destination.String() },
		}
	}
	return packetTest{
		text, // either may match; an exception must hold for both
		func(p *Packet) Answer { return answer(set.contains(p.Source) || set.contains(p.Destination)) },
		func(p *Packet) string { return "from " + p.Source.String() + " to " + p.Destination.String() },
	}
}

func addressText(key string, own []AddressMatch, lists []ListMatch) string {
	var parts []string
	with := func(s string, except bool) string {
		if except {
			return s + " except"
		}
		return s
	}
	var list []string
	for _, a := range own {
		list = append(list, with(a.Prefix.String(), a.Except))
	}
	if len(list) > 0 {
		const most = 4
		if len(list) > most {
			list = append(list[:most:most], fmt.Sprintf("… %d more", len(list)-most))
		}
		parts = append(parts, key+" "+and(list))
	}
	for _, l := range lists {
		parts = append(parts, strings.TrimSuffix(key, "address")+"prefix-list "+with(l.Name, l.Except))
	}
	return strings.Join(parts, " or ")
}

// valueTest is a condition whose values are numbers, names of them or ranges.
func valueTest(f Family, key string, v Values) packetTest {
	written := key
	if v.Except {
		written += "-except"
	}
	text := listed(written, v.List)
	if key == "forwarding-class" || key == "loss-priority" {
		return classTest(text, key, v)
	}
	plain, anyOf := v.withoutAny(key)
	ranges, err := evalRanges(plain, key, f)
	if err != nil {
		return unknownTest(text, err.Error())
	}
	t := packetTest{text: text}
	switch key {
	case "ip-options", "extension-header":
		t.test = func(p *Packet) Answer { return answer(hasOne(p.several(key), ranges, anyOf)) }
		t.why = func(p *Packet) string { return numbersText(key, p.several(key)) }
	case "port":
		t.test = func(p *Packet) Answer {
			return either(inField(p.number("source-port"), ranges), inField(p.number("destination-port"), ranges))
		}
		t.why = func(p *Packet) string { return p.tell("source-port") + ", " + p.tell("destination-port") }
	default:
		t.test = func(p *Packet) Answer { return inField(p.number(key), ranges) }
		t.why = func(p *Packet) string { return p.tell(key) }
	}
	if v.Except {
		plainTest := t.test
		t.test = func(p *Packet) Answer { return plainTest(p).not() }
	}
	return t
}

func inField(m Maybe, ranges []Range) Answer {
	if !m.Known {
		return Unknown
	}
	return answer(inRanges(ranges, m.N))
}

func hasOne(list []uint32, ranges []Range, anyOf bool) bool {
	for _, n := range list {
		if anyOf || inRanges(ranges, n) {
			return true
		}
	}
	return false
}

func numbersText(key string, list []uint32) string {
	if len(list) == 0 {
		return "no " + key
	}
	return strings.Trim(fmt.Sprint(list), "[]")
}

// several gives the values of a condition that a packet may have more than one of.
func (p *Packet) several(key string) []uint32 {
	if key == "ip-options" {
		return p.Options
	}
	return p.headers()
}

// number gives what a condition compares. The vendor tests the field at its place in the packet and no protocol: a port
// is compared with whatever stands in the two bytes behind the IP header (Juniper, "Overview of Protocol Match
// Conditions"; "Understanding How Firewall Filters Test a Packet's Protocol"). So a packet of another protocol, or a
// trailing fragment, may match: what stands there is not known here.
func (p *Packet) number(key string) Maybe {
	switch key {
	case "protocol", "payload-protocol":
		return p.Protocol
	case "next-header":
		return p.nextHeader()
	case "dscp", "traffic-class":
		return p.DSCP
	case "ttl", "hop-limit":
		return p.TTL
	case "packet-length":
		return p.Length
	case "fragment-offset":
		return Known(p.FragmentOffset)
	case "icmp-type", "icmp-code":
		if !p.isICMP() {
			return Maybe{}
		}
		if key == "icmp-type" {
			return p.ICMPType
		}
		return p.ICMPCode
	case "source-port", "destination-port":
		if !p.hasPorts() {
			return Maybe{}
		}
		if key == "source-port" {
			return p.SourcePort
		}
		return p.DestinationPort
	}
	return Maybe{}
}

// tell says in words what number gives, and why it is not known.
func (p *Packet) tell(key string) string {
	n := p.number(key)
	switch {
	case n.Known && (key == "protocol" || key == "payload-protocol" || key == "next-header"):
		if name := nameOf(protocols, n.N); name != "" {
			return fmt.Sprintf("%s (%d)", name, n.N)
		}
		return fmt.Sprint(n.N)
	case n.Known:
		return fmt.Sprint(n.N)
	}
	of := ""
	switch key {
	case "icmp-type", "icmp-code":
		if !p.isICMP() {
			of = "ICMP"
		}
	case "source-port", "destination-port":
		if !p.hasPorts() {
			of = "TCP, UDP or SCTP"
		}
	}
	return p.untold(key, of)
}

// untold says why a field of a header behind IP is not known: the packet doesn't say, or has no such header.
func (p *Packet) untold(key, header string) string {
	switch {
	case header == "" || !p.Protocol.Known:
		return "the packet does not say its " + key
	case p.trailing():
		return "a trailing fragment has no header there, and a router looks at what stands in its place"
	}
	return "the packet has no " + header + " header, and a router looks at what stands in its place without asking the protocol"
}

func classTest(text, key string, v Values) packetTest {
	get := func(p *Packet) string {
		if key == "forwarding-class" {
			return p.ForwardingClass
		}
		return p.LossPriority
	}
	return packetTest{
		text,
		func(p *Packet) Answer {
			have := get(p)
			if have == "" {
				return Unknown
			}
			for _, s := range v.List {
				if s == have {
					return answer(!v.Except)
				}
			}
			return answer(v.Except)
		},
		func(p *Packet) string { return orElse(get(p), "the packet does not say its "+key) },
	}
}

// flagTests are the conditions without a value. is-fragment takes trailing fragments only, first-fragment no whole packet
// (Juniper, Policy Framework Configuration Guide, "IPv4 Firewall Filter Match Conditions" and "Bit-Field Firewall Filter
// Match Conditions"; a newer table, "Service Filter Match Conditions for IPv4 or IPv6 Traffic", calls first-fragment an
// alias of `fragment-offset 0`, against its own first sentence). tcp-initial and tcp-established ask for no protocol.
func flagTests(m *FilterMatch) []packetTest {
	var out []packetTest
	add := func(set bool, text string, test func(p *Packet) Answer, why func(p *Packet) string) {
		if set {
			out = append(out, packetTest{text, test, why})
		}
	}
	fragment := func(p *Packet) string {
		switch {
		case !p.fragment():
			return "not a fragment"
		case p.MoreFragments:
			return fmt.Sprintf("fragment with offset %d, more follow", p.FragmentOffset)
		}
		return fmt.Sprintf("last fragment, with offset %d", p.FragmentOffset)
	}
	add(m.IsFragment, "is-fragment", func(p *Packet) Answer { return answer(p.FragmentOffset > 0) }, fragment)
	add(m.FirstFragment, "first-fragment", func(p *Packet) Answer { return answer(p.FragmentOffset == 0 && p.MoreFragments) }, fragment)
	add(m.LastFragment, "last-fragment", func(p *Packet) Answer { return answer(p.FragmentOffset > 0 && !p.MoreFragments) }, fragment)
	for _, x := range []struct {
		set  bool
		text string
		test bitExpression
	}{ // both are short for expressions over tcp-flags, and ask no protocol either
		{m.TCPInitial, "tcp-initial", tcpInitial},
		{m.TCPEstablished, "tcp-established", tcpEstablished},
	} {
		add(x.set, x.text, func(p *Packet) Answer { return p.flagsMatch(x.test) }, (*Packet).tellFlags)
	}
	return out
}

func (p *Packet) hasTCP() bool { return p.Protocol.is(protoTCP) && !p.trailing() }

func (p *Packet) flagsMatch(x bitExpression) Answer {
	if !p.hasTCP() || !p.TCPFlags.Known {
		return Unknown
	}
	return answer(x(p.TCPFlags.N))
}

func (p *Packet) tellFlags() string {
	if p.hasTCP() && p.TCPFlags.Known {
		return flagNames(p.TCPFlags.N)
	}
	of := "TCP"
	if p.hasTCP() {
		of = ""
	}
	return p.untold("tcp-flags", of)
}

func bitsTest(f Family, key, expression string) packetTest {
	text := listed(key, []string{expression})
	if key == "tcp-flags" {
		x, err := parseBits(expression, tcpFlagBits)
		if err != nil {
			return unknownTest(text, err.Error())
		}
		return packetTest{text, func(p *Packet) Answer { return p.flagsMatch(x) }, (*Packet).tellFlags}
	}
	x, err := parseBits(expression, fragmentFlagBits)
	if err != nil {
		return unknownTest(text, err.Error())
	}
	if f == Inet6 {
		return unknownTest(text, "IPv6 has no such flags")
	}
	return packetTest{
		text,
		func(p *Packet) Answer { return answer(x(p.fragmentFlags())) },
		func(p *Packet) string {
			return fmt.Sprintf("more-fragments %t, dont-fragment %t", p.MoreFragments, p.DontFragment)
		},
	}
}

func (p *Packet) fragmentFlags() uint32 {
	var b uint32
	if p.MoreFragments {
		b |= fragmentFlagBits["more-fragments"]
	}
	if p.DontFragment {
		b |= fragmentFlagBits["dont-fragment"]
	}
	return b
}

func interfaceTest(names []string) packetTest {
	text := listed("interface", names)
	for _, n := range names {
		if strings.ContainsAny(n, "*<[?") {
			return unknownTest(text, "a wildcard has no semantics here")
		}
	}
	return packetTest{
		text,
		func(p *Packet) Answer {
			if p.Interface == "" {
				return Unknown
			}
			for _, n := range names {
				if n == p.Interface {
					return Yes
				}
			}
			return No
		},
		func(p *Packet) string { return orElse(p.Interface, "the packet does not say its interface") },
	}
}

// writtenLines gives the statements that a writer holds, without indent and semicolon.
func writtenLines(w *writer) []string {
	var out []string
	for line := range strings.Lines(w.b.String()) {
		out = append(out, strings.TrimSuffix(strings.TrimSpace(line), ";"))
	}
	return out
}
