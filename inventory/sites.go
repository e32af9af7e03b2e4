package inventory

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// makeSites makes the sites and their hosts.
func (l *loader) makeSites() {
	for _, stem := range slices.Sorted(maps.Keys(l.sites)) {
		v := l.sites[stem].value()
		s := &Site{
			Name:            stem,
			Description:     v.get("description").string(),
			ServicePrefixes: sortedPrefixes(many(l, v.get("service_prefixes"), parsePrefix)),
		}
		hosts := v.get("hosts")
		for _, name := range hosts.children() {
			l.makeHost(s, name, hosts.get(name))
		}
		l.siteOf[stem] = s
		l.net.Sites = append(l.net.Sites, s)
	}
	slices.SortFunc(l.net.Hosts, func(a, b *Host) int { return cmp.Compare(a.Name, b.Name) })
}

func (l *loader) makeHost(s *Site, name string, v *node) {
	h := &Host{
		Name:  name + "." + s.Name,
		FQDN:  name + "." + s.Name + "." + l.net.Domain,
		Kind:  HostKind(v.get("kind").string()),
		Site:  s,
		Addr4: one(l, v.get("ipv4"), parseAddr4),
		Addr6: one(l, v.get("ipv6"), parseAddr6),
		MED:   uint32(count(v.get("med"))),
	}
	l.net.Hosts = append(l.net.Hosts, h)
	switch h.Kind {
	case Director:
		s.Directors = append(s.Directors, h)
		l.checkMED(h, v)
	case PingHost:
		s.PingHosts = append(s.PingHosts, h)
		if med := v.get("med"); med != nil {
			l.problems.add(med.key, "remove it", "host %s: med is for directors, this is a ping host", h.Name)
		}
	}
	for _, a := range []struct {
		key  string
		addr netip.Addr
	}{{"ipv4", h.Addr4}, {"ipv6", h.Addr6}} {
		if n := v.get(a.key); n != nil {
			l.take(a.addr, n.pos, "host "+h.Name)
		}
	}
}

// checkMED wants a director's MED said, and warns of one that routers do not tell from 0.
func (l *loader) checkMED(h *Host, v *node) {
	med := v.get("med")
	switch {
	case med == nil:
		if !l.broken[v.pos.file] {
			l.problems.add(v.key, "0 primary, 100 backup, 200 avoid", "host %s: missing key `med`, a director needs one", h.Name)
		}
	case h.MED != 0 && h.MED != 100 && h.MED != 200:
		l.warnings.add(med.pos, "0 primary, 100 backup, 200 avoid", "host %s: routers give a local preference to MED 100 and 200 only, %d is compared as a plain MED", h.Name, h.MED)
	}
}

// makeOffload resolves the sites' ping offload. It needs services and devices.
func (l *loader) makeOffload() {
	for _, s := range l.net.Sites {
		f := l.sites[s.Name]
		v := f.value().get("ping_offload")
		if v == nil || v.shape != mapping {
			continue
		}
		o := &PingOffload{Mode: v.get("mode").string(), Exempt: l.net.Prefixes}
		if exempt := v.get("exempt"); exempt != nil {
			o.Exempt = sortedPrefixes(many(l, exempt, parsePrefix))
		}
		o.RateLimit = l.rateLimit(s, v.get("rate_limit"))
		o.Redirect4 = l.redirect(s, v.get("redirect4"), "IPv4", func(h *Host) netip.Addr { return h.Addr4 })
		o.Redirect6 = l.redirect(s, v.get("redirect6"), "IPv6", func(h *Host) netip.Addr { return h.Addr6 })
		unanswered := map[string][]string{}
		for _, e := range v.get("vips").elements() {
			l.offload(s, o, v, e, unanswered)
		}
		for key, vips := range unanswered {
			l.problems.add(v.key, "set it, or name the addresses to offload as SERVICE/LABEL", "ping_offload: no host answers for %s, %s is not set", some(vips), key)
		}
		slices.SortStableFunc(o.VIPs, compareVIPs)
		o.VIPs = slices.CompactFunc(o.VIPs, func(a, b VIP) bool { return a.Addr == b.Addr })
		s.PingOffload = o
	}
}

