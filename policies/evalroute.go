package policies

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Route is what a policy sees of a route. What is not known makes conditions on it Unknown.
type Route struct {
	Prefix   netip.Prefix
	Protocol string     // bgp, static, direct, ospf2, aggregate, …; empty: not known
	Neighbor netip.Addr // import: who sent it; export: who gets it
	NextHop  netip.Addr
	// NextHopAction is what a policy did to the next hop other than setting an address: self, peer-address, discard, reject.
	NextHopAction string
	ASPath        []uint32 // nil: not known; the neighbour's number first
	Origin        string   // igp, egp, incomplete
	Communities   []string // as Community.Members spells them, without expressions; none unless it says so

	// Metric is BGP's MED. A number that is not Known is not set.
	Metric, Metric2, LocalPreference, Preference, Tag Maybe

	RIB, Instance, Area, Interface string
	RouteType                      string // internal, external
	External                       string // OSPF type that a policy gave
}

// Clone copies the route.
func (r *Route) Clone() Route {
	c := *r
	c.ASPath, c.Communities = slices.Clone(r.ASPath), slices.Clone(r.Communities)
	return c
}

// String gives the route in the words that ParseRoute takes.
func (r *Route) String() string {
	w := []string{r.Prefix.String()}
	add := func(key, value string) {
		if value != "" {
			w = append(w, key+" "+value)
		}
	}
	address := func(key string, a netip.Addr) {
		if a.IsValid() {
			add(key, a.String())
		}
	}
	address("from", r.Neighbor)
	add("protocol", r.Protocol)
	address("next-hop", r.NextHop)
	if r.ASPath != nil {
		add("as-path", pathText(r.ASPath))
	}
	add("origin", r.Origin)
	for _, x := range r.numbers() {
		if x.value.Known {
			add(x.key, fmt.Sprint(x.value.N))
		}
	}
	for _, c := range r.Communities {
		add("community", c)
	}
	for _, x := range r.texts() {
		add(x.key, *x.value)
	}
	return strings.Join(w, " ")
}

// pathText writes an AS path; the empty one as `()`.
func pathText(path []uint32) string {
	if len(path) == 0 {
		return "()"
	}
	return strings.Trim(fmt.Sprint(path), "[]")
}

func (r *Route) numbers() []field[Maybe] {
	return []field[Maybe]{
		{"metric", &r.Metric},
		{"metric2", &r.Metric2},
		{"local-preference", &r.LocalPreference},
		{"preference", &r.Preference},
		{"tag", &r.Tag},
	}
}

func (r *Route) texts() []field[string] {
	return []field[string]{
		{"rib", &r.RIB},
		{"instance", &r.Instance},
		{"area", &r.Area},
		{"interface", &r.Interface},
		{"route-type", &r.RouteType},
	}
}

// routeChanges says what a policy made of a route, attribute by attribute.
func routeChanges(before, after *Route) []string {
	var out []string
	change := func(key, from, to string) {
		if from != to {
			out = append(out, fmt.Sprintf("%s %s -> %s", key, orElse(from, "none"), orElse(to, "none")))
		}
	}
	number := func(m Maybe) string {
		if !m.Known {
			return ""
		}
		return fmt.Sprint(m.N)
	}
	a, b := after.numbers(), before.numbers()
	for i := range a {
		change(a[i].key, number(*b[i].value), number(*a[i].value))
	}
	change("origin", before.Origin, after.Origin)
	if !slices.Equal(before.ASPath, after.ASPath) {
		change("as-path", pathText(before.ASPath), pathText(after.ASPath))
	}
	hop := func(r *Route) string {
		if r.NextHopAction != "" || !r.NextHop.IsValid() {
			return r.NextHopAction
		}
		return r.NextHop.String()
	}
	change("next-hop", hop(before), hop(after))
	change("external type", before.External, after.External)
	for _, c := range after.Communities {
		if !slices.Contains(before.Communities, c) {
			out = append(out, "community +"+c)
		}
	}
	for _, c := range before.Communities {
		if !slices.Contains(after.Communities, c) {
			out = append(out, "community -"+c)
		}
	}
	return out
}

