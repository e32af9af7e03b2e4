package bgp_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"rhapsode/datapath/bgp"
)

// inside marks the test's process in namespaces of its own.
const inside = "RHAPSODE_BGP_PEERS"

// The addresses of the two ends, both in the test's own network.
const (
	our4, our6     = "10.9.0.1", "2001:db8:9::1"
	their4, their6 = "10.9.0.2", "2001:db8:9::2"
)

// TestRootPeers has sessions with FRR, BIRD and GoBGP as Debian packages them: over IPv4 one that carries all families
// that the peer has, over IPv6 one for IPv6. What was seen is a row of the table in docs/bgp.md.
//
// GoBGP's goroutines are on whatever thread there is, so the whole process has to be in the namespace: the test starts
// itself again, as the first process of its own PID namespace, with which all peers end.
func TestRootPeers(t *testing.T) {
	if os.Getenv("RHAPSODE_ROOT") != "1" {
		t.Skip("needs root: run `make test-root`")
	}
	if os.Getenv(inside) != "1" {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestRootPeers$", "-test.v", "-test.count=1")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
		}
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		if err != nil || !strings.Contains(string(out), "--- PASS: TestRootPeers/GoBGP") {
			t.Errorf("in its namespace: %v", err)
		}
		return
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{our4 + "/32", their4 + "/32", our6 + "/128", their6 + "/128"} {
		addr, err := netlink.ParseAddr(a)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(a, ":") {
			addr.Flags = syscall.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(lo, addr); err != nil {
			t.Fatal(err)
		}
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../docs/bgp.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []foreign{frr(), bird(), gobgpd()} {
		t.Run(p.name, func(t *testing.T) {
			row := p.try(t)
			t.Log(row)
			if !strings.Contains(string(doc), row+"\n") {
				t.Errorf("docs/bgp.md has no row\n%s", row)
			}
		})
	}
}

// foreign is a BGP daemon of somebody else's.
type foreign struct {
	name   string
	config string
	run    func(dir, config string) []string
	// after is what is said to it when it runs: what a configuration file cannot have.
	after [][]string
	// ask gives a command that shows what it has of a family.
	ask func(dir string, f bgp.Family) []string
	// redirect is how it shows where echo requests are to go, by family: how much of the action it understands.
	redirect map[bgp.Family]string
	// flows says whether it can originate flow routes.
	flows bool
}

// What we announce and what the peer does.
const (
	vip4, vip6   = "203.0.113.10/32", "2001:db8:5::10/128"
	net4, net6   = "198.51.100.0/24", "2001:db8:ff00::/40"
	flow4, flow6 = "203.0.113.10/32", "2001:db8:5::10/128"
	target4      = "192.0.2.99"
	target6      = "2001:db8::99"
)

func (p foreign) try(t *testing.T) string {
	dir := t.TempDir()
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, []byte(p.config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := p.speaker(t)
	words := p.run(dir, config)
	cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s says:\n%s", p.name, log.String())
		}
	})
	await(t, "both sessions", func() bool {
		states, err := s.States(context.Background())
		return err == nil && len(states) == 2 && states[0].Established && states[1].Established
	})
	for _, words := range p.after {
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", words, err, out)
		}
	}
	p.announce(t, s)
	row := "| " + p.name + " | yes | yes"
	for _, f := range []bgp.Family{bgp.IPv4, bgp.IPv6} {
		p.received(t, s, their4, f)
		p.shows(t, dir, f, map[bgp.Family]string{bgp.IPv4: vip4, bgp.IPv6: vip6}[f], "14907:1")
	}
	p.received(t, s, their6, bgp.IPv6)
	for _, f := range []bgp.Family{bgp.FlowIPv4, bgp.FlowIPv6} {
		what := map[bgp.Family]string{bgp.FlowIPv4: flow4, bgp.FlowIPv6: flow6}[f]
		p.shows(t, dir, f, what, p.redirect[f])
		row += " | `" + p.redirect[f] + "`"
	}
	if p.flows {
		p.receivedFlow(t, s)
		row += " | yes |"
	} else {
		row += " | no |"
	}
	// A close takes everything back before the session ends.
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	await(t, "the end of our routes", func() bool { return !strings.Contains(p.output(dir, bgp.IPv4), "14907") })
	return row
}

