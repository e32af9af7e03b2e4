package templates

import (
	"net/netip"

	"rhapsode/inventory"
)

// small is a network of one site and one router with one of everything, so that a test can take away what it is
// about. Its own AS number has four bytes.
func small() (*inventory.Network, *inventory.Device) {
	site := &inventory.Site{
		Name:            "lab",
		ServicePrefixes: prefixes("203.0.113.0/27", "2001:db8:1:ed1a::/64"),
	}
	director := &inventory.Host{
		Name: "lb1.lab", FQDN: "lb1.lab.example.net", Kind: inventory.Director, Site: site,
		Addr4: netip.MustParseAddr("192.0.2.131"), Addr6: netip.MustParseAddr("2001:db8:1:10::11"),
	}
	ping := &inventory.Host{
		Name: "ping1.lab", FQDN: "ping1.lab.example.net", Kind: inventory.PingHost, Site: site,
		Addr4: netip.MustParseAddr("192.0.2.133"), Addr6: netip.MustParseAddr("2001:db8:1:10::21"),
	}
	service := &inventory.Service{Name: "text", Protocol: "tcp", Port: 443}
	vips := []inventory.VIP{
		{Service: service, Site: site, Label: "default", Addr: netip.MustParseAddr("203.0.113.1")},
		{Service: service, Site: site, Label: "default6", Addr: netip.MustParseAddr("2001:db8:1:ed1a::1")},
	}
	service.VIPs, site.VIPs = vips, vips
	net := &inventory.Network{
		Domain: "example.net", ASN: 65551, Prefixes: prefixes("192.0.2.0/24", "203.0.113.0/24", "2001:db8::/44"),
		Sites: []*inventory.Site{site}, Hosts: []*inventory.Host{director, ping}, Services: []*inventory.Service{service},
	}
	site.Directors, site.PingHosts = []*inventory.Host{director}, []*inventory.Host{ping}
	site.PingOffload = &inventory.PingOffload{Mode: "term", Redirect4: ping, Redirect6: ping, VIPs: vips, Exempt: net.Prefixes, RateLimit: inventory.RateLimit{Exempt: net.Prefixes}}
	other := &inventory.Device{Name: "cr2.lab", FQDN: "cr2.lab.example.net", Loopback4: netip.MustParseAddr("192.0.2.2"), Loopback6: netip.MustParseAddr("2001:db8::2")}
	dev := &inventory.Device{
		Name: "cr1.lab", FQDN: "cr1.lab.example.net", Role: "core", Type: "mx204", Status: "active", Site: site,
		RouterID: netip.MustParseAddr("192.0.2.1"), Loopback4: netip.MustParseAddr("192.0.2.1"), Loopback6: netip.MustParseAddr("2001:db8::1"),
		Management: inventory.Management{Interface: "fxp0", Address: netip.MustParsePrefix("192.0.2.194/28")},
		Interfaces: []*inventory.Interface{
			{Name: "et-0/0/2", Description: "Servers", MTU: 9192, Units: []*inventory.Unit{
				{Number: 10, Kind: inventory.Servers, VLAN: 10, Addresses: prefixes("192.0.2.129/27", "2001:db8:1:10::2/64")},
			}},
			{Name: "xe-0/1/0", Description: `Transit: the "north" wind; {NW}`, Units: []*inventory.Unit{
				{Kind: inventory.Border, Addresses: prefixes("198.51.100.1/31", "2001:db8:ff00::1/127")},
			}},
			{Name: "xe-0/1/1", Description: "Transport: elsewhere", Units: []*inventory.Unit{
				{Kind: inventory.Transport, Metric: 100, Addresses: prefixes("192.0.2.20/31", "2001:db8:0:20::/127")},
			}},
		},
		Users: []inventory.User{{Name: "ada", UID: 2001, Class: "super-user", SSHKeys: []string{
			"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICWysvPro/Po3kTYuFlKtFEZnmBEDycXDS+K0Ir0Pm1H ada@example.net",
		}}},
		NTPServers:   []netip.Addr{netip.MustParseAddr("192.0.2.140")},
		SyslogHosts:  []netip.Addr{netip.MustParseAddr("192.0.2.141")},
		NameServers:  []netip.Addr{netip.MustParseAddr("192.0.2.140"), netip.MustParseAddr("2001:db8:1:10::53")},
		StaticRoutes: []inventory.StaticRoute{{Prefix: netip.MustParsePrefix("192.0.2.224/28"), NextHop: netip.MustParseAddr("192.0.2.130")}, {Prefix: netip.MustParsePrefix("2001:db8:0:ffff::/64")}},
		LVS: inventory.LVS{
			PeerASN: 64510, HoldTimeSeconds: 30, PrefixLimit: 1000, TeardownPercent: 80,
			Neighbors: []*inventory.Host{director},
		},
		Transits: []*inventory.Peer{
			{Name: "northwind", Addr: netip.MustParseAddr("198.51.100.0"), ASN: 64496, PrefixLimit: 1200000},
			{Name: "northwind", Addr: netip.MustParseAddr("2001:db8:ff00::"), ASN: 64496},
		},
		InternalPeers: []*inventory.Device{other},
		IBGP:          inventory.IBGP{Services: true},
		OSPFExport:    []inventory.Exported{inventory.ExportAggregates},
	}
	other.Site, site.Devices, net.Devices = site, []*inventory.Device{dev, other}, []*inventory.Device{dev, other}
	return net, dev
}

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}
