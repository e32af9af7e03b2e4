package templates

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"rhapsode/diffs/junos"
	"rhapsode/inventory"
	"rhapsode/policies"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with the file `want` of a txtar archive, or writes it under -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txtar")
	data, err := os.ReadFile(file)
	if err != nil && !(*update && os.IsNotExist(err)) {
		t.Fatal(err)
	}
	a := txtar.Parse(data)
	if len(a.Files) == 0 {
		a.Files = []txtar.File{{Name: "want"}}
	}
	if string(a.Files[0].Data) == got {
		return
	}
	if !*update {
		t.Fatalf("%s differs (run with -update to accept): %s", file, firstDifference(got, string(a.Files[0].Data)))
	}
	a.Files[0].Data = []byte(got)
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sound holds what is true of every render: it is what it says it is, refers to nothing that is not there, and comes
// out the same a second time.
func sound(t *testing.T, net *inventory.Network, dev *inventory.Device) *Rendered {
	t.Helper()
	renderer, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	renderer.Secret = StandIn
	r, err := renderer.Render(net, dev)
	if err != nil {
		t.Fatal(err)
	}
	again, err := renderer.Render(net, dev)
	if err != nil || again.Text != r.Text {
		t.Fatalf("a second render differs: %v", err)
	}
	tree, err := junos.Parse("", []byte(r.Text), nil)
	if err != nil || tree.Text() != r.Text {
		t.Fatalf("the text is not canonical: %v", err)
	}
	for _, f := range policies.Check(r.Tree) {
		if f.Severity == policies.SeverityError || strings.Contains(f.Message, "not checked") {
			t.Error(f)
		}
	}
	if _, err := policies.FromConfig(untag(r.Tree)); err != nil {
		t.Error(err)
	}
	return r
}

// untag is what a device makes of a render: loaded onto an empty configuration, no tag is left.
func untag(t *junos.Tree) *junos.Tree {
	c := t.Clone()
	c.Untag()
	return c
}

// TestExample renders the example network.
func TestExample(t *testing.T) {
	net, err := inventory.Load("../inventory/example")
	if err != nil {
		t.Fatal(err)
	}
	if len(net.Devices) < 4 {
		t.Fatalf("the example has %d routers", len(net.Devices))
	}
	for _, dev := range net.Devices {
		t.Run(dev.Name, func(t *testing.T) {
			r := sound(t, net, dev)
			po := dev.Site.PingOffload
			for _, c := range []struct {
				family, digit string
				offload       bool
			}{{"inet", "4", po != nil && po.Redirect4 != nil}, {"inet6", "6", po != nil && po.Redirect6 != nil}} {
				for _, filter := range []string{"border-in", "transport-in"} {
					n := r.Tree.Lookup("firewall", "family", c.family, "filter", filter+c.digit, "term", "offload-ping"+c.digit)
					if (n != nil) != c.offload {
						t.Errorf("filter %s%s: term offload-ping%s is %v, want %v", filter, c.digit, c.digit, n != nil, c.offload)
					}
				}
			}
			for _, f := range policies.Check(r.Tree) {
				t.Errorf("the example is not clean: %s", f)
			}
			if strings.HasPrefix(dev.Name, "cr1.") {
				golden(t, dev.Name, r.Text)
			}
		})
	}
}

