package policies

import "net/netip"

// Names of the shipped objects, as templates place them.
const (
	ServiceIPs4 = "LVS-service-ips" // prefix-list: where the VIPs of all sites lie
	ServiceIPs6 = "LVS-service-ips6"
	ServiceIn   = "LVS_import" // policy for what the directors announce
	None        = "NONE"       // policy that lets nothing through

	AvoidedPath  = "AVOIDED_PATH" // community: use this path last
	BackupPath   = "BACKUP_PATH"
	SelectedPath = "SELECTED_PATH"

	TransitIn    = "transit_import"
	TransitOut   = "transit_export"
	InternalOut  = "ibgp_export"
	AggregateOut = "ospf_export"
)

// The MEDs by which a director says what it is. A primary sends 0, which changes nothing.
const (
	backupMED = 100
	avoidMED  = 200
)

// Families says which address families something exists in.
type Families struct{ V4, V6 bool }

// LVSImport is the policy for routes that directors announce. A MED of 100 or 200 marks the path as backup or avoided
// by a community, the communities (also those that a director sends itself) set the local preference: 350 selected,
// 100 by default, 70 backup, 50 avoided. Accepted is what is longer than a prefix of LVS-service-ips or
// LVS-service-ips6, so never an aggregate itself. Only families in f get a term: a condition on an empty prefix-list
// would be left dangling.
func LVSImport(f Families) *PolicyStatement {
	bgp := []string{"bgp"}
	mark := func(name string, med uint32, community string) *PolicyTerm {
		return &PolicyTerm{
			Name: name,
			From: PolicyMatch{Protocol: bgp, Metric: Number(med)},
			Then: PolicyAction{Community: []CommunityAction{{Op: "add", Name: community}}},
		}
	}
	prefer := func(name, community string, preference uint32) *PolicyTerm {
		return &PolicyTerm{
			Name: name,
			From: PolicyMatch{Protocol: bgp, Community: []string{community}},
			Then: PolicyAction{LocalPreference: Setting(preference)},
		}
	}
	service := func(name string, family Family, list string) *PolicyTerm {
		return &PolicyTerm{
			Name: name,
			From: PolicyMatch{Family: family, Protocol: bgp, PrefixListFilters: []PrefixListFilter{{list, Longer}}},
			Then: PolicyAction{Verdict: Accept},
		}
	}
	p := &PolicyStatement{Name: ServiceIn, Terms: []*PolicyTerm{
		mark("add_avoid_community", avoidMED, AvoidedPath),
		mark("add_backup_community", backupMED, BackupPath),
		prefer("localpref_avoid", AvoidedPath, 50),
		prefer("localpref_backup", BackupPath, 70),
		prefer("localpref_preferred", SelectedPath, 350),
	}}
	if f.V4 {
		p.Terms = append(p.Terms, service("service_IPs", Inet, ServiceIPs4))
	}
	if f.V6 {
		p.Terms = append(p.Terms, service("service_IPs6", Inet6, ServiceIPs6))
	}
	p.Final.Then.Verdict = Reject
	return p
}

// PathCommunities are the communities by which directors and LVSImport speak of a path: ASN:0 avoided, ASN:1 backup,
// ASN:11 selected. An AS number of more than 16 bits makes them large communities (RFC 8092), ASN:0:N.
func PathCommunities(asn uint32) []*Community {
	of := func(name string, n uint32) *Community {
		member := decimal(asn) + ":" + decimal(n)
		if asn > 0xffff {
			member = "large:" + decimal(asn) + ":0:" + decimal(n)
		}
		return &Community{Name: name, Members: []string{member}}
	}
	return []*Community{of(AvoidedPath, 0), of(BackupPath, 1), of(SelectedPath, 11)}
}

// RejectAll is a policy that lets nothing through.
func RejectAll(name string) *PolicyStatement {
	return &PolicyStatement{Name: name, Final: PolicyTerm{Then: PolicyAction{Verdict: Reject}}}
}

// Transit says in which families routes are exchanged with other networks, and which prefix-lists the policies towards
// them may use; an empty name leaves the term out.
type Transit struct {
	Families
	OwnSpace4, OwnSpace6 string
	Special4, Special6   string
	Services4, Services6 string // aggregates that we announce
}

