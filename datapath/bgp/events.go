package bgp

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/osrg/gobgp/v4/pkg/apiutil"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/server"
)

// Event is what happened: one of SessionUp, SessionDown, RoutesChanged and EndOfRoutes.
type Event interface{ event() }

// SessionUp is a session that is established.
type SessionUp struct {
	Peer netip.Addr
	At   time.Time
}

// SessionDown is a session that was established and is not any more: the peer's routes are gone with it, and there is no
// RoutesChanged for them.
type SessionDown struct {
	Peer   netip.Addr
	At     time.Time
	Reason string // hold-timer-expired, notification-received code … and the like, in GoBGP's words
}

// RoutesChanged is what one message of a peer changed. A route that is told again replaces the one of the same Key; what
// was withdrawn has a key and no attributes.
type RoutesChanged struct {
	Peer      netip.Addr
	At        time.Time
	Told      []Route
	Withdrawn []Route
}

// EndOfRoutes says that a peer has told all that it had of a family (End-of-RIB, RFC 4724).
type EndOfRoutes struct {
	Peer   netip.Addr
	Family Family
}

func (SessionUp) event()     {}
func (SessionDown) event()   {}
func (RoutesChanged) event() {}
func (EndOfRoutes) event()   {}

// Watch calls fn with every event until ctx is done: first what is so already (sessions that are up, routes that peers
// have told), then what changes, in order and without a gap. fn is called by one goroutine; what comes while it works
// waits in memory. It does not return an error once it began.
func (s *Speaker) Watch(ctx context.Context, fn func(Event)) error {
	w := &watcher{speaker: s, fn: fn, up: map[netip.Addr]bool{}}
	err := s.server.WatchEvent(ctx, server.WatchEventMessageCallbacks{
		OnPathUpdate: w.paths, OnPeerUpdate: w.peer, OnPathEor: w.end,
	}, server.WatchPeer(), server.WatchUpdate(true, "", ""), server.WatchEor(true))
	if err != nil {
		return fmt.Errorf("watch BGP: %w", err)
	}
	return nil
}

// watcher turns GoBGP's events into ours. All of its methods are called by one goroutine.
type watcher struct {
	speaker *Speaker
	fn      func(Event)
	up      map[netip.Addr]bool
}

func (w *watcher) peer(e *apiutil.WatchEventMessage_PeerEvent, at time.Time) {
	if e.Type == apiutil.PEER_EVENT_END_OF_INIT {
		return
	}
	state := e.Peer.State
	address, now := state.NeighborAddress, state.SessionState == gobgp.BGP_FSM_ESTABLISHED
	if w.up[address] == now {
		return
	}
	w.up[address] = now
	if now {
		w.fn(SessionUp{Peer: address, At: at})
		return
	}
	w.fn(SessionDown{Peer: address, At: at, Reason: state.DisconnectMessage})
}

func (w *watcher) paths(paths []*apiutil.Path, at time.Time) {
	var e RoutesChanged
	for _, p := range paths {
		r, ok := w.speaker.route(p)
		if !ok {
			continue
		}
		e.Peer, e.At = r.Peer, at
		if p.Withdrawal {
			e.Withdrawn = append(e.Withdrawn, r)
		} else {
			e.Told = append(e.Told, r)
		}
	}
	if len(e.Told)+len(e.Withdrawn) > 0 {
		w.fn(e)
	}
}

func (w *watcher) end(p *apiutil.Path, _ time.Time) {
	if f, ok := familyOf(p.Family); ok {
		w.fn(EndOfRoutes{Peer: p.PeerAddress, Family: f})
	}
}
