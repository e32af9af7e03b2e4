package policies

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// anyOf is every address of a family.
func anyOf(f Family) netip.Prefix {
	if f == Inet6 {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}

// covers tells whether b lies in a.
func covers(a, b netip.Prefix) bool { return a.Bits() <= b.Bits() && a.Contains(b.Addr()) }

// addresses gives what a key of addresses stands for in a family: names, addresses and prefixes. empty tells that it
// stands for no address of any family, since a name of the inventory does.
func (b *builder) addresses(t *aclTerm, key string, f Family) (list []AddressMatch, empty bool) {
	var all []netip.Prefix
	for _, w := range b.all(t, key) {
		all = append(all, b.network(w)...)
	}
	for _, p := range minimal(OfFamily(f, all)) {
		list = append(list, AddressMatch{Prefix: p})
	}
	return list, len(all) == 0
}

// network gives the addresses that a word stands for.
func (b *builder) network(w word) []netip.Prefix {
	if tokenForm.MatchString(w.text) {
		list, err := b.env.Definitions.Network(w.text)
		b.env.Definitions.below(b.env.Definitions.networks, w.text, b.used.tokens)
		if err != nil {
			b.errs.add(w.at, "", "%v", err)
		}
		return list
	}
	p, hint, err := readPrefix(w.text)
	if err != nil {
		b.errs.add(w.at, hint, "%v", err)
		return nil
	}
	return []netip.Prefix{p}
}

// protocols reads protocol and protocol-except. Protocols of the other family's ICMP are left out; a term that has no
// other does not stand in this family. What is given back are the names as Junos has them.
func (b *termBuilder) protocols(m *FilterMatch) []string {
	into, foreign := &m.Protocol, "icmp6"
	if b.family == Inet6 {
		into, foreign = &m.NextHeader, "icmp"
	}
	if b.term.has("protocol") && b.term.has("protocol-except") {
		b.errs.add(b.term.place("protocol-except"), "keep one of the two", "protocol-except stands beside protocol")
		return nil
	}
	list := b.protocolNames(b.term, "protocol")
	if len(list) > 0 {
		list = slices.DeleteFunc(list, func(p string) bool { return p == foreign })
		if len(list) == 0 {
			b.lacks("protocol " + foreign + " is not of family " + string(b.family))
		}
		*into = OneOf(list...)
	}
	if except := b.protocolNames(b.term, "protocol-except"); len(except) > 0 {
		*into = Values{List: except, Except: true}
	}
	return list
}

// protocolNames reads a list of protocols, each once.
func (b *builder) protocolNames(t *aclTerm, key string) []string {
	var out []string
	for _, w := range b.all(t, key) {
		name := strings.ToLower(w.text)
		if alias, ok := protocolAliases[name]; ok {
			name = alias
		}
		n, ok := parseNumber(name, protocols, 255)
		if !ok {
			b.errs.add(w.at, meant(name, "protocols", protocols), "there is no protocol %s", w.text)
			continue
		}
		for _, plain := range []string{"icmp", "icmp6", "sctp", "tcp", "udp"} { // what else is said of them goes by name
			if n == protocols[plain] {
				name = plain
			}
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// ports reads the keys of ports. A service gives its ports of the term's protocols.
func (b *termBuilder) ports(m *FilterMatch, protocols []string) {
	for _, x := range []struct {
		key  string
		into *Values
	}{{"port", &m.Port}, {"source-port", &m.SourcePort}, {"destination-port", &m.DestinationPort}} {
		if !b.term.has(x.key) {
			continue
		}
		for _, r := range b.portRanges(b.term, x.key, protocols, b.absent != "") {
			x.into.List = append(x.into.List, r.text())
		}
	}
}

// portRanges gives the ports that a key stands for with the given protocols, all of which must have ports.
func (b *builder) portRanges(t *aclTerm, key string, protocols []string, absent bool) []Range {
	if absent {
		return nil
	}
	if len(protocols) == 0 || slices.ContainsFunc(protocols, func(p string) bool { return !hasPorts(p) }) {
		b.errs.add(t.place(key), "write protocol: tcp, udp or both", "%s needs a protocol that has ports, and no other beside it", key)
		return nil
	}
	for _, w := range b.all(t, key) {
		if !tokenForm.MatchString(w.text) {
			continue
		}
		list, err := b.env.Definitions.Service(w.text)
		if err == nil && !slices.ContainsFunc(list, func(p Port) bool { return slices.Contains(protocols, p.Protocol) }) {
			b.errs.add(w.at, "correct the service or the protocol", "service %s has no port of %s", w.text, strings.Join(protocols, " or "))
		}
	}
	return b.portsOf(t, key, protocols...)
}

// portsOf gives the ports that a key stands for with any of the protocols.
func (b *builder) portsOf(t *aclTerm, key string, protocols ...string) []Range {
	var out []Range
	for _, w := range b.all(t, key) {
		if !tokenForm.MatchString(w.text) {
			lo, hi, _ := strings.Cut(w.text, "-")
			r, err := readRange(lo, hi)
			if err != nil {
				b.errs.add(w.at, "write the name of a service, a port or LOW-HIGH", "%v", err)
			}
			out = append(out, r)
			continue
		}
		list, err := b.env.Definitions.Service(w.text)
		b.env.Definitions.below(b.env.Definitions.services, w.text, b.used.tokens)
		if err != nil {
			b.errs.add(w.at, "", "%v", err)
		}
		for _, p := range list {
			if slices.Contains(protocols, p.Protocol) {
				out = append(out, p.Range)
			}
		}
	}
	return joined(out)
}

// hasPorts tells whether a protocol has ports.
func hasPorts(protocol string) bool { return portProtocols[protocol] }

// icmp reads icmp-type and icmp-code. A type that only the other family has is left out; a term that has no other does
// not stand in this family.
func (b *termBuilder) icmp(m *FilterMatch, protocols []string) {
	own := "icmp"
	if b.family == Inet6 {
		own = "icmp6"
	}
	for _, key := range []string{"icmp-type", "icmp-code"} {
		if b.term.has(key) && b.absent == "" && !slices.Equal(protocols, []string{own}) {
			b.errs.add(b.term.place(key), "write protocol: icmp, icmpv6 or both", "%s needs ICMP as its protocol, and no other beside it", key)
			return
		}
	}
	for _, w := range b.all(b.term, "icmp-type") {
		value, here := b.icmpType(w, b.family)
		if here && !slices.Contains(m.ICMPType.List, value) {
			m.ICMPType.List = append(m.ICMPType.List, value)
		}
	}
	if b.term.has("icmp-type") && len(m.ICMPType.List) == 0 {
		b.lacks("none of the icmp-type is of family " + string(b.family))
	}
	for _, w := range b.all(b.term, "icmp-code") {
		m.ICMPCode.List = append(m.ICMPCode.List, b.number(w, "icmp-code", 255))
	}
}

// icmpType gives the name or number that Junos has for a type in a family. here is false for a type of the other one.
func (b *builder) icmpType(w word, f Family) (value string, here bool) {
	if n, ok := parseNumber(w.text, nil, 255); ok {
		return decimal(n), true
	}
	other := Inet6
	if f == Inet6 {
		other = Inet
	}
	number, ok := icmpNumber(w.text, f)
	if !ok {
		if _, ok := icmpNumber(w.text, other); !ok {
			known := setOf()
			for _, list := range []map[string]uint32{icmp4Types, icmp6Types, icmpAliases[Inet], icmpAliases[Inet6]} {
				for name := range list {
					known[name] = true
				}
			}
			b.errs.add(w.at, meant(w.text, "types", known), "there is no icmp-type %s", w.text)
		}
		return "", false
	}
	if junosHas(w.text, f) {
		return w.text, true
	}
	return strconv.Itoa(int(number)), true
}

func junosHas(name string, f Family) bool {
	list, _, _ := numbering("icmp-type", f)
	_, ok := list[name]
	return ok
}

func icmpNumber(name string, f Family) (uint32, bool) {
	list, _, _ := numbering("icmp-type", f)
	if n, ok := list[name]; ok {
		return n, true
	}
	n, ok := icmpAliases[f][name]
	return n, ok
}

// options reads `option`: conditions on fragments and on TCP flags, and sampling.
func (b *termBuilder) options(t *FilterTerm, protocols []string) {
	m := &t.From
	for _, w := range b.all(b.term, "option") {
		if b.absent != "" && aclOptions[w.text] {
			continue
		}
		switch w.text {
		case "tcp-established":
			m.TCPEstablished = b.tcpOnly(w, protocols)
		case "established":
			b.established(m, w, protocols)
		case "tcp-initial", "initial":
			m.TCPInitial = b.tcpOnly(w, protocols)
		case "rst", "not-syn-ack":
			flags := map[string]string{"rst": "rst", "not-syn-ack": "!(syn & ack)"}[w.text]
			if b.tcpOnly(w, protocols) && m.TCPFlags != "" {
				b.errs.add(w.at, "make two terms of it", "option %s stands beside another one on TCP flags", w.text)
			}
			m.TCPFlags = flags
		case "first-fragment":
			m.FirstFragment = true
		case "last-fragment":
			if m.LastFragment = true; b.family == Inet {
				b.errs.add(w.at, "add restrict-address-family: inet6", "a filter of family inet knows no last-fragment")
			}
		case "is-fragment":
			m.IsFragment = true
		case "sample":
			t.Then.Sample = true
		default:
			b.errs.add(w.at, meant(w.text, "options", aclOptions), "there is no option %s", w.text)
		}
	}
}

// tcpOnly tells whether TCP is the only protocol, and reports an option that needs it.
func (b *termBuilder) tcpOnly(w word, protocols []string) bool {
	if slices.Equal(protocols, []string{"tcp"}) {
		return true
	}
	b.errs.add(w.at, "write protocol: tcp", "option %s needs TCP as its protocol, and no other beside it", w.text)
	return false
}

// established matches what answers a connection: TCP with ACK or RST, and towards ports from 1024 up. With UDP beside
// TCP, which has no flags, only the ports are left.
func (b *termBuilder) established(m *FilterMatch, w word, protocols []string) {
	for _, p := range protocols {
		if p != "tcp" && p != "udp" {
			protocols = nil
		}
	}
	if len(protocols) == 0 {
		b.errs.add(w.at, "write protocol: tcp, udp or both", "option established needs TCP or UDP as its protocol, and no other beside it")
		return
	}
	m.TCPEstablished = m.TCPEstablished || len(protocols) == 1 && protocols[0] == "tcp"
	list := []Range{{1024, 65535}}
	for _, s := range m.DestinationPort.List {
		if r, err := parseRange(s, nil, 65535); err == nil {
			list = append(list, r)
		}
	}
	m.DestinationPort.List = nil
	for _, r := range joined(list) {
		m.DestinationPort.List = append(m.DestinationPort.List, r.text())
	}
}

// aclActions are the words of `action`.
var aclActions = map[string]FilterAction{
	"accept":              {Verdict: Accept},
	"deny":                {Verdict: Discard},
	"reject":              {Verdict: Reject},
	"next":                {Verdict: NextTerm},
	"reject-with-tcp-rst": {Verdict: Reject, RejectType: "tcp-reset"},
}

// actions reads what a term does.
func (b *termBuilder) actions(a *FilterAction) {
	word := b.one(b.term, "action")
	if verdict, ok := aclActions[word]; ok {
		a.Verdict, a.RejectType = verdict.Verdict, verdict.RejectType
	} else if word != "" {
		b.errs.add(b.term.place("action"), meant(word, "actions", aclActions), "there is no action %s", word)
	}
	for key, into := range map[string]*string{
		"counter": &a.Count, "policer": &a.Policer, "qos": &a.ForwardingClass, "loss-priority": &a.LossPriority,
		"routing-instance": &a.RoutingInstance,
	} {
		*into = b.one(b.term, key)
	}
	if dscp := b.one(b.term, "dscp-set"); b.family == Inet6 {
		a.TrafficClass = dscp
	} else {
		a.DSCP = dscp
	}
	b.logging(a)
	b.nextIP(a)
	if a.diverts() && a.Verdict == Accept {
		a.Verdict = NoVerdict // sending it somewhere is how it is accepted
	}
	if a.diverts() && a.Verdict != NoVerdict {
		b.errs.add(b.term.place("action"), "remove the action, or write accept", "action %s stands beside one that sends the packet elsewhere", word)
	}
	if word == "" && !a.diverts() && !b.term.has("next-ip") {
		b.errs.add(b.term.at, "write action: accept, deny, reject or next", "term %s has no action", b.term.name.text)
	}
}

// logging reads logging and port-mirror.
func (b *termBuilder) logging(a *FilterAction) {
	known := setOf("true", "false", "syslog", "local", "disable")
	for _, w := range b.all(b.term, "logging") {
		switch strings.ToLower(w.text) {
		case "true", "syslog":
			a.Syslog = true
		case "local":
			a.Log = true
		case "false", "disable":
		default:
			b.errs.add(w.at, meant(w.text, "ways", known), "logging: a juniper filter knows no %s", w.text)
		}
	}
	switch w := b.one(b.term, "port-mirror"); strings.ToLower(w) {
	case "", "false":
	case "true":
		a.PortMirror = true
	default:
		b.errs.add(b.term.place("port-mirror"), "write true", "port-mirror is %q, expected true", w)
	}
}

// nextIP reads the host that packets are sent to. The term stands in the host's family only.
func (b *termBuilder) nextIP(a *FilterAction) {
	if !b.term.has("next-ip") {
		return
	}
	var hosts []netip.Prefix
	for _, w := range b.all(b.term, "next-ip") {
		hosts = append(hosts, b.network(w)...)
	}
	hosts = OfFamily(b.family, hosts)
	switch {
	case len(hosts) == 0:
		b.lacks("next-ip is not of family " + string(b.family))
	case len(hosts) > 1 || !hosts[0].IsSingleIP():
		b.errs.add(b.term.place("next-ip"), "name one address", "next-ip is not one host of family %s", b.family)
	case b.family == Inet6:
		a.NextIP6 = hosts[0]
	default:
		a.NextIP = hosts[0]
	}
}
