package templates

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
)

const adoptable = `
system { host-name CR1-ams.example.net; domain-name example.net; name-server { 192.0.2.53; }
  login { user ada { uid 2001; class super-user; authentication { ssh-rsa "ssh-rsa nonsense"; } } user tmp { class x; } } }
groups { links { interfaces { <xe-*> { mtu 9192; } } } }
interfaces {
  apply-groups links;
  xe-0/0/0 { description "Transit: north"; unit 0 { family inet { address 198.51.100.1/31; } family inet6 { address fe80::1/64; } } }
  xe-0/0/1 { vlan-tagging; hold-time up 100 down 0; unit 5 { vlan-id 5; family inet { address 192.0.2.17/31; } } inactive: unit 6 { vlan-id 6; family inet { address 192.0.2.19/31; } }
    unit 7 { family inet { address 192.0.2.21/31; } } }
  xe-0/0/2 { gigether-options { 802.3ad ae0; } }
  lo0 { unit 0 { family inet { address 127.0.0.1/32; address 192.0.2.9/32; address 192.0.2.1/32; } } }
  em0 { unit 0 { family inet { address 192.0.2.194/28; } } }
}
routing-options { router-id 192.0.2.1; autonomous-system 64500;
  static { route 0.0.0.0/0 next-hop 198.51.100.0; route 192.0.2.128/25 discard; route 203.0.113.0/24 next-hop [ 192.0.2.16 192.0.2.20 ]; } }
protocols {
  ospf { area 0.0.0.0 { interface xe-0/0/1.5 { metric 7; } } }
  bgp { group EDGE { type external; peer-as 64496; neighbor 198.51.100.0; neighbor 203.0.113.99; } inactive: group OLD { peer-as 64497; neighbor 198.51.100.0; }
    group LB { type external; peer-as 64510; neighbor 192.0.2.16 { description "lb1.ams.example.net"; } } }
}`

// TestAdopt reads a configuration that no template of ours rendered.
func TestAdopt(t *testing.T) {
	tree, err := junos.Parse("running", []byte(adoptable), nil)
	if err != nil {
		t.Fatal(err)
	}
	was := tree.Text()
	a, err := Adopt(tree, AdoptOptions{LVSGroup: "LB"})
	if err != nil {
		t.Fatal(err)
	}
	if tree.Text() != was {
		t.Error("the configuration was changed")
	}
	d := a.Device
	if a.Name != "cr1-ams" || a.Site != "ams" || a.Role != "core" || a.Common.Domain != "example.net" || a.Common.ASN != 64500 {
		t.Errorf("identity %+v", a)
	}
	if d.Loopback.IPv4 != "192.0.2.1" || d.RouterID != "" || d.Management.Interface != "em0" || d.Management.Address != "192.0.2.194/28" {
		t.Errorf("loopback %+v, router id %q, management %+v", d.Loopback, d.RouterID, d.Management)
	}
	if u, ok := d.Users["ada"]; !ok || len(u.SSHKeys) != 0 || len(d.Users) != 1 {
		t.Errorf("users %+v", d.Users)
	}
	north, core := d.Interfaces["xe-0/0/0"], d.Interfaces["xe-0/0/1"]
	if len(d.Interfaces) != 2 || north.MTU != 9192 || north.Units[0].Kind != "border" || len(north.Units[0].Addresses) != 1 ||
		len(core.Units) != 1 || core.Units[5].Kind != "internal" || core.Units[5].Metric != 7 || core.Units[5].VLAN != 5 {
		t.Errorf("interfaces %+v", d.Interfaces)
	}
	if len(d.StaticRoutes) != 2 || d.StaticRoutes[0].NextHop != "198.51.100.0" || d.StaticRoutes[1].NextHop != "" {
		t.Errorf("static routes %+v", d.StaticRoutes)
	}
	if len(d.Transits) != 1 || d.Transits["198.51.100.0"].Provider != "as64496" || a.Common.Providers["as64496"].ASN != 64496 {
		t.Errorf("transits %+v of %+v", d.Transits, a.Common.Providers)
	}
	if d.LVS == nil || d.LVS.PeerASN != 64510 || d.LVS.HoldTime != "90s" || len(a.Shared.Hosts) != 1 || a.Shared.Hosts["lb1"].Kind != "director" {
		t.Errorf("directors %+v, %+v", d.LVS, a.Shared.Hosts)
	}
	for _, want := range []string{
		"user tmp is left out", "protocols bgp group OLD is inactive and left out", "interfaces xe-0/0/1 unit 6 is inactive", "a key that is none", "xe-0/0/1.7 is left out", "xe-0/0/1: no template renders its hold-time", "several IPv4 addresses, 192.0.2.1", "static route 203.0.113.0/24 is left out",
		"BGP neighbour 203.0.113.99 of group EDGE is left out", "BGP neighbour 198.51.100.0 has no prefix limit", "`type`", "`prefixes`",
	} {
		if !slices.ContainsFunc(a.Notes, func(n string) bool { return strings.Contains(n, want) }) {
			t.Errorf("no note of %q in %q", want, a.Notes)
		}
	}
}

// TestAdoptNeeds: what can't be guessed is asked for by name.
func TestAdoptNeeds(t *testing.T) {
	for _, c := range []struct {
		config, want string
		o            AdoptOptions
	}{
		{"", "--domain", AdoptOptions{}},
		{"", "--name", AdoptOptions{Domain: "example.net"}},
		{"system { host-name router; }", "--site", AdoptOptions{Domain: "example.net"}},
		{"system { host-name cr1.ams; domain-name example.net; }", "--asn", AdoptOptions{}},
		{"system { host-name under_score; domain-name example.net; }", "--name", AdoptOptions{}},
		{"system { host-name router; }", "", AdoptOptions{Domain: "example.net", Site: "ams", ASN: 64500}},
	} {
		tree, err := junos.Parse("running", []byte(c.config), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Adopt(tree, c.o)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), "give "+c.want)) {
			t.Errorf("%q gives %v, want %q", c.config, err, c.want)
		}
	}
}

// FuzzAdopt: whatever parses is adopted or refused, the same way twice, and is not changed.
func FuzzAdopt(f *testing.F) {
	f.Add(adoptable)
	golden, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range golden {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		_, text2, _ := strings.Cut(string(text), " --\n")
		f.Add(text2)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := junos.Parse("fuzz", []byte(text), nil)
		if err != nil {
			return
		}
		was := tree.Text()
		o := AdoptOptions{Domain: "example.net", Name: "cr1.ams", ASN: 64500, LVSGroup: "LB"}
		a, err := Adopt(tree, o)
		again, err2 := Adopt(tree, o)
		if (err == nil) != (err2 == nil) || tree.Text() != was {
			t.Fatalf("%v, then %v", err, err2)
		}
		if err == nil && strings.Join(a.Notes, "\n") != strings.Join(again.Notes, "\n") {
			t.Fatalf("%q, then %q", a.Notes, again.Notes)
		}
	})
}
