package templates

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"rhapsode/inventory"
)

// The interfaces that an inventory names, by what they are for.
var (
	physicalInterface   = regexp.MustCompile(`^(([a-z]{2,4}-[0-9]+/[0-9]+/[0-9]+(:[0-9]+)?)|(ae|irb|gr-|vme|reth|st)[0-9]*)$`)
	managementInterface = regexp.MustCompile(`^(fxp|em|me|mgmt)[0-9]+$|^vme$|^re[0-9]:mgmt-[0-9]+$`)
)

// unitAddresses are the addresses of a logical interface.
func (a *adopter) unitAddresses(name, unit string) []netip.Prefix {
	var out []netip.Prefix
	for _, family := range []string{"inet", "inet6"} {
		for _, w := range a.config.all("interfaces", name, "unit", unit, "family", family, "address") {
			if p, err := netip.ParsePrefix(w); err == nil {
				if !p.Addr().IsLinkLocalUnicast() { // the same on every router
					out = append(out, p)
				}
			} else if addr, err := netip.ParseAddr(w); err == nil {
				out = append(out, netip.PrefixFrom(addr, addr.BitLen()))
			}
		}
	}
	return out
}

// interfaces reads the interfaces with their units. bgp has run: where a transit peer is, is the border.
func (a *adopter) interfaces() {
	for _, name := range a.config.all("interfaces") {
		if !physicalInterface.MatchString(name) || name == a.out.Device.Management.Interface {
			continue
		}
		at := a.config.at("interfaces", name)
		i := AdoptedInterface{Description: at.value("description"), MTU: uint16(at.number(16000, "mtu"))}
		units := at.all("unit")
		for _, unit := range units {
			number, err := strconv.Atoi(unit)
			if err != nil {
				continue
			}
			u := a.unit(name, unit, at.at("unit", unit), i.Description)
			switch {
			case len(u.Addresses) == 0:
				continue // a switched port, or one that carries nothing of ours
			case u.VLAN == 0 && !strings.HasPrefix(name, "irb") && (number != 0 || len(units) > 1):
				a.note("%s.%s is left out: it is untagged, which only unit 0 on its own can be", name, unit)
				continue
			}
			setIn(&i.Units, number, u)
		}
		lost := without(at.words, "description", "mtu", "unit", "vlan-tagging", "flexible-vlan-tagging")
		if len(i.Units) == 0 && len(lost)+len(units) > 0 {
			continue // a member of a bundle, a switched port: it has no facts of ours, and so stays as it is
		}
		if len(lost) > 0 {
			a.note("%s: no template renders its %s, which a commit would remove", name, strings.Join(lost, ", "))
		}
		setIn(&a.out.Device.Interfaces, name, i)
	}
}

// without gives the words that are none of some.
func without(words []string, some ...string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(some, w) })
}

func (a *adopter) unit(name, number string, at *wordTree, description string) AdoptedUnit {
	logical := name + "." + number
	u := AdoptedUnit{
		Description: at.value("description"), VLAN: uint16(at.number(4094, "vlan-id")), Addresses: a.unitAddresses(name, number),
	}
	link := a.ospf(logical)
	u.Metric = uint16(link.number(65535, "metric"))
	kind, why := a.kind(u, at, link, cmp.Or(u.Description, description))
	u.Kind = string(kind)
	if why != "" && len(u.Addresses) > 0 {
		a.note("%s is taken for %s: %s", logical, kind, why)
	}
	return u
}

// ospf is what OSPF says of a logical interface, in whichever area.
func (a *adopter) ospf(logical string) *wordTree {
	for _, protocol := range []string{"ospf", "ospf3"} {
		for _, area := range a.config.all("protocols", protocol, "area") {
			if at := a.config.at("protocols", protocol, "area", area, "interface", logical); at != nil {
				return at
			}
		}
	}
	return nil
}

// kind tells what a unit is connected to: by its filters, its BGP peers, OSPF, its description. why is given where that
// is a guess.
func (a *adopter) kind(u AdoptedUnit, at, link *wordTree, description string) (kind inventory.InterfaceKind, why string) {
	for _, family := range []string{"inet", "inet6"} {
		filters := slices.Concat(at.all("family", family, "filter", "input"), at.all("family", family, "filter", "input-list"))
		for _, f := range filters {
			switch {
			case strings.HasPrefix(f, "border-in"):
				return inventory.Border, ""
			case strings.HasPrefix(f, "transport-in"):
				return inventory.Transport, ""
			}
		}
	}
	for peer := range a.out.Device.Transits {
		addr, err := netip.ParseAddr(peer)
		if err == nil && slices.ContainsFunc(u.Addresses, func(p netip.Prefix) bool { return p.Contains(addr) }) {
			return inventory.Border, ""
		}
	}
	first, _, _ := strings.Cut(strings.ToLower(description), ":")
	switch {
	case slices.Contains([]string{"transit", "peering", "customer", "external"}, first):
		return inventory.Border, "its description says so"
	case first == "transport":
		return inventory.Transport, "its description says so"
	case link.has("passive"):
		return inventory.Servers, ""
	case link != nil || first == "core":
		return inventory.Internal, ""
	}
	return inventory.Servers, "nothing says what it is connected to"
}

