package templates

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
	"rhapsode/inventory"
)

// firewall makes the router of small a management router.
func firewall(dev *inventory.Device) {
	dev.Role, dev.Type = "management", "srx345"
	dev.Transits, dev.InternalPeers, dev.LVS = nil, nil, inventory.LVS{}
	dev.Management.Gateway = netip.MustParseAddr("192.0.2.193")
	dev.Interfaces = []*inventory.Interface{
		{Name: "ge-0/0/0", Description: "To the core", Units: []*inventory.Unit{{Kind: inventory.Internal, Addresses: prefixes("192.0.2.41/31")}}},
		{Name: "ge-0/0/1", Description: "Consoles", Units: []*inventory.Unit{{Kind: inventory.Servers, Addresses: prefixes("192.0.2.65/27", "2001:db8:1:20::1/64")}}},
	}
	dev.Zones = []*inventory.Zone{
		{Name: "consoles", Interfaces: []string{"ge-0/0/1.0"}, Services: []string{"ping"}},
		{Name: "production", Interfaces: []string{"ge-0/0/0.0", "lo0.0"}, Services: []string{"netconf", "ping", "ssh"}, Protocols: []string{"ospf"}},
	}
	dev.SecurityPolicies = []inventory.SecurityPolicy{
		{
			Name: "operators", From: "production", To: "consoles", Source: prefixes("192.0.2.128/27", "2001:db8:1:10::/64"),
			Destination: prefixes("192.0.2.64/27", "2001:db8:1:20::/64"), Applications: []string{"junos-ssh", "junos-https"}, Action: "permit", Log: true,
		},
		{Name: "updates", From: "consoles", To: "production", Action: "permit", Applications: []string{"junos-https"}},
		{Name: "rest", From: "consoles", To: "production", Source: prefixes("192.0.2.64/27"), Action: "reject", Log: true},
	}
}

// accessSwitch makes the router of small an access switch.
func accessSwitch(dev *inventory.Device) {
	dev.Role, dev.Type = "access", "ex4300-48t"
	dev.Transits, dev.InternalPeers, dev.LVS = nil, nil, inventory.LVS{}
	dev.Loopback4, dev.Loopback6, dev.RouterID = netip.Addr{}, netip.Addr{}, netip.Addr{}
	irb := &inventory.Unit{Number: 20, Kind: inventory.Internal, Addresses: prefixes("192.0.2.66/27", "2001:db8:1:20::2/64")}
	servers, mgmt := &inventory.VLAN{Name: "servers", ID: 10, Description: "Server LAN; row A"}, &inventory.VLAN{Name: "mgmt", ID: 20, IRB: irb}
	dev.VLANs = []*inventory.VLAN{mgmt, servers}
	dev.Interfaces = []*inventory.Interface{
		{Name: "ge-0/0/0", Description: "lb1", Access: servers},
		{Name: "ge-0/0/1", Access: mgmt},
		{Name: "irb", Units: []*inventory.Unit{irb}},
		{Name: "xe-0/1/0", Description: "Uplink: cr1", MTU: 9192, Trunk: []*inventory.VLAN{servers, mgmt}, Native: mgmt},
	}
	dev.SNMP = &inventory.SNMP{Location: "Row A"}
}

// TestRoles renders a device of each role: sound, clean, and without a word that our table or Juniper's schema of such a
// device does not know.
func TestRoles(t *testing.T) {
	for _, c := range []struct {
		role, schema string
		change       func(*inventory.Device)
		absent       []string
	}{
		{"management", "junos-srx-23.4.json.gz", firewall, []string{"bgp", "ospf {", "aggregate", "filter"}},
		{"access", "junos-mx-23.4.json.gz", accessSwitch, []string{"bgp", "ospf", "aggregate", "security", "policy-options"}},
	} {
		t.Run(c.role, func(t *testing.T) {
			net, dev := small()
			c.change(dev)
			r := sound(t, net, dev)
			if guesses := junos.Guesses(r.Tree); len(guesses) > 0 {
				t.Errorf("our table does not know: %v", guesses)
			}
			for _, w := range c.absent {
				if strings.Contains(r.Text, w) {
					t.Errorf("%q is there", w)
				}
			}
			golden(t, "roles/"+c.role, r.Text)
			unknown(t, r, yang(t, c.schema))
		})
	}
}

// TestSecurityOrder: policies between two zones keep the inventory's order, whatever stands between them.
func TestSecurityOrder(t *testing.T) {
	net, dev := small()
	firewall(dev)
	at := sound(t, net, dev).Tree.Lookup("security", "policies", "from-zone", "consoles", "to-zone", "production")
	var names []string
	if at != nil {
		for _, p := range at.Children {
			names = append(names, p.Values[0])
		}
	}
	if !slices.Equal(names, []string{"updates", "rest"}) {
		t.Errorf("policies %v", names)
	}
}
