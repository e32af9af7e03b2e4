package forward_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"rhapsode/labs/router"
	"rhapsode/labs/router/forward"
)

// rig is a router that forwards in a namespace of its own: hosts are behind in, out and alt, at ge-0/0/0 to 2.
type rig struct {
	t       *testing.T
	in, out *wire
	alt     *wire
	client  *ssh.Client
	router  *router.Router
	plane   *forward.Plane
}

// rigConfig is what a rig begins with.
const rigConfig = `interfaces {
    ge-0/0/0 { unit 0 { family inet { address 192.0.2.1/24; } family inet6 { address 2001:db8:1::1/64; } } }
    ge-0/0/1 { unit 0 { family inet { address 198.51.100.1/24; } family inet6 { address 2001:db8:2::1/64; } } }
    ge-0/0/2 { unit 0 { family inet { address 203.0.113.1/25; } } }
    lo0 { unit 0 { family inet { address 192.0.2.254/32; } } }
}
routing-options {
    static { route 10.1.0.0/16 next-hop 198.51.100.2; }
    rib inet6.0 { static { route 2001:db8:f::/48 next-hop 2001:db8:2::2; } }
}
`

func newRig(t *testing.T, config string) *rig {
	t.Helper()
	fd := isolate(t)
	for name, value := range map[string]string{
		"ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0", "ipv6/conf/default/addr_gen_mode": "1", "ipv6/conf/default/accept_ra": "0",
		"ipv4/icmp_ratemask": "0", "ipv4/icmp_ratelimit": "0", "ipv6/icmp/ratelimit": "0", "ipv6/icmp/ratemask": "",
	} {
		setting(t, name, value)
	}
	if err := netlink.LinkSetUp(device(t, "lo")); err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, in: newWire(t, "ge-0-0-0"), out: newWire(t, "ge-0-0-1"), alt: newWire(t, "ge-0-0-2")}
	var err error
	if g.plane, err = forward.OpenPlane(forward.PlaneOptions{Namespace: fd, Management: []string{"eth0"}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.plane.Close() })
	if g.router, err = router.New(router.Options{
		Hostname: "r1", User: "lab", Password: "secret", Config: config, ConfirmUnit: 100 * time.Millisecond, Plane: g.plane,
	}); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	go g.router.Serve(ln) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { _ = g.router.Close() })
	conn, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, channels, requests, err := ssh.NewClientConn(conn, "r1", &ssh.ClientConfig{
		User: "lab", Auth: []ssh.AuthMethod{ssh.Password("secret")}, HostKeyCallback: ssh.FixedHostKey(g.router.HostKey()),
	})
	if err != nil {
		t.Fatal(err)
	}
	g.client = ssh.NewClient(c, channels, requests)
	t.Cleanup(func() { _ = g.client.Close() })
	return g
}

