package templates

import (
	"fmt"
	"net/netip"
	"slices"

	"rhapsode/inventory"
	"rhapsode/policies"
)

// page is what a template is given: the facts, and what follows from them that more than one template asks for.
type page struct {
	Network *inventory.Network
	Device  *inventory.Device
	Site    *inventory.Site

	V6       bool              // the device speaks IPv6: it has a loopback address of that family, or has no BGP and an address of the family anywhere
	Offload  policies.Families // echo requests of these families are offloaded at the site
	Transit4 []*inventory.Peer
	Transit6 []*inventory.Peer

	PrefixLists []string // names of those that exist, sorted
	Communities []string
	Policies    []string

	Chosen chosen // what the device's own policies hold

	library *policies.Set
	uses    map[string]*policies.Uses // of the objects of Chosen
	tokens  []fact                    // that these may be made of
	refs    map[string][]ref          // what the objects of library were made of; only when tracing
	secret  SecretFunc
}

// newPage collects the facts about a device and builds the policies that its templates place.
func newPage(net *inventory.Network, dev *inventory.Device, cache *policyCache) (*page, error) {
	if dev.Site == nil {
		return nil, fmt.Errorf("collect facts: the device has no site")
	}
	p := &page{Network: net, Device: dev, Site: dev.Site, V6: speaksV6(dev)}
	for _, t := range dev.Transits {
		if t.Addr.Is4() {
			p.Transit4 = append(p.Transit4, t)
		} else {
			p.Transit6 = append(p.Transit6, t)
		}
	}
	offloads, err := offloadsOf(dev.Site)
	if err != nil {
		return nil, err
	}
	l := &library{page: p, offloads: offloads, set: &policies.Set{}}
	l.build()
	files, err := cache.of(net)
	if err != nil {
		return nil, err
	}
	if err := l.choose(files); err != nil {
		return nil, err
	}
	p.library, p.uses, p.tokens = l.set, l.uses, l.tokens
	for _, x := range l.set.PrefixLists {
		p.PrefixLists = append(p.PrefixLists, x.Name)
	}
	for _, x := range l.set.Communities {
		p.Communities = append(p.Communities, x.Name)
	}
	for _, x := range l.set.Policies {
		p.Policies = append(p.Policies, x.Name)
	}
	slices.Sort(p.PrefixLists)
	slices.Sort(p.Communities)
	slices.Sort(p.Policies)
	return p, l.validate()
}

// speaksV6 says whether a device routes or answers IPv6.
func speaksV6(dev *inventory.Device) bool {
	if dev.Loopback6.IsValid() || dev.SpeaksBGP() {
		return dev.Loopback6.IsValid()
	}
	for _, i := range dev.Interfaces {
		for _, u := range i.Units {
			if slices.ContainsFunc(u.Addresses, func(a netip.Prefix) bool { return a.Addr().Is6() }) {
				return true
			}
		}
	}
	return false
}

// modeTerm is the ping offload by filter terms and next-ip.
const modeTerm = "term"

// offloadsOf gives the VIPs whose echo requests are offloaded at a site. A VIP of a family without a ping host is
// not: it renders nothing.
func offloadsOf(site *inventory.Site) ([]policies.Offload, error) {
	po := site.PingOffload
	if po == nil {
		return nil, nil
	}
	if po.Mode != modeTerm {
		return nil, fmt.Errorf("render ping offload of %s: mode %q is not known (only %s is)", site.Name, po.Mode, modeTerm)
	}
	var out []policies.Offload
	for _, v := range po.VIPs {
		o := policies.Offload{VIP: v.Addr, Service: v.Service.Name, Label: v.Label}
		switch {
		case v.Addr.Is4() && po.Redirect4 != nil:
			o.Host = po.Redirect4.Addr4
		case v.Addr.Is6() && po.Redirect6 != nil:
			o.Host = po.Redirect6.Addr6
			if !o.Host.IsValid() {
				return nil, fmt.Errorf("render ping offload of %s: %s has no IPv6 address to answer for %s", site.Name, po.Redirect6.Name, v.Addr)
			}
		default:
			continue
		}
		out = append(out, o)
	}
	return out, nil
}

// library builds the policies of a device.
type library struct {
	page     *page
	offloads []policies.Offload
	set      *policies.Set
	uses     map[string]*policies.Uses
	tokens   []fact
}

func (l *library) build() {
	var services []netip.Prefix
	for _, s := range l.page.Network.Sites {
		services = append(services, s.ServicePrefixes...)
	}
	// In IPv4 always; in IPv6 where the device speaks it.
	transit := policies.Transit{Families: policies.Families{V4: true, V6: l.page.V6}}
	transit.Services4 = l.list(policies.ServiceIPs4, policies.OfFamily(policies.Inet, services))
	transit.OwnSpace4, transit.Special4 = l.filters(policies.Inet)
	if l.page.V6 {
		transit.Services6 = l.list(policies.ServiceIPs6, policies.OfFamily(policies.Inet6, services))
		transit.OwnSpace6, transit.Special6 = l.filters(policies.Inet6)
	}

	l.set.Communities = policies.PathCommunities(uint32(l.page.Network.ASN))
	imports := policies.LVSImport(policies.Families{V4: transit.Services4 != "", V6: transit.Services6 != ""})
	if l.page.Device.LVS.GracefulShutdown {
		policies.HonourGracefulShutdown(imports)
	}
	l.set.Policies = []*policies.PolicyStatement{imports, policies.RejectAll(policies.None)}
	l.exports(transit)
}

