package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// catalogue is the map of services, under whichever of its two names.
func (l *loader) catalogue() *node {
	if l.services == nil {
		return nil
	}
	if c := l.services.value().get("services"); c != nil {
		return c
	}
	return l.services.value().get("service::catalog")
}

// makeServices makes the services and their VIPs, and checks the references between catalogue and sites.
func (l *loader) makeServices() {
	c := l.catalogue()
	for _, name := range c.children() {
		v := c.get(name)
		if v.shape != mapping {
			continue
		}
		s := &Service{
			Name:        name,
			Description: v.get("description").string(),
			Encryption:  v.get("encryption").isTrue(),
			Protocol:    cmp.Or(v.get("lvs", "protocol").string(), "tcp"),
			Port:        uint16(count(v.get("port"))),
			Class:       v.get("lvs", "class").string(),
			State:       v.get("state").string(),
			Enabled:     v.get("lvs", "enabled").isTrue(),
			Unannounced: v.get("lvs", "bgp").string() == "false",
		}
		l.describe(s, v)
		l.net.Services = append(l.net.Services, s)
		if !l.services.broken {
			l.checkServiceSites(name, v)
		}
		if s.Class != "" {
			s.Balancing = l.balancing(s, v.get("lvs"))
			l.makeVIPs(s, v.get("ip"))
		}
	}
	slices.SortFunc(l.net.Services, func(a, b *Service) int { return cmp.Compare(a.Name, b.Name) })
	for _, site := range l.net.Sites {
		slices.SortFunc(site.VIPs, compareVIPs)
	}
}

// checkServiceSites wants `ip` and `sites` to name the same sites, all of them known.
func (l *loader) checkServiceSites(name string, v *node) {
	var listed, known []string
	for _, s := range l.net.Sites {
		known = append(known, s.Name)
	}
	unknown := func(n *node, at position, site string) {
		l.problems.add(at, meant(site, "sites", known), "service %s: unknown site %s", name, site)
	}
	for _, e := range v.get("sites").elements() {
		listed = append(listed, e.raw)
		if l.sites[e.raw] == nil {
			unknown(e, e.pos, e.raw)
		} else if v.get("ip", e.raw) == nil {
			l.problems.add(e.pos, "add its addresses to `ip`, or remove the site", "service %s: site %s has no addresses", name, e.raw)
		}
	}
	ip := v.get("ip")
	for _, site := range ip.children() {
		n := ip.get(site)
		if l.sites[site] == nil {
			if !slices.Contains(listed, site) {
				unknown(n, n.key, site)
			}
		} else if !slices.Contains(listed, site) {
			l.problems.add(n.key, "add the site to `sites`, or remove the addresses", "service %s: site %s has addresses but is not in `sites`", name, site)
		}
	}
}

// makeVIPs makes the VIPs of a load-balanced service and checks that each lies in its site's service prefixes.
func (l *loader) makeVIPs(s *Service, ip *node) {
	for _, siteName := range ip.children() {
		site := l.siteOf[siteName]
		if site == nil {
			continue
		}
		addrs := ip.get(siteName)
		for _, label := range addrs.children() {
			n := addrs.get(label)
			addr := one(l, n, parseAddr)
			if !addr.IsValid() {
				continue
			}
			vip := VIP{Service: s, Site: site, Label: label, Addr: addr}
			s.VIPs = append(s.VIPs, vip)
			site.VIPs = append(site.VIPs, vip)
			l.inUse = append(l.inUse, use{addr: addr, at: n.pos, vip: &vip, who: fmt.Sprintf("VIP of %s at %s", s.Name, siteName)})
			l.checkVIPPrefix(vip, n.pos)
		}
	}
	slices.SortFunc(s.VIPs, func(a, b VIP) int {
		return cmp.Or(cmp.Compare(a.Site.Name, b.Site.Name), compareVIPs(a, b))
	})
}

// checkVIPPrefix: routers accept from directors what is longer than a service prefix (prefix-list-filter longer), so a
// VIP outside, or a whole prefix of one address, would never be reachable.
func (l *loader) checkVIPPrefix(vip VIP, at position) {
	if l.isBroken(l.sites[vip.Site.Name]) {
		return
	}
	var have []string
	for _, p := range vip.Site.ServicePrefixes {
		if p.Contains(vip.Addr) && p.Bits() < vip.Addr.BitLen() {
			return
		}
		if p.Addr().Is4() == vip.Addr.Is4() {
			have = append(have, p.String())
		}
	}
	hint := "expected one of " + strings.Join(have, ", ")
	if len(have) == 0 {
		hint = "the site has none of that family"
	}
	for _, other := range l.net.Sites {
		for _, p := range other.ServicePrefixes {
			if other != vip.Site && p.Contains(vip.Addr) {
				hint += "; " + p.String() + " is of site " + other.Name
			}
		}
	}
	l.problems.add(at, hint, "service %s: VIP %s lies outside the service prefixes of site %s", vip.Service.Name, vip.Addr, vip.Site.Name)
}