// cli gives lines to the command line and returns what it says.
func (g *rig) cli(lines ...string) string {
	g.t.Helper()
	s, err := g.client.NewSession()
	if err != nil {
		g.t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // it has ended
	var out, failed bytes.Buffer
	s.Stdin, s.Stdout, s.Stderr = strings.NewReader(strings.Join(lines, "\n")+"\n"), &out, &failed
	if err := s.Shell(); err != nil {
		g.t.Fatal(err)
	}
	_ = s.Wait() // the status is not what is asked for
	return out.String() + failed.String()
}

// commit changes the configuration and commits it; it returns what was said, and fails unless that is as expected.
func (g *rig) commit(how, want string, lines ...string) string {
	g.t.Helper()
	all := append([]string{"configure"}, lines...)
	out := g.cli(append(all, how, "rollback", "exit", "exit")...)
	if !strings.Contains(out, want) {
		g.t.Fatalf("commit says\n%s\nwant %q in it", out, want)
	}
	return out
}

// sends gives the fate of a packet that a host behind in sends, described in ParsePacket's words.
func (g *rig) sends(words string) string {
	g.t.Helper()
	p := encode(packet(g.t, words), 1)
	g.in.send(g.t, p)
	var out []string
	for _, w := range []*wire{g.in, g.out, g.alt} {
		for _, got := range w.read(g.t) {
			out = append(out, w.name+" "+outcome(p, got))
		}
	}
	return strings.Join(out, ", ")
}

func (g *rig) expect(words, want string) {
	g.t.Helper()
	if got := g.sends(words); got != want {
		g.t.Errorf("%s: %q, want %q", words, got, want)
	}
}

const (
	there4 = "udp 192.0.2.7:1000 > 10.1.2.3:2000"
	there6 = "udp [2001:db8:1::7]:1000 > [2001:db8:f::3]:2000"
	onOut  = "ge-0-0-1 forwarded"
	done   = "commit complete"
)

// TestRootPlaneForwards: packets go by static routes of both families from the start, and a commit moves them.
func TestRootPlaneForwards(t *testing.T) {
	g := newRig(t, rigConfig)
	g.expect(there4, onOut)
	g.expect(there6, onOut)
	g.expect("udp 192.0.2.7:1000 > 10.2.2.3:2000", "ge-0-0-0 icmp 3/0")
	g.commit("commit", done, "delete routing-options static", "set routing-options static route 10.1.0.0/16 next-hop 203.0.113.2", "set routing-options rib inet6.0 static route 2001:db8:f::/48 discard")
	g.expect(there4, "ge-0-0-2 forwarded")
	g.commit("commit", done, "delete routing-options rib inet6.0", "set routing-options rib inet6.0 static route 2001:db8:f::/48 discard")
	g.expect(there6, "")
	g.commit("commit", done, "set routing-options static route 10.1.2.0/24 reject")
	if got := g.sends(there4); !strings.HasPrefix(got, "ge-0-0-0 icmp 3/") {
		t.Errorf("a rejected packet is %q", got)
	}
	g.commit("commit", done, "set interfaces ge-0/0/2 disable", "delete routing-options static route 10.1.2.0/24")
	g.expect(there4, "ge-0-0-0 icmp 3/0")
	g.commit("commit", done, "delete interfaces ge-0/0/2 disable")
	g.expect(there4, "ge-0-0-2 forwarded")
}

// TestRootPlaneFilter: a term takes effect with its commit and goes with the rollback, the automatic one too. The time from
// the command to the first packet that is treated the new way is printed.
func TestRootPlaneFilter(t *testing.T) {
	g := newRig(t, rigConfig)
	filter := []string{
		"set firewall family inet filter f term a from destination-address 10.1.0.0/16", "set firewall family inet filter f term a then count a",
		"set firewall family inet filter f term a then discard", "set firewall family inet filter f term z then accept",
		"set interfaces ge-0/0/0 unit 0 family inet filter input f",
	}
	g.expect(there4, onOut)
	g.commit("commit", done, filter...)
	g.expect(there4, "")
	g.expect(there6, onOut)
	if out := g.cli("show firewall filter f", "exit"); !strings.Contains(out, "a ") || !strings.Contains(out, " 1\n") {
		t.Errorf("show firewall says\n%s", out)
	}
	g.commit("commit", done, "rollback 1")
	g.expect(there4, onOut)
	g.commit("commit confirmed 2", done, filter...)
	g.expect(there4, "")
	for end := time.Now().Add(10 * time.Second); g.sends(there4) != onOut; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("an unconfirmed commit is not rolled back")
		}
	}
	g.commit("commit", done, filter...)
	best := time.Hour
	for i := range 6 {
		what, want := "deactivate", onOut
		if i%2 == 1 {
			what, want = "activate", ""
		}
		start := time.Now()
		g.commit("commit", done, what+" interfaces ge-0/0/0 unit 0 family inet filter")
		g.expect(there4, want)
		best = min(best, time.Since(start))
	}
	t.Logf("from opening the command line to the first packet treated the new way, with the commit: %v at best", best)
	if best > 100*time.Millisecond {
		t.Errorf("no commit was in force within 100 ms: the best took %v", best)
	}
}

