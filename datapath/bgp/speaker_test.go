package bgp_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rhapsode/datapath/bgp"
)

// patience is how long a test waits for what should come in well under a second.
const patience = 20 * time.Second

// allFamilies is what a session of the tests carries.
func allFamilies() []bgp.Family {
	return []bgp.Family{bgp.IPv4, bgp.IPv6, bgp.FlowIPv4, bgp.FlowIPv6}
}

// end is a speaker of a test with what it saw.
type end struct {
	*bgp.Speaker
	addr netip.Addr
	port uint16
	asn  uint32

	mu     sync.Mutex
	events []bgp.Event
	news   chan struct{}
}

// newEnd starts a speaker on a loopback address and a free port.
func newEnd(t testing.TB, addr string, asn uint32) *end {
	t.Helper()
	e := &end{addr: netip.MustParseAddr(addr), port: freePort(t, addr), asn: asn, news: make(chan struct{}, 1)}
	s, err := bgp.New(t.Context(), bgp.Options{
		ASN: asn, RouterID: routerID(e.addr), Listen: []netip.AddrPort{netip.AddrPortFrom(e.addr, e.port)},
	})
	if err != nil {
		t.Fatal(err)
	}
	e.Speaker = s
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := s.Watch(t.Context(), e.saw); err != nil {
		t.Fatal(err)
	}
	return e
}

func routerID(a netip.Addr) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, 2, a.AsSlice()[a.BitLen()/8-1]})
}

func freePort(t testing.TB, addr string) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}

func (e *end) saw(ev bgp.Event) {
	e.mu.Lock()
	e.events = append(e.events, ev)
	e.mu.Unlock()
	select {
	case e.news <- struct{}{}:
	default:
	}
}

// peer is this end as the other one's peer.
func (e *end) peer() bgp.Peer {
	return bgp.Peer{
		Address: e.addr, ASN: e.asn, Port: e.port, HoldTime: 9 * time.Second, ConnectRetry: time.Second,
		Families: allFamilies(),
	}
}

// state is how the session with the other end stands.
func (e *end) state(t testing.TB, other *end) bgp.PeerState {
	t.Helper()
	states, err := e.States(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range states {
		if s.Address == other.addr {
			return s
		}
	}
	t.Fatalf("%s has no peer %s", e.addr, other.addr)
	return bgp.PeerState{}
}

// routes is what the other end told, by key.
func (e *end) routes(t testing.TB, other *end, f bgp.Family) map[string]bgp.Route {
	t.Helper()
	list, err := e.Routes(other.addr, f)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bgp.Route{}
	for _, r := range list {
		out[r.Key()] = r
	}
	return out
}

// await waits until something is so.
func await(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// pair is two ends with a session; change, where given, has a word on both peers first.
func pair(t testing.TB, asnA, asnB uint32, change func(p *bgp.Peer)) (a, b *end) {
	t.Helper()
	a, b = newEnd(t, "127.0.0.1", asnA), newEnd(t, "127.0.0.2", asnB)
	join(t, a, b, change)
	return a, b
}

func join(t testing.TB, a, b *end, change func(p *bgp.Peer)) {
	t.Helper()
	for _, x := range []struct{ here, there *end }{{b, a}, {a, b}} {
		p := x.there.peer()
		p.LocalAddress = x.here.addr
		p.Passive = x.here == b // one side connects: no collision to resolve
		if change != nil {
			change(&p)
		}
		if err := x.here.Set(context.Background(), []bgp.Peer{p}); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "session", func() bool { return a.state(t, b).Established && b.state(t, a).Established })
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func number(n uint32) *uint32      { return &n }

func v4(n int, med uint32) bgp.Announcement {
	return bgp.Announcement{
		Prefix:  netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 51, byte(n >> 8), byte(n)}), 32),
		NextHop: netip.MustParseAddr("192.0.2.9"), MED: &med,
	}
}

