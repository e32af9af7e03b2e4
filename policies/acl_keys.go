package policies

// keyUse says what a key of a term may be used for.
type keyUse uint8

const (
	forJuniper keyUse = 1 << iota
	forSRX
	single  // takes one word
	forBoth = forJuniper | forSRX
)

// termKeys are the keys of a term but for name, comment and include, as Aerleon has them.
var termKeys = map[string]keyUse{
	"action":                    forBoth | single,
	"address":                   forJuniper,
	"address-exclude":           forJuniper,
	"counter":                   forBoth | single,
	"destination-address":       forBoth,
	"destination-exclude":       forBoth,
	"destination-port":          forBoth,
	"destination-prefix":        forJuniper,
	"destination-prefix-except": forJuniper,
	"destination-zone":          forSRX,
	"dscp-except":               forJuniper,
	"dscp-match":                forJuniper,
	"dscp-set":                  forJuniper | single,
	"filter-term":               forJuniper | single,
	"forwarding-class":          forJuniper,
	"forwarding-class-except":   forJuniper,
	"fragment-offset":           forJuniper,
	"hop-limit":                 forJuniper,
	"icmp-code":                 forJuniper,
	"icmp-type":                 forBoth,
	"logging":                   forBoth,
	"loss-priority":             forJuniper | single,
	"next-ip":                   forJuniper | single,
	"option":                    forBoth,
	"owner":                     forBoth,
	"packet-length":             forJuniper,
	"platform":                  forBoth,
	"platform-exclude":          forBoth,
	"policer":                   forJuniper | single,
	"port":                      forJuniper,
	"port-mirror":               forJuniper | single,
	"protocol":                  forBoth,
	"protocol-except":           forJuniper,
	"qos":                       forJuniper | single,
	"restrict-address-family":   forBoth | single,
	"routing-instance":          forJuniper | single,
	"source-address":            forBoth,
	"source-exclude":            forBoth,
	"source-interface":          forJuniper,
	"source-port":               forBoth,
	"source-prefix":             forJuniper,
	"source-prefix-except":      forJuniper,
	"source-zone":               forSRX,
	"timeout":                   forSRX | single,
	"ttl":                       forJuniper,
}

// refusedKeys are keys of Aerleon that are no use here, each with what to do instead.
var refusedKeys = map[string]string{
	"destination-fqdn":      "rendering asks no resolver: define the addresses",
	"destination-interface": "a filter is attached to the interfaces it is for",
	"destination-tag":       "no target of ours has tags",
	"dynamic-application":   "write the policy in a template",
	"encapsulate":           "write the filter in a template",
	"ether-type":            "only inet and inet6 filters are made",
	"expiration":            "what is rendered depends on no clock: remove the term on its day, or use an override with a date",
	"filter-name":           "a filter is called with filter-term",
	"flexible-match-range":  "write the filter in a template",
	"log-limit":             "no target of ours limits logs",
	"log-name":              "no target of ours names logs",
	"pan-application":       "no target of ours knows it",
	"precedence":            "match the class selectors of DSCP: dscp-match: cs6 is precedence 6",
	"priority":              "terms are tried in their order",
	"source-fqdn":           "rendering asks no resolver: define the addresses",
	"source-tag":            "no target of ours has tags",
	"target-resources":      "no target of ours knows it",
	"traffic-class-count":   "use counter",
	"traffic-type":          "write the filter in a template",
	"verbatim":              "write the filter in a template",
	"vpn":                   "write the policy in a template",
}

// platforms are the targets that Aerleon knows. Only juniper and srx are rendered, the others are somebody else's.
var platforms = setOf(
	"arista", "arista_tp", "aruba", "brocade", "cisco", "ciscoasa", "cisconx", "ciscoxr", "cloudarmor", "demo", "fortigate",
	"gce", "gce_vpc_tf", "gcp_hf", "ipset", "iptables", "juniper", "juniperevo", "k8s", "msmpc", "nftables", "nokiasrl",
	"nsxt", "nsxv", "openconfig", "packetfilter", "paloalto", "pcap_accept", "pcap_deny", "proxmox", "sonic", "speedway", "srx",
	"srxlo", "stdout", "versa", "windows_advfirewall", "windows_ipsec",
)

// icmpAliases are the names that Aerleon has for ICMP types where Junos has others, or none.
var icmpAliases = map[Family]map[string]uint32{
	Inet: {
		"alternate-address": 6, "conversion-error": 31, "information-reply": 16, "information-request": 15,
		"mobile-redirect": 32, "router-solicitation": 10, "timestamp-request": 13,
	},
	Inet6: {
		"certificate-path-advertisement": 149, "certificate-path-solicitation": 148,
		"home-agent-address-discovery-reply": 145, "home-agent-address-discovery-request": 144,
		"icmp-node-information-query": 139, "icmp-node-information-response": 140,
		"inverse-neighbor-discovery-advertisement": 142, "inverse-neighbor-discovery-solicitation": 141,
		"mobile-prefix-advertisement": 147, "mobile-prefix-solicitation": 146, "multicast-listener-done": 132,
		"multicast-listener-query": 130, "multicast-listener-report": 131, "multicast-router-advertisement": 151,
		"multicast-router-solicitation": 152, "multicast-router-termination": 153, "redirect-message": 137,
		"version-2-multicast-listener-report": 143,
	},
}

// protocolAliases are the names that IANA has for protocols where Junos has others.
var protocolAliases = map[string]string{
	"hopopt": "hop-by-hop", "icmpv6": "icmp6", "ipv6-frag": "fragment", "ipv6-icmp": "icmp6", "ipv6-nonxt": "no-next-header",
	"ipv6-opts": "dstopts", "ipv6-route": "routing",
}

// aclOptions are the words of `option` and the conditions that they stand for in a filter.
var aclOptions = setOf("established", "tcp-established", "tcp-initial", "initial", "rst", "not-syn-ack", "first-fragment", "last-fragment", "is-fragment", "sample")
