package bgp

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	api "github.com/osrg/gobgp/v4/api"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// Counts is how many prefixes of a family a session has.
type Counts struct {
	Received   uint64 // what the peer sent
	Accepted   uint64 // of these, what is no loop: a policy may look at it
	Advertised uint64 // what the peer was told
}

// PeerState is how a session stands.
type PeerState struct {
	Address     netip.Addr
	ASN         uint32
	RouterID    netip.Addr // of the peer; zero while there is no session
	State       string     // in Junos's words: Idle, Connect, Active, OpenSent, OpenConfirm, Established
	Established bool
	LimitHit    bool      // a prefix limit ended the session
	Since       time.Time // when it came up or, while it is not, went down; zero if it never was up
	HoldTime    time.Duration
	Flaps       uint32 // how often it went down
	Families    map[Family]Counts

	UpdatesSent, UpdatesReceived uint64 // messages of this session
}

func (p PeerState) advertised() uint64 {
	var sum uint64
	for _, c := range p.Families {
		sum += c.Advertised
	}
	return sum
}

// States is how the sessions stand, by address.
func (s *Speaker) States(ctx context.Context) ([]PeerState, error) {
	var out []PeerState
	err := s.server.ListPeer(ctx, &api.ListPeerRequest{EnableAdvertised: true}, func(p *api.Peer) {
		out = append(out, stateOf(p))
	})
	if err != nil {
		return nil, fmt.Errorf("list peers: %w", err)
	}
	slices.SortFunc(out, func(a, b PeerState) int { return a.Address.Compare(b.Address) })
	return out, nil
}

// sessionState is the word of RFC 4271's states in the order of GoBGP's numbers.
func sessionState(n api.PeerState_SessionState) string {
	words := []string{"Idle", "Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"}
	if int(n) >= len(words) {
		return words[0]
	}
	return words[n]
}

func stateOf(p *api.Peer) PeerState {
	state, timers := p.GetState(), p.GetTimers().GetState()
	out := PeerState{
		ASN: p.GetConf().GetPeerAsn(), State: sessionState(state.GetSessionState()),
		Established: state.GetSessionState() == api.PeerState_SESSION_STATE_ESTABLISHED,
		LimitHit:    state.GetAdminState() == api.PeerState_ADMIN_STATE_PFX_CT,
		HoldTime:    time.Duration(timers.GetNegotiatedHoldTime()) * time.Second,
		Flaps:       state.GetFlops(), Families: map[Family]Counts{},
		UpdatesSent:     state.GetMessages().GetSent().GetUpdate(),
		UpdatesReceived: state.GetMessages().GetReceived().GetUpdate(),
	}
	out.Address, _ = netip.ParseAddr(p.GetConf().GetNeighborAddress())
	at := timers.GetDowntime()
	if out.Established {
		out.RouterID, _ = netip.ParseAddr(state.GetRouterId())
		at = timers.GetUptime()
	}
	if at != nil && at.AsTime().Unix() > 0 {
		out.Since = at.AsTime()
	}
	for _, a := range p.GetAfiSafis() {
		w := a.GetConfig().GetFamily()
		f, ok := familyOf(gobgp.NewFamily(uint16(w.GetAfi()), uint8(w.GetSafi())))
		if !ok {
			continue
		}
		out.Families[f] = Counts{
			Received: a.GetState().GetReceived(), Accepted: a.GetState().GetAccepted(),
			Advertised: a.GetState().GetAdvertised(),
		}
	}
	return out
}