func TestAnnounceByDifference(t *testing.T) {
	t.Parallel()
	a, b := pair(t, 64600, 64700, nil)
	set := []bgp.Announcement{}
	for n := range 20 {
		set = append(set, v4(n, 0))
	}
	set = append(set, bgp.Announcement{
		Prefix: prefix("2001:db8:5::1/128"), NextHop: netip.MustParseAddr("2001:db8::9"), MED: number(100),
		Communities:      []bgp.Community{bgp.NewCommunity(14907, 1), bgp.NewCommunity(14907, 11)},
		LargeCommunities: []bgp.LargeCommunity{{ASN: 64600, Data1: 1, Data2: 2}},
		ASPath:           []uint32{64599, 4200000000}, Origin: bgp.OriginIncomplete,
	})
	if err := a.Announce(set); err != nil {
		t.Fatal(err)
	}
	await(t, "routes", func() bool {
		return len(b.routes(t, a, bgp.IPv4)) == 20 && len(b.routes(t, a, bgp.IPv6)) == 1
	})
	six := b.routes(t, a, bgp.IPv6)["2001:db8:5::1/128"]
	if six.NextHop != netip.MustParseAddr("2001:db8::9") || six.MED == nil || *six.MED != 100 || six.LocalPref != nil ||
		six.Origin != bgp.OriginIncomplete || fmt.Sprint(six.Communities) != "[14907:1 14907:11]" ||
		fmt.Sprint(six.LargeCommunities) != "[{64600 1 2}]" || fmt.Sprint(six.ASPath) != "[{false [64600 64599 4200000000]}]" ||
		six.PathLength() != 3 || !six.EBGP || six.Loop || six.Peer != a.addr || six.PeerID != routerID(a.addr) {
		t.Errorf("the route of IPv6 came as %+v", six)
	}
	if s := a.state(t, b); s.Families[bgp.IPv4].Advertised != 20 || s.Families[bgp.IPv6].Advertised != 1 {
		t.Errorf("advertised: %+v", s.Families)
	}
	if s := b.state(t, a); s.Families[bgp.IPv4] != (bgp.Counts{Received: 20, Accepted: 20}) {
		t.Errorf("received: %+v", s.Families)
	}

	// One changed, one gone, one new: that and no more is sent, and the session stays.
	before, mark := a.state(t, b), b.mark()
	set[3], set[4] = v4(3, 100), v4(300, 0)
	if err := a.Announce(set); err != nil {
		t.Fatal(err)
	}
	await(t, "the change", func() bool {
		got := b.routes(t, a, bgp.IPv4)
		r, ok := got["10.51.0.3/32"]
		_, gone := got["10.51.0.4/32"]
		_, new := got["10.51.1.44/32"]
		return ok && *r.MED == 100 && !gone && new
	})
	var told, withdrawn []string
	for _, e := range b.since(mark) {
		if c, ok := e.(bgp.RoutesChanged); ok {
			for _, r := range c.Told {
				told = append(told, r.Key())
			}
			for _, r := range c.Withdrawn {
				withdrawn = append(withdrawn, r.Key())
			}
		}
	}
	slices.Sort(told)
	if got := fmt.Sprint(told, withdrawn); got != "[10.51.0.3/32 10.51.1.44/32] [10.51.0.4/32]" {
		t.Errorf("told and withdrawn: %s", got)
	}
	// The same again sends nothing. The route after it comes when all before it has come.
	sent := a.state(t, b).UpdatesSent
	if err := a.Announce(set); err != nil {
		t.Fatal(err)
	}
	if err := a.Announce(append(set, v4(301, 0))); err != nil {
		t.Fatal(err)
	}
	await(t, "one more", func() bool { return len(b.routes(t, a, bgp.IPv4)) == 21 })
	if now := a.state(t, b); now.UpdatesSent != sent+1 || now.Flaps != before.Flaps || !now.Since.Equal(before.Since) {
		t.Errorf("%d updates were sent for one route (session %v, before %v)", now.UpdatesSent-sent, now, before)
	}
	// What is wrong changes nothing.
	bad := []bgp.Announcement{{Prefix: prefix("10.51.0.9/24"), NextHop: netip.MustParseAddr("192.0.2.9")}, v4(1, 0), v4(1, 1)}
	if err := a.Announce(bad); err == nil || !strings.Contains(err.Error(), "host bits") || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a bad set: %v", err)
	}
	if got := len(b.routes(t, a, bgp.IPv4)); got != 21 {
		t.Errorf("after a bad set there are %d routes", got)
	}
}

