package bgp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	api "github.com/osrg/gobgp/v4/api"
	"github.com/osrg/gobgp/v4/pkg/apiutil"
	"github.com/osrg/gobgp/v4/pkg/server"
)

// ErrClosed is the error of a speaker that was closed.
var ErrClosed = errors.New("the BGP speaker is closed")

// Options is what a speaker is for its life.
type Options struct {
	ASN      uint32
	RouterID netip.Addr // an IPv4 address, whatever the sessions run over

	// Listen is where peers may connect; none is a speaker that only connects. One port for all addresses.
	Listen []netip.AddrPort

	Log *slog.Logger // nil is none
}

// Speaker has sessions, announces, and keeps what peers sent. Its methods may be called from several goroutines.
type Speaker struct {
	server *server.BgpServer
	asn    uint32
	listen bool

	mu        sync.Mutex
	closed    bool
	peers     map[netip.Addr]Peer
	announced map[netip.Prefix]Announcement
	flows     map[netip.Prefix]EchoOffload
	tags      [][]netip.Addr // the lists of peers that announcements were made to, sorted; a tag is a place in it
}

// New starts a speaker without peers. Close ends it.
func New(ctx context.Context, o Options) (*Speaker, error) {
	if o.ASN == 0 {
		return nil, errors.New("start BGP speaker: no autonomous system number")
	}
	if !o.RouterID.Is4() || o.RouterID.IsUnspecified() {
		return nil, fmt.Errorf("start BGP speaker: router id %q is not an IPv4 address", o.RouterID)
	}
	global := &api.Global{Asn: o.ASN, RouterId: o.RouterID.String(), ListenPort: -1}
	for _, l := range o.Listen {
		if !l.IsValid() || l.Port() == 0 || l.Port() != o.Listen[0].Port() {
			return nil, fmt.Errorf("start BGP speaker: listen on %s: an address and the one port of all of them is wanted", l)
		}
		global.ListenPort = int32(l.Port())
		global.ListenAddresses = append(global.ListenAddresses, l.Addr().String())
	}
	s := &Speaker{
		server: server.NewBgpServer(server.LoggerOption(adapt(o.Log), nil)), asn: o.ASN, listen: len(o.Listen) > 0,
		peers: map[netip.Addr]Peer{}, announced: map[netip.Prefix]Announcement{}, flows: map[netip.Prefix]EchoOffload{},
	}
	go s.server.Serve()
	if err := s.server.StartBgp(ctx, &api.StartBgpRequest{Global: global}); err != nil {
		s.server.Stop()
		return nil, fmt.Errorf("start BGP speaker: %w", err)
	}
	if err := errors.Join(s.keepAside(ctx), s.stripTags(ctx)); err != nil {
		s.server.Stop()
		return nil, fmt.Errorf("start BGP speaker: %w", err)
	}
	return s, nil
}

// keepAside has GoBGP accept no route but our own into its table: what peers send stays in their Adj-RIB-In.
func (s *Speaker) keepAside(ctx context.Context) error {
	own := &api.Policy{Name: "own", Statements: []*api.Statement{{
		Name:       "own",
		Conditions: &api.Conditions{RouteType: api.Conditions_ROUTE_TYPE_LOCAL},
		Actions:    &api.Actions{RouteAction: api.RouteAction_ROUTE_ACTION_ACCEPT},
	}}}
	if err := s.server.AddPolicy(ctx, &api.AddPolicyRequest{Policy: own}); err != nil {
		return err
	}
	return s.server.SetPolicyAssignment(ctx, &api.SetPolicyAssignmentRequest{Assignment: &api.PolicyAssignment{
		Name: "global", Direction: api.PolicyDirection_POLICY_DIRECTION_IMPORT,
		Policies: []*api.Policy{{Name: "own"}}, DefaultAction: api.RouteAction_ROUTE_ACTION_REJECT,
	}})
}

