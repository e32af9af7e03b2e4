package forward

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"

	"rhapsode/labs/router"
)

// Preferences of routes, the lowest first, where the configuration says nothing.
const (
	staticPreference    = 5
	aggregatePreference = 130
)

// declared is a route as configured.
type declared struct {
	prefix     netip.Prefix
	kind       Kind // empty: not said
	nextHops   []netip.Addr
	preference int // -1: not said
	generated  bool
}

// unmoved are the options of a route that change nothing in how packets go.
func unmoved(option string) bool {
	return slices.Contains([]string{
		"tag", "tag2", "metric", "metric2", "metric3", "metric4", "community", "as-path", "color", "color2", "active", "readvertise",
		"no-readvertise", "retain", "no-retain", "install", "full", "brief", "no-resolve", "origin",
	}, option)
}

// routingLine reads `routing-options …`: static, aggregate and generated routes of inet.0 and inet6.0.
func (d *desirer) routingLine(line []string) {
	at, table := 1, "inet.0"
	if line[1] == "rib" && len(line) > 3 {
		if line[2] != "inet.0" && line[2] != "inet6.0" {
			return
		}
		at, table = 3, line[2]
	}
	kind := line[at]
	if kind != "static" && kind != "aggregate" && kind != "generate" || len(line) < at+2 {
		return
	}
	switch line[at+1] {
	case "defaults":
		d.option(d.standard(table+" "+kind), line[:at+2], line[at+2:])
	case "route":
		to := word(line, at+2)
		prefix, err := netip.ParsePrefix(to)
		if err != nil {
			if host, bad := netip.ParseAddr(to); bad == nil {
				prefix = netip.PrefixFrom(host, host.BitLen())
			} else {
				d.refuse(line[:at+1], "route "+to, "invalid prefix")
				return
			}
		}
		prefix = prefix.Masked()
		list := d.statics
		if kind != "static" {
			list = d.aggregates
		}
		x := list[prefix]
		if x == nil {
			x = &declared{prefix: prefix, preference: -1, generated: kind == "generate"}
			list[prefix] = x
		}
		d.option(x, line[:at+3], line[at+3:])
	case "route-record", "rib-group":
		d.refuse(line[:at+1], line[at+1], "this router does not support it")
	}
}

// standard are the defaults of a kind of route.
func (d *desirer) standard(of string) *declared {
	if d.defaults == nil {
		d.defaults = map[string]*declared{}
	}
	if d.defaults[of] == nil {
		d.defaults[of] = &declared{preference: -1}
	}
	return d.defaults[of]
}

func (d *desirer) option(x *declared, path, option []string) {
	if len(option) == 0 || unmoved(option[0]) {
		return
	}
	switch option[0] {
	case "discard":
		x.kind = Blackhole
	case "reject":
		x.kind = Unreachable
	case "next-hop":
		for _, w := range option[1:] {
			a, err := netip.ParseAddr(w)
			if err != nil {
				d.refuse(path, "next-hop "+w, "this router knows next hops by their addresses alone")
				continue
			}
			if x.prefix.IsValid() && a.Is4() != x.prefix.Addr().Is4() {
				d.refuse(path, "next-hop "+w, "next-hop is of another address family than the route")
				continue
			}
			x.kind, x.nextHops = Unicast, append(x.nextHops, a)
		}
	case "preference":
		x.preference, _ = strconv.Atoi(option[len(option)-1])
	default:
		d.refuse(path, option[0], "this router does not support it")
	}
}

// connected finds the unit to whose network an address belongs, by the longest prefix.
func (d *desirer) connected(a netip.Addr) *unit {
	var best *unit
	bits := -1
	for _, p := range d.ports {
		for _, u := range p.units {
			for _, n := range u.addresses {
				if n.Addr() == a {
					return nil // the router itself
				}
				if u.up() && n.Bits() > bits && n.Bits() < n.Addr().BitLen() && n.Masked().Contains(a) {
					best, bits = u, n.Bits()
				}
			}
		}
	}
	return best
}

// decide fills the tables: what is there by itself, what is static, and what these contribute to.
func (d *desirer) decide() {
	by := map[netip.Prefix][]*candidateRoute{}
	for _, p := range d.ports {
		for _, u := range p.units {
			for _, a := range u.addresses {
				if !u.up() {
					continue
				}
				via := []router.NextHop{{Via: u.name}}
				by[a.Masked()] = append(by[a.Masked()], &candidateRoute{Route: router.Route{Prefix: a.Masked(), Protocol: "Direct", NextHops: via}})
				if !a.IsSingleIP() {
					host := netip.PrefixFrom(a.Addr(), a.Addr().BitLen())
					by[host] = append(by[host], &candidateRoute{Route: router.Route{Prefix: host, Protocol: "Local", NextHops: via}})
				}
			}
		}
	}
	for prefix, x := range d.statics {
		if c := d.static(x); c != nil {
			by[prefix] = append(by[prefix], c)
		}
	}
	// Longest first: an aggregate contributes to a shorter one.
	longest := make([]*declared, 0, len(d.aggregates))
	for _, x := range d.aggregates {
		longest = append(longest, x)
	}
	slices.SortFunc(longest, func(a, b *declared) int {
		return cmp.Or(cmp.Compare(b.prefix.Bits(), a.prefix.Bits()), a.prefix.Addr().Compare(b.prefix.Addr()))
	})
	for _, x := range longest {
		if c := d.aggregate(x, by); c != nil {
			by[x.prefix] = append(by[x.prefix], c)
		}
	}
	d.install(by)
}

