package forward_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
	"rhapsode/labs/router/forward"
)

// onMachine has these devices, by Junos's names.
func onMachine(names ...string) func(string) string {
	return func(name string) string {
		if slices.Contains(names, name) {
			return strings.NewReplacer("/", "-", "lo0", "lo").Replace(name)
		}
		return ""
	}
}

// shown gives what is desired, one fact a word, in a fixed order.
func shown(d *forward.Desired) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(d.Links)) {
		if l := d.Links[name]; l != (forward.Link{}) {
			out = append(out, fmt.Sprintf("%s:mtu=%d,down=%t", name, l.MTU, l.Down))
		}
	}
	var more []string
	for a := range d.Addresses {
		more = append(more, a.Device+"="+a.Prefix.String())
	}
	for p, r := range d.Routes {
		more = append(more, strings.TrimSuffix(fmt.Sprintf("%s>%s", p, r.Kind), "unicast")+map[bool]string{true: r.Gateway.String() + "@" + r.Device}[r.Kind == forward.Unicast])
	}
	slices.Sort(more)
	return strings.Join(append(out, more...), " ")
}

const twoPorts = `interfaces {
	ge-0/0/0 { unit 0 { family inet { address 192.0.2.1/24; } family inet6 { address 2001:db8::1/64; } } }
	ge-0/0/1 { unit 0 { family inet { address 198.51.100.1/24; } } } }
`

const twoPortsShown = "ge-0-0-0=192.0.2.1/24 ge-0-0-0=2001:db8::1/64 ge-0-0-1=198.51.100.1/24"

