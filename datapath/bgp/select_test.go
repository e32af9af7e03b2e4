package bgp_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"rhapsode/datapath/bgp"
)

// TestAnnounceToSomePeers: who is told is part of the announcement and changes by difference, with no word on the wire of
// how.
func TestAnnounceToSomePeers(t *testing.T) {
	t.Parallel()
	a, b, c := newEnd(t, "127.0.0.1", 64600), newEnd(t, "127.0.0.2", 64700), newEnd(t, "127.0.0.3", 64600)
	toB, toC := b.peer(), c.peer()
	toB.LocalAddress, toC.LocalAddress = a.addr, a.addr
	for _, x := range []*end{b, c} {
		p := a.peer()
		p.LocalAddress, p.Passive = x.addr, true
		if err := x.Set(t.Context(), []bgp.Peer{p}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Set(t.Context(), []bgp.Peer{toB, toC}); err != nil {
		t.Fatal(err)
	}
	await(t, "sessions", func() bool { return a.state(t, b).Established && a.state(t, c).Established })
	to := func(n int, peers ...netip.Addr) bgp.Announcement {
		r := v4(n, 0)
		r.Peers = peers
		r.LargeCommunities = []bgp.LargeCommunity{{ASN: 64600, Data1: 1, Data2: 1}}
		return r
	}
	set := func(routes ...bgp.Announcement) {
		t.Helper()
		if err := a.Announce(routes); err != nil {
			t.Fatal(err)
		}
	}
	see := func(wantB, wantC string) {
		t.Helper()
		keys := func(e *end) string { return fmt.Sprint(slices.Sorted(maps.Keys(e.routes(t, a, bgp.IPv4)))) }
		await(t, fmt.Sprintf("%s and %s", wantB, wantC), func() bool { return keys(b) == wantB && keys(c) == wantC })
	}
	set(to(1), to(2, b.addr), to(3, c.addr), to(4, c.addr, b.addr, c.addr), to(9))
	see("[10.51.0.1/32 10.51.0.2/32 10.51.0.4/32 10.51.0.9/32]", "[10.51.0.1/32 10.51.0.3/32 10.51.0.4/32 10.51.0.9/32]")
	for _, e := range []*end{b, c} {
		for key, r := range e.routes(t, a, bgp.IPv4) {
			if fmt.Sprint(r.LargeCommunities) != "[{64600 1 1}]" {
				t.Errorf("%s came with %v", key, r.LargeCommunities)
			}
		}
	}
	// The other one, fewer, all.
	mark, sent := b.mark(), a.state(t, c).UpdatesSent
	set(to(1, b.addr), to(2, c.addr), to(3), to(4, b.addr), to(9))
	see("[10.51.0.1/32 10.51.0.3/32 10.51.0.4/32 10.51.0.9/32]", "[10.51.0.2/32 10.51.0.3/32 10.51.0.9/32]")
	for _, ev := range b.since(mark) {
		if ch, ok := ev.(bgp.RoutesChanged); ok {
			for _, r := range append(ch.Told, ch.Withdrawn...) {
				if r.Key() == "10.51.0.9/32" {
					t.Error("a route that did not change was sent again")
				}
			}
		}
	}
	if now := a.state(t, c); now.UpdatesSent == sent || now.Flaps != 0 || a.state(t, b).Flaps != 0 {
		t.Errorf("the session: %+v", now)
	}
	// A peer that comes later, and a peer's new session, are told the same.
	toC.HoldTime *= 2
	if err := a.Set(t.Context(), []bgp.Peer{toB, toC}); err != nil {
		t.Fatal(err)
	}
	await(t, "the new session", func() bool { return a.state(t, c).Established && c.state(t, a).Established })
	see("[10.51.0.1/32 10.51.0.3/32 10.51.0.4/32 10.51.0.9/32]", "[10.51.0.2/32 10.51.0.3/32 10.51.0.9/32]")
	if s := a.state(t, c); s.Families[bgp.IPv4].Advertised != 3 {
		t.Errorf("told to c: %+v", s.Families)
	}
	bad := v4(1, 0)
	bad.LargeCommunities = []bgp.LargeCommunity{{ASN: 4294967295}}
	if err := a.Announce([]bgp.Announcement{bad}); err == nil {
		t.Error("a community of the reserved number is taken")
	}
}
