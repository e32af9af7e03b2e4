package templates

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rhapsode/datapath/spec"
	"rhapsode/inventory"
)

// TestExampleHosts renders the hosts of the example and holds them against the routers' configuration: both ends of a
// session agree on addresses and AS numbers, and a ping host answers what its routers send to it.
func TestExampleHosts(t *testing.T) {
	net, err := inventory.Load("../inventory/example")
	if err != nil {
		t.Fatal(err)
	}
	if len(net.Hosts) < 8 {
		t.Fatalf("the example has %d hosts", len(net.Hosts))
	}
	for _, h := range net.Hosts {
		t.Run(h.Name, func(t *testing.T) {
			f, err := RenderHost(net, h)
			if err != nil {
				t.Fatal(err)
			}
			again, err := RenderHost(net, h)
			if err != nil || string(again.Text) != string(f.Text) {
				t.Fatalf("a second render differs: %v", err)
			}
			if h.Kind == inventory.Director {
				checkDirector(t, net, h, f)
			} else {
				checkPingHost(t, net, h, f)
			}
			if h.Name == "lb1.ams" || h.Name == "ping1.fra" {
				golden(t, h.Name, string(f.Text))
			}
		})
	}
}

func checkDirector(t *testing.T, net *inventory.Network, h *inventory.Host, f *HostFile) {
	d, err := spec.DecodeDirector(f.Name, f.Text)
	if err != nil || f.Name != "director.yaml" {
		t.Fatalf("%s: %v", f.Name, err)
	}
	for _, dev := range net.Devices {
		r, err := Render(net, dev)
		if err != nil {
			t.Fatal(err)
		}
		group := []string{"protocols", "bgp", "group", "PyBal"}
		expected := r.Tree.Lookup(append(group, "neighbor", h.Addr4.String())...) != nil
		i := slices.IndexFunc(d.BGP.Peers, func(p spec.Peer) bool { return p.Name == dev.FQDN })
		if expected != (i >= 0) {
			t.Errorf("%s has a session with %s: %v, and the other way: %v", dev.Name, h.Name, expected, i >= 0)
		}
		if i < 0 {
			continue
		}
		local := r.Tree.Lookup(append(group, "local-address")...).Values[0]
		asn := r.Tree.Lookup(append(group, "peer-as")...).Values[0]
		p := d.BGP.Peers[i]
		ours := strings.Contains(r.Text, "autonomous-system "+decimal(p.ASN)+";\n")
		if p.Address.String() != local || !ours || decimal(d.BGP.LocalASN) != asn {
			t.Errorf("%s says %s and AS %s; %s says %+v, we AS %d", dev.Name, local, asn, h.Name, p, d.BGP.LocalASN)
		}
	}
	for _, s := range d.Services {
		if s.Name == "thumbs" {
			t.Error("a service in service_setup is carried")
		}
	}
}

func checkPingHost(t *testing.T, net *inventory.Network, h *inventory.Host, f *HostFile) {
	p, err := spec.DecodePingHost(f.Name, f.Text)
	if err != nil || f.Name != "ping-offload.yaml" {
		t.Fatalf("%s: %v", f.Name, err)
	}
	for _, dev := range h.Site.Devices {
		r, err := Render(net, dev)
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range []string{"4", "6"} {
			n := r.Tree.Lookup("firewall", "family", map[string]string{"4": "inet", "6": "inet6"}[family], "filter", "offload-ping"+family)
			if n == nil {
				continue
			}
			sent := 0
			for _, v := range p.VIPs {
				if v.Is4() == (family == "4") {
					sent++
				}
			}
			if sent != len(n.Children) {
				t.Errorf("%s sends the pings of %d VIPs, the host answers for %d", dev.Name, len(n.Children), sent)
			}
		}
	}
}

// TestHostVariants takes facts away, and contradicts them.
func TestHostVariants(t *testing.T) {
	net, dev := small()
	lb, ping := net.Hosts[0], net.Hosts[1]
	text := func(h *inventory.Host) string {
		t.Helper()
		f, err := RenderHost(net, h)
		if err != nil {
			t.Fatal(err)
		}
		return string(f.Text)
	}
	net.Services[0].Class, net.Services[0].Enabled, net.Services[0].State = "low-traffic", true, "production"
	if got := text(lb); !strings.Contains(got, "name: text\n") || !strings.Contains(got, "address: 192.0.2.1\n") {
		t.Errorf("service or peer is missing:\n%s", got)
	}
	net.Services[0].State = "service_setup"
	if got := text(lb); !strings.Contains(got, "services: []\n") {
		t.Errorf("a service that is being set up is carried:\n%s", got)
	}
	other := net.Devices[1]
	other.LVS = dev.LVS
	other.LVS.HoldTimeSeconds = 9
	if got := text(lb); !strings.Contains(got, "hold_time: 9s\n") {
		t.Errorf("the smaller hold time is not offered:\n%s", got)
	}
	other.LVS.PeerASN = 64511
	want := "render lb1.lab: cr1.lab expects AS 64510 of it and cr2.lab AS 64511: set lvs.peer_asn to one number for the site"
	if _, err := RenderHost(net, lb); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	dev.LVS, other.LVS = inventory.LVS{}, inventory.LVS{}
	if got := text(lb); strings.Contains(got, "bgp:") {
		t.Errorf("it speaks BGP with nobody:\n%s", got)
	}
	net.Hosts[0].Site.PingOffload = nil
	if got := text(ping); !strings.Contains(got, "vips: []\n") {
		t.Errorf("it answers for VIPs that are not offloaded:\n%s", got)
	}
	ping.Kind = "proxy"
	if _, err := RenderHost(net, ping); err == nil || err.Error() != `render ping1.lab: no daemon for a host of kind "proxy"` {
		t.Errorf("got %v", err)
	}
}

func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// TestRateLimit: the site's limit is each ping host's; without one our own space has none all the same.
func TestRateLimit(t *testing.T) {
	net, _ := small()
	site := net.Sites[0]
	for _, c := range []struct {
		limit inventory.RateLimit
		want  spec.RateLimit
	}{
		{inventory.RateLimit{Exempt: net.Prefixes}, spec.RateLimit{Exempt: net.Prefixes}},
		{
			inventory.RateLimit{TotalPPS: 1000, PerSourcePPS: 10, Exempt: prefixes("2001:db8:5::/48", "192.0.2.0/25")},
			spec.RateLimit{TotalPPS: 1000, PerSourcePPS: 10, Exempt: prefixes("192.0.2.0/25", "2001:db8:5::/48")},
		},
		{inventory.RateLimit{PerSourcePPS: 10}, spec.RateLimit{PerSourcePPS: 10}}, // `exempt: []`: nobody
	} {
		site.PingOffload.RateLimit = c.limit
		got, err := pingHostOf(net, site.PingHosts[0])
		if err != nil || fmt.Sprint(got.RateLimit) != fmt.Sprint(c.want) {
			t.Errorf("%v gives %v, %v; want %v", c.limit, got.RateLimit, err, c.want)
		}
	}
}