// settled waits for the last that comes with addresses of IPv6, which the kernel makes on its own, a moment later: the
// anycast addresses of their networks.
func settled(t *testing.T, anycast ...string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		list, err := netlink.RouteListFiltered(netlink.FAMILY_V6, &netlink.Route{Table: unix.RT_TABLE_LOCAL}, netlink.RT_FILTER_TABLE)
		if err != nil || time.Now().After(end) {
			t.Fatalf("addresses do not settle: %v, %v", list, err)
		}
		missing := slices.DeleteFunc(slices.Clone(anycast), func(a string) bool {
			return slices.ContainsFunc(list, func(r netlink.Route) bool { return r.Dst.String() == a })
		})
		if len(missing) == 0 {
			return
		}
	}
}

// TestRootPlaneByDifference: a commit that changes one route tells who watches the namespace of that route alone, and one
// that changes nothing of this of nothing.
func TestRootPlaneByDifference(t *testing.T) {
	g := newRig(t, rigConfig)
	settled(t, "2001:db8:1::/128", "2001:db8:2::/128")
	stop := make(chan struct{})
	defer close(stop)
	routes, addresses, links := make(chan netlink.RouteUpdate, 100), make(chan netlink.AddrUpdate, 100), make(chan netlink.LinkUpdate, 100)
	if err := errors.Join(netlink.RouteSubscribe(routes, stop), netlink.AddrSubscribe(addresses, stop), netlink.LinkSubscribe(links, stop)); err != nil {
		t.Fatal(err)
	}
	g.commit("commit", done, "set system location building x")
	g.commit("commit", done, "set routing-options static route 10.9.0.0/16 discard")
	var seen []string
	for len(seen) == 0 {
		select {
		case u := <-routes:
			seen = append(seen, fmt.Sprint(u.Type == unix.RTM_NEWROUTE, u.Dst))
		case <-time.After(10 * time.Second):
			t.Fatal("no change was seen")
		}
	}
	// What came with it would be here: the kernel tells in the order in which things happen.
	g.commit("commit", done, "delete routing-options static route 10.9.0.0/16")
	for u := range routes {
		seen = append(seen, fmt.Sprint(u.Type == unix.RTM_NEWROUTE, u.Dst))
		if u.Type == unix.RTM_DELROUTE {
			break
		}
	}
	if want := []string{"true 10.9.0.0/16", "false 10.9.0.0/16"}; !slices.Equal(seen, want) || len(routes)+len(addresses)+len(links) > 0 {
		t.Errorf("changes of routes are %v, want %v; %d addresses and %d links changed", seen, want, len(addresses), len(links))
	}
}