// exports builds the policies for what leaves the router: to OSPF, to other networks, to our other routers, to the
// forwarding table.
func (l *library) exports(transit policies.Transit) {
	dev := l.page.Device
	var ospf policies.Exported
	for _, e := range dev.OSPFExport {
		switch e {
		case inventory.ExportAggregates:
			ospf.Aggregates = true
		case inventory.ExportServices:
			ospf.Services4, ospf.Services6 = transit.Services4, transit.Services6
		}
	}
	if len(dev.OSPFExport) > 0 {
		l.set.Policies = append(l.set.Policies, policies.OSPFExport(ospf))
	}
	if len(dev.Transits) > 0 {
		out := policies.TransitExport(transit)
		if dev.Maintenance {
			policies.SendGracefulShutdown(out, false)
		}
		l.set.Policies = append(l.set.Policies, policies.TransitImport(transit), out)
	}
	if len(dev.InternalPeers) > 0 {
		out := policies.InternalExport()
		if !dev.IBGP.Services {
			policies.WithholdServices(out, transit.Services4, transit.Services6)
		}
		if dev.Maintenance {
			policies.SendGracefulShutdown(out, true)
		}
		l.set.Policies = append(l.set.Policies, out)
	}
	if dev.ECMP {
		l.set.Policies = append(l.set.Policies, policies.LoadBalance())
	}
	if dev.LVS.GracefulShutdown || dev.Maintenance && len(dev.Transits)+len(dev.InternalPeers) > 0 {
		l.set.Communities = append(l.set.Communities, policies.GracefulShutdownCommunity())
	}
}

// filters builds the filters of a family and the prefix-lists that they use; it names two of these for others.
func (l *library) filters(f policies.Family) (ownSpace, special string) {
	d := f.Digit()
	own := policies.OfFamily(f, l.page.Network.Prefixes)
	ownSpace = l.list(policies.OwnSpace+d, own)
	special = l.list(policies.Special+d, policies.SpecialRanges(f, l.inUse()))
	border := policies.Border{OwnSpace: ownSpace, Special: special}
	var peers []netip.Prefix
	for _, t := range l.page.Device.Transits {
		peers = append(peers, netip.PrefixFrom(t.Addr, t.Addr.BitLen()))
	}
	border.Peers = l.list(policies.TransitPeers+d, policies.OfFamily(f, peers))

	if x := policies.OffloadFilter(f, l.offloads); x != nil {
		l.set.Filters = append(l.set.Filters, x)
		if f == policies.Inet6 {
			l.page.Offload.V6 = true
		} else {
			l.page.Offload.V4 = true
		}
	}
	l.set.Filters = append(l.set.Filters,
		policies.BorderFilter(f, border, l.offloads),
		policies.TransportFilter(f, l.offloads, l.exempt(f, own, ownSpace)))
	return ownSpace, special
}

// exempt names the prefix-list of the sources whose pings are not offloaded between our sites: our own space, or what
// the site says instead.
func (l *library) exempt(f policies.Family, own []netip.Prefix, ownSpace string) string {
	po := l.page.Site.PingOffload
	if po == nil || !slices.ContainsFunc(l.offloads, func(o policies.Offload) bool { return policies.FamilyOf(o.VIP) == f }) {
		return ""
	}
	exempt := policies.OfFamily(f, po.Exempt)
	if slices.Equal(exempt, own) {
		return ownSpace
	}
	return l.list(policies.NoOffloadPing+f.Digit(), exempt)
}

// inUse is the special-purpose space that the network can't refuse: its own and its neighbours' addresses, and where
// these are from documentation space, as in a lab, all of that.
func (l *library) inUse() []netip.Prefix {
	used := slices.Clone(l.page.Network.Prefixes)
	for _, t := range l.page.Device.Transits {
		used = append(used, netip.PrefixFrom(t.Addr, t.Addr.BitLen()))
	}
	if slices.ContainsFunc(used, policies.InDocumentationSpace) {
		used = append(used, policies.Documentation...)
	}
	return used
}

// list adds a prefix-list and gives its name; an empty one is left out, and its name is empty.
func (l *library) list(name string, prefixes []netip.Prefix) string {
	if len(prefixes) == 0 {
		return ""
	}
	l.set.PrefixLists = append(l.set.PrefixLists, &policies.PrefixList{Name: name, Prefixes: prefixes})
	return name
}

func (l *library) validate() error {
	var objects []policies.Object
	for _, x := range l.set.PrefixLists {
		objects = append(objects, x)
	}
	for _, x := range l.set.Communities {
		objects = append(objects, x)
	}
	for _, x := range l.set.Policies {
		objects = append(objects, x)
	}
	for _, x := range l.set.Filters {
		objects = append(objects, x)
	}
	for _, o := range objects {
		if err := o.Validate(); err != nil {
			return err
		}
	}
	return nil
}
