package bgp

import (
	"fmt"
	"net/netip"
	"strings"

	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// FlowRoute is a flow route of a peer, whatever it matches and does.
type FlowRoute struct {
	Family  Family
	Matches []FlowMatch // all must hold; by type
	Actions []FlowAction
}

// FlowMatch is one condition of a flow route.
type FlowMatch struct {
	Type   FlowType
	Prefix netip.Prefix // of FlowDestination and FlowSource
	Offset uint8        // how many leading bits of an IPv6 prefix are not compared
	Terms  []FlowTerm   // of the others
	Raw    []byte       // of a condition that is not understood, which then matches nothing that can be said
}

// FlowType is what a condition is about, with RFC 8955's numbers.
type FlowType uint8

// The conditions of RFC 8955 and 8956.
const (
	FlowDestination     FlowType = 1
	FlowSource          FlowType = 2
	FlowProtocol        FlowType = 3
	FlowPort            FlowType = 4
	FlowDestinationPort FlowType = 5
	FlowSourcePort      FlowType = 6
	FlowICMPType        FlowType = 7
	FlowICMPCode        FlowType = 8
	FlowTCPFlags        FlowType = 9  // a bit mask
	FlowPacketLength    FlowType = 10 // of the IP packet
	FlowDSCP            FlowType = 11
	FlowFragment        FlowType = 12 // a bit mask
	FlowLabel           FlowType = 13 // of IPv6
)

// String is the condition in Junos's word.
func (t FlowType) String() string {
	words := []string{
		FlowDestination: "destination", FlowSource: "source", FlowProtocol: "protocol", FlowPort: "port",
		FlowDestinationPort: "destination-port", FlowSourcePort: "source-port", FlowICMPType: "icmp-type",
		FlowICMPCode: "icmp-code", FlowTCPFlags: "tcp-flags", FlowPacketLength: "packet-length", FlowDSCP: "dscp",
		FlowFragment: "fragment", FlowLabel: "flow-label",
	}
	if t == 0 || int(t) >= len(words) {
		return fmt.Sprintf("type %d", uint8(t))
	}
	return words[t]
}

// FlowTerm compares with one value. Terms are joined by or, unless And is set, which binds the term to the one before.
// For a bit mask Match asks for all bits instead of any, and Not turns the outcome round; for numbers the three others
// say which of them holds.
type FlowTerm struct {
	And                  bool
	Less, Greater, Equal bool
	Not, Match           bool
	Value                uint64
}

// FlowAction is what is done with what matches.
type FlowAction struct {
	Kind   FlowActionKind
	Target netip.Addr // of FlowRedirectIP
	Copy   bool       // of FlowRedirectIP: a copy goes there
	Rate   float32    // of FlowRateLimit, in bytes per second; 0 discards
	DSCP   uint8      // of FlowMark
	Next   bool       // of FlowControl: further flow routes are looked at too (the T bit)
	Sample bool       // of FlowControl
	VRF    string     // of FlowRedirectVRF: the route target
	Raw    []byte     // the community as it was on the wire
}

// FlowActionKind is the kind of an action.
type FlowActionKind uint8

// The actions of RFC 8955 and of draft-ietf-idr-flowspec-redirect-ip.
const (
	FlowUnknown     FlowActionKind = iota // an extended community that is no action, or none that is known
	FlowRedirectIP                        // 0x010c, 0x000c of IPv6
	FlowRateLimit                         // 0x8006
	FlowControl                           // 0x8007
	FlowRedirectVRF                       // 0x8008, 0x8108, 0x8208
	FlowMark                              // 0x8009
)

// String is the match in words; its actions are no part of what a flow route is a route for.
func (f *FlowRoute) String() string {
	var parts []string
	for _, m := range f.Matches {
		parts = append(parts, m.String())
	}
	return strings.Join(parts, " ")
}

// String is the condition in words.
func (m FlowMatch) String() string {
	var b strings.Builder
	b.WriteString(m.Type.String())
	switch {
	case m.Raw != nil:
		fmt.Fprintf(&b, " 0x%x", m.Raw)
	case m.Prefix.IsValid():
		fmt.Fprintf(&b, " %s", m.Prefix)
		if m.Offset > 0 {
			fmt.Fprintf(&b, " offset %d", m.Offset)
		}
	}
	for _, t := range m.Terms {
		b.WriteString(" " + t.words(m.Type == FlowTCPFlags || m.Type == FlowFragment))
	}
	return b.String()
}

func (t FlowTerm) words(mask bool) string {
	var op string
	if t.And {
		op = "&"
	}
	if mask {
		if t.Not {
			op += "!"
		}
		if t.Match {
			op += "="
		}
		return fmt.Sprintf("%s0x%x", op, t.Value)
	}
	for _, part := range []struct {
		set  bool
		word string
	}{{t.Less, "<"}, {t.Greater, ">"}, {t.Equal, "="}} {
		if part.set {
			op += part.word
		}
	}
	return fmt.Sprintf("%s%d", op, t.Value)
}

// EchoOffload is the flow route as what this package itself could have announced, and false for one that is anything
// else: what check and verify alarm on.
func (f *FlowRoute) EchoOffload() (EchoOffload, bool) {
	protocol, kind := uint64(icmp), uint64(echoRequest)
	if f.Family == FlowIPv6 {
		protocol, kind = icmp6, echoRequestIP6
	}
	is := func(m FlowMatch, t FlowType, value uint64) bool {
		return m.Type == t && m.Raw == nil && len(m.Terms) == 1 && m.Terms[0] == FlowTerm{Equal: true, Value: value}
	}
	if len(f.Matches) != 3 || len(f.Actions) != 1 {
		return EchoOffload{}, false
	}
	to, do := f.Matches[0], f.Actions[0]
	if to.Type != FlowDestination || to.Raw != nil || to.Offset != 0 || !is(f.Matches[1], FlowProtocol, protocol) ||
		!is(f.Matches[2], FlowICMPType, kind) || do.Kind != FlowRedirectIP || do.Copy {
		return EchoOffload{}, false
	}
	e, err := NewEchoOffload(to.Prefix, do.Target)
	return e, err == nil && e.Family() == f.Family
}

// ParseFlow reads a flow route from its bytes: the NLRI with its length in front, and the path attributes with its
// actions, one after the other; other attributes are ignored.
func ParseFlow(family Family, nlri, attributes []byte) (*FlowRoute, error) {
	if family != FlowIPv4 && family != FlowIPv6 {
		return nil, fmt.Errorf("parse flow route: %s has none", family)
	}
	parsed, err := gobgp.NLRIFromSlice(family.wire(), nlri)
	if err != nil {
		return nil, fmt.Errorf("parse flow route: %w", err)
	}
	flow, ok := parsed.(*gobgp.FlowSpecNLRI)
	if !ok {
		return nil, fmt.Errorf("parse flow route: a %T", parsed)
	}
	var attrs []gobgp.PathAttributeInterface
	for rest := attributes; len(rest) > 0; {
		a, err := gobgp.GetPathAttribute(rest)
		if err != nil {
			return nil, fmt.Errorf("parse flow route: attribute: %w", err)
		}
		if err := a.DecodeFromBytes(rest); err != nil {
			return nil, fmt.Errorf("parse flow route: attribute: %w", err)
		}
		if n := a.Len(); n <= 0 || n > len(rest) {
			return nil, fmt.Errorf("parse flow route: an attribute of %d bytes in %d", n, len(rest))
		}
		attrs, rest = append(attrs, a), rest[a.Len():]
	}
	return flowOf(family, flow, attrs), nil
}

// flowOf is a flow route of GoBGP's.
func flowOf(family Family, nlri *gobgp.FlowSpecNLRI, attrs []gobgp.PathAttributeInterface) *FlowRoute {
	f := &FlowRoute{Family: family}
	for _, c := range nlri.Value {
		f.Matches = append(f.Matches, matchOf(c))
	}
	for _, attr := range attrs {
		var list []gobgp.ExtendedCommunityInterface
		switch a := attr.(type) {
		case *gobgp.PathAttributeExtendedCommunities:
			list = a.Value
		case *gobgp.PathAttributeIP6ExtendedCommunities:
			list = a.Value
		}
		for _, c := range list {
			f.Actions = append(f.Actions, actionOf(c))
		}
	}
	return f
}

func matchOf(component gobgp.FlowSpecComponentInterface) FlowMatch {
	switch c := component.(type) {
	case *gobgp.FlowSpecDestinationPrefix:
		return FlowMatch{Type: FlowDestination, Prefix: c.Prefix.Prefix}
	case *gobgp.FlowSpecSourcePrefix:
		return FlowMatch{Type: FlowSource, Prefix: c.Prefix.Prefix}
	case *gobgp.FlowSpecDestinationPrefix6:
		return FlowMatch{Type: FlowDestination, Prefix: c.Prefix.Prefix, Offset: c.Offset}
	case *gobgp.FlowSpecSourcePrefix6:
		return FlowMatch{Type: FlowSource, Prefix: c.Prefix.Prefix, Offset: c.Offset}
	case *gobgp.FlowSpecComponent:
		m := FlowMatch{Type: FlowType(c.Type())}
		mask := m.Type == FlowTCPFlags || m.Type == FlowFragment
		for i, item := range c.Items {
			// RFC 8955 4.2.1: 0x40 joins by and (of no meaning in the first term), the low bits are the operator.
			t := FlowTerm{And: i > 0 && item.Op&0x40 != 0, Value: item.Value}
			if mask {
				t.Not, t.Match = item.Op&0x02 != 0, item.Op&0x01 != 0
			} else {
				t.Less, t.Greater, t.Equal = item.Op&0x04 != 0, item.Op&0x02 != 0, item.Op&0x01 != 0
			}
			m.Terms = append(m.Terms, t)
		}
		return m
	default:
		raw, _ := component.Serialize() // what cannot be written again is an unknown match all the same
		if raw == nil {
			raw = []byte{}
		}
		return FlowMatch{Type: FlowType(component.Type()), Raw: raw}
	}
}

func actionOf(community gobgp.ExtendedCommunityInterface) FlowAction {
	raw, _ := community.Serialize() // what cannot be written again is an unknown action all the same
	a := FlowAction{Raw: raw}
	switch c := community.(type) {
	case *gobgp.IPv4AddressSpecificExtended:
		if c.SubType == redirectToIP && c.IsTransitive {
			a.Kind, a.Target, a.Copy = FlowRedirectIP, c.IPv4, c.LocalAdmin&1 != 0
		}
	case *gobgp.IPv6AddressSpecificExtended:
		if c.SubType == redirectToIP && c.IsTransitive {
			a.Kind, a.Target, a.Copy = FlowRedirectIP, c.IPv6, c.LocalAdmin&1 != 0
		}
	case *gobgp.TrafficRateExtended:
		a.Kind, a.Rate = FlowRateLimit, c.Rate
	case *gobgp.TrafficActionExtended:
		a.Kind, a.Next, a.Sample = FlowControl, c.Terminal, c.Sample
	case *gobgp.TrafficRemarkExtended:
		a.Kind, a.DSCP = FlowMark, c.DSCP
	case *gobgp.RedirectTwoOctetAsSpecificExtended:
		a.Kind, a.VRF = FlowRedirectVRF, c.TwoOctetAsSpecificExtended.String()
	case *gobgp.RedirectIPv4AddressSpecificExtended:
		a.Kind, a.VRF = FlowRedirectVRF, c.IPv4AddressSpecificExtended.String()
	case *gobgp.RedirectFourOctetAsSpecificExtended:
		a.Kind, a.VRF = FlowRedirectVRF, c.FourOctetAsSpecificExtended.String()
	}
	return a
}