// TestRootPlaneLeavesOthers: addresses and routes that somebody else made stay, also on our devices and on lo, and go on
// when ours go.
func TestRootPlaneLeavesOthers(t *testing.T) {
	g := newRig(t, rigConfig)
	for dev, a := range map[string]string{"ge-0-0-0": "172.16.0.1/24", "lo": "172.16.9.9/32", "ge-0-0-1": "198.51.100.77/24"} {
		addr, err := netlink.ParseAddr(a)
		if err == nil {
			err = netlink.AddrAdd(device(t, dev), addr)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	route(t, "10.77.0.0/16", "ge-0-0-1", unix.RT_TABLE_MAIN) // by ge-0-0-2, which is without an address then, the kernel would not keep it
	g.commit("commit", done, "delete interfaces", "delete routing-options")
	var got []string
	for _, dev := range []string{"lo", "ge-0-0-0", "ge-0-0-1", "ge-0-0-2"} {
		list, err := netlink.AddrList(device(t, dev), netlink.FAMILY_V4)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			got = append(got, a.IPNet.String())
		}
	}
	if want := "127.0.0.1/8 172.16.9.9/32 172.16.0.1/24 198.51.100.77/24"; strings.Join(got, " ") != want {
		t.Errorf("addresses are %v, want %s", got, want)
	}
	g.expect("udp 172.16.0.7:1000 > 10.77.2.3:2000", onOut)
	g.commit("commit", done, "rollback 1")
	g.expect(there4, onOut)
	g.expect(there6, onOut)
}

// TestRootPlaneAggregate: an aggregate stops packets as long as something lies within it.
func TestRootPlaneAggregate(t *testing.T) {
	g := newRig(t, rigConfig)
	const beside = "udp 192.0.2.7:1000 > 10.9.2.3:2000"
	g.commit("commit", done, "set routing-options static route 0.0.0.0/0 next-hop 203.0.113.2", "set routing-options aggregate route 10.0.0.0/8")
	if got := g.sends(beside); !strings.HasPrefix(got, "ge-0-0-0 icmp 3/") {
		t.Errorf("with a contributor: %q", got)
	}
	if out := g.cli("show route 10.0.0.0/8 exact", "exit"); !strings.Contains(out, "Aggregate/130") {
		t.Errorf("show route says\n%s", out)
	}
	g.commit("commit", done, "set routing-options aggregate route 10.0.0.0/8 discard")
	g.expect(beside, "")
	g.commit("commit", done, "delete routing-options static route 10.1.0.0/16")
	g.expect(beside, "ge-0-0-2 forwarded")
	g.expect(there4, "ge-0-0-2 forwarded")
}

// TestRootPlaneAllOrNothing: what the kernel refuses fails the commit, and all is as it was: the filter that was to come
// with it, the address and the route.
func TestRootPlaneAllOrNothing(t *testing.T) {
	g := newRig(t, rigConfig)
	out := g.commit("commit", "error:", "set routing-options static route 10.1.0.0/16 next-hop 203.0.113.9",
		"delete routing-options static route 10.1.0.0/16 next-hop 198.51.100.2",
		"set interfaces ge-0/0/2 unit 0 family inet address 203.0.113.129/25", "set interfaces lo0 unit 0 family inet address 192.0.2.253/32",
		"set routing-options static route 10.7.0.0/16 next-hop 203.0.113.2",
		"set interfaces ge-0/0/1 mtu 1014", // too little for IPv6, whose addresses the kernel then takes away
		"set firewall family inet filter f term a then discard", "set interfaces ge-0/0/0 unit 0 family inet filter input f")
	if strings.Contains(out, done) {
		t.Fatalf("committed:\n%s", out)
	}
	g.expect(there4, onOut)
	g.expect(there6, onOut)
	if list, err := netlink.AddrList(device(t, "ge-0-0-2"), netlink.FAMILY_V4); err != nil || len(list) != 1 {
		t.Errorf("addresses are %v %v", list, err)
	}
	if list, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Protocol: 74}, netlink.RT_FILTER_PROTOCOL); err != nil || len(list) != 1 {
		t.Errorf("routes are %v %v", list, err)
	}
	out = g.cli("show configuration routing-options static", "exit")
	if !strings.Contains(out, "198.51.100.2") || strings.Contains(out, "10.7.0.0") {
		t.Errorf("the configuration is\n%s", out)
	}
	g.commit("commit", "VLAN-ID must be specified", "set interfaces ge-0/0/0 unit 7 family inet")
	g.commit("commit", done, "set routing-options static route 10.7.0.0/16 next-hop 203.0.113.9")
	g.expect("udp 192.0.2.7:1000 > 10.7.2.3:2000", "ge-0-0-2 forwarded")
}

// TestRootPlaneMTU: the MTU of a device is what the configuration says, and without it what it was before.
func TestRootPlaneMTU(t *testing.T) {
	g := newRig(t, rigConfig)
	for _, tt := range []struct {
		line string
		want int
	}{{"set interfaces ge-0/0/0 mtu 1514", 1500}, {"set interfaces ge-0/0/0 unit 0 family inet mtu 1400", 1400}, {"delete interfaces ge-0/0/0", 9000}} {
		g.commit("commit", done, tt.line)
		if got := device(t, "ge-0-0-0").Attrs().MTU; got != tt.want {
			t.Errorf("%s: the MTU is %d, want %d", tt.line, got, tt.want)
		}
	}
}

