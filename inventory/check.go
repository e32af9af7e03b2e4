package inventory

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// checkDuplicates: an address has one owner. Services on different ports may share a VIP at one site; that is how a
// catalogue says that they are one host name.
func (l *loader) checkDuplicates() {
	uses := slices.Clone(l.inUse)
	slices.SortStableFunc(uses, func(a, b use) int {
		return cmp.Or(a.addr.Compare(b.addr), cmp.Compare(a.at.file, b.at.file), cmp.Compare(a.at.line, b.at.line), cmp.Compare(a.at.column, b.at.column))
	})
	for i := 0; i < len(uses); {
		j := i + 1
		for j < len(uses) && uses[j].addr == uses[i].addr {
			l.checkPair(uses[i:j], uses[j])
			j++
		}
		i = j
	}
}

// checkPair compares an address with those that have it already and reports the first clash.
func (l *loader) checkPair(before []use, u use) {
	for _, b := range before {
		if b.vip != nil && u.vip != nil && b.vip.Site == u.vip.Site {
			same := b.vip.Service.Port == u.vip.Service.Port && b.vip.Service.Protocol == u.vip.Service.Protocol
			if !same || u.vip.Service.Port == 0 {
				continue
			}
			l.problems.add(u.at, "give one of them another address or port", "address %s, %s port %d: %s, and %s (%s)",
				u.addr, u.vip.Service.Protocol, u.vip.Service.Port, u.who, b.who, b.at)
			return
		}
		if b.at == u.at {
			l.problems.add(u.at, "move it to the device's own file", "address %s would be used by every device that inherits it, first %s", u.addr, before[0].who)
			return
		}
		l.problems.add(u.at, "give one of them another address", "address %s is used twice: %s, and %s (%s)", u.addr, u.who, b.who, b.at)
		return
	}
}

// checkServicePrefixes: a service prefix belongs to one site, which alone announces and discards it.
func (l *loader) checkServicePrefixes() {
	type owned struct {
		prefix netip.Prefix
		site   *Site
		at     position
	}
	var all []owned
	for _, s := range l.net.Sites {
		for _, e := range l.sites[s.Name].value().get("service_prefixes").elements() {
			p := one(l, e, parsePrefix)
			if !p.IsValid() {
				continue
			}
			for _, o := range all {
				switch {
				case !o.prefix.Overlaps(p):
				case o.site != s:
					l.problems.add(e.pos, "a service prefix belongs to one site", "service prefix %s of site %s overlaps %s of site %s (%s)", p, s.Name, o.prefix, o.site.Name, o.at)
				case o.prefix != p:
					l.problems.add(e.pos, "keep the wider one", "service prefix %s overlaps %s of the same site (line %d)", p, o.prefix, o.at.line)
				default:
					l.problems.add(e.pos, "remove one of the two", "service prefix %s is in the list twice, first on line %d", p, o.at.line)
				}
			}
			all = append(all, owned{p, s, e.pos})
		}
	}
}

// checkOverlaps wants the prefixes of a list to be apart: one inside another says nothing, and hides which one is meant.
func (l *loader) checkOverlaps(what string, n *node) {
	var before []netip.Prefix
	var at []position
	for _, e := range n.elements() {
		p, err := parsePrefix(e.string())
		if err != nil {
			continue // the schema's
		}
		for i, b := range before {
			if !b.Overlaps(p) {
				continue
			}
			hint := "keep the wider one"
			if b == p {
				hint = "remove one of the two"
			}
			l.problems.add(e.pos, hint, "%s: %s overlaps %s (%s)", what, p, b, at[i])
			break
		}
		before, at = append(before, p), append(at, e.pos)
	}
}

// checkPrefixLists looks at the lists of prefixes that become prefix-lists.
func (l *loader) checkPrefixLists() {
	common := l.common.value()
	l.checkOverlaps("our own prefixes", common.get("prefixes"))
	for _, s := range l.net.Sites {
		v := l.sites[s.Name].value()
		l.checkOverlaps("ping_offload.exempt of "+s.Name, v.get("ping_offload", "exempt"))
		if l.isBroken(l.common, l.sites[s.Name]) {
			continue
		}
		for _, e := range v.get("service_prefixes").elements() {
			p := one(l, e, parsePrefix)
			inside := func(own netip.Prefix) bool { return own.Bits() <= p.Bits() && own.Contains(p.Addr()) }
			if p.IsValid() && !slices.ContainsFunc(l.net.Prefixes, inside) {
				l.problems.add(e.pos, "add it to `prefixes` in common.yaml, or correct it", "service prefix %s of site %s lies outside of our own prefixes: the border would not tell spoofed packets from it", p, s.Name)
			}
		}
	}
}

