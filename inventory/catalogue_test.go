package inventory

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// catalogue writes a service catalogue of the size and the habits of a large real one: 136 services, 103 of them
// load-balanced, at two large sites and five small ones; aliases for addresses and lists of sites, `<<` for the rest.
type catalogue struct {
	strings.Builder
	balanced, all int
}

var (
	allSites  = []string{"s1", "s2", "s3", "s4", "s5", "s6", "s7"}
	bothSites = allSites[:2]
)

// ip writes the addresses of a service, with an anchor or as an alias of one.
func (c *catalogue) ip(sites []string, n int, dual bool, anchor string) string {
	var parts []string
	for _, s := range sites {
		k := s[1:]
		if dual {
			parts = append(parts, fmt.Sprintf("      %s: {lb: 203.0.113.%d, lb6: \"2001:db8:%s:ed1a::%d\"}\n", s, 32*int(k[0]-'0'-1)+n, k, n))
		} else {
			parts = append(parts, fmt.Sprintf("      %s:\n        default: 10.2.%s.%d\n", s, k, n))
		}
	}
	return "    ip: " + anchor + "\n" + strings.Join(parts, "")
}

// service writes an entry; what differs from the bulk follows from its number among the load-balanced ones.
func (c *catalogue) service(name, ip string, sites []string) {
	i := c.balanced
	c.balanced++
	state, class, scheduler, threshold := "production", "low-traffic", "      scheduler: wrr\n", ".5"
	switch {
	case i < 4:
		class, threshold = "high-traffic1", ".66"
	case i < 14:
		class = "high-traffic2"
	case i < 19:
		threshold = ".3"
	case i < 22:
		threshold = ".2"
	case i == 22:
		threshold = "'.6'"
	case i > 98:
		state = "lvs_setup"
	}
	extra := ""
	switch {
	case i < 17:
		scheduler = "      scheduler: mh\n"
	case i == 50:
		scheduler = ""
	}
	if i < 14 {
		extra += "      ipip_encapsulation: [" + strings.Join(sites, ", ") + "]\n"
	}
	if i%4 == 1 && i < 96 {
		extra += "      protocol: tcp\n"
	}
	monitors := "        IdleConnection: {max-delay: 300, timeout-clean-reconnect: 3}\n"
	if i >= 20 && i < 23 {
		monitors = "        IdleConnection: {max-delay: 30, timeout-clean-reconnect: 3}\n"
	}
	fetch := "        ProxyFetch: {url: [\"https://localhost/healthz\"]}\n"
	switch {
	case i < 2:
		monitors = fetch
	case i < 40:
		monitors += fetch
	}
	fmt.Fprintf(c, "  %s:\n    <<: *common\n%s    lvs:\n      class: %s\n      conftool: {cluster: kubernetes, service: kubesvc}\n      depool_threshold: %s\n      enabled: %t\n%s%s      monitors:\n%s",
		name, ip, class, threshold, i != 77, scheduler, extra, monitors)
	c.rest(name, state, sites)
}

// rest writes what a service without load balancing has as well.
func (c *catalogue) rest(name, state string, sites []string) {
	i := c.all
	c.all++
	fmt.Fprintf(c, "    description: Service %s, %s.svc.%%{::site}.example.net\n    port: %d\n    sites: [%s]\n    state: %s\n", name, name, 4000+i, strings.Join(sites, ", "), state)
	switch {
	case i < 77:
		c.WriteString("    page: false\n")
	case i < 84:
		c.WriteString("    page: true\n")
	}
	switch { // 117 services with 104 probes by http, 17 by swagger, 7 and 5 by tcp
	case i < 16:
		c.WriteString("    probes: [{type: http, path: /healthz}, {type: swagger, path: \"/?spec\", timeout: 15s}]\n")
	case i < 104:
		c.WriteString("    probes: [{type: http, host: www.example.net, path: /, valid_status_codes: [200, 301]}]\n")
	case i < 111:
		c.WriteString("    probes: [{type: tcp-notls}]\n")
	case i < 116:
		c.WriteString("    probes: [{type: tcp}]\n")
	case i == 116:
		c.WriteString("    probes: [{type: swagger, path: \"/?spec\"}]\n")
	}
	switch { // 75 services with 64 active-active records and 21 others
	case i < 10:
		fmt.Fprintf(c, "    discovery: [{dnsdisc: %s-ro, active_active: true}, {dnsdisc: %s-rw, active_active: false}]\n", name, name)
	case i < 64:
		fmt.Fprintf(c, "    discovery: [{dnsdisc: %s, active_active: true}]\n", name)
	case i < 75:
		fmt.Fprintf(c, "    discovery: [{dnsdisc: %s, active_active: false}]\n", name)
	}
	for _, x := range []struct {
		n    int
		line string
	}{{12, "role: backend"}, {7, "public_endpoint: pages"}, {7, "aliases: [old-name]"}, {6, "httpbb_dir: pages"}, {2, "public_aliases: [other]"}} {
		if i < x.n {
			c.WriteString("    " + x.line + "\n")
		}
	}
}

