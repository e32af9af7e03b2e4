package bgp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// Community is a standard community, its high half an autonomous system number.
type Community uint32

// NewCommunity is the community asn:value.
func NewCommunity(asn, value uint16) Community { return Community(uint32(asn)<<16 | uint32(value)) }

// String is the community as asn:value.
func (c Community) String() string { return fmt.Sprintf("%d:%d", c>>16, c&0xffff) }

// LargeCommunity is a community of RFC 8092.
type LargeCommunity struct {
	ASN, Data1, Data2 uint32
}

// Origin says where a route came from.
type Origin uint8

// The origins, the best one first.
const (
	OriginIGP Origin = iota
	OriginEGP
	OriginIncomplete
)

// Announcement is a route as it is told to peers whose session carries its family. Optional attributes are pointers.
type Announcement struct {
	Prefix           netip.Prefix
	NextHop          netip.Addr // of the prefix's family; the unspecified address is the session's own
	MED              *uint32
	LocalPref        *uint32 // told to iBGP peers; 100 where it is nil
	Origin           Origin
	ASPath           []uint32 // without our own number, which an eBGP session puts in front
	Communities      []Community
	LargeCommunities []LargeCommunity

	// Peers are those that are told; none is all of them. Many routes may share a few lists: each list that was ever used
	// is looked at for every route that is sent.
	Peers []netip.Addr

	tag *uint32 // of the list of peers
}

func (a Announcement) check() error {
	switch {
	case !a.Prefix.IsValid() || a.Prefix.Addr().Is4In6():
		return fmt.Errorf("announcement of %q: not a prefix", a.Prefix)
	case a.Prefix != a.Prefix.Masked():
		return fmt.Errorf("announcement of %s: host bits are set; %s is meant, or not", a.Prefix, a.Prefix.Masked())
	case !a.NextHop.IsValid():
		return fmt.Errorf("announcement of %s: no next hop", a.Prefix)
	case a.NextHop.Is4() != a.Prefix.Addr().Is4() || a.NextHop.Is4In6() || a.NextHop.Zone() != "":
		return fmt.Errorf("announcement of %s: next hop %s is not of its family", a.Prefix, a.NextHop)
	case a.Origin > OriginIncomplete:
		return fmt.Errorf("announcement of %s: no such origin %d", a.Prefix, a.Origin)
	case slices.ContainsFunc(a.LargeCommunities, func(c LargeCommunity) bool { return c.ASN == tagASN }):
		return fmt.Errorf("announcement of %s: a large community of the reserved number %d", a.Prefix, uint32(tagASN))
	case slices.ContainsFunc(a.Peers, func(p netip.Addr) bool { return !p.IsValid() || p.Zone() != "" }):
		return fmt.Errorf("announcement of %s: one of its peers has no address", a.Prefix)
	case len(a.ASPath) > 254:
		return fmt.Errorf("announcement of %s: an AS path of more than 254 numbers", a.Prefix)
	}
	return nil
}

func (a Announcement) equal(b Announcement) bool {
	return a.Prefix == b.Prefix && a.NextHop == b.NextHop && same(a.MED, b.MED) && same(a.LocalPref, b.LocalPref) &&
		a.Origin == b.Origin && slices.Equal(a.ASPath, b.ASPath) && slices.Equal(a.Communities, b.Communities) &&
		slices.Equal(a.LargeCommunities, b.LargeCommunities) && slices.Equal(a.Peers, b.Peers)
}

// own is a copy that the caller's slices and pointers do not reach.
func (a Announcement) own() Announcement {
	a.MED, a.LocalPref = clone(a.MED), clone(a.LocalPref)
	a.ASPath, a.Communities = slices.Clone(a.ASPath), slices.Clone(a.Communities)
	a.LargeCommunities = slices.Clone(a.LargeCommunities)
	a.Peers = slices.Clone(a.Peers)
	slices.SortFunc(a.Peers, netip.Addr.Compare)
	a.Peers = slices.Compact(a.Peers)
	return a
}

func same(a, b *uint32) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

func clone(a *uint32) *uint32 {
	if a == nil {
		return nil
	}
	b := *a
	return &b
}

