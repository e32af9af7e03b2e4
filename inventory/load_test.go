package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// loadTree reads a tree that must be fine.
func loadTree(t testing.TB, tree fs.FS) *Network {
	t.Helper()
	net, err := load(tree, "tree", testTime, insideOf(tree))
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// device finds a device by name.
func device(t testing.TB, n *Network, name string) *Device {
	t.Helper()
	for _, d := range n.Devices {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("no device %s", name)
	return nil
}

func site(t testing.TB, n *Network, name string) *Site {
	t.Helper()
	for _, s := range n.Sites {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no site %s", name)
	return nil
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func TestExample(t *testing.T) {
	net, err := Load("example")
	if err != nil {
		t.Fatal(err)
	}
	if len(net.Warnings) > 0 || len(net.Overrides) > 0 {
		t.Errorf("the example has warnings %v and overrides %v, want none", net.Warnings, net.Overrides)
	}
	equal(t, "Dir", net.Dir, "example")
	equal(t, "Domain", net.Domain, "example.net")
	equal(t, "ASN", net.ASN, 64500)
	var names, hosts, services []string
	for _, d := range net.Devices {
		names = append(names, d.Name)
	}
	for _, h := range net.Hosts {
		hosts = append(hosts, h.Name)
	}
	for _, s := range net.Services {
		services = append(services, s.Name)
	}
	equal(t, "the devices", fmt.Sprint(names), "[cr1.ams cr1.fra cr2.ams cr2.fra]")
	equal(t, "the hosts", fmt.Sprint(hosts), "[lb1.ams lb1.fra lb2.ams lb2.fra ping1.ams ping1.fra ping2.ams ping2.fra]")
	equal(t, "the services", fmt.Sprint(services), "[api dns text text-http thumbs upload]")
}

func TestExampleDevice(t *testing.T) {
	net := loadTree(t, exampleTree(t))
	d := device(t, net, "cr1.ams")
	equal(t, "FQDN", d.FQDN, "cr1.ams.example.net")
	equal(t, "role, type, status", d.Role+" "+d.Type+" "+d.Status, "core mx204 active")
	equal(t, "router id", d.RouterID, netip.MustParseAddr("192.0.2.1"))
	equal(t, "loopback", d.Loopback6, netip.MustParseAddr("2001:db8::1"))
	equal(t, "management", d.Management, Management{"fxp0", netip.MustParsePrefix("192.0.2.194/28"), netip.MustParseAddr("192.0.2.193")})
	equal(t, "LVS", fmt.Sprint(d.LVS.PeerASN, d.LVS.HoldTimeSeconds, d.LVS.PrefixLimit, d.LVS.TeardownPercent), "64510 30 1000 80")
	equal(t, "the first neighbour", d.LVS.Neighbors[0], site(t, net, "ams").Directors[0])
	equal(t, "users", fmt.Sprintf("%d %s %d %s", len(d.Users), d.Users[0].Name, d.Users[0].UID, d.Users[0].Class), "4 ada 2001 super-user")
	var peers []string
	for _, p := range d.InternalPeers {
		peers = append(peers, p.Name)
	}
	equal(t, "internal peers", fmt.Sprint(peers), "[cr1.fra cr2.ams cr2.fra]")
	equal(t, "transit", *d.Transits[0], Peer{Name: "northwind", Addr: netip.MustParseAddr("198.51.100.0"), ASN: 64496, PrefixLimit: 1200000})
	equal(t, "the transit of cr2.fra", device(t, net, "cr2.fra").Transits[1].ASN, 65536)

	var interfaces []string
	for _, i := range d.Interfaces {
		for _, u := range i.Units {
			interfaces = append(interfaces, fmt.Sprintf("%s.%d %s vlan %d metric %d mtu %d %v", i.Name, u.Number, u.Kind, u.VLAN, u.Metric, i.MTU, u.Addresses[0]))
		}
	}
	equal(t, "interfaces", "\n"+strings.Join(interfaces, "\n"), `
et-0/0/0.0 transport vlan 0 metric 100 mtu 9192 192.0.2.20/31
et-0/0/1.0 internal vlan 0 metric 10 mtu 9192 192.0.2.16/31
et-0/0/2.10 servers vlan 10 metric 0 mtu 0 203.0.113.129/27
xe-0/1/0.0 border vlan 0 metric 0 mtu 0 198.51.100.1/31`)
}

func TestExampleSite(t *testing.T) {
	net := loadTree(t, exampleTree(t))
	s := site(t, net, "fra")
	equal(t, "service prefixes", fmt.Sprint(s.ServicePrefixes), "[203.0.113.32/27 203.0.113.80/28 2001:db8:2:ed1a::/64 2001:db8:2:ed1b::/64]")
	equal(t, "directors", fmt.Sprint(s.Directors[0].Name, s.Directors[0].MED, s.Directors[1].Name, s.Directors[1].MED), "lb1.fra0lb2.fra100")
	equal(t, "devices", len(s.Devices), 2)
	o := s.PingOffload
	equal(t, "redirect", o.Redirect4.Name+" "+o.Redirect6.FQDN, "ping1.fra ping1.fra.example.net")
	equal(t, "exempt", fmt.Sprint(o.Exempt), fmt.Sprint(net.Prefixes))
	var vips []string
	for _, v := range o.VIPs {
		vips = append(vips, fmt.Sprintf("%s %s/%s", v.Addr, v.Service.Name, v.Label))
	}
	equal(t, "offloaded VIPs, one for each address though text and text-http share theirs", "\n"+strings.Join(vips, "\n"), `
203.0.113.33 text/textlb
203.0.113.34 upload/uploadlb
203.0.113.42 dns/default
2001:db8:2:ed1a::1 text/textlb6
2001:db8:2:ed1a::2 upload/uploadlb6
2001:db8:2:ed1a::53 dns/default6`)
	equal(t, "all VIPs", len(s.VIPs), 11)
	for _, service := range net.Services {
		if want := service.Name != "thumbs"; service.Announced() != want {
			t.Errorf("%s is announced: %v, want %v", service.Name, service.Announced(), want)
		}
	}
}

// The example, the way a program finds it: embedded, and as documentation of itself.
func TestExampleIsWhole(t *testing.T) {
	err := filepath.WalkDir("example", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		embedded, err := fs.ReadFile(Example, filepath.ToSlash(name))
		if err != nil || !bytes.Equal(data, embedded) {
			t.Errorf("%s is not embedded as it is: %v", name, err)
		}
		if !strings.HasSuffix(name, ".yaml") || filepath.Base(filepath.Dir(name)) == "policies" { // whose form package policies knows
			return nil
		}
		// the first line leads an editor to the schema
		first, _, _ := strings.Cut(string(data), "\n")
		to, ok := strings.CutPrefix(first, "# yaml-language-server: $schema=")
		if !ok {
			t.Errorf("%s does not name its schema on the first line", name)
		} else if _, err := os.Stat(filepath.Join(filepath.Dir(name), to)); err != nil {
			t.Errorf("%s names a schema that is not there: %v", name, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What the README of overrides shows must be an override.
func TestOverrides(t *testing.T) {
	tree := exampleTree(t)
	_, text, ok := strings.Cut(string(tree["overrides/README.md"].Data), "```yaml\n")
	text, _, ok2 := strings.Cut(text, "```")
	if !ok || !ok2 {
		t.Fatal("overrides/README.md shows no override")
	}
	tree["overrides/T123456.yaml"] = &fstest.MapFile{Data: []byte(text)}
	net := loadTree(t, tree)
	if len(net.Warnings) > 0 {
		t.Errorf("warnings: %v", net.Warnings)
	}
	if len(net.Overrides) != 2 {
		t.Fatalf("%d overrides, want one for each path", len(net.Overrides))
	}
	o := net.Overrides[1]
	equal(t, "path", strings.Join(o.Path, "|"), "firewall|family|inet|filter|transport-in4|term|offload-ping4")
	equal(t, "the rest", fmt.Sprintf("%s %s %s %s %s %s", o.File, o.Action, o.Task, o.Query, o.Devices[0].Name, o.Devices[1].Name), "overrides/T123456.yaml deactivate T123456 site:ams cr1.ams cr2.ams")
	equal(t, "expires", o.Expires.Format("2006-01-02T15:04Z07:00"), "2026-03-09T00:00Z")
	equal(t, "expired before", o.Expired(o.Expires.Add(-1)), false)
	equal(t, "expired at", o.Expired(o.Expires), true)
}

// A site without offload has none, and its values say nothing of it.
func TestNoOffload(t *testing.T) {
	tree := exampleTree(t)
	before, after, ok := strings.Cut(string(tree["sites/fra.yaml"].Data), "ping_offload:")
	_, after, ok2 := strings.Cut(after, "# Defaults for the devices")
	if !ok || !ok2 {
		t.Fatal("sites/fra.yaml has changed its shape")
	}
	tree["sites/fra.yaml"].Data = []byte(before + "# Defaults for the devices" + after)
	net := loadTree(t, tree)
	if o := site(t, net, "fra").PingOffload; o != nil {
		t.Errorf("offload %v, want none", o)
	}
}

// SERVICE/LABEL offloads one family; the other needs no redirect host then.
func TestOffloadOneFamily(t *testing.T) {
	tree := exampleTree(t)
	text := string(tree["sites/fra.yaml"].Data)
	text = strings.Replace(text, "vips: [text, upload, dns]", "vips: [text/textlb, dns/default]", 1)
	text = strings.Replace(text, "  redirect6: ping1\n", "  exempt: [192.0.2.0/24]\n", 1)
	tree["sites/fra.yaml"].Data = []byte(text)
	o := site(t, loadTree(t, tree), "fra").PingOffload
	if o.Redirect6 != nil || len(o.VIPs) != 2 || !o.VIPs[1].Addr.Is4() || fmt.Sprint(o.Exempt) != "[192.0.2.0/24]" {
		t.Errorf("offload is %+v", o)
	}
}

// A device file may carry the domain in its name.
func TestDeviceFileByFQDN(t *testing.T) {
	tree := exampleTree(t)
	tree["devices/cr1.ams.example.net.yaml"] = tree["devices/cr1.ams.yaml"]
	delete(tree, "devices/cr1.ams.yaml")
	net := loadTree(t, tree)
	d := device(t, net, "cr1.ams")
	equal(t, "FQDN", d.FQDN, "cr1.ams.example.net")
	chain, err := net.Where("role", d)
	if err != nil || chain[0].File != "devices/cr1.ams.example.net.yaml" {
		t.Errorf("role comes from %v, %v", chain, err)
	}
}

// A planned router is no peer of anybody yet.
func TestPlannedIsNoPeer(t *testing.T) {
	tree := exampleTree(t)
	tree["devices/cr2.fra.yaml"].Data = append(tree["devices/cr2.fra.yaml"].Data, "status: planned\n"...)
	net := loadTree(t, tree)
	for _, p := range device(t, net, "cr1.ams").InternalPeers {
		if p.Name == "cr2.fra" {
			t.Error("cr2.fra is planned and still a peer")
		}
	}
}

// A catalogue under its Hiera key, with the liberties that real ones take: interpolation in texts, a threshold in
// quotes, a service without lvs, aliases of whole addresses.
func TestHieraCatalogue(t *testing.T) {
	tree := exampleTree(t)
	tree["services.yaml"] = &fstest.MapFile{Data: []byte(`service::catalog:
  echostore:
    description: Echo store, echostore.svc.%{::site}.example.net
    encryption: true
    ip:
      ams: &ams
        default: 203.0.113.70
    lvs:
      class: low-traffic
      conftool: {cluster: kubernetes, service: kubesvc}
      depool_threshold: '.5'
      enabled: true
      monitors:
        IdleConnection: {max-delay: 300, timeout-clean-reconnect: 3}
        ProxyFetch: {url: ["https://localhost/healthz"]}
      scheduler: wrr
      protocol: tcp
    page: false
    probes: [{type: http, path: /healthz, timeout: 15s}]
    port: 8082
    sites: [ams]
    state: lvs_setup
    discovery: [{dnsdisc: echostore, active_active: true}]
  echostore-admin:
    description: Its other port
    encryption: false
    ip: {ams: *ams}
    lvs: {class: low-traffic, enabled: true, depool_threshold: .3, ipip_encapsulation: [ams]}
    port: 8083
    sites: [ams]
    state: production
  outside:
    description: Known here, balanced elsewhere
    encryption: true
    ip: {ams: {default: 198.51.100.77}}
    port: 443
    role: backend
    aliases: [other]
    sites: [ams]
    state: production
`)}
	for _, name := range []string{"sites/ams.yaml", "sites/fra.yaml"} {
		tree[name].Data = regexp.MustCompile(`vips: \[.*\]`).ReplaceAll(tree[name].Data, []byte("vips: [echostore]"))
	}
	fra := string(tree["sites/fra.yaml"].Data)
	before, _, _ := strings.Cut(fra, "ping_offload:")
	_, after, _ := strings.Cut(fra, "per_source_pps: 100}")
	tree["sites/fra.yaml"].Data = []byte(before + after)
	net := loadTree(t, tree)
	equal(t, "services", len(net.Services), 3)
	equal(t, "echostore is announced", net.Services[0].Announced(), true)
	equal(t, "VIPs of what is not balanced", len(net.Services[2].VIPs), 0)
	equal(t, "VIPs at ams", len(site(t, net, "ams").VIPs), 2)
	equal(t, "offloaded", len(site(t, net, "ams").PingOffload.VIPs), 1)
}

func TestUnreadableTree(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "nowhere"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a tree that is not there gives %v, want fs.ErrNotExist", err)
	}
	var problems Problems
	if errors.As(err, &problems) {
		t.Error("a tree that is not there is not a mistake in it")
	}
}

// Two loads are equal, down to the merged text.
func TestDeterministic(t *testing.T) {
	a, b := loadTree(t, exampleTree(t)), loadTree(t, exampleTree(t))
	for i, d := range a.Devices {
		x, err := a.Values(d)
		if err != nil {
			t.Fatal(err)
		}
		y, err := b.Values(b.Devices[i])
		if err != nil || x != y {
			t.Errorf("%s has other values the second time: %v", d.Name, err)
		}
	}
}

// FuzzLoad puts anything into a file of the tree: Load answers with a network or with an error, and never with both.
func FuzzLoad(f *testing.F) {
	var names []string
	for name, file := range exampleTree(f) {
		if strings.HasSuffix(name, ".yaml") {
			names = append(names, name)
			f.Add(name, file.Data)
		}
	}
	f.Add("common.yaml", []byte("asn: &x [*x]\n<<: {a: b}\n"))
	f.Add("devices/cr1.ams.yaml", []byte("role: core\nsite: ams\ninterfaces:\n  xe-0/1/0: {units: {0: {addresses: [::/0]}}}\n"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		tree := exampleTree(t)
		if tree[name] == nil {
			name = names[len(data)%len(names)]
		}
		tree[name] = &fstest.MapFile{Data: data}
		net, err := load(tree, "tree", testTime, insideOf(tree))
		if (net == nil) == (err == nil) {
			t.Fatalf("Load gives %v, %v", net, err)
		}
		if net == nil {
			return
		}
		for _, d := range net.Devices {
			if d.Site == nil || !d.Loopback4.IsValid() || d.Type == "" {
				t.Errorf("half a device passed: %+v", d)
			}
			if _, err := net.Values(d); err != nil {
				t.Error(err)
			}
		}
	})
}

// BenchmarkLoad reads a network of many devices.
func BenchmarkLoad(b *testing.B) {
	tree := exampleTree(b)
	const devices = 1000
	for i := range devices {
		tree[fmt.Sprintf("devices/sw%d.ams.yaml", i)] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"role: core\nsite: ams\nloopback: {ipv4: 198.51.%d.%d}\nstatus: planned\nmanagement: {address: 192.0.%d.%d/8, gateway: null}\n",
			104+i/250, i%250, 104+i/250, i%250)}
	}
	for b.Loop() {
		if _, err := load(tree, "tree", testTime, insideOf(tree)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/devices, "µs/device")
}
