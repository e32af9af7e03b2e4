package policies

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// Severity of a Finding.
type Severity uint8

// The severities. An error is something that a router refuses or that surely does not do what it says.
const (
	SeverityInfo Severity = iota
	SeverityWarning
	SeverityError
)

var severityNames = [...]string{"info", "warning", "error"}

// String gives info, warning or error.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return fmt.Sprintf("severity(%d)", uint8(s))
}

// MarshalText makes a severity a word in JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is one thing that Check found.
type Finding struct {
	Severity Severity
	Path     []string // CLI words of the statement
	Message  string
	Hint     string // what to do; may be empty
}

// String gives SEVERITY: [edit PATH] MESSAGE (HINT).
func (f Finding) String() string {
	s := f.Severity.String() + ": [edit " + words(f.Path) + "] " + f.Message
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s
}

// Check looks for what is wrong in a configuration without asking a device: references to what is not defined,
// objects that nobody uses, terms that no packet or route reaches or that change nothing (analysis.go), offload filters
// that would loop or divert too much, external BGP groups that take or give everything. Findings are sorted: errors
// first, then by path.
func Check(t *junos.Tree) []Finding {
	c := &checker{tree: t, index: newIndex(t)}
	c.references()
	c.unused()
	c.filters()
	c.terms()
	c.groups()
	slices.SortStableFunc(c.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), slices.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return c.found
}

type checker struct {
	tree  *junos.Tree
	index *index
	found []Finding
}

