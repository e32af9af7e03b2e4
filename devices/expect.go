package devices

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// Expected is what a change itself does to the BGP sessions of a device.
type Expected struct {
	before, after []neighbor
}

// neighbor is a configured BGP neighbor, or a range that a group allows.
type neighbor struct {
	instance, group string
	address         string       // as configured
	allow           netip.Prefix // of a range
	families        string       // the families of neighbor, group and BGP, as text
}

// Expect reads what a change does to BGP sessions: before and after are a device's configuration without and with it.
// Groups are followed where they can be.
func Expect(before, after *junos.Tree) Expected {
	return Expected{before: neighbors(before), after: neighbors(after)}
}

// inherited is the configuration with its groups applied, or itself where they cannot be.
func inherited(t *junos.Tree) *junos.Tree {
	if in, err := t.Inherited(); err == nil {
		return in
	}
	return t
}

func neighbors(t *junos.Tree) []neighbor {
	if t == nil {
		return nil
	}
	root := inherited(t).Root
	out := instanceNeighbors("", root)
	for _, n := range active(root, "routing-instances") {
		for _, instance := range n.Children {
			if !instance.Inactive && len(instance.Values) == 1 {
				out = append(out, instanceNeighbors(instance.Values[0], instance)...)
			}
		}
	}
	return out
}

// active gives what a path of names leads to, through what is active only.
func active(n *junos.Node, names ...string) []*junos.Node {
	list := []*junos.Node{n}
	for _, name := range names {
		var next []*junos.Node
		for _, n := range list {
			for _, c := range n.Children {
				if c.Name == name && !c.Inactive {
					next = append(next, c)
				}
			}
		}
		list = next
	}
	return list
}

// off tells whether BGP, a group or a neighbor is told not to run.
func off(n *junos.Node) bool {
	return len(active(n, "disable")) > 0 || len(active(n, "shutdown")) > 0
}

func instanceNeighbors(instance string, n *junos.Node) []neighbor {
	var out []neighbor
	for _, bgp := range active(n, "protocols", "bgp") {
		if off(bgp) {
			continue
		}
		for _, group := range active(bgp, "group") {
			if off(group) || len(group.Values) != 1 {
				continue
			}
			own := neighbor{instance: instance, group: group.Values[0]}
			for _, peer := range active(group, "neighbor") {
				if off(peer) || len(peer.Values) == 0 {
					continue
				}
				p := own
				p.address = peer.Values[0]
				p.families = familiesText(bgp) + familiesText(group) + familiesText(peer)
				out = append(out, p)
			}
			for _, allow := range active(group, "allow") {
				for _, v := range allow.Values {
					p := own
					var err error
					if p.allow, err = netip.ParsePrefix(v); v == "all" || err == nil {
						p.families = familiesText(bgp) + familiesText(group)
						p.address = "allow " + v
						out = append(out, p)
					}
				}
			}
		}
	}
	return out
}

func familiesText(n *junos.Node) string {
	var b strings.Builder
	for _, f := range active(n, "family") {
		junos.Walk(f, func(words []string, c *junos.Node) bool {
			fmt.Fprintf(&b, "%v %v %v\n", words, c.Values, c.Inactive) //nolint:errcheck // a builder takes every write
			return true
		})
	}
	return b.String()
}

// of gives the configured neighbors that a session may belong to: by its address, else by a range.
func of(list []neighbor, p Peer) []neighbor {
	address, _, _ := strings.Cut(p.Address, "%") // fe80::1%ge-0/0/0.0
	addr, _ := netip.ParseAddr(address)          //nolint:errcheck // then it is none, and equal to none
	var named, ranges []neighbor
	for _, n := range list {
		if n.instance != p.Instance && (p.Instance != "" || len(p.Tables) > 0) { // the tables tell the instance
			continue
		}
		switch a, err := netip.ParseAddr(n.address); {
		case n.address == address, err == nil && a == addr:
			named = append(named, n)
		case n.address == "allow all", n.allow.IsValid() && n.allow.Contains(addr):
			ranges = append(ranges, n)
		}
	}
	if len(named) > 0 {
		return named
	}
	return ranges
}

// gone tells whether the change takes a session away, and how. A session that is in no configuration is not.
func (e Expected) gone(p Peer) (why string, gone bool) {
	before, after := of(e.before, p), of(e.after, p)
	switch {
	case len(before) == 0:
		return "", false
	case len(after) == 0:
		return fmt.Sprintf("the change removes or deactivates it in group %s", before[0].group), true
	}
	for _, b := range before {
		if slices.ContainsFunc(after, func(a neighbor) bool { return a.group == b.group && a.instance == b.instance }) {
			return "", false
		}
	}
	return fmt.Sprintf("the change moves it from group %s to %s", before[0].group, after[0].group), true
}

// families tells whether the change touches the families of a session.
func (e Expected) families(p Peer) bool {
	before, after := of(e.before, p), of(e.after, p)
	return len(before) > 0 && len(after) > 0 && before[0].families != after[0].families
}