// Set makes the peers the speaker's, all of them and no other, by difference: the session of a peer that did not change,
// or only in its prefix limits, stays up. A set with anything wrong in it changes nothing.
func (s *Speaker) Set(ctx context.Context, peers []Peer) error {
	want, err := normalPeers(peers)
	if err != nil {
		return fmt.Errorf("set peers: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	for _, address := range slices.SortedFunc(maps.Keys(s.peers), netip.Addr.Compare) {
		old := s.peers[address]
		if now, stays := want[address]; stays && old.sameSession(now) {
			continue
		}
		if err := s.drop(ctx, old); err != nil {
			return fmt.Errorf("remove peer %s: %w", address, err)
		}
		delete(s.peers, address)
	}
	for _, address := range slices.SortedFunc(maps.Keys(want), netip.Addr.Compare) {
		now := want[address]
		old, known := s.peers[address]
		switch {
		case !known:
			if err := s.server.AddPeer(ctx, &api.AddPeerRequest{Peer: now.request(s.asn)}); err != nil {
				return fmt.Errorf("add peer %s: %w", address, err)
			}
		case !maps.Equal(old.PrefixLimits, now.PrefixLimits):
			if _, err := s.server.UpdatePeer(ctx, &api.UpdatePeerRequest{Peer: now.request(s.asn)}); err != nil {
				return fmt.Errorf("change prefix limits of peer %s: %w", address, err)
			}
		}
		now.PrefixLimits = maps.Clone(now.PrefixLimits)
		s.peers[address] = now
	}
	return nil
}

// drop ends a session with a Cease and forgets the peer. GoBGP's DeletePeer leaves the MD5 key on the listening socket,
// which would then refuse the same peer without one; a change of the admin state takes it off.
func (s *Speaker) drop(ctx context.Context, p Peer) error {
	if p.Password != "" && s.listen {
		p.Password = ""
		request := p.request(s.asn)
		request.Conf.AdminDown = true
		if _, err := s.server.UpdatePeer(ctx, &api.UpdatePeerRequest{Peer: request}); err != nil {
			return err
		}
	}
	return s.server.DeletePeer(ctx, &api.DeletePeerRequest{Address: p.Address.String()})
}

const pollInterval = 10 * time.Millisecond

// Close withdraws everything, waits until that went out, tells each peer that the session ends (Cease, administrative
// shutdown) and frees the port. When ctx is done it does not wait any more, but still says Cease. The error says what
// was not waited for; the speaker is closed in any case.
func (s *Speaker) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.withdrawAll(ctx)
	// The rest is done whatever became of the caller's patience, and each step ends by itself.
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	for address := range s.peers {
		err = errors.Join(err, s.server.DisablePeer(rest, &api.DisablePeerRequest{Address: address.String()}))
	}
	err = errors.Join(err, s.until(rest, func(states []PeerState) bool {
		return !slices.ContainsFunc(states, func(p PeerState) bool { return p.Established })
	}))
	s.server.Stop()
	if err != nil {
		return fmt.Errorf("close BGP speaker: %w", err)
	}
	return nil
}

// quietTime is how long a session must have sent nothing to be taken for one that has sent all.
const quietTime = 300 * time.Millisecond

// withdrawAll takes every route back and waits until the sessions that carried some have sent that. GoBGP does not show
// its queue: what counts is that the session sent updates after the withdrawal, and then none for quietTime. A sender that
// is kept from the processor for longer than that is taken for one that is done: the Cease then ends what is left.
func (s *Speaker) withdrawAll(ctx context.Context) error {
	before, err := s.States(ctx)
	if err != nil || len(s.announced)+len(s.flows) == 0 {
		return err
	}
	if err := s.server.DeletePath(apiutil.DeletePathRequest{DeleteAll: true}); err != nil {
		return err
	}
	s.announced, s.flows = map[netip.Prefix]Announcement{}, map[netip.Prefix]EchoOffload{}
	floor, last, since := map[netip.Addr]uint64{}, map[netip.Addr]uint64{}, map[netip.Addr]time.Time{}
	for _, p := range before {
		if p.Established && p.advertised() > 0 {
			floor[p.Address] = p.UpdatesSent
		}
	}
	return s.until(ctx, func(states []PeerState) bool {
		done := true
		for _, p := range states {
			if sent, waits := floor[p.Address]; waits && p.Established {
				if p.UpdatesSent != last[p.Address] {
					last[p.Address], since[p.Address] = p.UpdatesSent, time.Now()
				}
				done = done && p.UpdatesSent > sent && time.Since(since[p.Address]) >= quietTime
			}
		}
		return done
	})
}

// until asks for the states until they are as wanted.
func (s *Speaker) until(ctx context.Context, good func([]PeerState) bool) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		states, err := s.States(ctx)
		if err != nil {
			return err
		}
		if good(states) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for peers: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}