func (c *checker) add(s Severity, path []string, hint, format string, args ...any) {
	c.found = append(c.found, Finding{Severity: s, Path: path, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *checker) references() {
	for _, r := range c.index.references {
		if !r.active {
			continue
		}
		d := c.index.objects[r.want]
		switch {
		case d == nil:
			hint := "define it or remove the reference"
			if near := nearest(r.want.name, c.index.names(r.want)); near != "" {
				hint = "did you mean " + near + "?"
			}
			c.add(SeverityError, r.path, hint, "%s is not defined", r.want)
		case !d.active:
			c.add(SeverityError, r.path, "activate it, or deactivate this statement too", "%s is inactive, so not defined", r.want)
		}
	}
}

func (c *checker) unused() {
	for o, d := range c.index.objects {
		if !d.used {
			c.add(SeverityInfo, d.path, "", "%s is not used", o)
		}
	}
}

// filters checks each filter that the types can express; the others are named.
func (c *checker) filters() {
	for _, family := range []Family{"", Inet, Inet6} {
		path := []string{"firewall"}
		if family != "" {
			path = append(path, "family", string(family))
		}
		at := c.tree.Lookup(path...)
		if at == nil {
			continue
		}
		for _, n := range at.Children {
			if n.Name != "filter" || n.Inactive {
				continue
			}
			f, err := FilterFromConfig(family, n)
			if err != nil {
				c.add(SeverityInfo, join(path, n.Words()...), "", "not checked further: %v", err)
				continue
			}
			c.filter(f)
		}
	}
}

func (c *checker) filter(f *Filter) {
	if err := f.Validate(); err != nil {
		c.add(SeverityError, f.Path(), "", "%v", err)
	}
	for _, t := range f.Terms {
		if !t.Inactive {
			c.diversion(f, t, join(f.Path(), "term", t.Name))
		}
	}
}

// diversion checks a term that sends packets to a host of its own choice.
func (c *checker) diversion(f *Filter, t *FilterTerm, path []string) {
	target := t.Then.NextIP
	if t.Then.NextIP6.IsValid() {
		target = t.Then.NextIP6
	}
	if !target.IsValid() {
		return
	}
	if local := c.connected(); len(local) > 0 && !contains(local, target.Addr()) {
		c.add(SeverityError, path, "the target must lie in a connected subnet of this router",
			"%s is not directly connected, so the packets could come back here and loop", target.Addr())
	}
	if !strings.HasPrefix(f.Name, OffloadPing) {
		return
	}
	if !onlyEcho(f.Family, &t.From) {
		c.add(SeverityError, path, "match the protocol and icmp-type echo-request", "the ping offload diverts more than echo requests")
	}
	services := c.services(f.Family)
	for _, a := range t.From.DestinationAddress {
		if a.Except {
			continue
		}
		if a.Prefix.Contains(target.Addr()) {
			c.add(SeverityError, path, "the ping host needs an address of its own", "the target %s is itself offloaded: a loop", target.Addr())
		}
		if services != nil && !within(services, a.Prefix) {
			c.add(SeverityError, path, "correct the VIP or the site's service prefixes", "%s lies in no prefix of %s", a.Prefix, serviceList(f.Family))
		}
	}
}

// onlyEcho tells whether conditions let through echo requests to named addresses and nothing else.
func onlyEcho(family Family, m *FilterMatch) bool {
	key, proto, number, kind := "protocol", m.Protocol, uint32(1), uint32(8)
	if family == Inet6 {
		key, proto, number, kind = "next-header", m.NextHeader, 58, 128
		if len(proto.List) == 0 {
			key, proto = "payload-protocol", m.PayloadProtocol
		}
	}
	return len(m.DestinationAddress) > 0 && onlyNumber(proto, key, family, number) && onlyNumber(m.ICMPType, "icmp-type", family, kind)
}

func onlyNumber(v Values, condition string, f Family, n uint32) bool {
	list, ok, err := v.Ranges(condition, f)
	if !ok || err != nil || v.Except || len(list) == 0 {
		return false
	}
	for _, r := range list {
		if r.Lo != n || r.Hi != n {
			return false
		}
	}
	return true
}

func serviceList(f Family) string {
	if f == Inet6 {
		return ServiceIPs6
	}
	return ServiceIPs4
}

// services gives the prefixes that VIPs may come from; nil where the configuration does not say.
func (c *checker) services(f Family) []netip.Prefix {
	n := c.tree.Lookup("policy-options", "prefix-list", serviceList(f))
	if n == nil {
		return nil
	}
	p, err := PrefixListFromConfig(n)
	if err != nil || p.ApplyPath != "" {
		return nil
	}
	return p.Prefixes
}

// connected gives the subnets of the router's active interfaces. An interface without a subnet (a loopback) has none.
func (c *checker) connected() []netip.Prefix {
	var out []netip.Prefix
	root := c.tree.Lookup("interfaces")
	if root == nil {
		return nil
	}
	visit(root, nil, true, func(path []string, active bool) {
		i := slices.Index(path, "address")
		if !active || i < 2 || len(path) != i+2 || path[i-2] != "family" {
			return
		}
		if p, err := netip.ParsePrefix(path[i+1]); err == nil && !p.IsSingleIP() {
			out = append(out, p.Masked())
		}
	})
	return out
}

func contains(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

func within(list []netip.Prefix, x netip.Prefix) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(x.Addr()) && p.Bits() <= x.Bits() })
}

// groups warns of external BGP sessions without a policy: BGP's default takes and passes on everything.
func (c *checker) groups() {
	bgp := c.tree.Lookup("protocols", "bgp")
	if bgp == nil || bgp.Inactive {
		return
	}
	for _, way := range []string{"import", "export"} {
		if child(bgp, way) != nil {
			continue
		}
		for _, g := range bgp.Children {
			if g.Name != "group" || g.Inactive || child(g, way) != nil || !external(g) {
				continue
			}
			if c.eachNeighbor(g, way) {
				continue
			}
			c.add(SeverityWarning, join([]string{"protocols", "bgp"}, g.Words()...), "add "+way+" POLICY",
				"an external group without an %s policy: BGP's default lets everything through", way)
		}
	}
}

func (c *checker) eachNeighbor(g *junos.Node, way string) bool {
	some := false
	for _, n := range g.Children {
		if n.Name != "neighbor" || n.Inactive {
			continue
		}
		if child(n, way) == nil {
			return false
		}
		some = true
	}
	return some
}

func external(g *junos.Node) bool {
	t := child(g, "type")
	return t != nil && slices.Equal(t.Values, []string{"external"})
}

// child finds an active child by its name.
func child(n *junos.Node, name string) *junos.Node {
	for _, c := range n.Children {
		if c.Name == name && !c.Inactive {
			return c
		}
	}
	return nil
}
