package inventory

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// defaultWeight is the weight of a backend that says none, as PyBal has it.
const defaultWeight = 10

// makePools makes the pools of pools.yaml, if there is one.
func (l *loader) makePools() {
	clusters := l.pools.value().get("pools")
	hosts := map[string]*node{} // the first address of a host and family: a host may be in many pools
	for _, cluster := range clusters.children() {
		services := clusters.get(cluster)
		for _, service := range services.children() {
			p := &Pool{Name: PoolName{cluster, service}}
			l.poolOf[p.Name] = p
			l.net.Pools = append(l.net.Pools, p)
			sites := services.get(service)
			for _, name := range sites.children() {
				l.makeBackends(p, name, sites.get(name), hosts)
			}
		}
	}
}

// makeBackends makes the servers of a pool at a site.
func (l *loader) makeBackends(p *Pool, siteName string, v *node, hosts map[string]*node) {
	site := l.siteOf[siteName]
	if site == nil {
		var known []string
		for _, s := range l.net.Sites {
			known = append(known, s.Name)
		}
		if !l.broken[v.pos.file] {
			l.problems.add(v.key, meant(siteName, "sites", known), "pool %s/%s: unknown site %s", p.Name.Cluster, p.Name.Service, siteName)
		}
		return
	}
	for _, host := range v.children() {
		n := v.get(host)
		b := &Backend{
			Site: site, Host: host,
			Addr4:  one(l, n.get("ipv4"), parseAddr4),
			Addr6:  one(l, n.get("ipv6"), parseAddr6),
			Weight: defaultWeight,
			Pooled: Pooled(cmp.Or(n.get("pooled").string(), string(PooledYes))),
		}
		if w := n.get("weight"); w != nil {
			b.Weight = uint16(count(w))
		}
		p.Backends = append(p.Backends, b)
		if n.get("ipv4") == nil && n.get("ipv6") == nil && !l.broken[n.pos.file] {
			l.problems.add(n.key, "add ipv4, ipv6 or both", "pool %s/%s: server %s has no address", p.Name.Cluster, p.Name.Service, host)
		}
		l.takeBackend(b.Addr4, n.get("ipv4"), host, hosts)
		l.takeBackend(b.Addr6, n.get("ipv6"), host, hosts)
	}
}

// takeBackend records the address of a server once, however many pools it is in, and wants it to be the same in each.
func (l *loader) takeBackend(addr netip.Addr, n *node, host string, hosts map[string]*node) {
	if !addr.IsValid() {
		return
	}
	key := fmt.Sprintf("%s %d", host, addr.BitLen())
	first := hosts[key]
	if first == nil {
		hosts[key] = n
		l.take(addr, n.pos, "server "+host)
	} else if first.raw != n.raw {
		l.problems.add(n.pos, "give it one address", "server %s has address %s here and %s in another pool (%s)", host, n.raw, first.raw, first.pos)
	}
}

// checkPools warns of services that are announced where their pool has no server.
func (l *loader) checkPools() {
	for _, s := range l.net.Services {
		if s.Balancing == nil || s.Balancing.Pool == nil || !s.Announced() || l.isBroken(l.services, l.pools) {
			continue
		}
		for _, site := range s.Sites {
			if !slices.ContainsFunc(s.Balancing.Pool.Backends, func(b *Backend) bool { return b.Site == site && b.Pooled != PooledInactive }) {
				at := l.catalogue().get(s.Name, "lvs", "conftool")
				l.warnings.add(at.pos, "add servers to pools.yaml, or take the site out of `sites`", "service %s: pool %s/%s has no server at %s", s.Name, s.Balancing.PoolName.Cluster, s.Balancing.PoolName.Service, site.Name)
			}
		}
	}
}

// findPool resolves `conftool`. Without a pools.yaml servers come from elsewhere, and any name is fine.
func (l *loader) findPool(s *Service, n *node) (PoolName, *Pool) {
	name := PoolName{n.get("cluster").string(), n.get("service").string()}
	if n == nil || l.pools == nil || l.isBroken(l.services, l.pools) {
		return name, nil
	}
	p := l.poolOf[name]
	if p == nil {
		var known []string
		for k := range l.poolOf {
			known = append(known, k.Cluster+"/"+k.Service)
		}
		slices.Sort(known)
		wanted := name.Cluster + "/" + name.Service
		l.problems.add(n.pos, meant(wanted, "pools", known), "service %s: unknown pool %s, %s has none of that name", s.Name, wanted, l.pools.name)
	}
	return name, p
}