func TestDesire(t *testing.T) {
	for _, tt := range []struct{ name, config, want string }{
		{"nothing", "system { host-name x; }", ""},
		{"addresses", twoPorts, twoPortsShown},
		{"no device", "interfaces { ge-9/0/0 { mtu 9000; unit 0 { family inet { address 192.0.2.1/24; } } } }", ""},
		{"loopback", "interfaces { lo0 { unit 0 { family inet { address 192.0.2.1/32; } } } }", "lo=192.0.2.1/32"},
		{"MTU of a port counts the header", "interfaces { ge-0/0/0 { mtu 9192; unit 0 { family inet; } } }", "ge-0-0-0:mtu=9178,down=false"},
		{"MTU of a family does not", "interfaces { ge-0/0/0 { mtu 9192; unit 0 { family inet { mtu 1400; } } } }", "ge-0-0-0:mtu=1400,down=false"},
		{
			"a VLAN is a device of its own", "interfaces { ge-0/0/2 { vlan-tagging; mtu 1518; unit 10 { vlan-id 10; family inet { address 192.0.2.1/24; } } } }",
			"ge-0-0-2:mtu=1504,down=false ge-0-0-2.10:mtu=1500,down=false ge-0-0-2.10=192.0.2.1/24",
		},
		{"disable", "interfaces { ge-0/0/0 { disable; unit 0 { family inet { address 192.0.2.1/24; } } } }", "ge-0-0-0:mtu=0,down=true"},
		{"disable of a unit", "interfaces { ge-0/0/0 { unit 0 { disable; family inet { address 192.0.2.1/24; } } } }", ""},
		{"inactive", "interfaces { ge-0/0/0 { unit 0 { family inet { inactive: address 192.0.2.1/24; } } } }", ""},
		{"from a group", "groups { g { interfaces { <ge-*> { unit 0 { family inet { mtu 1400; } } } } } } apply-groups g; interfaces { ge-0/0/0 { unit 0 { family inet; } } }", "ge-0-0-0:mtu=1400,down=false"},
		{
			"static", twoPorts + "routing-options { static { route 203.0.113.0/24 next-hop 198.51.100.2; route 203.0.113.0/25 discard; route 203.0.113.128/25 reject; } rib inet6.0 { static { route ::/0 next-hop 2001:db8::2; } } }",
			"203.0.113.0/24>198.51.100.2@ge-0-0-1 203.0.113.0/25>blackhole 203.0.113.128/25>unreachable ::/0>2001:db8::2@ge-0-0-0 " + twoPortsShown,
		},
		{"a next hop on no network hides the route", twoPorts + "routing-options { static { route 203.0.113.0/24 next-hop 192.168.0.1; } }", twoPortsShown},
		{"the first next hop that is reached", twoPorts + "routing-options { static { route 203.0.113.0/24 next-hop [ 192.168.0.1 198.51.100.9 192.0.2.9 ]; } }", "203.0.113.0/24>198.51.100.9@ge-0-0-1 " + twoPortsShown},
		{"direct before static", twoPorts + "routing-options { static { route 192.0.2.0/24 discard; } }", twoPortsShown},
		{"aggregate without contributor", twoPorts + "routing-options { aggregate { route 203.0.113.0/24; } }", twoPortsShown},
		{
			"aggregate rejects", twoPorts + "routing-options { static { route 203.0.113.8/29 next-hop 198.51.100.2; } aggregate { route 203.0.113.0/24; } }",
			"203.0.113.0/24>unreachable 203.0.113.8/29>198.51.100.2@ge-0-0-1 " + twoPortsShown,
		},
		{
			"aggregate discards by default, one of v6 not", twoPorts + "routing-options { static { route 203.0.113.8/29 discard; } aggregate { defaults { discard; } route 203.0.113.0/24; } rib inet6.0 { aggregate { route 2001:db8::/32; } } }",
			"2001:db8::/32>unreachable 203.0.113.0/24>blackhole 203.0.113.8/29>blackhole " + twoPortsShown,
		},
		{
			"aggregates contribute to shorter ones", twoPorts + "routing-options { static { route 203.0.113.8/29 discard; } aggregate { route 203.0.113.0/24; route 203.0.113.0/25 discard; } }",
			"203.0.113.0/24>unreachable 203.0.113.0/25>blackhole 203.0.113.8/29>blackhole " + twoPortsShown,
		},
		{"the same prefix contributes not", twoPorts + "routing-options { aggregate { route 198.51.100.0/24; } }", twoPortsShown},
		{
			"static before aggregate", twoPorts + "routing-options { static { route 203.0.113.8/29 discard; route 203.0.113.0/24 next-hop 192.0.2.2; } aggregate { route 203.0.113.0/24; } }",
			"203.0.113.0/24>192.0.2.2@ge-0-0-0 203.0.113.8/29>blackhole " + twoPortsShown,
		},
		{
			"but not if its preference says otherwise", twoPorts + "routing-options { static { route 203.0.113.8/29 discard; route 203.0.113.0/24 { next-hop 192.0.2.2; preference 200; } } aggregate { route 203.0.113.0/24; } }",
			"203.0.113.0/24>unreachable 203.0.113.8/29>blackhole " + twoPortsShown,
		},
		{
			"generate goes where its primary contributor does", twoPorts + "routing-options { static { route 203.0.113.16/29 next-hop 198.51.100.3; route 203.0.113.8/29 next-hop 198.51.100.2; route 203.0.113.0/29 discard; } generate { route 203.0.113.0/24; } }",
			"203.0.113.0/24>198.51.100.2@ge-0-0-1 203.0.113.0/29>blackhole 203.0.113.16/29>198.51.100.3@ge-0-0-1 203.0.113.8/29>198.51.100.2@ge-0-0-1 " + twoPortsShown,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := forward.Desire(read(t, tt.config), onMachine("ge-0/0/0", "ge-0/0/1", "ge-0/0/2", "ge-0/0/2.10", "lo0"))
			if err != nil {
				t.Fatal(err)
			}
			if got := shown(d); got != tt.want {
				t.Errorf("desired is\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestDesireRefuses(t *testing.T) {
	for _, tt := range []struct{ config, want string }{
		{
			"interfaces { ge-0/0/0 { vlan-tagging; unit 20 { vlan-id 20; } } }",
			"[edit interfaces ge-0/0/0 unit 20] 'vlan-id 20' no device of this router carries the VLAN: it needs one of its own, ge-0-0-0.20",
		},
		{"interfaces { ge-0/0/0 { unit 7 { family inet; } } }", "[edit interfaces ge-0/0/0 unit 7] VLAN-ID must be specified on tagged ethernet interfaces"},
		{
			"interfaces { ge-0/0/0 { unit 0 { family inet { mtu 1400; } family inet6 { mtu 1300; } } } }",
			"[edit interfaces ge-0/0/0 unit 0 family inet6] 'mtu' all families of a unit have one MTU on this router",
		},
		{
			"routing-options { static { route 203.0.113.0/24 { qualified-next-hop 192.0.2.2 { preference 7; } } } }",
			"[edit routing-options static route 203.0.113.0/24] 'qualified-next-hop' this router does not support it",
		},
		{
			"routing-options { aggregate { route 203.0.113.0/24 policy p; } } policy-options { policy-statement p { then accept; } }",
			"[edit routing-options aggregate route 203.0.113.0/24] 'policy' this router does not support it",
		},
	} {
		_, err := forward.Desire(read(t, tt.config), onMachine("ge-0/0/0"))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s\nrefused with %v\nwant        %s", tt.config, err, tt.want)
		}
	}
}

// TestDesireExample: the example's routers can do all that is configured, and twice the same comes of it.
func TestDesireExample(t *testing.T) {
	tree := example(t)
	all := func(name string) string {
		if strings.Contains(name, ".") && !strings.HasSuffix(name, ".10") {
			return ""
		}
		return strings.NewReplacer("/", "-", "lo0", "lo").Replace(name)
	}
	a, err := forward.Desire(tree, all)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := forward.Desire(tree, all) // as a moment ago
	if shown(a) != shown(b) || fmt.Sprint(a.Table) != fmt.Sprint(b.Table) {
		t.Errorf("two answers:\n%s\n%s", shown(a), shown(b))
	}
	if !strings.Contains(shown(a), "et-0-0-2.10=203.0.113.161/27") {
		t.Errorf("desired is %s", shown(a))
	}
}

// FuzzDesire: whatever can be parsed comes to something or is refused, twice to the same, and a route leads only to a host
// on a network that this router is on.
func FuzzDesire(f *testing.F) {
	f.Add(twoPorts + "routing-options { static { defaults { preference 7; } route 203.0.113.0/24 { next-hop [ 192.0.2.2 198.51.100.2 ]; preference 3; } } aggregate { route 203.0.113.0/24 discard; } }")
	f.Add(twoPorts + "routing-options { generate { defaults { discard; } route 0.0.0.0/0; } rib inet6.0 { static { route ::/0 reject; } } }")
	f.Add("interfaces { ge-0/0/2 { vlan-tagging; mtu 1518; disable; unit 10 { vlan-id 10; family inet { mtu 1400; address 192.0.2.1/24 { primary; } } } } lo0 { unit 0 { family inet6 { address 2001:db8::1/128; } } } }")
	f.Add("interfaces { interface-range x; ge-0/0/0 { unit 0 { family inet { dhcp; } } unit 1; gigether-options { 802.3ad ae0; } } }")
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := junos.Parse("fuzz", []byte(text), nil)
		if err != nil {
			return
		}
		machine := onMachine("ge-0/0/0", "ge-0/0/1", "ge-0/0/2", "ge-0/0/2.10", "lo0")
		a, err := forward.Desire(tree, machine)
		b, again := forward.Desire(tree, machine)
		if (err == nil) != (again == nil) {
			t.Fatalf("refused and not: %v, %v", err, again)
		}
		if err != nil {
			return
		}
		if shown(a) != shown(b) {
			t.Fatalf("two answers:\n%s\n%s", shown(a), shown(b))
		}
		for p, r := range a.Routes {
			if r.Kind != forward.Unicast {
				continue
			}
			near := false
			for x := range a.Addresses {
				near = near || x.Device == r.Device && x.Prefix.Masked().Contains(r.Gateway) && x.Prefix.Addr() != r.Gateway
			}
			if !near {
				t.Errorf("%s goes to %s at %s, on no network of %s", p, r.Gateway, r.Device, shown(a))
			}
		}
	})
}
