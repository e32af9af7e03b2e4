package templates

import (
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"

	"rhapsode/diffs/junos"
	"rhapsode/inventory"
	"rhapsode/policies"
)

// withFiles is the example network with more files, or other ones.
func withFiles(t *testing.T, more map[string]string) (*inventory.Network, error) {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, data := range tree(t, "../inventory/example") {
		fsys[name] = &fstest.MapFile{Data: data}
	}
	for name, text := range more {
		var before []byte
		if rest, ok := strings.CutPrefix(name, "+"); ok {
			name, before = rest, fsys[rest].Data
		}
		fsys[name] = &fstest.MapFile{Data: append(append([]byte{}, before...), text...)}
	}
	return inventory.LoadFS(fsys, "example")
}

// named is a device of a network.
func named(t *testing.T, net *inventory.Network, name string) *inventory.Device {
	t.Helper()
	for _, d := range net.Devices {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("no device %s", name)
	return nil
}

// TestProtectRE sends packets to a router of the example through the filter on its lo0.
func TestProtectRE(t *testing.T) {
	net, err := inventory.Load("../inventory/example")
	if err != nil {
		t.Fatal(err)
	}
	dev := named(t, net, "cr1.ams")
	tree := sound(t, net, dev).Tree
	e, err := policies.NewEvaluator(tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		packet string
		term   string // that accepts it; empty: it is discarded
	}{
		{"tcp 192.0.2.2:40000 > 192.0.2.1:179 syn", "bgp"},
		{"tcp 198.51.100.0:179 > 198.51.100.1:40000 ack", "bgp"},
		{"tcp 203.0.113.131:40000 > 192.0.2.1:179 syn", "bgp"},
		{"tcp 198.51.100.9:40000 > 198.51.100.1:179 syn", ""},
		{"udp 192.0.2.3:49152 > 192.0.2.1:4784", "bfd"},
		{"tcp 192.0.2.200:40000 > 192.0.2.1:22 syn", "ssh"},
		{"tcp 192.0.2.241:40000 > 192.0.2.1:830 syn", "ssh"},
		{"tcp 198.51.100.9:40000 > 192.0.2.1:22 syn", ""},
		{"tcp 192.0.2.200:40000 > 192.0.2.1:23 syn", ""},
		{"icmp echo-request from 198.51.100.9 to 192.0.2.1", "icmp"},
		{"icmp redirect from 198.51.100.9 to 192.0.2.1", ""},
		{"udp 203.0.113.140:123 > 192.0.2.1:123", "time"},
		{"udp 203.0.113.140:53 > 192.0.2.1:5000", "names"},
		{"udp 203.0.113.140:53 > 192.0.2.1:161", ""},
		{"tcp [2001:db8::3]:40000 > [2001:db8::1]:179 syn", "bgp"},
		{"tcp [2001:db8:0:f0::7]:40000 > [2001:db8::1]:22 syn", "ssh"},
		{"tcp [2001:db8:ff00::7]:40000 > [2001:db8::1]:22 syn", ""},
		{"icmp6 neighbor-solicit from 2001:db8:1:10::11 to 2001:db8:1:10::2 ttl 255", "neighbors"},
		{"icmp6 neighbor-solicit from 2001:db8:1:10::11 to 2001:db8:1:10::2 ttl 64", ""},
		{"icmp6 packet-too-big from 2001:db8:ff00::7 to 2001:db8::1", "icmp"},
	} {
		p, err := policies.ParsePacket(c.packet)
		if err != nil {
			t.Fatalf("%s: %v", c.packet, err)
		}
		r, err := e.Filter(p.Family(), "protect-re"+p.Family().Digit(), p)
		if err != nil {
			t.Fatal(err)
		}
		if want := policies.Accept; c.term != "" && (r.Verdict != want || r.Term != c.term) || c.term == "" && r.Verdict != policies.Discard {
			t.Errorf("%s: %s, want %q", c.packet, r.String(), c.term)
		}
	}
	for _, f := range policies.Check(tree) {
		if strings.Contains(f.String(), "protect-re") {
			t.Errorf("finding: %s", f)
		}
	}
}

// TestChosen: what a device chooses is placed once, by name, with its own variables and names; what interfaces name is
// attached to them.
func TestChosen(t *testing.T) {
	net, err := withFiles(t, map[string]string{
		"policies/edge.yaml": `
filters:
  - header: {targets: {juniper: "edge-${site} inet"}}
    terms:
      - {name: pings, destination-address: "${offloaded}", protocol: icmp, icmp-type: echo-request, next-ip: ping1.ams}
      - {name: directors, source-address: directors.ams, action: accept}
      - {name: default, action: deny}
  - header: {targets: {juniper: transport-in mixed}, replace: true}
    terms: [{name: default, action: accept}]
  - header: {targets: {srx: from-zone a to-zone b}}
    terms: [{name: web, destination-address: service.text.ams, protocol: tcp, destination-port: service.text, action: accept}]
prefix-lists: [{name: everything, addresses: own-space vips.fra}]
communities: [{name: HERE, members: "${asn}:${number}"}]
as-paths: [{name: long, path: ".{20,}"}]
policy-statements: [{name: edge, terms: [{name: a, from: {community: HERE, as-path: long, prefix-list: everything}, then: reject}]}]
`,
		"+sites/ams.yaml":       "policies: !append [edge]\nvars: {number: 7, offloaded: [203.0.113.1, 203.0.113.2]}\n",
		"+devices/cr1.ams.yaml": "vars: {number: 8}\n",
		"devices/cr2.ams.yaml": strings.Replace(string(tree(t, "../inventory/example")["devices/cr2.ams.yaml"]), "        kind: border         # takes border-in4 and border-in6\n",
			"        kind: border\n        filters: {input: [edge-ams, border-in], output: [protect-re]}\n", 1),
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	text := map[string]string{}
	for _, name := range []string{"cr1.ams", "cr2.ams", "cr1.fra"} {
		dev := named(t, net, name)
		x, err := r.Render(net, dev)
		if err != nil {
			t.Fatal(err)
		}
		if g := junos.Guesses(x.Tree); len(g) > 0 {
			t.Errorf("%s: guessed %v", name, g)
		}
		text[name] = x.Tree.Set()
		explained(t, r, net, dev)
	}
	for _, c := range []struct {
		device, line string
		times        int
	}{
		{"cr1.ams", "set firewall family inet filter edge-ams term pings from destination-address 203.0.113.2/32", 1},
		{"cr1.ams", "set firewall family inet filter edge-ams term pings then next-ip 203.0.113.133/32", 1},
		{"cr1.ams", "set firewall family inet filter edge-ams term directors from source-address 203.0.113.132/32", 1},
		{"cr1.ams", "set firewall family inet filter transport-in4 term default then accept", 1},
		{"cr1.ams", "transport-in4 term offload-ping4", 0},
		{"cr1.ams", "set policy-options community HERE members 64500:8", 1},
		{"cr2.ams", "set policy-options community HERE members 64500:7", 1},
		{"cr1.ams", "set policy-options policy-statement edge term a from as-path long", 1},
		{"cr1.ams", "set policy-options prefix-list everything 203.0.113.33/32", 0}, // within own-space
		{"cr1.ams", "set policy-options prefix-list everything 203.0.113.0/24", 1},
		{"cr1.ams", "set security policies from-zone a to-zone b policy web match destination-address service.text.ams", 1},
		{"cr1.ams", "set applications application web-app term t1 destination-port 443", 1},
		{"cr1.ams", "set interfaces xe-0/1/0 unit 0 family inet filter input border-in4", 1},
		{"cr2.ams", "set interfaces xe-0/1/0 unit 0 family inet filter input-list edge-ams", 1},
		{"cr2.ams", "set interfaces xe-0/1/0 unit 0 family inet filter input-list border-in4", 1},
		{"cr2.ams", "set interfaces xe-0/1/0 unit 0 family inet filter output protect-re4", 1},
		{"cr2.ams", "set interfaces xe-0/1/0 unit 0 family inet6 filter input border-in6", 1},
		{"cr2.ams", "set interfaces lo0 unit 0 family inet6 filter input protect-re6", 1},
		{"cr1.fra", "edge", 0},
		{"cr1.fra", "transport-in4 term offload-ping4", 1},
	} {
		if got := strings.Count(text[c.device], c.line); got != c.times && (c.times == 0 || got == 0) {
			t.Errorf("%s has %q %d times, want %d", c.device, c.line, got, c.times)
		}
	}
}

// TestChosenMistakes: what is wrong with the policies is said with its file, and nothing is rendered.
func TestChosenMistakes(t *testing.T) {
	const filter = "filters: [{header: {targets: {juniper: edge inet}}, terms: [{name: a, action: accept}]}]\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"form", map[string]string{"policies/edge.yaml": "filter: []\n"}, "policies/edge.yaml:1:1: the file: unknown key `filter`"},
		{"definitions", map[string]string{"definitions/x.svc": "A = 1\n"}, `definitions/x.svc:1:5: "1" is no port`},
		{"name of the inventory", map[string]string{"definitions/x.net": "lb1.ams = 192.0.2.1\n"}, "definitions/x.net:1:1: lb1.ams is defined twice, also by host lb1.ams of the inventory"},
		{
			"variable",
			map[string]string{"policies/edge.yaml": strings.Replace(filter, "edge inet", `"${sit} inet"`, 1), "+sites/ams.yaml": "policies: [protect-re, edge]\n"},
			"policies/edge.yaml:1:40: there is no variable sit on this device (did you mean site?)",
		},
		{
			"variable that every device has",
			map[string]string{"+sites/ams.yaml": "vars: {site: x}\n"},
			"sites/ams.yaml:48:8: variable site is one that every device has",
		},
		{
			"filter of an interface",
			map[string]string{"+sites/ams.yaml": "loopback_filters: {input: [protect-er]}\n"},
			"sites/ams.yaml:48:20: there is no filter protect-er on cr1.ams (there are border-in4,",
		},
		{
			"clash",
			map[string]string{"policies/edge.yaml": strings.Replace(filter, "edge", "border-in4", 1), "+sites/ams.yaml": "policies: [protect-re, edge]\n"},
			"policies/edge.yaml:1:31: filter border-in4 clashes with the one that Rhapsode ships",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			net, err := withFiles(t, c.files)
			if err != nil {
				t.Fatal(err)
			}
			r, err := Render(net, named(t, net, "cr1.ams"))
			if err == nil || !strings.Contains(err.Error(), c.want) || r != nil {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

// TestTokens holds the names of the inventory against what they stand for.
func TestTokens(t *testing.T) {
	net, err := inventory.Load("../inventory/example")
	if err != nil {
		t.Fatal(err)
	}
	d, err := policies.ParseDefinitions(nil)
	if err != nil {
		t.Fatal(err)
	}
	var tokens []policies.Token
	for _, f := range append(networkTokens(net), deviceTokens(named(t, net, "cr1.ams"))...) {
		tokens = append(tokens, f.Token)
	}
	if d, err = d.With(tokens); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"lb1.ams":              "203.0.113.131/32 2001:db8:1:10::11/128",
		"cr2.fra":              "192.0.2.4/32 2001:db8::4/128",
		"directors.fra":        "203.0.113.163/32 203.0.113.164/32 2001:db8:2:10::11/128 2001:db8:2:10::12/128",
		"own-space":            "192.0.2.0/24 203.0.113.0/24 2001:db8::/44",
		"service-prefixes.ams": "203.0.113.0/27 203.0.113.64/28 2001:db8:1:ed1a::/64 2001:db8:1:ed1b::/64",
		"service.text.ams":     "203.0.113.1/32 2001:db8:1:ed1a::1/128",
		"transit-peers":        "198.51.100.0/32 2001:db8:ff00:1::2/128",
		"management":           "192.0.2.192/28 192.0.2.208/28",
		"ntp-servers":          "203.0.113.140/32 2001:db8:1:10::53/128",
	} {
		list, err := d.Network(name)
		if got := joinPrefixes(list); err != nil || got != want {
			t.Errorf("%s is %s, want %s (%v)", name, got, want, err)
		}
	}
	if ports, err := d.Service("service.text.ams"); err != nil || len(ports) != 1 || ports[0].Lo != 443 {
		t.Errorf("service.text.ams: %v, %v", ports, err)
	}
}

func joinPrefixes(list []netip.Prefix) string {
	var out []string
	for _, p := range list {
		out = append(out, p.String())
	}
	return strings.Join(out, " ")
}