// write writes all of it.
func (c *catalogue) write() string {
	c.WriteString("service::catalog:\n")
	// the first entry has the anchor for `<<` of all others
	for n := range 8 { // pairs on the same addresses, at every site
		ip := fmt.Sprintf("    ip: *dual%d\n", n/2)
		if n%2 == 0 {
			ip = c.ip(allSites, 1+n/2, true, fmt.Sprintf("&dual%d", n/2))
		}
		c.service(fmt.Sprintf("edge%d", n), ip, allSites)
	}
	for n := range 6 { // six ports of one address
		ip := "    ip:\n      s1: *cloud\n"
		if n == 0 {
			ip = "    ip:\n      s1: &cloud {cloudlb: 203.0.113.20, cloudlb6: \"2001:db8:1:ed1a::3:20\"}\n"
		}
		c.service(fmt.Sprintf("cloud%d", n), ip, allSites[:1])
	}
	host := 0
	group := func(size int) {
		host++
		for n := range size {
			ip := fmt.Sprintf("    ip: *ips%d\n", host)
			if n == 0 {
				ip = c.ip(bothSites, host, false, fmt.Sprintf("&ips%d", host))
			}
			c.service(fmt.Sprintf("svc%d-%d", host, n), ip, bothSites)
		}
	}
	for range 3 {
		group(3)
	}
	for range 5 {
		group(2)
	}
	for range 64 {
		group(1)
	}
	for n := range 6 {
		host++
		sites := allSites[:1]
		if n == 5 {
			sites = allSites[1:2]
		}
		c.service(fmt.Sprintf("single%d", n), c.ip(sites, host, false, ""), sites)
	}
	for n := range 33 {
		state := "production"
		if n >= 30 {
			state = "service_setup"
		}
		name := fmt.Sprintf("outside%d", n)
		fmt.Fprintf(c, "  %s:\n    <<: *common\n%s", name, c.ip(bothSites, 200+n, false, ""))
		c.rest(name, state, bothSites)
	}
	text := c.String()
	return strings.Replace(text, "    <<: *common\n", "    <<: &common {encryption: true}\n", 1)
}

