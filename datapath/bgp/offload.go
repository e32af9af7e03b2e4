package bgp

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

const (
	icmp, icmp6                 = 1, 58
	echoRequest, echoRequestIP6 = 8, 128
	// redirectToIP is the community of draft-ietf-idr-flowspec-redirect-ip: the IPv4 form 0x010c, the IPv6 form 0x000c.
	redirectToIP = 0x0c
)

// EchoOffload is the one flow route that this package can originate: ICMP echo requests to a prefix go to a ping host.
// There is no value of it that says anything else; NewEchoOffload makes it.
type EchoOffload struct {
	destination netip.Prefix
	target      netip.Addr
}

// NewEchoOffload is the flow route for echo requests to destination, answered by target. Both are of one family; the
// target is a host outside the destination, else its own pings would come back to it.
func NewEchoOffload(destination netip.Prefix, target netip.Addr) (EchoOffload, error) {
	fault := func(what string) (EchoOffload, error) {
		return EchoOffload{}, fmt.Errorf("echo offload of %s to %s: %s", destination, target, what)
	}
	addr := destination.Addr()
	switch {
	case !destination.IsValid() || addr.Is4In6() || destination != destination.Masked():
		return fault("the destination is not a prefix without host bits")
	case destination.Bits() == 0:
		return fault("the destination is everything")
	case addr.IsMulticast() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsUnspecified():
		return fault("the destination is not unicast")
	case !target.IsValid() || target.Zone() != "" || target.IsUnspecified() || target.IsMulticast() || target.IsLoopback() ||
		target.IsLinkLocalUnicast():
		return fault("the target is not the address of a host")
	case target.Is4() != addr.Is4() || target.Is4In6():
		return fault("the target is of another family")
	case destination.Contains(target):
		return fault("the target lies in the destination")
	}
	return EchoOffload{destination: destination, target: target}, nil
}

// Destination is the prefix whose echo requests are moved.
func (e EchoOffload) Destination() netip.Prefix { return e.destination }

// Target is the ping host.
func (e EchoOffload) Target() netip.Addr { return e.target }

// Family is FlowIPv4 or FlowIPv6.
func (e EchoOffload) Family() Family {
	if e.destination.Addr().Is4() {
		return FlowIPv4
	}
	return FlowIPv6
}

// String is the offload in words.
func (e EchoOffload) String() string {
	return fmt.Sprintf("echo requests to %s go to %s", e.destination, e.target)
}

// nlri is the match: destination prefix, protocol and type, each equal to one value.
func (e EchoOffload) nlri() (*gobgp.FlowSpecNLRI, error) {
	if !e.destination.IsValid() {
		return nil, errors.New("an echo offload that NewEchoOffload did not make")
	}
	prefix, err := gobgp.NewIPAddrPrefix(e.destination)
	if err != nil {
		return nil, err
	}
	equal := func(t gobgp.BGPFlowSpecType, value uint64) gobgp.FlowSpecComponentInterface {
		item := gobgp.NewFlowSpecComponentItem(uint8(gobgp.DEC_NUM_OP_EQ)|uint8(gobgp.DEC_NUM_OP_END), value)
		return gobgp.NewFlowSpecComponent(t, []*gobgp.FlowSpecComponentItem{item})
	}
	var to gobgp.FlowSpecComponentInterface = gobgp.NewFlowSpecDestinationPrefix(prefix)
	protocol, kind := uint64(icmp), uint64(echoRequest)
	if e.Family() == FlowIPv6 {
		to, protocol, kind = gobgp.NewFlowSpecDestinationPrefix6(prefix, 0), icmp6, echoRequestIP6
	}
	return gobgp.NewFlowSpecUnicast(e.Family().wire(), []gobgp.FlowSpecComponentInterface{
		to, equal(gobgp.FLOW_SPEC_TYPE_IP_PROTO, protocol), equal(gobgp.FLOW_SPEC_TYPE_ICMP_TYPE, kind),
	})
}

// action is the attribute with the redirect; its copy bit is not set: the packet goes there, not a copy of it.
func (e EchoOffload) action() (gobgp.PathAttributeInterface, error) {
	if e.Family() == FlowIPv4 {
		c, err := gobgp.NewIPv4AddressSpecificExtended(redirectToIP, e.target, 0, true)
		if err != nil {
			return nil, err
		}
		return gobgp.NewPathAttributeExtendedCommunities([]gobgp.ExtendedCommunityInterface{c}), nil
	}
	c, err := gobgp.NewIPv6AddressSpecificExtended(redirectToIP, e.target, 0, true)
	if err != nil {
		return nil, err
	}
	return gobgp.NewPathAttributeIP6ExtendedCommunities([]gobgp.ExtendedCommunityInterface{c}), nil
}

// path is the offload in GoBGP's words.
func (e EchoOffload) path() (*apiutil.Path, error) {
	nlri, err := e.nlri()
	if err != nil {
		return nil, err
	}
	// The next hop of a flow route has no length on the wire.
	reach, err := gobgp.NewPathAttributeMpReachNLRI(e.Family().wire(), []gobgp.PathNLRI{{NLRI: nlri}})
	if err != nil {
		return nil, err
	}
	action, err := e.action()
	if err != nil {
		return nil, err
	}
	return &apiutil.Path{Family: e.Family().wire(), Nlri: nlri, Attrs: []gobgp.PathAttributeInterface{
		gobgp.NewPathAttributeOrigin(uint8(OriginIGP)), reach, action,
	}}, nil
}

// Bytes is the flow route's NLRI with its length in front, and the attribute with its action, as they are on the wire.
func (e EchoOffload) Bytes() (nlri, action []byte, err error) {
	n, err := e.nlri()
	if err != nil {
		return nil, nil, err
	}
	if nlri, err = n.Serialize(); err != nil {
		return nil, nil, err
	}
	a, err := e.action()
	if err != nil {
		return nil, nil, err
	}
	action, err = a.Serialize()
	return nlri, action, err
}

// AnnounceFlows makes the set the flow routes that are announced, all of them and no other, by difference. A destination
// has one target: a flow route has one best path, so several hosts are a primary and a backup, or one anycast address
// (SAFETY.md 23). A set with anything wrong in it changes nothing.
func (s *Speaker) AnnounceFlows(set []EchoOffload) error {
	want := make(map[netip.Prefix]EchoOffload, len(set))
	for _, e := range set {
		if !e.destination.IsValid() {
			return errors.New("announce flows: an echo offload that NewEchoOffload did not make")
		}
		if _, twice := want[e.destination]; twice {
			return fmt.Errorf("announce flows: %s twice", e.destination)
		}
		want[e.destination] = e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	equal := func(a, b EchoOffload) bool { return a == b }
	return replace(s, s.flows, want, netip.Prefix.String, equal, EchoOffload.path)
}
