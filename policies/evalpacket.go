package policies

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Packet is what a filter sees of a packet. What is not known makes conditions on it Unknown. A packet is no fragment,
// and has no options and no extension headers, unless it says so.
type Packet struct {
	Source, Destination netip.Addr // both of one family
	Protocol            Maybe      // the payload's: behind the extension headers

	SourcePort, DestinationPort Maybe // of TCP, UDP, SCTP
	TCPFlags                    Maybe // the low six bits: fin 1, syn 2, rst 4, push 8, ack 16, urgent 32
	ICMPType, ICMPCode          Maybe

	DSCP   Maybe // also the traffic class of IPv6, without ECN
	TTL    Maybe // also the hop limit of IPv6
	Length Maybe // of the whole packet, in bytes

	FragmentOffset              uint32 // in units of 8 bytes
	MoreFragments, DontFragment bool
	Options                     []uint32 // types of the IPv4 options
	ExtensionHeaders            []uint32 // of IPv6, in their order; a fragment header is added by FragmentOffset and MoreFragments

	Interface       string // on which it came; empty: not known
	ForwardingClass string // empty: not known
	LossPriority    string // empty: not known
}

// Protocols that Packet fields belong to.
const (
	protoICMP  = 1
	protoTCP   = 6
	protoUDP   = 17
	protoICMP6 = 58
	protoSCTP  = 132

	headerFragment = 44
)

// Family gives the family of the packet's addresses.
func (p *Packet) Family() Family { return FamilyOf(p.Destination) }

// trailing tells whether the packet is a fragment without the beginning of its payload.
func (p *Packet) trailing() bool { return p.FragmentOffset > 0 }

func (p *Packet) fragment() bool { return p.FragmentOffset > 0 || p.MoreFragments }

// headers gives the extension headers with the fragment header that the packet must have.
func (p *Packet) headers() []uint32 {
	if p.fragment() && p.Family() == Inet6 && !slices.Contains(p.ExtensionHeaders, headerFragment) {
		return append(slices.Clone(p.ExtensionHeaders), headerFragment)
	}
	return p.ExtensionHeaders
}

// nextHeader is the field of the IPv6 header itself.
func (p *Packet) nextHeader() Maybe {
	if h := p.headers(); len(h) > 0 {
		return Known(h[0])
	}
	return p.Protocol
}

func (p *Packet) hasPorts() bool {
	return p.Protocol.Known && !p.trailing() && (p.Protocol.N == protoTCP || p.Protocol.N == protoUDP || p.Protocol.N == protoSCTP)
}

func (p *Packet) isICMP() bool {
	return p.Protocol.Known && !p.trailing() && (p.Protocol.N == protoICMP || p.Protocol.N == protoICMP6)
}

// String gives the packet in the words that ParsePacket takes.
func (p *Packet) String() string {
	var w []string
	add := func(format string, args ...any) { w = append(w, fmt.Sprintf(format, args...)) }
	if p.Protocol.Known {
		add("%s", protocolName(p.Protocol.N, p.Family()))
	}
	if p.ICMPType.Known {
		names := icmp4Types
		if p.Family() == Inet6 {
			names = icmp6Types
		}
		if name := nameOf(names, p.ICMPType.N); name != "" {
			add("%s", name)
		} else {
			add("type=%d", p.ICMPType.N)
		}
	}
	if p.ICMPCode.Known {
		add("code=%d", p.ICMPCode.N)
	}
	if p.Source.IsValid() {
		add("from %s", p.Source)
	}
	if p.SourcePort.Known {
		add("port %d", p.SourcePort.N)
	}
	if p.Destination.IsValid() {
		add("to %s", p.Destination)
	}
	if p.DestinationPort.Known {
		add("port %d", p.DestinationPort.N)
	}
	p.stringRest(add)
	return strings.Join(w, " ")
}

func (p *Packet) stringRest(add func(format string, args ...any)) {
	if p.TCPFlags.Known {
		add("flags=%s", flagNames(p.TCPFlags.N))
	}
	for _, x := range []struct {
		key   string
		value Maybe
	}{{"dscp", p.DSCP}, {"ttl", p.TTL}, {"length", p.Length}} {
		if x.value.Known {
			add("%s=%d", x.key, x.value.N)
		}
	}
	if p.FragmentOffset > 0 {
		add("fragment-offset=%d", p.FragmentOffset)
	}
	if p.MoreFragments {
		add("more-fragments")
	}
	if p.DontFragment {
		add("dont-fragment")
	}
	for _, x := range []struct {
		key  string
		list []uint32
	}{{"option", p.Options}, {"header", p.ExtensionHeaders}} {
		for _, n := range x.list {
			add("%s=%d", x.key, n)
		}
	}
	for _, x := range []struct{ key, value string }{
		{"interface", p.Interface}, {"forwarding-class", p.ForwardingClass}, {"loss-priority", p.LossPriority},
	} {
		if x.value != "" {
			add("%s=%s", x.key, x.value)
		}
	}
}

// protocolName gives a protocol's usual name, else its number. Of two names the preferred one is told by the family.
func protocolName(n uint32, f Family) string {
	switch {
	case n == protoICMP6:
		return "icmp6"
	case f == Inet6 && n == protoICMP: // the word icmp is refused there: it is most often a mistake
		return "protocol=1"
	}
	if name := nameOf(protocols, n); name != "" {
		return name
	}
	return fmt.Sprintf("protocol=%d", n)
}

// nameOf gives the first name of a number, in the order of the alphabet.
func nameOf(names map[string]uint32, n uint32) string {
	best := ""
	for name, v := range names {
		if v == n && (best == "" || name < best) {
			best = name
		}
	}
	return best
}

// flagNames writes TCP flags as names joined by commas; none: `none`.
func flagNames(bits uint32) string {
	var out []string
	for _, name := range []string{"fin", "syn", "rst", "push", "ack", "urgent"} {
		if bits&tcpFlagBits[name] != 0 {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ",")
}