// checkSubnets wants each interface of a device to be in a network of its own, with an address that a host can have.
func (l *loader) checkSubnets(d *Device, interfaces *node) {
	type subnet struct {
		prefix netip.Prefix
		where  string
		at     position
	}
	var before []subnet
	for _, i := range d.Interfaces {
		for _, u := range i.Units {
			where := fmt.Sprintf("%s.%d", i.Name, u.Number)
			for _, e := range interfaces.get(i.Name, "units", strconv.Itoa(u.Number), "addresses").elements() {
				p, err := parseInterfaceAddress(e.string())
				if err != nil {
					continue
				}
				if p.Addr().Is4() && p.Bits() < 31 && (p.Addr() == p.Masked().Addr() || p.Addr() == lastOf(p)) {
					l.problems.add(e.pos, "give it an address of a host", "device %s: %s has %s, the network's own address or its broadcast address", d.Name, where, p)
				}
				for _, b := range before {
					if b.where != where && b.prefix.Overlaps(p) && b.prefix.Addr() != p.Addr() {
						l.problems.add(e.pos, "correct the address or its length", "device %s: %s has %s, a network that %s is in already with %s (%s)", d.Name, where, p, b.where, b.prefix, b.at)
						break
					}
				}
				before = append(before, subnet{p, where, e.pos})
			}
		}
	}
}

// checkFiltered refuses what would attach a filter to an interface of a role whose shipped templates place none.
func (l *loader) checkFiltered(d *Device, v *node) {
	if d.SpeaksBGP() || l.isBroken(l.files(d)...) {
		return
	}
	const move = "attach it on a router"
	if n := v.get("loopback_filters"); n != nil {
		l.problems.add(n.key, move, "device %s: role %s places no filters, and loopback_filters attaches one", d.Name, d.Role)
	}
	for _, i := range d.Interfaces {
		for _, u := range i.Units {
			n := v.get("interfaces", i.Name, "units", strconv.Itoa(u.Number))
			if u.Kind == Border || u.Kind == Transport {
				l.problems.add(n.get("kind").pos, "make it internal or servers, or move the link to a router", "device %s: %s.%d is of kind %s, whose filters role %s does not place", d.Name, i.Name, u.Number, u.Kind, d.Role)
			}
			if f := n.get("filters"); f != nil {
				l.problems.add(f.key, move, "device %s: role %s places no filters, and %s.%d attaches one", d.Name, d.Role, i.Name, u.Number)
			}
		}
	}
}

// lastOf is the last address of an IPv4 network.
func lastOf(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(a)
}

// checkStaticRoutes wants a device to have one static route to a prefix.
func (l *loader) checkStaticRoutes(d *Device, routes *node) {
	seen := map[string]*node{}
	for _, r := range routes.elements() {
		p := r.get("prefix")
		if p == nil {
			continue
		}
		if first := seen[p.raw]; first != nil {
			l.problems.add(p.pos, "keep one; `!by:prefix` merges a route into that of an earlier layer", "device %s: static route %s is there twice (%s)", d.Name, p.raw, first.pos)
		}
		seen[p.raw] = p
	}
}

// warnPercent is the share of a session's prefix limit from which on more VIPs deserve a look.
const warnPercent = 80

// checkPrefixLimits: the directors announce every VIP of the site on each session; one more than the limit, and the
// router tears the session down and keeps it down.
func (l *loader) checkPrefixLimits() {
	if l.isBroken(l.services) {
		return
	}
	over, near := map[position][]string{}, map[position][]string{}
	for _, s := range l.net.Sites {
		have := s.announced()
		for _, d := range s.Devices {
			n := l.net.values[d].get("lvs", "prefix_limit")
			if n == nil || d.LVS.PrefixLimit == 0 || l.isBroken(l.files(d)...) {
				continue
			}
			for i, family := range []string{"IPv4", "IPv6"} {
				text := fmt.Sprintf("%d %s at %s", have[i], family, s.Name)
				limit, found := uint64(d.LVS.PrefixLimit), near
				if have[i] > limit {
					found = over
				}
				if have[i]*100 > limit*warnPercent && !slices.Contains(found[n.pos], text) {
					found[n.pos] = append(found[n.pos], text)
				}
			}
		}
	}
	for at, sites := range over {
		l.problems.add(at, "raise the limit before the directors announce them", "more VIPs than a director's session may bring, routers would tear it down: %s", strings.Join(sites, ", "))
	}
	for at, sites := range near {
		l.warnings.add(at, "raise the limit", "the VIPs are more than %d%% of what a director's session may bring: %s", warnPercent, strings.Join(sites, ", "))
	}
}

// announced counts the addresses that a director of the site announces: IPv4, IPv6.
func (s *Site) announced() [2]uint64 {
	var count [2]uint64
	seen := map[netip.Addr]bool{}
	for _, v := range s.VIPs {
		if !v.Service.Announced() || seen[v.Addr] {
			continue
		}
		seen[v.Addr] = true
		if v.Addr.Is4() {
			count[0]++
		} else {
			count[1]++
		}
	}
	return count
}

// checkSessions warns of routers beside directors that would have no BGP session with them.
func (l *loader) checkSessions() {
	for _, s := range l.net.Sites {
		for _, d := range s.Devices {
			if len(s.Directors) > 0 && d.SpeaksBGP() && d.LVS.PeerASN == 0 && !l.isBroken(l.files(d)...) {
				l.warnings.add(l.deviceFile(d.Name).top(), "set lvs for the device, its role, or all", "device %s: site %s has directors, but without `lvs` the router has no session with them", d.Name, s.Name)
			}
		}
	}
}