// bgp reads the directors' group and the external peers.
func (a *adopter) bgp() {
	lvs := cmp.Or(a.options.LVSGroup, "PyBal")
	for _, group := range a.config.all("protocols", "bgp", "group") {
		at := a.config.at("protocols", "bgp", "group", group)
		switch {
		case group == lvs:
			a.directors(at)
		case at.value("type") == "internal":
			a.note("BGP group %s is internal: it is rendered once its neighbours are devices of the inventory", group)
		default:
			had := len(a.out.Device.Transits)
			for _, n := range at.all("neighbor") {
				a.transit(group, at, n)
			}
			if group != "transit4" && group != "transit6" && len(a.out.Device.Transits) > had {
				a.note("peers of BGP group %s are rendered in transit4 and transit6: no neighbour can be in two groups, delete it there in the same commit", group)
			}
		}
	}
	if filters := a.config.all("firewall", "family", "inet", "filter"); slices.Contains(filters, "offload-ping4") {
		a.note("the ping offload is not taken over: what VIPs are, services.yaml says")
	}
}

// directors reads the group of the directors.
func (a *adopter) directors(at *wordTree) {
	l := AdoptedLVS{
		PeerASN:         uint32(at.number(1<<32-2, "peer-as")),
		HoldTime:        fmt.Sprintf("%ds", cmp.Or(at.number(65535, "hold-time"), 90)), // 90 is Junos' own
		PrefixLimit:     uint32(at.number(1<<32-1, "family", "inet", "unicast", "prefix-limit", "maximum")),
		TeardownPercent: uint8(at.number(100, "family", "inet", "unicast", "prefix-limit", "teardown")),
	}
	if l.PrefixLimit == 0 {
		l.PrefixLimit, l.TeardownPercent = 1000, 80
		a.note("the directors' sessions have no prefix limit: lvs.prefix_limit is set to %d", l.PrefixLimit)
	}
	l.TeardownPercent = cmp.Or(l.TeardownPercent, 80)
	if l.PeerASN == 0 {
		a.note("the directors' group has no peer-as: set `lvs` by hand")
		return
	}
	a.out.Device.LVS = &l
	for i, n := range at.all("neighbor") {
		addr, err := netip.ParseAddr(n)
		if err != nil || !addr.Is4() {
			a.note("director %s is left out: a director has an IPv4 session", n)
			continue
		}
		name := strings.TrimSuffix(strings.ToLower(at.value("neighbor", n, "description")), "."+a.out.Common.Domain)
		name = slug(strings.TrimSuffix(name, "."+a.out.Site))
		if _, taken := a.out.Shared.Hosts[name]; name == "" || taken {
			name = fmt.Sprintf("lb%d", i+1)
		}
		setIn(&a.out.Shared.Hosts, name, AdoptedHost{Kind: string(inventory.Director), IPv4: addr})
	}
	a.note("a director's MED and IPv6 address are not in a router's configuration: set them in sites/%s.yaml", a.out.Site)
}

// transit reads an external peer. One in no connected subnet is no transit.
func (a *adopter) transit(group string, at *wordTree, neighbor string) {
	addr, err := netip.ParseAddr(neighbor)
	asn := cmp.Or(uint32(at.number(1<<32-2, "neighbor", neighbor, "peer-as")), uint32(at.number(1<<32-2, "peer-as")))
	if err != nil || asn == 0 || asn == a.out.Common.ASN {
		return
	}
	if !a.connected(addr) {
		a.note("BGP neighbour %s of group %s is left out: no interface has an address in its subnet", neighbor, group)
		return
	}
	family := "inet"
	if addr.Is6() {
		family = "inet6"
	}
	limit := uint32(0)
	for _, base := range [][]string{{"neighbor", neighbor}, nil} {
		for _, what := range []string{"prefix-limit", "accepted-prefix-limit"} {
			limit = cmp.Or(limit, uint32(at.number(1<<32-1, slices.Concat(base, []string{"family", family, "unicast", what, "maximum"})...)))
		}
	}
	const noLimit = 1_000_000
	if limit == 0 {
		a.note("BGP neighbour %s has no prefix limit: its provider's is set to %d", neighbor, noLimit)
		limit = noLimit
	}
	provider := cmp.Or(slug(at.value("neighbor", neighbor, "description")), slug(at.value("description")), fmt.Sprintf("as%d", asn))
	if p, ok := a.out.Common.Providers[provider]; ok && p.ASN != asn {
		provider = fmt.Sprintf("%s-as%d", provider, asn)
	}
	t := AdoptedTransit{Provider: provider}
	if p, ok := a.out.Common.Providers[provider]; !ok {
		setIn(&a.out.Common.Providers, provider, AdoptedProvider{ASN: asn, PrefixLimit: limit})
	} else if p.PrefixLimit != limit {
		t.PrefixLimit = limit
	}
	setIn(&a.out.Device.Transits, addr.String(), t)
}

// connected says whether an address lies in the subnet of an interface that is adopted.
func (a *adopter) connected(addr netip.Addr) bool {
	for _, name := range a.config.all("interfaces") {
		if !physicalInterface.MatchString(name) {
			continue
		}
		for _, unit := range a.config.all("interfaces", name, "unit") {
			if slices.ContainsFunc(a.unitAddresses(name, unit), func(p netip.Prefix) bool { return p.Contains(addr) }) {
				return true
			}
		}
	}
	return false
}
