package policies

// Names of values that Values.Ranges does not know, for the evaluator.

// dscpNames are the code points (RFC 2474, RFC 2597, RFC 3246).
var dscpNames = map[string]uint32{
	"be": 0, "cs0": 0, "cs1": 8, "cs2": 16, "cs3": 24, "cs4": 32, "cs5": 40, "cs6": 48, "cs7": 56, "ef": 46,
	"af11": 10, "af12": 12, "af13": 14, "af21": 18, "af22": 20, "af23": 22, "af31": 26, "af32": 28, "af33": 30,
	"af41": 34, "af42": 36, "af43": 38,
}

// icmp4Codes and icmp6Codes are the names of ICMP codes (RFC 792, RFC 1122, RFC 1812; RFC 4443).
var icmp4Codes = map[string]uint32{
	"network-unreachable": 0, "host-unreachable": 1, "protocol-unreachable": 2, "port-unreachable": 3,
	"fragmentation-needed": 4, "source-route-failed": 5, "destination-network-unknown": 6, "destination-host-unknown": 7,
	"source-host-isolated": 8, "destination-network-prohibited": 9, "destination-host-prohibited": 10,
	"network-unreachable-for-tos": 11, "host-unreachable-for-tos": 12, "communication-prohibited-by-filtering": 13,
	"host-precedence-violation": 14, "precedence-cutoff-in-effect": 15,
	"redirect-for-network": 0, "redirect-for-host": 1, "redirect-for-tos-and-net": 2, "redirect-for-tos-and-host": 3,
	"ttl-eq-zero-during-transit": 0, "ttl-eq-zero-during-reassembly": 1, "ip-header-bad": 0, "required-option-missing": 1,
}

var icmp6Codes = map[string]uint32{
	"no-route-to-destination": 0, "administratively-prohibited": 1, "address-unreachable": 3, "port-unreachable": 4,
	"ttl-eq-zero-during-transit": 0, "ttl-eq-zero-during-reassembly": 1,
	"ip6-header-bad": 0, "unrecognized-next-header": 1, "unrecognized-option": 2,
}

// ipOptions are the types of IPv4 options (IANA ip-parameters). `any` is apart.
var ipOptions = map[string]uint32{
	"route-record": 7, "timestamp": 68, "security": 130, "loose-source-route": 131, "stream-id": 136,
	"strict-source-route": 137, "router-alert": 148,
}

// extensionHeaders are the IPv6 extension headers (IANA ipv6-parameters). `any` is apart.
var extensionHeaders = map[string]uint32{
	"hop-by-hop": 0, "routing": 43, "fragment": 44, "esp": 50, "ah": 51, "no-next-header": 59, "dstopts": 60, "mobility": 135,
}

// evalNumbering is numbering with the conditions that the evaluator knows beside.
func evalNumbering(condition string, f Family) (names map[string]uint32, highest uint32, ok bool) {
	switch condition {
	case "dscp", "traffic-class":
		return dscpNames, 63, true
	case "icmp-code":
		if f == Inet6 {
			return icmp6Codes, 255, true
		}
		return icmp4Codes, 255, true
	case "ip-options":
		return ipOptions, 255, true
	case "extension-header":
		return extensionHeaders, 255, true
	}
	return numbering(condition, f)
}

// evalRanges gives the numbers that values stand for.
func evalRanges(v Values, condition string, f Family) ([]Range, error) {
	names, highest, _ := evalNumbering(condition, f)
	var out []Range
	for _, s := range v.List {
		r, err := parseRange(s, names, highest)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func inRanges(list []Range, n uint32) bool {
	for _, r := range list {
		if r.Contains(n) {
			return true
		}
	}
	return false
}