// catalogueTree is a network of seven sites with the catalogue.
func catalogueTree() fstest.MapFS {
	tree := fstest.MapFS{
		"common.yaml":   {Data: []byte("domain: example.net\nasn: 64500\nprefixes: [203.0.113.0/24, 2001:db8::/32, 10.0.0.0/8]\n")},
		"services.yaml": {Data: []byte(new(catalogue).write())},
	}
	for i, s := range allSites {
		tree["sites/"+s+".yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil, "service_prefixes: [203.0.113.%d/27, 10.2.%d.0/24, 2001:db8:%d:ed1a::/64]\n", 32*i, i+1, i+1)}
	}
	return tree
}

// A catalogue of 136 services loads without an error, and nothing of it is lost.
func TestLargeCatalogue(t *testing.T) {
	net := loadTree(t, catalogueTree())
	if len(net.Warnings) > 0 {
		t.Errorf("warnings: %v", net.Warnings)
	}
	count := map[string]int{}
	vips := map[netip.Addr]int{}
	for _, s := range net.Services {
		count["services"]++
		count["state "+s.State]++
		count[fmt.Sprintf("page %t", s.Page)]++
		count["probed services"] += min(1, len(s.Probes))
		for _, p := range s.Probes {
			count["probe "+p.Type]++
		}
		count["discoverable"] += min(1, len(s.Discovery))
		for _, d := range s.Discovery {
			count[fmt.Sprintf("active-active %t", d.ActiveActive)]++
		}
		count["role, endpoint"] += min(1, len(s.Role)) + min(1, len(s.PublicEndpoint))
		count["aliases"] += len(s.Aliases) + len(s.PublicAliases)
		count["httpbb"] += min(1, len(s.HTTPBBDir))
		if !s.Encryption || !strings.Contains(s.Description, "%{::site}") {
			t.Errorf("%s: encryption %t, description %q", s.Name, s.Encryption, s.Description)
		}
		b := s.Balancing
		if b == nil {
			continue
		}
		count["balanced"]++
		count["balanced "+s.State]++
		count["class "+s.Class]++
		count["scheduler "+b.Scheduler]++
		count["protocol "+s.Protocol]++
		count[fmt.Sprintf("threshold %g", b.DepoolThreshold)]++
		count[fmt.Sprintf("enabled %t", s.Enabled)]++
		count[fmt.Sprintf("monitors %t %t", b.Monitors.IdleConnection != nil, b.Monitors.ProxyFetch != nil)]++
		if m := b.Monitors.IdleConnection; m != nil {
			count[fmt.Sprintf("max-delay %v, reconnect %v", m.MaxDelay, m.TimeoutCleanReconnect)]++
		}
		count["ipip"] += min(1, len(b.IPIP))
		for _, v := range s.VIPs {
			count["virtual services"]++
			count["virtual services "+v.Site.Name]++
			count[fmt.Sprintf("IPv6 %t", v.Addr.Is6())]++
			vips[v.Addr]++
		}
	}
	count["VIPs"] = len(vips)
	for _, n := range vips {
		if n > 1 {
			count["shared VIPs"]++
		}
	}
	for what, want := range map[string]int{
		"services": 136, "balanced": 103, "state production": 129, "state lvs_setup": 4, "state service_setup": 3, "balanced production": 99,
		"page false": 77, "page true": 52 + 7, "class low-traffic": 89, "class high-traffic2": 10, "class high-traffic1": 4,
		"scheduler wrr": 86, "scheduler mh": 17, "protocol tcp": 103, "threshold 0.5": 90, "threshold 0.3": 5, "threshold 0.66": 4,
		"threshold 0.2": 3, "threshold 0.6": 1, "enabled true": 102, "enabled false": 1,
		"monitors true false": 63, "monitors true true": 38, "monitors false true": 2,
		"max-delay 5m0s, reconnect 3s": 98, "max-delay 30s, reconnect 3s": 3, "ipip": 14,
		"virtual services": 296, "virtual services s1": 116, "virtual services s2": 100, "virtual services s3": 16, "virtual services s7": 16,
		"IPv6 false": 234, "IPv6 true": 62, "VIPs": 208, "shared VIPs": 74,
		"probed services": 117, "probe http": 104, "probe swagger": 17, "probe tcp-notls": 7, "probe tcp": 5,
		"discoverable": 75, "active-active true": 64, "active-active false": 21, "role, endpoint": 19, "aliases": 9, "httpbb": 6,
	} {
		equal(t, what, count[what], want)
	}
	equal(t, "a probe's timeout", net.Services[slices.IndexFunc(net.Services, func(s *Service) bool { return s.Name == "edge0" })].Probes[1].Timeout, 15*time.Second)
}

func TestPools(t *testing.T) {
	tree := exampleTree(t)
	var yaml strings.Builder
	yaml.WriteString("pools:\n")
	net := loadTree(t, tree)
	pools := map[string][]string{}
	for _, s := range net.Services {
		name := s.Balancing.PoolName
		if s.Balancing.Pool != nil {
			t.Errorf("%s has a pool, and there is no pools.yaml", s.Name)
		}
		if name.Cluster != "" && !slices.Contains(pools[name.Cluster], name.Service) {
			pools[name.Cluster] = append(pools[name.Cluster], name.Service)
		}
	}
	for _, cluster := range slices.Sorted(maps.Keys(pools)) {
		yaml.WriteString("  " + cluster + ":\n")
		for _, service := range pools[cluster] {
			fmt.Fprintf(&yaml, "    %s:\n      ams: {web1.example.net: {ipv4: 10.0.0.1}, web2.example.net: {ipv4: 10.0.0.2, ipv6: \"2001:db8:1:20::2\", weight: 0, pooled: no}}\n", service)
		}
	}
	tree["pools.yaml"] = &fstest.MapFile{Data: []byte(yaml.String())}
	net = loadTree(t, tree)
	if len(net.Pools) < 3 {
		t.Errorf("%d pools", len(net.Pools))
	}
	b := net.Services[0].Balancing.Pool.Backends
	equal(t, "the first server", fmt.Sprint(b[0].Host, b[0].Site.Name, b[0].Addr4, b[0].Weight, b[0].Pooled), fmt.Sprint("web1.example.net", "ams", b[0].Addr4, 10, "yes"))
	equal(t, "the second", fmt.Sprint(b[1].Addr6, b[1].Weight, b[1].Pooled), "2001:db8:1:20::2 0no")
	if len(net.Warnings) == 0 || !strings.Contains(net.Warnings[0].Message, "has no server at fra") {
		t.Errorf("no server at fra, and the warnings are %v", net.Warnings)
	}
	equal(t, "where", chain(t, net, "pools."+net.Pools[0].Name.Cluster+"."+net.Pools[0].Name.Service+".ams.web1.example.net.ipv4", net.Devices[0]), "pools.yaml:"+fmt.Sprint(4)+": 10.0.0.1 (pools)")
}