func (e *end) mark() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.events)
}

func (e *end) since(mark int) []bgp.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.events[mark:])
}

// down waits for the end of a session and gives its reason.
func (e *end) down(t testing.TB, mark int) string {
	t.Helper()
	var reason string
	await(t, "the end of the session", func() bool {
		for _, ev := range e.since(mark) {
			if d, ok := ev.(bgp.SessionDown); ok {
				reason = d.Reason
				return true
			}
		}
		return false
	})
	return reason
}

func TestWhatPeersSendGoesNoFurther(t *testing.T) {
	t.Parallel()
	a, b := pair(t, 64600, 64700, nil)
	c := newEnd(t, "127.0.0.3", 64800)
	toA, toC := a.peer(), c.peer()
	toA.Passive, toA.LocalAddress, toC.LocalAddress = true, b.addr, b.addr
	if err := b.Set(t.Context(), []bgp.Peer{toA, toC}); err != nil {
		t.Fatal(err)
	}
	fromC := b.peer()
	fromC.LocalAddress, fromC.Passive = c.addr, true
	if err := c.Set(t.Context(), []bgp.Peer{fromC}); err != nil {
		t.Fatal(err)
	}
	await(t, "the third session", func() bool { return c.state(t, b).Established })
	if s := b.state(t, a); s.Flaps != 0 || !s.Established {
		t.Errorf("a second peer reset the session of the first: %+v", s)
	}
	if err := a.Announce([]bgp.Announcement{v4(1, 0), v4(2, 0)}); err != nil {
		t.Fatal(err)
	}
	await(t, "routes of a", func() bool { return len(b.routes(t, a, bgp.IPv4)) == 2 })
	// b's own, of which one is a's prefix too and worse by its path: it is announced whatever a says.
	own := v4(2, 50)
	own.ASPath = []uint32{65000, 65001, 65002}
	if err := b.Announce([]bgp.Announcement{own, v4(3, 0)}); err != nil {
		t.Fatal(err)
	}
	await(t, "routes of b", func() bool { return len(c.routes(t, b, bgp.IPv4)) == 2 })
	got := c.routes(t, b, bgp.IPv4)
	if r := got["10.51.0.2/32"]; fmt.Sprint(r.ASPath) != "[{false [64700 65000 65001 65002]}]" {
		t.Errorf("b's own route came to c as %+v", r)
	}
	if _, passed := got["10.51.0.1/32"]; passed {
		t.Error("b passed on what a told it")
	}
}

func TestInsideOneAS(t *testing.T) {
	t.Parallel()
	a, b := pair(t, 64600, 64600, nil)
	want := v4(1, 7)
	want.LocalPref = number(70)
	looped := v4(2, 0)
	looped.ASPath = []uint32{65000, 64600}
	if err := a.Announce([]bgp.Announcement{want, looped}); err != nil {
		t.Fatal(err)
	}
	await(t, "routes", func() bool { return len(b.routes(t, a, bgp.IPv4)) >= 1 })
	r := b.routes(t, a, bgp.IPv4)["10.51.0.1/32"]
	if r.LocalPref == nil || *r.LocalPref != 70 || len(r.ASPath) != 0 || r.EBGP || *r.MED != 7 {
		t.Errorf("over iBGP came %+v", r)
	}
	for key, r := range b.routes(t, a, bgp.IPv4) {
		if r.Loop != (key == "10.51.0.2/32") {
			t.Errorf("%s: loop %v", key, r.Loop)
		}
	}
}

