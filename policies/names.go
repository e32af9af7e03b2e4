package policies

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What a reader may say about one statement.
var (
	errBothSenses  = errors.New("a condition stands beside its -except form")
	errTwoVerdicts = errors.New("a second verdict in one term")
)

// Range is an inclusive range of numbers; a single number has Lo == Hi.
type Range struct{ Lo, Hi uint32 }

// Contains tells whether n lies in the range.
func (r Range) Contains(n uint32) bool { return r.Lo <= n && n <= r.Hi }

// protocols are the names of IP protocols that Junos knows (IANA protocol-numbers).
var protocols = map[string]uint32{
	"ah": 51, "dstopts": 60, "egp": 8, "esp": 50, "fragment": 44, "gre": 47, "hop-by-hop": 0, "icmp": 1, "icmp6": 58,
	"icmpv6": 58, "igmp": 2, "ipip": 4, "ipv6": 41, "no-next-header": 59, "ospf": 89, "pim": 103, "routing": 43,
	"rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "vrrp": 112,
}

// icmp4Types are the names of ICMP types (RFC 792, RFC 950, RFC 1256).
var icmp4Types = map[string]uint32{
	"echo-reply": 0, "unreachable": 3, "source-quench": 4, "redirect": 5, "echo-request": 8, "router-advertisement": 9,
	"router-solicit": 10, "time-exceeded": 11, "parameter-problem": 12, "timestamp": 13, "timestamp-reply": 14,
	"info-request": 15, "info-reply": 16, "mask-request": 17, "mask-reply": 18,
}

// icmp6Types are the names of ICMPv6 types (RFC 4443, RFC 4861, RFC 2710).
var icmp6Types = map[string]uint32{
	"destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4, "echo-request": 128,
	"echo-reply": 129, "membership-query": 130, "membership-report": 131, "membership-termination": 132,
	"router-solicit": 133, "router-advertisement": 134, "neighbor-solicit": 135, "neighbor-advertisement": 136,
	"redirect": 137, "router-renumbering": 138, "node-information-request": 139, "node-information-reply": 140,
}

// ports are the names of TCP and UDP ports that Junos knows.
var ports = map[string]uint32{
	"afs": 1483, "bgp": 179, "biff": 512, "bootpc": 68, "bootps": 67, "cmd": 514, "cvspserver": 2401, "dhcp": 67,
	"domain": 53, "eklogin": 2105, "ekshell": 2106, "exec": 512, "finger": 79, "ftp": 21, "ftp-data": 20, "http": 80,
	"https": 443, "ident": 113, "imap": 143, "kerberos-sec": 88, "klogin": 543, "kpasswd": 761, "krb-prop": 754,
	"krbupdate": 760, "kshell": 544, "ldap": 389, "ldp": 646, "login": 513, "mobileip-agent": 434, "mobilip-mn": 435,
	"msdp": 639, "netbios-dgm": 138, "netbios-ns": 137, "netbios-ssn": 139, "nfsd": 2049, "nntp": 119, "ntalk": 518,
	"ntp": 123, "pop3": 110, "pptp": 1723, "printer": 515, "radacct": 1813, "radius": 1812, "rip": 520, "rkinit": 2108,
	"smtp": 25, "snmp": 161, "snmptrap": 162, "snpp": 444, "socks": 1080, "ssh": 22, "sunrpc": 111, "syslog": 514,
	"tacacs": 49, "tacacs-ds": 65, "talk": 517, "telnet": 23, "tftp": 69, "timed": 525, "who": 513, "xdmcp": 177,
	"zephyr-clt": 2103, "zephyr-hm": 2104,
}

// numbering gives the names and the highest number of a condition; false: its values are not numbers.
func numbering(condition string, f Family) (names map[string]uint32, highest uint32, ok bool) {
	switch condition {
	case "protocol", "next-header", "payload-protocol":
		return protocols, 255, true
	case "icmp-type":
		if f == Inet6 {
			return icmp6Types, 255, true
		}
		return icmp4Types, 255, true
	case "port", "source-port", "destination-port":
		return ports, 65535, true
	case "ttl", "hop-limit":
		return nil, 255, true
	case "packet-length":
		return nil, 65535, true
	case "fragment-offset":
		return nil, 8191, true
	}
	return nil, 0, false
}

// Ranges gives the numbers that the values of a condition stand for: protocols, ports, ICMP types, lengths, hop
// limits. ok is false for conditions whose values are not numbers here (dscp, icmp-code, ip-options, extension headers, classes).
func (v Values) Ranges(condition string, f Family) (list []Range, ok bool, err error) {
	names, highest, ok := numbering(condition, f)
	if !ok {
		return nil, false, nil
	}
	for _, s := range v.List {
		r, err := parseRange(s, names, highest)
		if err != nil {
			return nil, true, fmt.Errorf("read %s: %w", condition, err)
		}
		list = append(list, r)
	}
	return list, true, nil
}

func (v Values) validate(condition string, f Family) error {
	_, _, err := v.Ranges(condition, f)
	return err
}

// parseRange reads a name, a number, or two of them joined by a hyphen. Names may hold hyphens themselves.
func parseRange(s string, names map[string]uint32, highest uint32) (Range, error) {
	if n, ok := parseNumber(s, names, highest); ok {
		return Range{n, n}, nil
	}
	for i, c := range s {
		if c != '-' {
			continue
		}
		lo, okLo := parseNumber(s[:i], names, highest)
		hi, okHi := parseNumber(s[i+1:], names, highest)
		if okLo && okHi && lo <= hi {
			return Range{lo, hi}, nil
		}
	}
	hint := ""
	if near := nearest(s, names); near != "" {
		hint = fmt.Sprintf(" (did you mean %s?)", near)
	}
	return Range{}, fmt.Errorf("%q is no name or number up to %d here%s", s, highest, hint)
}

func parseNumber(s string, names map[string]uint32, highest uint32) (uint32, bool) {
	if n, ok := names[s]; ok {
		return n, true
	}
	if strings.HasPrefix(s, "+") {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && uint32(n) <= highest
}

// nearest gives the name that differs from s by at most two edits; empty if there is none. Ties go to the first by
// name, so that a message is the same every time.
func nearest[V any](s string, names map[string]V) string {
	best, least := "", 3
	sorted := make([]string, 0, len(names))
	for k := range names {
		sorted = append(sorted, k)
	}
	slices.Sort(sorted)
	for _, k := range sorted {
		if d := distance(s, k); d < least && d < len(s) {
			best, least = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