// TestVariants takes facts away: nothing that hung on them may be left. A golden file shows what goes and what comes.
func TestVariants(t *testing.T) {
	wholeNet, whole := small()
	for _, c := range []struct {
		name   string
		change func(*inventory.Network, *inventory.Device)
		absent []string
	}{
		{"whole", func(*inventory.Network, *inventory.Device) {}, nil},
		{"no-offload", func(_ *inventory.Network, d *inventory.Device) { d.Site.PingOffload = nil }, []string{"offload-ping", "next-ip"}},
		{
			"offload-v4-only", func(_ *inventory.Network, d *inventory.Device) { d.Site.PingOffload.Redirect6 = nil },
			[]string{"offload-ping6", "next-ip6"},
		},
		{"offload-no-vip6", func(_ *inventory.Network, d *inventory.Device) {
			d.Site.PingOffload.VIPs = d.Site.PingOffload.VIPs[:1]
		}, []string{"offload-ping6", "next-ip6"}},
		{"offload-exempt", func(_ *inventory.Network, d *inventory.Device) {
			d.Site.PingOffload.Exempt = prefixes("192.0.2.128/27")
		}, []string{"no-offload-ping6"}},
		{
			"offload-no-exempt", func(_ *inventory.Network, d *inventory.Device) { d.Site.PingOffload.Exempt = nil },
			[]string{"no-offload-ping"},
		},
		{"v4-only", func(n *inventory.Network, d *inventory.Device) {
			d.Loopback6 = netip.Addr{}
			d.Site.PingOffload.Redirect6 = nil
			n.Prefixes = slices.DeleteFunc(n.Prefixes, func(p netip.Prefix) bool { return p.Addr().Is6() })
			d.Site.ServicePrefixes = d.Site.ServicePrefixes[:1]
			d.Transits, d.NameServers, d.StaticRoutes = d.Transits[:1], d.NameServers[:1], d.StaticRoutes[:1]
			for _, i := range d.Interfaces {
				i.Units[0].Addresses = i.Units[0].Addresses[:1]
			}
		}, []string{"inet6", "ospf3", "own-space6"}},
		{"alone", func(_ *inventory.Network, d *inventory.Device) {
			d.Transits, d.InternalPeers, d.LVS.Neighbors = nil, nil, nil
			d.NameServers, d.NTPServers, d.SyslogHosts, d.StaticRoutes, d.Users = nil, nil, nil, nil, nil
			d.Management = inventory.Management{}
		}, []string{"iBGP", "PyBal", "transit_", "transit-peers", "fxp0", "ntp", "static"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			net, dev := small()
			c.change(net, dev)
			r := sound(t, net, dev)
			for _, word := range c.absent {
				for l := range strings.Lines(r.Text) {
					if strings.Contains(l, word) {
						t.Errorf("%q is left: %s", word, strings.TrimSpace(l))
					}
				}
			}
			if c.absent == nil {
				golden(t, c.name, r.Text)
				return
			}
			golden(t, c.name, setDifference(sound(t, wholeNet, whole), r))
		})
	}
}

// setDifference shows as set lines what the second render lacks and has more than the first, in their order.
func setDifference(before, after *Rendered) string {
	b := strings.SplitAfter(untag(before.Tree).Set(), "\n")
	a := strings.SplitAfter(untag(after.Tree).Set(), "\n")
	var out strings.Builder
	for _, l := range b {
		if !slices.Contains(a, l) {
			out.WriteString("- " + l)
		}
	}
	for _, l := range a {
		if !slices.Contains(b, l) {
			out.WriteString("+ " + l)
		}
	}
	return out.String()
}