func (p foreign) speaker(t *testing.T) *bgp.Speaker {
	t.Helper()
	s, err := bgp.New(t.Context(), bgp.Options{
		ASN: 64600, RouterID: netip.MustParseAddr(our4),
		Listen: []netip.AddrPort{netip.MustParseAddrPort(our4 + ":179"), netip.MustParseAddrPort("[" + our6 + "]:179")},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	four := bgp.Peer{
		Address: netip.MustParseAddr(their4), ASN: 64496, LocalAddress: netip.MustParseAddr(our4), MultihopTTL: 2,
		HoldTime: 30 * time.Second, ConnectRetry: time.Second, Families: allFamilies(),
	}
	six := four
	six.Address, six.LocalAddress, six.Families = netip.MustParseAddr(their6), netip.MustParseAddr(our6), []bgp.Family{bgp.IPv6}
	if err := s.Set(t.Context(), []bgp.Peer{four, six}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (p foreign) announce(t *testing.T, s *bgp.Speaker) {
	t.Helper()
	one := bgp.Announcement{
		Prefix: prefix(vip4), NextHop: netip.MustParseAddr(our4), MED: number(100),
		Communities: []bgp.Community{bgp.NewCommunity(14907, 1)},
	}
	two := one
	two.Prefix, two.NextHop = prefix(vip6), netip.MustParseAddr(our6)
	if err := s.Announce([]bgp.Announcement{one, two}); err != nil {
		t.Fatal(err)
	}
	four, err := bgp.NewEchoOffload(prefix(flow4), netip.MustParseAddr(target4))
	if err != nil {
		t.Fatal(err)
	}
	six, err := bgp.NewEchoOffload(prefix(flow6), netip.MustParseAddr(target6))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AnnounceFlows([]bgp.EchoOffload{four, six}); err != nil {
		t.Fatal(err)
	}
}

// received waits for the peer's own network.
func (p foreign) received(t *testing.T, s *bgp.Speaker, from string, f bgp.Family) {
	t.Helper()
	want := map[bgp.Family]string{bgp.IPv4: net4, bgp.IPv6: net6}[f]
	await(t, want+" from "+from, func() bool {
		list, err := s.Routes(netip.MustParseAddr(from), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			if r.Key() == want {
				if fmt.Sprint(r.ASPath) != "[{false [64496]}]" || !r.NextHop.IsValid() {
					t.Errorf("%s came as %+v", want, r)
				}
				return true
			}
		}
		return false
	})
}

// receivedFlow waits for a flow route of the peer's that is no echo offload, and is seen to be none.
func (p foreign) receivedFlow(t *testing.T, s *bgp.Speaker) {
	t.Helper()
	await(t, "a flow route", func() bool {
		list, err := s.Routes(netip.MustParseAddr(their4), bgp.FlowIPv4)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			return false
		}
		flow := list[0].Flow
		if _, is := flow.EchoOffload(); is || flow.String() != "destination 198.51.100.0/24 protocol =6" || len(flow.Actions) != 1 ||
			flow.Actions[0].Kind != bgp.FlowRateLimit || flow.Actions[0].Rate != 0 {
			t.Errorf("the flow route came as %s %+v (an offload: %v)", flow, flow.Actions, is)
		}
		return true
	})
}

func (p foreign) output(dir string, f bgp.Family) string {
	words := p.ask(dir, f)
	out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%q: %v: %s", words, err, out)
	}
	return string(out)
}

func (p foreign) shows(t *testing.T, dir string, f bgp.Family, what ...string) {
	t.Helper()
	var out string
	defer func() {
		if t.Failed() {
			t.Logf("%s of %s:\n%s", f, p.name, out)
		}
	}()
	await(t, fmt.Sprintf("%s in %s", what, p.name), func() bool {
		out = p.output(dir, f)
		for _, w := range what {
			// BIRD writes a community (14907,1).
			if !strings.Contains(out, w) && (w != "14907:1" || !strings.Contains(out, "(14907,1)")) {
				return false
			}
		}
		return true
	})
}