func TestCloseWithdrawsFirst(t *testing.T) {
	t.Parallel()
	a, b := pair(t, 64600, 64700, nil)
	var set []bgp.Announcement
	for n := range 3000 {
		set = append(set, v4(n, 0))
	}
	flow, err := bgp.NewEchoOffload(prefix("203.0.113.10/32"), netip.MustParseAddr("192.0.2.99"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Announce(set); err != nil {
		t.Fatal(err)
	}
	if err := a.AnnounceFlows([]bgp.EchoOffload{flow}); err != nil {
		t.Fatal(err)
	}
	await(t, "routes", func() bool {
		return len(b.routes(t, a, bgp.IPv4)) == 3000 && len(b.routes(t, a, bgp.FlowIPv4)) == 1
	})
	mark := b.mark()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := a.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if reason := b.down(t, mark); !strings.Contains(reason, "notification-received") || !strings.Contains(reason, "cease") {
		t.Errorf("the session ended by %q, not by a Cease", reason)
	}
	n := 0
	for _, e := range b.since(mark) {
		switch e := e.(type) {
		case bgp.RoutesChanged:
			n += len(e.Withdrawn)
			if len(e.Told) > 0 {
				t.Errorf("while closing it told %d routes", len(e.Told))
			}
		case bgp.SessionDown:
			if n != 3001 {
				t.Errorf("%d of 3001 routes were withdrawn before the session ended", n)
			}
		}
	}
	if err := a.Announce(set); err != bgp.ErrClosed { //nolint:errorlint // it is that very one
		t.Errorf("announce after close: %v", err)
	}
	if err := a.Close(ctx); err != nil {
		t.Errorf("a second close: %v", err)
	}
}

func TestSetByDifference(t *testing.T) {
	t.Parallel()
	a, b := pair(t, 64600, 64700, nil)
	if err := a.Announce([]bgp.Announcement{v4(1, 0), v4(2, 0), v4(3, 0)}); err != nil {
		t.Fatal(err)
	}
	await(t, "routes", func() bool { return len(b.routes(t, a, bgp.IPv4)) == 3 })
	before, mark := b.state(t, a), b.mark()
	p := a.peer()
	p.LocalAddress, p.Passive = b.addr, true
	bad := p
	bad.HoldTime = 2 * time.Second
	for name, set := range map[string][]bgp.Peer{"hold time": {bad}, "twice": {p, p}, "no AS": {{Address: a.addr}}} {
		if err := b.Set(t.Context(), set); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	// The same set, and one with a limit that holds, leave the session alone.
	p.PrefixLimits = map[bgp.Family]uint32{bgp.IPv4: 3}
	for range 2 {
		if err := b.Set(t.Context(), []bgp.Peer{p}); err != nil {
			t.Fatal(err)
		}
	}
	if now := b.state(t, a); !now.Established || !now.Since.Equal(before.Since) || len(b.since(mark)) != 0 {
		t.Errorf("before %+v, now %+v, events %v", before, now, b.since(mark))
	}
	// One route more than the limit ends it, and it stays down.
	if err := a.Announce([]bgp.Announcement{v4(1, 0), v4(2, 0), v4(3, 0), v4(4, 0)}); err != nil {
		t.Fatal(err)
	}
	reason := b.down(t, mark)
	if s := b.state(t, a); s.Established || !s.LimitHit {
		t.Errorf("over the limit (%s): %+v", reason, s)
	}
	// A change of what the session was opened with makes a new one.
	p.PrefixLimits, p.HoldTime = nil, 6*time.Second
	if err := b.Set(t.Context(), []bgp.Peer{p}); err != nil {
		t.Fatal(err)
	}
	await(t, "the new session", func() bool {
		s := b.state(t, a)
		return s.Established && s.HoldTime == 6*time.Second && len(b.routes(t, a, bgp.IPv4)) == 4
	})
	mark = a.mark()
	if err := b.Set(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if reason := a.down(t, mark); !strings.Contains(reason, "cease") {
		t.Errorf("a removed peer's session ended by %q", reason)
	}
	if states, err := b.States(t.Context()); err != nil || len(states) != 0 {
		t.Errorf("after the last peer went there are %v, %v", states, err)
	}
}
