package router

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

func inquireRoute() *inquiry {
	return &inquiry{
		word: "route", help: "Show routing table information", rpc: "get-route-information",
		positional: "destination",
		valued:     map[string]string{"table": "table", "protocol": "protocol"},
		flags: map[string]string{
			"exact": "exact", "longer": "longer", "best": "best", "terse": "terse", "active-path": "active-path", "brief": "brief", "all": "all",
		},
		xml: routeXML, text: routeText,
	}
}

// destination is a prefix with the routes to it, the best first.
type destination struct {
	prefix netip.Prefix
	routes []Route
	active int // how many of them: one or none
}

// table is a routing table; the counts are of all of it, whatever was asked for.
type table struct {
	name          string
	destinations  []destination // all
	shown         []destination
	total, active int
}

// tables are the routing tables with what the request selects of them. A table of which nothing is selected is left out, if
// a destination, a protocol or a table was asked for.
func (p *report) tables() ([]table, error) {
	want, filtered, err := p.prefix("destination")
	if err != nil {
		return nil, err
	}
	by := map[string]map[netip.Prefix][]Route{}
	for _, x := range p.state.Routes {
		if by[x.Table] == nil {
			by[x.Table] = map[netip.Prefix][]Route{}
		}
		by[x.Table][x.Prefix] = append(by[x.Table][x.Prefix], x)
	}
	var out []table
	for name, prefixes := range by {
		if !p.matches("table", name) {
			continue
		}
		t := newTable(name, prefixes)
		t.shown = t.destinations
		if filtered {
			t.shown = p.narrow(t.destinations, want)
		}
		t.shown = p.ofProtocol(t.shown)
		if len(t.shown) > 0 {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b table) int {
		return cmp.Or(cmp.Compare(tableRank(a.name), tableRank(b.name)), cmp.Compare(a.name, b.name))
	})
	return out, nil
}

// tableRank puts the tables of the main instance first.
func tableRank(table string) int { return strings.Count(table, ".") }

func newTable(name string, prefixes map[netip.Prefix][]Route) table {
	t := table{name: name}
	for prefix, routes := range prefixes {
		slices.SortStableFunc(routes, func(a, b Route) int {
			if a.Inactive != b.Inactive {
				return cmp.Compare(boolean(a.Inactive), boolean(b.Inactive))
			}
			return cmp.Compare(a.Preference, b.Preference)
		})
		d := destination{prefix: prefix, routes: routes}
		if !routes[0].Inactive {
			d.active = 1
		}
		t.total += len(routes)
		t.active += d.active
		t.destinations = append(t.destinations, d)
	}
	slices.SortFunc(t.destinations, func(a, b destination) int {
		return cmp.Or(a.prefix.Addr().Compare(b.prefix.Addr()), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()))
	})
	return t
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// narrow keeps what lies in a prefix. Of an address, and with best, it is the longest prefix that has it; exact and longer
// are what they say.
func (p *report) narrow(list []destination, want netip.Prefix) []destination {
	single := want.Bits() == want.Addr().BitLen()
	best := -1
	var out []destination
	for i, d := range list {
		within := d.prefix.Bits() >= want.Bits() && want.Contains(d.prefix.Addr())
		covers := d.prefix.Bits() <= want.Bits() && d.prefix.Contains(want.Addr())
		if covers && (best < 0 || d.prefix.Bits() > list[best].prefix.Bits()) {
			best = i
		}
		switch {
		case p.has("exact"):
			within = d.prefix == want
		case p.has("longer"):
			within = within && d.prefix != want
		}
		if within {
			out = append(out, d)
		}
	}
	switch {
	case p.has("exact"), p.has("longer"), !single && !p.has("best"):
		return out
	case best >= 0:
		return list[best : best+1]
	}
	return nil
}

// ofProtocol keeps the routes of the protocol that was asked for, or the active ones alone.
func (p *report) ofProtocol(list []destination) []destination {
	protocol, filtered := p.asked["protocol"]
	if !filtered && !p.has("active-path") {
		return list
	}
	var out []destination
	for _, d := range list {
		first := d.routes[:d.active]
		kept := destination{prefix: d.prefix}
		for i, x := range d.routes {
			if filtered && !strings.EqualFold(x.Protocol, protocol) || p.has("active-path") && i >= d.active {
				continue
			}
			if i < len(first) {
				kept.active = 1
			}
			kept.routes = append(kept.routes, x)
		}
		if len(kept.routes) > 0 {
			out = append(out, kept)
		}
	}
	return out
}

func routeXML(p *report) (string, error) {
	tables, err := p.tables()
	if err != nil {
		return "", err
	}
	style := "brief"
	if p.has("terse") {
		style = "terse"
	}
	var b strings.Builder
	b.WriteString(inNamespace("route-information", "junos-routing", "") + "<!-- keepalive -->\n")
	for _, t := range tables {
		b.WriteString("<route-table>\n" + tag("table-name", t.name))
		fmt.Fprintf(&b, "<destination-count>%d</destination-count>\n<total-route-count>%d</total-route-count>\n<active-route-count>%d</active-route-count>\n"+
			"<holddown-route-count>0</holddown-route-count>\n<hidden-route-count>0</hidden-route-count>\n", len(t.destinations), t.total, t.active)
		for _, d := range t.shown {
			b.WriteString("<rt junos:style=\"" + style + "\">\n" + tag("rt-destination", d.prefix.String()))
			for i, x := range d.routes {
				b.WriteString(p.entryXML(x, i < d.active))
			}
			b.WriteString("</rt>\n")
		}
		b.WriteString("</route-table>\n")
	}
	b.WriteString("</route-information>\n")
	return b.String(), nil
}