// PolicyContext is where policies are applied: it tells what becomes of a route on which none of them decides, and what
// conditions on where it goes (`to`) compare.
type PolicyContext struct {
	Protocol  string // bgp, ospf, ospf3, isis, rip, ripng, ldp, forwarding-table, vrf; empty: not known
	Direction string // import or export
	RIB       string // the routing table that the route goes to, such as inet.0; empty: not known
	Level     string // of IS-IS, that the route goes to: 1 or 2; empty: not known
}

// String gives `bgp import`; empty when it is not known.
func (c PolicyContext) String() string { return strings.TrimSpace(c.Protocol + " " + c.Direction) }

// defaults gives what the vendor documents as a protocol's own policy, and false where none is known here. The source is
// Juniper, "Default Routing Policies" (routing policy guide; in older releases "Default Routing Policies and Actions"),
// table "Default Import and Export Policies for Protocols". It does not hold for BGP on PTX routers, which have their own.
//
// Beside it: "Effect of Omitting Ingress Match Conditions from Export Policies" (BGP exports no static and direct routes by
// itself), "Applying Routing Policies to the Forwarding Table" (all active routes go there). For the import of RIP the
// documents disagree: "Understanding RIP Import Policy" refuses what no policy matches, so that is not known. Of
// vrf-import and vrf-export no document says it; they reject as operators know them, and the vendor's examples all end
// in a reject of their own.
func (c PolicyContext) defaults(r *Route) (v Verdict, why string, ok bool) {
	rejects := map[string]bool{"ospf": true, "ospf3": true, "isis": true, "rip": true, "ripng": true, "ldp": true}
	switch {
	case c.Protocol == "vrf":
		return Reject, "a VRF's default rejects", true
	case c.Protocol == "bgp" && c.Direction == "import":
		return Accept, "BGP import accepts", true
	case c.Protocol == "bgp" && c.Direction == "export" && r.Protocol == "bgp":
		return Accept, "BGP export accepts active BGP routes", true
	case c.Protocol == "bgp" && c.Direction == "export" && r.Protocol != "":
		return Reject, "BGP export rejects what is not BGP", true
	case c.Protocol == "forwarding-table" && c.Direction == "export":
		return Accept, "the forwarding table takes all active routes", true
	case rejects[c.Protocol] && c.Direction == "export":
		return Reject, strings.ToUpper(c.Protocol) + " export rejects", true
	case rejects[c.Protocol] && c.Direction == "import" && !strings.HasPrefix(c.Protocol, "rip"):
		return Accept, strings.ToUpper(c.Protocol) + " import accepts", true
	}
	return NoVerdict, "", false
}

// Uses gives where the configuration applies a policy, each place once, sorted.
func (e *Evaluator) Uses(policy string) []PolicyContext { return e.uses()[policy] }

func (e *Evaluator) findUses() map[string][]PolicyContext {
	found := map[string]map[PolicyContext]bool{}
	visit(e.tree.Root, nil, true, func(path []string, _ bool) {
		c, ok := contextOf(unwrap(path))
		if !ok {
			return
		}
		for _, o := range policyNames(path[len(path)-1]) {
			if found[o.name] == nil {
				found[o.name] = map[PolicyContext]bool{}
			}
			found[o.name][c] = true
		}
	})
	out := map[string][]PolicyContext{}
	for name, set := range found {
		out[name] = slices.SortedFunc(maps.Keys(set), func(a, b PolicyContext) int { return strings.Compare(a.String(), b.String()) })
	}
	return out
}

func contextOf(w []string) (PolicyContext, bool) {
	if len(w) < 2 {
		return PolicyContext{}, false
	}
	key := w[len(w)-2]
	switch {
	case w[0] == "protocols" && len(w) > 3 && (key == "import" || key == "export"):
		return PolicyContext{Protocol: w[1], Direction: key}, true
	case w[0] == "routing-options" && len(w) == 4 && w[1] == "forwarding-table" && key == "export":
		return PolicyContext{Protocol: w[1], Direction: key}, true
	case key == "vrf-import" || key == "vrf-export":
		return PolicyContext{Protocol: "vrf", Direction: strings.TrimPrefix(key, "vrf-")}, true
	}
	return PolicyContext{}, false
}