// rateLimit reads what bounds a site's ping hosts.
func (l *loader) rateLimit(s *Site, v *node) RateLimit {
	r := RateLimit{Exempt: l.net.Prefixes, TotalPPS: uint32(count(v.get("total_pps"))), PerSourcePPS: uint32(count(v.get("per_source_pps")))}
	if r.TotalPPS != 0 && r.PerSourcePPS > r.TotalPPS {
		l.problems.add(v.get("per_source_pps").pos, "a source gets a part of the whole", "ping_offload.rate_limit of %s: per_source_pps %d is above total_pps %d", s.Name, r.PerSourcePPS, r.TotalPPS)
	}
	if exempt := v.get("exempt"); exempt != nil {
		l.checkOverlaps("ping_offload.rate_limit.exempt of "+s.Name, exempt)
		r.Exempt = sortedPrefixes(many(l, exempt, parsePrefix))
	}
	return r
}

// redirect finds the ping host that echo requests go to: one of the site, with an address of the family, in a subnet
// that every router of the site is connected to (next-ip resolves over a connected route only).
func (l *loader) redirect(s *Site, n *node, family string, addr func(*Host) netip.Addr) *Host {
	if n == nil || l.broken[n.pos.file] {
		return nil
	}
	var names []string
	for _, h := range s.PingHosts {
		short := strings.TrimSuffix(h.Name, "."+s.Name)
		names = append(names, short)
		if n.raw != short && n.raw != h.Name && n.raw != h.FQDN {
			continue
		}
		a := addr(h)
		if !a.IsValid() {
			l.problems.add(n.pos, "give the host one, or redirect to another", "ping_offload: host %s has no %s address", h.Name, family)
			return nil
		}
		var without []string
		for _, d := range s.Devices {
			if d.Status != "planned" && d.SpeaksBGP() && !l.isBroken(l.files(d)...) && !d.connects(a) {
				without = append(without, d.Name)
			}
		}
		if len(without) > 0 {
			l.problems.add(n.pos, "next-ip needs a connected subnet: give the router an address there, or redirect to a host that is in one",
				"ping_offload: %s of %s lies in no connected subnet of %s", a, h.Name, some(without))
		}
		return h
	}
	hint := "ping hosts of the site: " + strings.Join(names, ", ")
	if len(names) == 0 {
		hint = "the site has no ping host: add one to its hosts"
	}
	for _, h := range l.net.Hosts {
		if n.raw == h.Name || n.raw == h.FQDN || h.Site == s && n.raw+"."+s.Name == h.Name {
			l.problems.add(n.pos, hint, "ping_offload: %s is a %s host of %s, expected a ping host of %s", h.Name, h.Kind, h.Site.Name, s.Name)
			return nil
		}
	}
	l.problems.add(n.pos, hint, "ping_offload: %s has no host %s", s.Name, n.raw)
	return nil
}

// offload adds the VIPs that an item of `vips` names: SERVICE or SERVICE/LABEL. Those whose family has no redirect host
// go to unanswered, by the key that would name one.
func (l *loader) offload(s *Site, o *PingOffload, v, item *node, unanswered map[string][]string) {
	if l.isBroken(l.services, l.sites[s.Name]) {
		return
	}
	name, label, labelled := strings.Cut(item.string(), "/")
	var names, labels []string
	matched := false
	for _, service := range l.net.Services {
		names = append(names, service.Name)
		if service.Name != name {
			continue
		}
		for _, vip := range service.VIPs {
			if vip.Site != s {
				continue
			}
			labels = append(labels, vip.Label)
			if labelled && vip.Label != label {
				continue
			}
			matched = true
			key, host := "redirect4", o.Redirect4
			if vip.Addr.Is6() {
				key, host = "redirect6", o.Redirect6
			}
			if host != nil {
				o.VIPs = append(o.VIPs, vip)
			} else if v.get(key) == nil {
				unanswered[key] = append(unanswered[key], name+"/"+vip.Label)
			}
		}
	}
	switch {
	case matched:
	case !slices.Contains(names, name):
		l.problems.add(item.pos, meant(name, "services", names), "ping_offload: unknown service %s", name)
	case len(labels) == 0:
		l.problems.add(item.pos, "remove it here, or give the service an address there", "ping_offload: service %s has no VIP at %s", name, s.Name)
	default:
		l.problems.add(item.pos, "labels there: "+strings.Join(labels, ", "), "ping_offload: service %s has no VIP %s at %s", name, label, s.Name)
	}
}

// compareVIPs orders by address, then service, then label.
func compareVIPs(a, b VIP) int {
	return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Service.Name, b.Service.Name), cmp.Compare(a.Label, b.Label))
}
