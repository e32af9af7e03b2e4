package policies

import (
	"net/netip"
	"slices"
)

// policyTerms looks for terms of a policy that no route reaches. A term can only be proven to take all of another's
// routes by what no policy changes: the prefix, its family, the protocol, the neighbor.
func (c *checker) policyTerms(p *evalPolicy) {
	for i, t := range p.terms {
		path := []string{"policy-options", "policy-statement", p.name}
		if t.name != "" {
			path = append(path, "term", t.name)
		} else if i > 0 {
			path = append(path, "then")
		}
		for _, earlier := range p.terms[:i] {
			if !earlier.endsAll(t) {
				continue
			}
			hint := "move it before " + earlier.name + " or remove it"
			if t.name == "" {
				hint = "remove it, or term " + earlier.name
			}
			c.add(SeverityWarning, path, hint, "no route gets here: term %s takes them all%s", earlier.name, t.such())
			break
		}
	}
}

// endsAll tells whether each route that another term matches is ended by this one.
func (t *evalPolicyTerm) endsAll(other *evalPolicyTerm) bool {
	switch v := t.then.Verdict; {
	case len(t.strange) > 0 || len(t.inline) > 0 || v != Accept && v != Reject && v != NextPolicy:
		return false
	case len(t.tests) == 0:
		return true
	}
	a, b := &t.match, &other.match
	lists := len(a.PrefixList) + len(a.PrefixListFilters)
	asked := 0
	if a.Family != "" {
		asked++
	}
	if len(a.Protocol) > 0 {
		asked++
	}
	if len(a.Neighbor) > 0 {
		asked++
	}
	if len(a.RouteFilters) > 0 {
		asked++
	}
	if lists > 0 || asked != len(t.tests) { // it asks for more than what can be proven
		return false
	}
	return (a.Family == "" || a.Family == b.familyOfRoutes()) &&
		(len(a.Protocol) == 0 || len(b.Protocol) > 0 && holdsAll(a.Protocol, b.Protocol)) &&
		(len(a.Neighbor) == 0 || len(b.Neighbor) > 0 && holdsAll(a.Neighbor, b.Neighbor)) &&
		(len(a.RouteFilters) == 0 || routesWithin(a.RouteFilters, b))
}

func holdsAll[T comparable](list, of []T) bool {
	return !slices.ContainsFunc(of, func(x T) bool { return !slices.Contains(list, x) })
}

// familyOfRoutes gives the only family of which routes match, as far as the conditions say; empty: not known.
func (m *PolicyMatch) familyOfRoutes() Family {
	if m.Family != "" || len(m.RouteFilters) == 0 || len(m.PrefixList)+len(m.PrefixListFilters) > 0 {
		return m.Family
	}
	f := FamilyOf(m.RouteFilters[0].Prefix.Addr())
	for _, x := range m.RouteFilters {
		if FamilyOf(x.Prefix.Addr()) != f {
			return ""
		}
	}
	return f
}

// routesWithin tells whether each route that m's route-filters take is taken by some of list. Entries of list that lie
// in one another are not proven about: the longest decides among them.
func routesWithin(list []RouteFilter, m *PolicyMatch) bool {
	if len(m.RouteFilters) == 0 || len(m.PrefixList)+len(m.PrefixListFilters) > 0 {
		return false
	}
	outer, err := compileRouteFilters(list)
	inner, err2 := compileRouteFilters(m.RouteFilters)
	if err != nil || err2 != nil {
		return false
	}
	for i := range outer {
		for j := range i {
			if outer[i].prefix.Overlaps(outer[j].prefix) {
				return false
			}
		}
		if outer[i].through.IsValid() || outer[i].mask.IsValid() {
			return false
		}
	}
	return !slices.ContainsFunc(inner, func(in prefixRange) bool {
		return in.mask.IsValid() || !slices.ContainsFunc(outer, func(out prefixRange) bool {
			return out.contains(netip.PrefixFrom(in.prefix.Addr(), in.prefix.Bits())) && out.low <= in.low && in.high <= out.high
		})
	})
}

// such gives `, such as PREFIX` for a term that asks for prefixes.
func (t *evalPolicyTerm) such() string {
	list, err := compileRouteFilters(t.match.RouteFilters)
	if err != nil {
		return ""
	}
	for i := range list {
		p := netip.PrefixFrom(list[i].prefix.Addr(), min(max(list[i].low, 0), list[i].prefix.Addr().BitLen()))
		if list.matches(p) == Yes {
			return ", such as " + p.String()
		}
	}
	return ""
}
