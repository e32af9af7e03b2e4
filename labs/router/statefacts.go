package router

import (
	"net/netip"
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// statements are the active statements of a configuration with what they inherit from groups, each as its words from the
// top on.
func statements(t *junos.Tree) [][]string {
	if inherited, err := t.Inherited(); err == nil { // what could be committed can be inherited
		t = inherited
	}
	var out [][]string
	var walk func(n *junos.Node, above []string)
	walk = func(n *junos.Node, above []string) {
		for _, child := range n.Children {
			if child.Inactive {
				continue
			}
			words := slices.Concat(above, child.Words())
			out = append(out, words)
			walk(child, words)
		}
	}
	for _, child := range t.Root.Children {
		if child.Name == "groups" || child.Inactive {
			continue
		}
		words := child.Words()
		out = append(out, words)
		walk(child, words)
	}
	return out
}

// below is what follows path in a statement, whose `*` are any one word: those words come first.
func below(words []string, path ...string) (any, rest []string, ok bool) {
	if len(words) < len(path) {
		return nil, nil, false
	}
	for i, p := range path {
		switch {
		case p == "*":
			any = append(any, words[i])
		case p != words[i]:
			return nil, nil, false
		}
	}
	return any, words[len(path):], true
}

// neighbor is a BGP neighbor as configured.
type neighbor struct {
	address              netip.Addr
	instance, group      string
	kind                 string // Internal or External
	as, localAS          string
	local, description   string
	importing, exporting []string
	shutdown             bool
}

// neighborsOf lists the BGP neighbors of a configuration in their order. running tells whether there is BGP at all.
func neighborsOf(lines [][]string) (list []*neighbor, running bool) {
	found := map[string]*neighbor{}
	own := map[string]string{} // AS by instance
	groups := map[string]*neighbor{}
	for _, words := range lines {
		instance := ""
		if any, rest, ok := below(words, "routing-instances", "*"); ok {
			instance, words = any[0], rest
		}
		if _, rest, ok := below(words, "routing-options", "autonomous-system"); ok && len(rest) > 0 {
			own[instance] = rest[0]
		}
		_, rest, ok := below(words, "protocols", "bgp")
		if !ok {
			continue
		}
		running = true
		any, rest, ok := below(rest, "group", "*")
		if !ok {
			continue
		}
		key := instance + " " + any[0]
		g := groups[key]
		if g == nil {
			g = &neighbor{instance: instance, group: any[0], kind: "External"}
			groups[key] = g
		}
		peer, rest2, ok := below(rest, "neighbor", "*")
		if !ok {
			g.configure(rest)
			continue
		}
		address, err := netip.ParseAddr(peer[0])
		if err != nil {
			continue
		}
		n := found[key+" "+peer[0]]
		if n == nil {
			n = &neighbor{address: address, instance: instance, group: any[0]}
			found[key+" "+peer[0]] = n
			list = append(list, n)
		}
		n.configure(rest2)
	}
	for _, n := range list {
		n.inherit(groups[n.instance+" "+n.group], own)
	}
	return list, running
}

func (n *neighbor) configure(words []string) {
	if len(words) < 2 {
		if len(words) == 1 && words[0] == "shutdown" {
			n.shutdown = true
		}
		return
	}
	switch value := words[1]; words[0] {
	case "peer-as":
		n.as = value
	case "local-as":
		n.localAS = value
	case "local-address":
		n.local = value
	case "description":
		n.description = value
	case "type":
		n.kind = strings.ToUpper(value[:1]) + value[1:]
	case "import":
		n.importing = words[1:]
	case "export":
		n.exporting = words[1:]
	}
}

// inherit takes from the group what the neighbor does not say itself.
func (n *neighbor) inherit(g *neighbor, own map[string]string) {
	for _, x := range []struct{ to, from *string }{
		{&n.as, &g.as}, {&n.localAS, &g.localAS}, {&n.local, &g.local}, {&n.description, &g.description}, {&n.kind, &g.kind},
	} {
		if *x.to == "" {
			*x.to = *x.from
		}
	}
	if len(n.importing) == 0 {
		n.importing = g.importing
	}
	if len(n.exporting) == 0 {
		n.exporting = g.exporting
	}
	n.shutdown = n.shutdown || g.shutdown
	for _, instance := range []string{n.instance, ""} {
		if n.localAS == "" {
			n.localAS = own[instance]
		}
	}
	if n.as == "" && n.kind == "Internal" {
		n.as = n.localAS
	}
}
