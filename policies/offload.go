package policies

import (
	"cmp"
	"net/netip"
	"slices"
)

// Offload is one VIP whose echo requests a ping host answers.
type Offload struct {
	VIP     netip.Addr
	Service string
	Label   string     // empty or default: the service's only VIP of its family
	Host    netip.Addr // who answers, of the VIP's family
}

// Names of the shipped filters and of the prefix-lists they use; add the family's digit.
const (
	OffloadPing   = "offload-ping"    // filter and term
	NoOffloadPing = "no-offload-ping" // term; prefix-list when the exempt sources are not our own space
	BorderIn      = "border-in"
	TransportIn   = "transport-in"
	OwnSpace      = "own-space"
	Special       = "special-ranges"
	TransitPeers  = "transit-peers"
)

// OffloadFilter is the nested filter offload-ping4 or offload-ping6: for each VIP one term that counts its echo
// requests and sends them to the ping host, and nothing else, so that any other packet returns to the calling filter.
// Echo requests only: neighbour discovery and packet-too-big must reach the directors. Services that share a VIP share
// its term, named after the first of them. nil when no VIP is of the family.
func OffloadFilter(f Family, list []Offload) *Filter {
	list = ofFamily(f, list)
	if len(list) == 0 {
		return nil
	}
	filter := &Filter{Name: OffloadPing + f.Digit(), Family: f}
	for _, o := range list {
		t := &FilterTerm{Name: filter.freeName(o.title())}
		t.From = echoRequests(f)
		t.From.DestinationAddress = []AddressMatch{{Prefix: host(o.VIP)}}
		t.Then.Count = filter.Name + "-" + t.Name
		if f == Inet6 {
			t.Then.NextIP6 = host(o.Host)
		} else {
			t.Then.NextIP = host(o.Host)
		}
		filter.Terms = append(filter.Terms, t)
	}
	return filter
}

// title is what a term is called: the service, and its label where that tells something. `default4` and `default6`
// are how a service with one address of each family labels them.
func (o Offload) title() string {
	switch o.Label {
	case "", "default", "default4", "default6":
		return o.Service
	}
	return o.Service + "-" + o.Label
}

// freeName gives name, or where a term has it already (`a-b` by service and by label), name with a number.
func (f *Filter) freeName(name string) string {
	free := name
	for n := uint32(2); slices.ContainsFunc(f.Terms, func(t *FilterTerm) bool { return t.Name == free }); n++ {
		free = name + "-" + decimal(n)
	}
	return free
}

// TransportFilter is transport-in4 or transport-in6, for links to other sites of ours. Our own pings (from the
// prefix-list exempt) go through to the directors, so that we can still see whether they answer; other echo requests
// are offloaded. Without VIPs of the family it accepts everything and names nothing.
func TransportFilter(f Family, list []Offload, exempt string) *Filter {
	filter := &Filter{Name: TransportIn + f.Digit(), Family: f}
	list = ofFamily(f, list)
	if len(list) > 0 && exempt != "" {
		from := echoRequests(f)
		for _, o := range list {
			from.DestinationAddress = append(from.DestinationAddress, AddressMatch{Prefix: host(o.VIP)})
		}
		from.SourcePrefixList = []ListMatch{{Name: exempt}}
		filter.Terms = append(filter.Terms, &FilterTerm{Name: NoOffloadPing + f.Digit(), From: from, Then: FilterAction{Verdict: Accept}})
	}
	filter.Terms = append(filter.Terms, offloadTerm(f, list)...)
	filter.Terms = append(filter.Terms, acceptRest())
	return filter
}

// Border says which prefix-lists a border filter may use; an empty name leaves the term out.
type Border struct {
	Peers    string // addresses of our BGP neighbours outside
	Special  string // special-purpose space
	OwnSpace string // our own space: nobody outside may send from it
}

