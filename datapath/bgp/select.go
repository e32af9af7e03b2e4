package bgp

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"slices"

	api "github.com/osrg/gobgp/v4/api"
)

// tagASN marks the large community by which an announcement finds its peers inside GoBGP. The number is reserved by RFC
// 7300, so nobody's community has it, and it is taken off before a route is sent.
const tagASN = math.MaxUint32

const tagPattern = "^4294967295:0:[0-9]+$"

// stripTags has GoBGP take tags off whatever it sends; each list of peers puts a policy of its own in front.
func (s *Speaker) stripTags(ctx context.Context) error {
	if err := s.server.AddDefinedSet(ctx, &api.AddDefinedSetRequest{DefinedSet: &api.DefinedSet{
		DefinedType: api.DefinedType_DEFINED_TYPE_LARGE_COMMUNITY, Name: "tags", List: []string{tagPattern},
	}}); err != nil {
		return err
	}
	strip := &api.Policy{Name: "strip", Statements: []*api.Statement{{
		Name: "strip",
		Conditions: &api.Conditions{
			LargeCommunitySet: &api.MatchSet{Type: api.MatchSet_TYPE_ANY, Name: "tags"},
		},
		Actions: &api.Actions{
			RouteAction:    api.RouteAction_ROUTE_ACTION_ACCEPT,
			LargeCommunity: &api.CommunityAction{Type: api.CommunityAction_TYPE_REMOVE, Communities: []string{tagPattern}},
		},
	}}}
	if err := s.server.AddPolicy(ctx, &api.AddPolicyRequest{Policy: strip}); err != nil {
		return err
	}
	return s.assignExport(ctx)
}

// assignExport puts the policies of all lists of peers in force, and the one that strips tags after them.
func (s *Speaker) assignExport(ctx context.Context) error {
	var policies []*api.Policy
	for n := range s.tags {
		policies = append(policies, &api.Policy{Name: tagName(uint32(n))})
	}
	return s.server.SetPolicyAssignment(ctx, &api.SetPolicyAssignmentRequest{Assignment: &api.PolicyAssignment{
		Name: "global", Direction: api.PolicyDirection_POLICY_DIRECTION_EXPORT,
		Policies: append(policies, &api.Policy{Name: "strip"}), DefaultAction: api.RouteAction_ROUTE_ACTION_ACCEPT,
	}})
}

func tagName(n uint32) string { return fmt.Sprintf("tag%d", n) }

// tagFor is the tag of a list of peers. A list that is new gets its policy before any route has its tag, and keeps it: so
// no policy ever changes for a route that was sent, and nothing has to be sent again.
func (s *Speaker) tagFor(ctx context.Context, peers []netip.Addr) (uint32, error) {
	for n, known := range s.tags {
		if slices.Equal(known, peers) {
			return uint32(n), nil
		}
	}
	n := uint32(len(s.tags))
	name := tagName(n)
	var prefixes []string
	for _, p := range peers {
		prefixes = append(prefixes, netip.PrefixFrom(p, p.BitLen()).String())
	}
	for _, set := range []*api.DefinedSet{
		{DefinedType: api.DefinedType_DEFINED_TYPE_NEIGHBOR, Name: name, List: prefixes},
		{
			DefinedType: api.DefinedType_DEFINED_TYPE_LARGE_COMMUNITY, Name: name,
			List: []string{fmt.Sprintf("^%d:0:%d$", uint32(tagASN), n)},
		},
	} {
		if err := s.server.AddDefinedSet(ctx, &api.AddDefinedSetRequest{DefinedSet: set}); err != nil {
			return 0, err
		}
	}
	others := &api.Policy{Name: name, Statements: []*api.Statement{{
		Name: name,
		Conditions: &api.Conditions{
			LargeCommunitySet: &api.MatchSet{Type: api.MatchSet_TYPE_ANY, Name: name},
			NeighborSet:       &api.MatchSet{Type: api.MatchSet_TYPE_INVERT, Name: name},
		},
		Actions: &api.Actions{RouteAction: api.RouteAction_ROUTE_ACTION_REJECT},
	}}}
	if err := s.server.AddPolicy(ctx, &api.AddPolicyRequest{Policy: others}); err != nil {
		return 0, err
	}
	s.tags = append(s.tags, peers)
	return n, s.assignExport(ctx)
}
