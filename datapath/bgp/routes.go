package bgp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	api "github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// Route is a unicast or flow route as a peer sent it, before any policy.
type Route struct {
	Family  Family
	Peer    netip.Addr
	PeerASN uint32
	PeerID  netip.Addr // the peer's router id
	EBGP    bool       // from a peer of another autonomous system
	Since   time.Time  // to the second
	Loop    bool       // our own number is in its AS path: it must not be used

	Prefix           netip.Prefix // zero for a flow route
	NextHop          netip.Addr   // zero for a flow route
	LinkLocal        netip.Addr   // the second next hop of IPv6, zero without
	Origin           Origin
	ASPath           []ASSegment
	MED              *uint32
	LocalPref        *uint32
	AtomicAggregate  bool
	Communities      []Community
	LargeCommunities []LargeCommunity
	ExtCommunities   []ExtCommunity
	Flow             *FlowRoute // nil for a unicast route
}

// ASSegment is a part of an AS path: a sequence, or a set, of which the order says nothing and which counts as one.
type ASSegment struct {
	Set     bool
	Numbers []uint32
}

// ExtCommunity is an extended community as it was on the wire: 8 bytes, or the 20 of the IPv6 form.
type ExtCommunity string

// String is the community in hexadecimal.
func (c ExtCommunity) String() string { return fmt.Sprintf("0x%x", string(c)) }

// PathLength is the AS path's length for the choice of a best route.
func (r Route) PathLength() int {
	n := 0
	for _, s := range r.ASPath {
		if s.Set {
			n++
		} else {
			n += len(s.Numbers)
		}
	}
	return n
}

// Key names what the route is a route for: its prefix, or a flow route's match in words. A peer has one route a key.
func (r Route) Key() string {
	if r.Flow != nil {
		return r.Flow.String()
	}
	return r.Prefix.String()
}

// Routes is what a peer has sent of a family and not taken back, by key.
func (s *Speaker) Routes(peer netip.Addr, family Family) ([]Route, error) {
	var out []Route
	err := s.server.ListPath(apiutil.ListPathRequest{
		TableType: api.TableType_TABLE_TYPE_ADJ_IN, Name: peer.String(), Family: family.wire(),
	}, func(_ gobgp.NLRI, paths []*apiutil.Path) {
		for _, p := range paths {
			if r, ok := s.route(p); ok {
				out = append(out, r)
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list routes of peer %s: %w", peer, err)
	}
	slices.SortFunc(out, func(a, b Route) int {
		if c := a.Prefix.Addr().Compare(b.Prefix.Addr()); c != 0 {
			return c
		}
		if c := a.Prefix.Bits() - b.Prefix.Bits(); c != 0 {
			return c
		}
		return strings.Compare(a.Key(), b.Key())
	})
	return out, nil
}

// route is a path of GoBGP's as a Route; false for what is no route of our families.
func (s *Speaker) route(p *apiutil.Path) (Route, bool) {
	family, ok := familyOf(p.Family)
	if !ok || p.Nlri == nil {
		return Route{}, false
	}
	r := Route{
		Family: family, Peer: p.PeerAddress, PeerASN: p.PeerASN, PeerID: p.PeerID, EBGP: p.PeerASN != s.asn,
		Since: time.Unix(p.Age, 0),
	}
	switch nlri := p.Nlri.(type) {
	case *gobgp.IPAddrPrefix:
		r.Prefix = nlri.Prefix
	case *gobgp.FlowSpecNLRI:
		r.Flow = flowOf(family, nlri, p.Attrs)
	default:
		return Route{}, false
	}
	for _, a := range p.Attrs {
		r.take(a)
	}
	for _, segment := range r.ASPath {
		r.Loop = r.Loop || slices.Contains(segment.Numbers, s.asn)
	}
	return r, true
}

// take fills in an attribute. One that means nothing to us is left out.
func (r *Route) take(attr gobgp.PathAttributeInterface) {
	switch a := attr.(type) {
	case *gobgp.PathAttributeOrigin:
		r.Origin = Origin(a.Value)
	case *gobgp.PathAttributeAsPath:
		for _, segment := range a.Value {
			set := segment.GetType() == gobgp.BGP_ASPATH_ATTR_TYPE_SET
			r.ASPath = append(r.ASPath, ASSegment{Set: set, Numbers: slices.Clone(segment.GetAS())})
		}
	case *gobgp.PathAttributeNextHop:
		r.NextHop = a.Value
	case *gobgp.PathAttributeMpReachNLRI:
		if r.Flow == nil {
			r.NextHop, r.LinkLocal = a.Nexthop, a.LinkLocalNexthop
		}
	case *gobgp.PathAttributeMultiExitDisc:
		r.MED = clone(&a.Value)
	case *gobgp.PathAttributeLocalPref:
		r.LocalPref = clone(&a.Value)
	case *gobgp.PathAttributeAtomicAggregate:
		r.AtomicAggregate = true
	case *gobgp.PathAttributeCommunities:
		for _, c := range a.Value {
			r.Communities = append(r.Communities, Community(c))
		}
	case *gobgp.PathAttributeLargeCommunities:
		for _, c := range a.Values {
			r.LargeCommunities = append(r.LargeCommunities, LargeCommunity{ASN: c.ASN, Data1: c.LocalData1, Data2: c.LocalData2})
		}
	case *gobgp.PathAttributeExtendedCommunities:
		r.extended(a.Value)
	case *gobgp.PathAttributeIP6ExtendedCommunities:
		r.extended(a.Value)
	}
}

func (r *Route) extended(list []gobgp.ExtendedCommunityInterface) {
	for _, c := range list {
		if b, err := c.Serialize(); err == nil {
			r.ExtCommunities = append(r.ExtCommunities, ExtCommunity(b))
		}
	}
}