// TestRootPlaneRestart: another process takes over what one left, and takes away what its configuration does not have.
func TestRootPlaneRestart(t *testing.T) {
	g := newRig(t, rigConfig)
	g.commit("commit", done, "set firewall family inet filter f term a then discard", "set interfaces ge-0/0/0 unit 0 family inet filter input f")
	g.expect(there4, "")
	if err := errors.Join(g.router.Close(), g.plane.Close()); err != nil {
		t.Fatal(err)
	}
	g.expect(there4, "") // as it was
	next, err := forward.OpenPlane(forward.PlaneOptions{Namespace: namespaceOf(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close() //nolint:errcheck // it goes with the namespace
	const changed = `interfaces {
		ge-0/0/0 { unit 0 { family inet { address 192.0.2.1/24; } } }
		ge-0/0/2 { unit 0 { family inet { address 203.0.113.1/25; } } }
	}
	routing-options { static { route 10.1.0.0/16 next-hop 203.0.113.2; } }`
	for range 2 { // again it finds nothing to do
		if err := next.Apply(t.Context(), read(t, changed)); err != nil {
			t.Fatal(err)
		}
		g.expect(there4, "ge-0-0-2 forwarded")
	}
	for dev, want := range map[string]int{"lo": 1, "ge-0-0-0": 1, "ge-0-0-1": 0, "ge-0-0-2": 1} {
		if list, err := netlink.AddrList(device(t, dev), netlink.FAMILY_V4); err != nil || len(list) != want {
			t.Errorf("%s has %v, %v, want %d", dev, list, err, want)
		}
	}
}

// TestRootPlaneVLAN: a unit with a device of its own has its addresses and its link; without one a commit is refused.
func TestRootPlaneVLAN(t *testing.T) {
	g := newRig(t, rigConfig)
	newWire(t, "ge-0-0-3.10")
	g.commit("commit", done, "set interfaces ge-0/0/3 vlan-tagging", "set interfaces ge-0/0/3 unit 10 vlan-id 10", "set interfaces ge-0/0/3 unit 10 family inet address 172.16.0.1/24")
	if got := g.sends("icmp echo-request from 192.0.2.7 to 172.16.0.1"); !strings.HasPrefix(got, "ge-0-0-0 icmp 0/0") {
		t.Errorf("the address of the VLAN answers %q", got)
	}
	out := g.cli("show interfaces terse", "exit")
	for _, want := range []string{"ge-0/0/3 ", "ge-0/0/3.10 ", "ge-0/0/2.0 "} {
		if i := strings.Index(out, want); i < 0 || strings.Join(strings.Fields(out[i:])[1:3], " ") != "up up" {
			t.Errorf("%sis not up in\n%s", want, out)
		}
	}
	g.commit("commit", "no device of this router carries the VLAN", "set interfaces ge-0/0/2 vlan-tagging", "set interfaces ge-0/0/2 unit 20 vlan-id 20")
}

// namespaceOf gives a descriptor of the thread's network namespace.
func namespaceOf(t *testing.T) int {
	t.Helper()
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// TestRootPlaneManagement: a filter of lo0 stops what is for the router, but not by the device for management, so that who
// commits it is still heard.
func TestRootPlaneManagement(t *testing.T) {
	g := newRig(t, rigConfig)
	mgmt := newWire(t, "eth0")
	addr, err := netlink.ParseAddr("172.16.0.1/24")
	if err == nil {
		err = netlink.AddrAdd(device(t, "eth0"), addr)
	}
	if err != nil {
		t.Fatal(err)
	}
	ping := encode(packet(t, "icmp echo-request from 172.16.0.7 to 172.16.0.1"), 1)
	answers := func() int {
		mgmt.send(t, ping)
		return len(mgmt.read(t))
	}
	g.in.send(t, encode(packet(t, "udp 192.0.2.7:1000 > 172.16.0.7:2000"), 1))
	if got := mgmt.read(t); len(got) > 0 {
		t.Errorf("passed on to the device for management: %x", got)
	}
	mgmt.send(t, encode(packet(t, "udp 172.16.0.7:1000 > 10.1.2.3:2000"), 1))
	if got := g.out.read(t); len(got) > 0 {
		t.Errorf("passed on from the device for management: %x", got)
	}
	const own = "icmp echo-request from 192.0.2.7 to 192.0.2.254"
	if n, other := answers(), g.sends(own); n != 1 || other == "" {
		t.Fatalf("before, %d answers and %q", n, other)
	}
	g.commit("commit", done, "set firewall family inet filter f term a then discard", "set interfaces lo0 unit 0 family inet filter input f")
	g.expect(own, "")
	if n := answers(); n != 1 {
		t.Errorf("%d answers by the device for management, want 1", n)
	}
}