// path is the announcement in GoBGP's words.
func (a Announcement) path() (*apiutil.Path, error) {
	nlri, err := gobgp.NewIPAddrPrefix(a.Prefix)
	if err != nil {
		return nil, err
	}
	family := IPv4
	attrs := []gobgp.PathAttributeInterface{gobgp.NewPathAttributeOrigin(uint8(a.Origin))}
	if a.Prefix.Addr().Is4() {
		hop, err := gobgp.NewPathAttributeNextHop(a.NextHop)
		if err != nil {
			return nil, err
		}
		attrs = append(attrs, hop)
	} else {
		family = IPv6
		reach, err := gobgp.NewPathAttributeMpReachNLRI(family.wire(), []gobgp.PathNLRI{{NLRI: nlri}}, a.NextHop)
		if err != nil {
			return nil, err
		}
		attrs = append(attrs, reach)
	}
	if len(a.ASPath) > 0 {
		attrs = append(attrs, gobgp.NewPathAttributeAsPath([]gobgp.AsPathParamInterface{
			gobgp.NewAs4PathParam(gobgp.BGP_ASPATH_ATTR_TYPE_SEQ, slices.Clone(a.ASPath)),
		}))
	}
	if a.MED != nil {
		attrs = append(attrs, gobgp.NewPathAttributeMultiExitDisc(*a.MED))
	}
	if a.LocalPref != nil {
		attrs = append(attrs, gobgp.NewPathAttributeLocalPref(*a.LocalPref))
	}
	if len(a.Communities) > 0 {
		values := make([]uint32, len(a.Communities))
		for i, c := range a.Communities {
			values[i] = uint32(c)
		}
		attrs = append(attrs, gobgp.NewPathAttributeCommunities(values))
	}
	var values []*gobgp.LargeCommunity
	for _, c := range a.LargeCommunities {
		values = append(values, gobgp.NewLargeCommunity(c.ASN, c.Data1, c.Data2))
	}
	if a.tag != nil {
		values = append(values, gobgp.NewLargeCommunity(tagASN, 0, *a.tag))
	}
	if len(values) > 0 {
		attrs = append(attrs, gobgp.NewPathAttributeLargeCommunities(values))
	}
	return &apiutil.Path{Family: family.wire(), Nlri: nlri, Attrs: attrs}, nil
}

// Announce makes the set what is announced, all of it and nothing else: what is in the set already is left alone, what
// is not in it any more is withdrawn. A set with anything wrong in it changes nothing. Flow routes are apart, in
// AnnounceFlows.
func (s *Speaker) Announce(set []Announcement) error {
	want := make(map[netip.Prefix]Announcement, len(set))
	var errs []error
	for _, a := range set {
		if err := a.check(); err != nil {
			errs = append(errs, err)
			continue
		}
		if _, twice := want[a.Prefix]; twice {
			errs = append(errs, fmt.Errorf("announcement of %s: twice in the set", a.Prefix))
		}
		want[a.Prefix] = a.own()
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	for key, a := range want {
		if len(a.Peers) == 0 {
			continue
		}
		tag, err := s.tagFor(context.Background(), a.Peers)
		if err != nil {
			return fmt.Errorf("announce %s to some peers: %w", a.Prefix, err)
		}
		a.tag = &tag
		want[key] = a
	}
	return replace(s, s.announced, want, netip.Prefix.String, Announcement.equal, Announcement.path)
}

// replace brings what is announced from have to want, by difference, and have along with it.
func replace[K comparable, V any](
	s *Speaker, have, want map[K]V, name func(K) string, equal func(a, b V) bool, path func(V) (*apiutil.Path, error),
) error {
	var add, remove []*apiutil.Path
	for key, v := range want {
		if old, ok := have[key]; ok && equal(old, v) {
			continue
		}
		p, err := path(v)
		if err != nil {
			return fmt.Errorf("announce %s: %w", name(key), err)
		}
		add = append(add, p)
	}
	var gone []K
	for key, v := range have {
		if _, ok := want[key]; ok {
			continue
		}
		p, err := path(v)
		if err != nil {
			return fmt.Errorf("withdraw %s: %w", name(key), err)
		}
		gone, remove = append(gone, key), append(remove, p)
	}
	// Withdrawals first: a set that moves a service must not be announced from both places for the time between.
	if len(remove) > 0 {
		if err := s.server.DeletePath(apiutil.DeletePathRequest{Paths: remove}); err != nil {
			return fmt.Errorf("withdraw %d routes: %w", len(remove), err)
		}
		for _, key := range gone {
			delete(have, key)
		}
	}
	if len(add) > 0 {
		if _, err := s.server.AddPath(apiutil.AddPathRequest{Paths: add}); err != nil {
			return fmt.Errorf("announce %d routes: %w", len(add), err)
		}
		for key, v := range want {
			have[key] = v
		}
	}
	return nil
}