// TestOwned holds partial management: loading a render in replace mode leaves what a person added elsewhere, restores
// what a person changed in what is ours, and a second load changes nothing.
func TestOwned(t *testing.T) {
	net, dev := small()
	r := sound(t, net, dev)
	const manual = `
system { login { user emergency { class super-user; } } root-authentication { encrypted-password x; } }
interfaces { ge-9/9/9 { description "by hand"; } lo0 { unit 0 { family inet { filter { input guard; } } } } }
firewall { family inet { filter guard { term default { then accept; } } filter border-in4 { term mine { then discard; } } } }
protocols { bgp { group IX { type external; neighbor 198.51.100.77; } group PyBal { hold-time 90; neighbor 192.0.2.77; } } }
policy-options { prefix-list by-hand { 192.0.2.0/24; } prefix-list LVS-service-ips { 198.51.100.0/24; } }
routing-options { static { route 192.0.2.77/32 discard; } aggregate { route 198.51.100.0/24; } }
`
	tree, err := junos.Parse("", []byte(manual), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Load("", []byte(r.Text), junos.Replace); err != nil {
		t.Fatal(err)
	}
	text := tree.Set()
	for _, keep := range []string{
		"user emergency", "root-authentication", "ge-9/9/9", "filter input guard", "filter guard", "group IX", "by-hand",
		"static route 192.0.2.77/32",
	} {
		if !strings.Contains(text, keep) {
			t.Errorf("%q is lost", keep)
		}
	}
	for _, gone := range []string{"term mine", "hold-time 90", "neighbor 192.0.2.77", "LVS-service-ips 198.51.100.0", "aggregate route 198.51.100.0"} {
		if strings.Contains(text, gone) {
			t.Errorf("%q is still there", gone)
		}
	}
	if _, err := tree.Load("", []byte(r.Text), junos.Replace); err != nil {
		t.Fatal(err)
	}
	if tree.Set() != text {
		t.Error("a second load changes something")
	}
}

// TestDeactivate is the seed's case: both terms can be named, and a render does not bring a tag to them.
func TestDeactivate(t *testing.T) {
	net, dev := small()
	tree := untag(sound(t, net, dev).Tree)
	_, err := tree.Load("", []byte("deactivate firewall family inet filter border-in4 term offload-ping4\n"+
		"deactivate firewall family inet filter transport-in4 term offload-ping4\n"), junos.Set)
	if err != nil {
		t.Fatal(err)
	}
	for _, filter := range []string{"border-in4", "transport-in4"} {
		if n := tree.Lookup("firewall", "family", "inet", "filter", filter, "term", "offload-ping4"); n == nil || !n.Inactive {
			t.Errorf("%s: %+v", filter, n)
		}
	}
}

// TestFacts says which facts can't be rendered.
func TestFacts(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*inventory.Network, *inventory.Device)
		want   string
	}{
		{
			"role", func(_ *inventory.Network, d *inventory.Device) { d.Role = "leaf" },
			`render cr1.lab: no template for role "leaf": there is no junos/leaf.tmpl`,
		},
		{
			"hierarchy as role", func(_ *inventory.Network, d *inventory.Device) { d.Role = "../junos/core" },
			`render cr1.lab: no template for role "../junos/core": there is no junos/../junos/core.tmpl`,
		},
		{
			"site", func(_ *inventory.Network, d *inventory.Device) { d.Site = nil },
			"render cr1.lab: collect facts: the device has no site",
		},
		{
			"mode", func(_ *inventory.Network, d *inventory.Device) { d.Site.PingOffload.Mode = "flowspec" },
			`render cr1.lab: render ping offload of lab: mode "flowspec" is not known (only term is)`,
		},
		{"ping host without IPv6", func(_ *inventory.Network, d *inventory.Device) {
			d.Site.PingOffload.Redirect6.Addr6 = netip.Addr{}
		}, "render cr1.lab: render ping offload of lab: ping1.lab has no IPv6 address to answer for 2001:db8:1:ed1a::1"},
		{
			"key", func(_ *inventory.Network, d *inventory.Device) { d.Users[0].SSHKeys[0] = "ssh-dss AAAA x" },
			`render cr1.lab: template junos/system.tmpl:28: at <sshkey .>: no Junos statement for a key of type "ssh-dss": want ssh-ed25519, ssh-rsa or ecdsa-sha2-…`,
		},
		{
			"kind", func(_ *inventory.Network, d *inventory.Device) { d.Interfaces[0].Units[0].Kind = "peering" },
			`render cr1.lab: template junos/interfaces.tmpl:24: at <attached .Kind .Filters>: no interface kind "peering"`,
		},
		{
			"service name", func(_ *inventory.Network, d *inventory.Device) { d.Site.PingOffload.VIPs[0].Service.Name = "a b" },
			`render cr1.lab: check filter offload-ping4: check term "a b": the name holds a blank or a mark of the configuration language`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			net, dev := small()
			c.change(net, dev)
			_, err := Render(net, dev)
			if err == nil || err.Error() != c.want {
				t.Errorf("\n got: %v\nwant: %s", err, c.want)
			}
		})
	}
}

// firstDifference names the first line in which two texts differ.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d\n got: %s\nwant: %s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}