func (p *report) entryXML(x Route, active bool) string {
	var b strings.Builder
	b.WriteString("<rt-entry>\n")
	if active {
		b.WriteString("<active-tag>*</active-tag>\n<current-active/>\n<last-active/>\n")
	} else {
		b.WriteString("<active-tag> </active-tag>\n")
	}
	b.WriteString(tag("protocol-name", x.Protocol))
	age := p.age(x.Since)
	fmt.Fprintf(&b, "<preference>%d</preference>\n<age junos:seconds=\"%d\">%s</age>\n", x.Preference, int(age.Seconds()), longClock(age))
	if x.MED > 0 {
		fmt.Fprintf(&b, "<med>%d</med>\n", x.MED)
	}
	if x.Protocol == "BGP" {
		fmt.Fprintf(&b, "<local-preference>%d</local-preference>\n", localPreference(x))
	}
	if x.LearnedFrom.IsValid() {
		b.WriteString(tag("learned-from", x.LearnedFrom.String()))
	}
	if x.Protocol == "BGP" {
		b.WriteString(tag("as-path", asPath(x)))
	}
	b.WriteString(tag("nh-type", x.Kind))
	for i, h := range x.NextHops {
		b.WriteString("<nh>\n")
		if i == 0 {
			b.WriteString("<selected-next-hop/>\n")
		}
		if h.To.IsValid() {
			b.WriteString(tag("to", h.To.String()))
		}
		if x.Protocol == "Local" { // as on a device: the address is the interface's own
			b.WriteString(tag("nh-local-interface", h.Via))
		} else {
			b.WriteString(tag("via", h.Via))
		}
		b.WriteString("</nh>\n")
	}
	b.WriteString("</rt-entry>\n")
	return b.String()
}

func localPreference(x Route) int {
	if x.LocalPreference == 0 {
		return 100
	}
	return x.LocalPreference
}

func asPath(x Route) string { return strings.TrimSpace(x.ASPath + " I") }

func routeText(p *report) (string, error) {
	tables, err := p.tables()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, t := range tables {
		fmt.Fprintf(&b, "\n%s: %d destinations, %d routes (%d active, 0 holddown, 0 hidden)\n+ = Active Route, - = Last Active, * = Both\n\n",
			t.name, len(t.destinations), t.total, t.active)
		if p.has("terse") {
			b.WriteString("A V Destination        P Prf   Metric 1   Metric 2  Next hop        AS path\n")
		}
		for _, d := range t.shown {
			for i, x := range d.routes {
				if p.has("terse") {
					b.WriteString(terseLine(d, i, x))
					continue
				}
				b.WriteString(p.routeLines(d, i, x))
			}
		}
	}
	return b.String(), nil
}

func (p *report) routeLines(d destination, i int, x Route) string {
	name, mark := "", " "
	if i == 0 {
		name = d.prefix.String()
	}
	if i < d.active {
		mark = "*"
	}
	head := fmt.Sprintf("%-18s ", name)
	if len(name) > 18 {
		head += "\n" + strings.Repeat(" ", 19)
	}
	line := fmt.Sprintf("%s%s[%s/%d] %s", head, mark, x.Protocol, x.Preference, longClock(p.age(x.Since)))
	if x.MED > 0 {
		line += fmt.Sprintf(", MED %d", x.MED)
	}
	if x.Protocol == "BGP" {
		line += fmt.Sprintf(", localpref %d", localPreference(x))
		if x.LearnedFrom.IsValid() {
			line += ", from " + x.LearnedFrom.String()
		}
		line += fmt.Sprintf("\n%22sAS path: %s, validation-state: unverified", "", asPath(x))
	}
	line += "\n"
	if x.Kind != "" {
		line += fmt.Sprintf("%23s%s\n", "", x.Kind)
	}
	for i, h := range x.NextHops {
		mark := " "
		if i == 0 {
			mark = ">"
		}
		way := "via " + h.Via
		switch {
		case x.Protocol == "Local":
			way = "Local via " + h.Via
		case h.To.IsValid() && h.Via != "":
			way = "to " + h.To.String() + " via " + h.Via
		case h.To.IsValid():
			way = "to " + h.To.String()
		}
		line += fmt.Sprintf("%20s%s  %s\n", "", mark, way)
	}
	return line
}

func terseLine(d destination, i int, x Route) string {
	mark, prefix := " ", ""
	if i < d.active {
		mark = "*"
	}
	if i == 0 {
		prefix = d.prefix.String()
	}
	hop := x.Kind
	for _, h := range x.NextHops[:min(1, len(x.NextHops))] {
		hop = ">" + h.Via
		if h.To.IsValid() {
			hop = ">" + h.To.String()
		}
	}
	metric, as := "", ""
	if x.Protocol == "BGP" {
		metric, as = fmt.Sprint(localPreference(x)), asPath(x)
	}
	line := fmt.Sprintf("%s ? %-18s %s %3d %10s %10s %-16s %s", mark, prefix, x.Protocol[:1], x.Preference, metric, "", hop, as)
	return strings.TrimRight(line, " ") + "\n"
}