// BorderFilter is border-in4 or border-in6, for links to other networks: sessions of our BGP neighbours pass, packets
// from special-purpose and from our own space are counted and discarded, and so are ICMP fragments (the ping offload
// could not tell them from each other, and no honest ping is that long); echo requests are offloaded, the rest is
// accepted.
func BorderFilter(f Family, b Border, list []Offload) *Filter {
	filter := &Filter{Name: BorderIn + f.Digit(), Family: f}
	discard := func(name string, from FilterMatch) {
		filter.Terms = append(filter.Terms, &FilterTerm{
			Name: name, From: from, Then: FilterAction{Count: filter.Name + "-" + name, Verdict: Discard},
		})
	}
	accept := func(name string, from FilterMatch) {
		filter.Terms = append(filter.Terms, &FilterTerm{Name: name, From: from, Then: FilterAction{Verdict: Accept}})
	}
	if f == Inet6 { // without it no address of the link resolves (RFC 4861: hop limit 255)
		accept("neighbor-discovery", FilterMatch{
			NextHeader: OneOf("icmp6"), HopLimit: OneOf("255"),
			ICMPType: OneOf("router-solicit", "router-advertisement", "neighbor-solicit", "neighbor-advertisement"),
		})
	}
	if b.Peers != "" {
		from := protocol(f, "tcp")
		from.SourcePrefixList, from.Port = []ListMatch{{Name: b.Peers}}, OneOf("bgp")
		accept("bgp-sessions", from)
	}
	if b.Special != "" {
		discard("special-ranges", FilterMatch{SourcePrefixList: []ListMatch{{Name: b.Special}}})
	}
	if b.OwnSpace != "" {
		discard("own-space", FilterMatch{SourcePrefixList: []ListMatch{{Name: b.OwnSpace}}})
	}
	if f == Inet6 { // the fragment header stands where next-header looks, the payload's protocol behind it
		discard("icmp-fragments", FilterMatch{NextHeader: OneOf("fragment"), PayloadProtocol: OneOf("icmp6")})
	} else {
		discard("icmp-first-fragment", FilterMatch{Protocol: OneOf("icmp"), FirstFragment: true})
		discard("icmp-fragments", FilterMatch{Protocol: OneOf("icmp"), IsFragment: true})
	}
	filter.Terms = append(filter.Terms, offloadTerm(f, ofFamily(f, list))...)
	filter.Terms = append(filter.Terms, acceptRest())
	return filter
}

// offloadTerm calls the nested filter: it is what `ping-offload deactivate` deactivates.
func offloadTerm(f Family, list []Offload) []*FilterTerm {
	if len(list) == 0 {
		return nil
	}
	name := OffloadPing + f.Digit()
	return []*FilterTerm{{Name: name, Call: name}}
}

func acceptRest() *FilterTerm {
	return &FilterTerm{Name: "default", Then: FilterAction{Verdict: Accept}}
}

func protocol(f Family, name string) FilterMatch {
	if f == Inet6 {
		return FilterMatch{NextHeader: OneOf(name)}
	}
	return FilterMatch{Protocol: OneOf(name)}
}

// echoRequests matches ICMP echo requests: type 8 of ICMP, type 128 of ICMPv6.
func echoRequests(f Family) FilterMatch {
	m := protocol(f, "icmp")
	if f == Inet6 {
		m = protocol(f, "icmp6")
	}
	m.ICMPType = OneOf("echo-request")
	return m
}

// ofFamily gives the offloads of a family that have a host of it, by address, each address once.
func ofFamily(f Family, list []Offload) []Offload {
	var out []Offload
	for _, o := range list {
		if o.VIP.IsValid() && o.Host.IsValid() && FamilyOf(o.VIP) == f && FamilyOf(o.Host) == f {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b Offload) int {
		return cmp.Or(a.VIP.Compare(b.VIP), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Label, b.Label))
	})
	return slices.CompactFunc(out, func(a, b Offload) bool { return a.VIP == b.VIP })
}

func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