// TransitImport is the policy for what other networks announce: not our own space, not special-purpose space, no
// default route, nothing longer than /24 or /48; the rest is accepted.
func TransitImport(t Transit) *PolicyStatement {
	p := &PolicyStatement{Name: TransitIn}
	refuse := func(name string, from PolicyMatch) {
		p.Terms = append(p.Terms, &PolicyTerm{Name: name, From: from, Then: PolicyAction{Verdict: Reject}})
	}
	for _, x := range []struct {
		spoken       bool
		family       Family
		own, special string
		all          netip.Prefix
		tooLong      string
	}{
		{t.V4, Inet, t.OwnSpace4, t.Special4, netip.PrefixFrom(netip.IPv4Unspecified(), 0), "/25-/32"},
		{t.V6, Inet6, t.OwnSpace6, t.Special6, netip.PrefixFrom(netip.IPv6Unspecified(), 0), "/49-/128"},
	} {
		if !x.spoken {
			continue
		}
		within := func(list string) PolicyMatch {
			return PolicyMatch{Family: x.family, PrefixListFilters: []PrefixListFilter{{list, OrLonger}}}
		}
		if x.own != "" {
			refuse("own_space"+x.family.Digit(), within(x.own))
		}
		if x.special != "" {
			refuse("special_ranges"+x.family.Digit(), within(x.special))
		}
		refuse("length"+x.family.Digit(), PolicyMatch{Family: x.family, RouteFilters: []RouteFilter{
			{Prefix: x.all, Modifier: Exact},
			{Prefix: x.all, Modifier: PrefixLengthRange, Value: x.tooLong},
		}})
	}
	p.Final.Then.Verdict = Accept
	return p
}

// TransitExport is the policy for what we announce to other networks: the aggregates of our service prefixes that are
// active on this router, nothing else.
func TransitExport(t Transit) *PolicyStatement {
	p := RejectAll(TransitOut)
	for _, x := range []struct {
		family Family
		list   string
	}{{Inet, t.Services4}, {Inet6, t.Services6}} {
		if x.list == "" {
			continue
		}
		p.Terms = append(p.Terms, &PolicyTerm{
			Name: "aggregates" + x.family.Digit(),
			From: PolicyMatch{Family: x.family, Protocol: []string{"aggregate"}, PrefixList: []string{x.list}},
			Then: PolicyAction{Verdict: Accept},
		})
	}
	return p
}

// InternalExport is the policy between our own routers: what came from another AS is passed on with ourselves as its
// next hop, since border links and directors' networks need not be known elsewhere.
func InternalExport() *PolicyStatement {
	return &PolicyStatement{Name: InternalOut, Terms: []*PolicyTerm{{
		Name: "next_hop_self",
		From: PolicyMatch{Protocol: []string{"bgp"}, RouteType: "external"},
		Then: PolicyAction{NextHop: "self"},
	}}}
}

// AggregateExport is the policy that hands aggregates to OSPF and nothing else: a static route of the management
// network must not leave the router.
func AggregateExport() *PolicyStatement {
	p := RejectAll(AggregateOut)
	p.Terms = []*PolicyTerm{{
		Name: "aggregates",
		From: PolicyMatch{Protocol: []string{"aggregate"}},
		Then: PolicyAction{Verdict: Accept},
	}}
	return p
}

// SpecialRanges is special-purpose space that no packet from outside may come from (RFC 6890, RFC 5736, RFC 3849,
// RFC 9637), without what overlaps inUse: a network that is numbered out of such space can't refuse it. Link-local
// addresses of IPv6 are left out, routers need them on every link.
func SpecialRanges(f Family, inUse []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range specialRanges {
		p := netip.MustParsePrefix(s)
		used := false
		for _, u := range inUse {
			used = used || u.Overlaps(p)
		}
		if !used {
			out = append(out, p)
		}
	}
	return OfFamily(f, out)
}

var specialRanges = []string{
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
	"::/128", "::1/128", "100::/64", "2001:2::/48", "2001:db8::/32", "3fff::/20", "fc00::/7",
	"fec0::/10", "ff00::/8",
}

// InDocumentationSpace tells whether a prefix lies in one of the ranges that are set aside for examples (RFC 5737,
// RFC 3849, RFC 9637).
func InDocumentationSpace(p netip.Prefix) bool {
	for _, d := range Documentation {
		if d.Overlaps(p) {
			return true
		}
	}
	return false
}

// Documentation are the ranges set aside for examples. A network that is built on one of them, a lab, has neighbours
// in the others too.
var Documentation = []netip.Prefix{
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("3fff::/20"),
}
