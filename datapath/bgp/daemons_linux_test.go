package bgp_test

import (
	"path/filepath"

	"rhapsode/datapath/bgp"
)

func frr() foreign {
	return foreign{
		name: "FRR 8.4",
		config: `router bgp 64496
 bgp router-id 10.9.0.2
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
 no bgp network import-check
 timers bgp 10 30
 neighbor 10.9.0.1 remote-as 64600
 neighbor 10.9.0.1 ebgp-multihop 2
 neighbor 10.9.0.1 update-source 10.9.0.2
 neighbor 10.9.0.1 timers connect 1
 neighbor 2001:db8:9::1 remote-as 64600
 neighbor 2001:db8:9::1 ebgp-multihop 2
 neighbor 2001:db8:9::1 update-source 2001:db8:9::2
 neighbor 2001:db8:9::1 timers connect 1
 address-family ipv4 unicast
  network 198.51.100.0/24
  neighbor 10.9.0.1 activate
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:ff00::/40
  neighbor 10.9.0.1 activate
  neighbor 2001:db8:9::1 activate
 exit-address-family
 address-family ipv4 flowspec
  neighbor 10.9.0.1 activate
 exit-address-family
 address-family ipv6 flowspec
  neighbor 10.9.0.1 activate
 exit-address-family
exit
`,
		run: func(dir, config string) []string {
			return []string{
				"/usr/lib/frr/bgpd", "-f", config, "-i", filepath.Join(dir, "pid"), "--vty_socket", dir, "-S", "-Z", "-n",
				"-P", "0", "-l", "10.9.0.2", "-l", "2001:db8:9::2", "--log", "stdout",
			}
		},
		ask: func(dir string, f bgp.Family) []string {
			show := map[bgp.Family]string{
				bgp.IPv4: "show bgp ipv4 unicast 203.0.113.10/32", bgp.IPv6: "show bgp ipv6 unicast 2001:db8:5::10/128",
				bgp.FlowIPv4: "show bgp ipv4 flowspec detail", bgp.FlowIPv6: "show bgp ipv6 flowspec detail",
			}[f]
			return []string{"vtysh", "--vty_socket", dir, "-d", "bgpd", "-c", show}
		},
		redirect: map[bgp.Family]string{bgp.FlowIPv4: "NH:192.0.2.99:0", bgp.FlowIPv6: "UNK:0, 12"},
	}
}

func bird() foreign {
	return foreign{
		name: "BIRD 2.0",
		config: `router id 10.9.0.2;
log stderr all;
flow4 table flows4;
flow6 table flows6;
protocol device {}
protocol static { ipv4; route 198.51.100.0/24 blackhole; }
protocol static { ipv6; route 2001:db8:ff00::/40 blackhole; }
protocol static {
	flow4 { table flows4; };
	route flow4 { dst 198.51.100.0/24; proto = 6; } { bgp_ext_community.add((generic, 0x80060000, 0x0)); };
}
protocol bgp four {
	local 10.9.0.2 as 64496;
	neighbor 10.9.0.1 as 64600;
	multihop 2;
	strict bind yes;
	connect delay time 1;
	ipv4 { import all; export where source = RTS_STATIC; };
	ipv6 { import all; export where source = RTS_STATIC; next hop address 2001:db8:9::2; };
	flow4 { table flows4; import all; export where source = RTS_STATIC; };
	flow6 { table flows6; import all; export where source = RTS_STATIC; };
}
protocol bgp six {
	local 2001:db8:9::2 as 64496;
	neighbor 2001:db8:9::1 as 64600;
	multihop 2;
	strict bind yes;
	connect delay time 1;
	ipv6 { import all; export where source = RTS_STATIC; };
}
`,
		run: func(dir, config string) []string {
			return []string{"bird", "-f", "-c", config, "-s", filepath.Join(dir, "ctl"), "-P", filepath.Join(dir, "pid")}
		},
		ask: func(dir string, f bgp.Family) []string {
			table := map[bgp.Family]string{bgp.IPv4: "master4", bgp.IPv6: "master6", bgp.FlowIPv4: "flows4", bgp.FlowIPv6: "flows6"}[f]
			return []string{"birdc", "-s", filepath.Join(dir, "ctl"), "show", "route", "table", table, "all"}
		},
		redirect: map[bgp.Family]string{
			bgp.FlowIPv4: "(unknown 0x10c, 192.0.2.99, 0)",
			bgp.FlowIPv6: "BGP.19 [t]: 00 0c 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 99 00 00",
		},
		flows: true,
	}
}

func gobgpd() foreign {
	return foreign{
		name: "GoBGP 3.10",
		config: `[global.config]
  as = 64496
  router-id = "10.9.0.2"
  local-address-list = ["10.9.0.2", "2001:db8:9::2"]
[[neighbors]]
  [neighbors.config]
    neighbor-address = "10.9.0.1"
    peer-as = 64600
  [neighbors.transport.config]
    local-address = "10.9.0.2"
  [neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 2
  [neighbors.timers.config]
    connect-retry = 1
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-flowspec"
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-flowspec"
[[neighbors]]
  [neighbors.config]
    neighbor-address = "2001:db8:9::1"
    peer-as = 64600
  [neighbors.transport.config]
    local-address = "2001:db8:9::2"
  [neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 2
  [neighbors.timers.config]
    connect-retry = 1
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"
`,
		run: func(_, config string) []string {
			return []string{"gobgpd", "-p", "-f", config, "--api-hosts", "127.0.0.1:50051", "--pprof-disable"}
		},
		after: [][]string{
			{"gobgp", "global", "rib", "add", "-a", "ipv4", "198.51.100.0/24", "nexthop", "10.9.0.2"},
			{"gobgp", "global", "rib", "add", "-a", "ipv6", "2001:db8:ff00::/40", "nexthop", "2001:db8:9::2"},
			{"gobgp", "global", "rib", "add", "-a", "ipv4-flowspec", "match", "destination", "198.51.100.0/24", "protocol", "==tcp", "then", "discard"},
		},
		ask: func(_ string, f bgp.Family) []string {
			family := map[bgp.Family]string{
				bgp.IPv4: "ipv4", bgp.IPv6: "ipv6", bgp.FlowIPv4: "ipv4-flowspec", bgp.FlowIPv6: "ipv6-flowspec",
			}[f]
			return []string{"gobgp", "global", "rib", "-a", family}
		},
		redirect: map[bgp.Family]string{bgp.FlowIPv4: "[192.0.2.99:0]", bgp.FlowIPv6: "[2001:db8::99:0]"},
		flows:    true,
	}
}