// candidateRoute is a route that can be used, with its way into the kernel; a nil path has none of its own.
type candidateRoute struct {
	router.Route
	path *Path
}

// best is the route to a prefix that is used; nil: there is none.
func best(list []*candidateRoute) *candidateRoute {
	if len(list) == 0 {
		return nil
	}
	return slices.MinFunc(list, func(a, b *candidateRoute) int { return cmp.Compare(a.Preference, b.Preference) })
}

func tableOf(p netip.Prefix) string {
	if p.Addr().Is6() {
		return "inet6.0"
	}
	return "inet.0"
}

func (d *desirer) defaultsOf(kind string, x *declared) *declared {
	if y := d.defaults[tableOf(x.prefix)+" "+kind]; y != nil {
		return y
	}
	return &declared{preference: -1}
}

func first(values ...int) int {
	for _, v := range values {
		if v >= 0 {
			return v
		}
	}
	return 0
}

// static gives a static route if one of its next hops is on a network of this router; else it is hidden, as in Junos.
func (d *desirer) static(x *declared) *candidateRoute {
	std := d.defaultsOf("static", x)
	c := &candidateRoute{Route: router.Route{
		Prefix: x.prefix, Protocol: "Static", Preference: first(x.preference, std.preference, staticPreference),
	}}
	switch kind := cmp.Or(x.kind, std.kind); kind {
	case Blackhole, Unreachable:
		c.lead(kind)
	case Unicast:
		for _, a := range x.nextHops {
			if u := d.connected(a); u != nil {
				c.NextHops = append(c.NextHops, router.NextHop{To: a, Via: u.name})
				if c.path == nil {
					c.path = &Path{Kind: Unicast, Gateway: a, Device: u.device}
				}
			}
		}
		if c.path == nil {
			return nil
		}
	default:
		return nil
	}
	return c
}

// lead makes a route end here.
func (c *candidateRoute) lead(kind Kind) {
	c.path, c.Kind = &Path{Kind: kind}, "Reject"
	if kind == Blackhole {
		c.Kind = "Discard"
	}
}

// aggregate gives an aggregate or generated route if a route in use lies within it.
func (d *desirer) aggregate(x *declared, by map[netip.Prefix][]*candidateRoute) *candidateRoute {
	name := "aggregate"
	if x.generated {
		name = "generate"
	}
	std := d.defaultsOf(name, x)
	var primary *candidateRoute
	for prefix, list := range by {
		c := best(list)
		if prefix.Bits() <= x.prefix.Bits() || !x.prefix.Contains(prefix.Addr()) || c == nil || c.Protocol == "Local" {
			continue
		}
		if x.generated && (c.path == nil || c.path.Kind != Unicast) {
			continue // it has no next hop to give
		}
		if primary == nil || cmp.Or(cmp.Compare(c.Preference, primary.Preference), c.Prefix.Addr().Compare(primary.Prefix.Addr()), cmp.Compare(c.Prefix.Bits(), primary.Prefix.Bits())) < 0 {
			primary = c
		}
	}
	if primary == nil {
		return nil
	}
	c := &candidateRoute{Route: router.Route{
		Prefix: x.prefix, Protocol: "Aggregate", Preference: first(x.preference, std.preference, aggregatePreference),
	}}
	kind := cmp.Or(x.kind, std.kind)
	switch {
	case kind == Blackhole:
		c.lead(Blackhole)
	case x.generated && kind == "":
		c.path, c.NextHops = primary.path, primary.NextHops
	default:
		c.lead(Unreachable)
	}
	return c
}

// install takes the best of each prefix, and lists all.
func (d *desirer) install(by map[netip.Prefix][]*candidateRoute) {
	for prefix, list := range by {
		chosen := best(list)
		if chosen.path != nil {
			d.out.Routes[prefix] = *chosen.path
		}
		for _, c := range list {
			c.Table = tableOf(prefix)
			d.out.Table = append(d.out.Table, c.Route)
		}
	}
	slices.SortFunc(d.out.Table, func(a, b router.Route) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()),
			cmp.Compare(a.Preference, b.Preference), cmp.Compare(a.Protocol, b.Protocol))
	})
}
