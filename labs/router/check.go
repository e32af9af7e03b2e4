package router

import (
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// object is something that is defined in one place and referred to from others.
type object struct {
	kind string // policy, prefix-list, community, as-path, policer, `filter inet` …
	name string
}

// checkConfiguration is the commit check beyond the grammar: whatever is referred to must be defined. What is inactive
// neither defines nor refers; what stands in groups may be used anywhere, so it defines, and is not checked itself.
// A routing daemon checks far more; nothing here contradicts it.
func checkConfiguration(t *junos.Tree) faults {
	c := checker{tree: t, defined: map[object]bool{}}
	c.walk(t.Root, nil, c.define)
	c.walk(t.Root, nil, c.refer)
	return c.found
}

type checker struct {
	tree    *junos.Tree
	defined map[object]bool
	found   faults
}

// walk visits all active statements with the nodes above them, outermost first, the root left out.
func (c *checker) walk(n *junos.Node, above []*junos.Node, visit func(n *junos.Node, above []*junos.Node)) {
	for _, child := range n.Children {
		if child.Inactive {
			continue
		}
		visit(child, above)
		c.walk(child, append(slices.Clip(above), child), visit)
	}
}

func has(above []*junos.Node, name string) bool {
	return slices.ContainsFunc(above, func(n *junos.Node) bool { return n.Name == name })
}

// parent is the name of the statement right above.
func parent(above []*junos.Node) string {
	if len(above) == 0 {
		return ""
	}
	return above[len(above)-1].Name
}

// family is the address family that a filter or an interface's filter is for.
func family(above []*junos.Node) string {
	for i, n := range above {
		switch {
		case n.Name != "family":
		case len(n.Values) > 0:
			return n.Values[0]
		case i+1 < len(above):
			return above[i+1].Name
		}
	}
	return "inet"
}

func (c *checker) define(n *junos.Node, above []*junos.Node) {
	if len(n.Values) == 0 {
		return
	}
	switch n.Name {
	case "policy-statement":
		c.defined[object{"policy", n.Values[0]}] = true
	case "prefix-list", "community", "as-path":
		if parent(above) == "policy-options" {
			c.defined[object{n.Name, n.Values[0]}] = true
		}
	case "policer", "three-color-policer":
		if !has(above, "filter") {
			c.defined[object{"policer", n.Values[0]}] = true
		}
	case "filter":
		if has(above, "firewall") && !has(above, "filter") {
			c.defined[object{"filter " + family(above), n.Values[0]}] = true
		}
	}
}

func (c *checker) refer(n *junos.Node, above []*junos.Node) {
	if len(above) > 0 && above[0].Name == "groups" {
		return
	}
	switch {
	case has(above, "policy-statement"):
		c.referPolicy(n, above)
	case has(above, "firewall") && has(above, "filter"):
		c.referFilter(n, above)
	case has(above, "interfaces") && parent(above) == "filter":
		if slices.Contains([]string{"input", "output", "input-list", "output-list"}, n.Name) {
			c.need(n, above, "filter "+family(above), valuesOf(n)...)
		}
	case has(above, "protocols") || has(above, "routing-options") || has(above, "routing-instances"):
		switch n.Name {
		case "import", "export", "vrf-import", "vrf-export", "import-policy":
			c.need(n, above, "policy", policyNames(valuesOf(n))...)
		case "policy":
			if has(above, "aggregate") || has(above, "generate") {
				c.need(n, above, "policy", policyNames(valuesOf(n))...)
			}
		}
	}
}

func (c *checker) referPolicy(n *junos.Node, above []*junos.Node) {
	values := valuesOf(n)
	switch at := parent(above); {
	case at == "from" && (n.Name == "prefix-list" || n.Name == "prefix-list-filter") && len(values) > 0:
		c.need(n, above, "prefix-list", values[0])
	case at == "from" && (n.Name == "community" || n.Name == "as-path"):
		c.need(n, above, n.Name, values...)
	case at == "from" && n.Name == "policy":
		c.need(n, above, "policy", policyNames(values)...)
	case at == "then" && n.Name == "community" && len(values) == 2:
		c.need(n, above, "community", values[1]) // add, delete or set, and which
	}
}

func (c *checker) referFilter(n *junos.Node, above []*junos.Node) {
	values := valuesOf(n)
	switch at := parent(above); {
	case at == "from" && strings.HasSuffix(n.Name, "prefix-list") && len(values) > 0:
		c.need(n, above, "prefix-list", values[0])
	case at == "term" && n.Name == "filter":
		c.need(n, above, "filter "+family(above), values...)
	case at == "then" && n.Name == "policer":
		c.need(n, above, "policer", values...)
	}
}

// valuesOf are the values of a statement, also where the only one stands in a nameless child.
func valuesOf(n *junos.Node) []string {
	values := n.Values
	for _, c := range n.Children {
		if c.Schema.Is(junos.Hidden) && !c.Inactive {
			values = append(slices.Clip(values), c.Values...)
		}
	}
	return values
}

// policyNames takes policy expressions such as `( A && ! B )` apart.
func policyNames(values []string) []string {
	var names []string
	for _, v := range values {
		names = append(names, strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(" ()&|!", r) })...)
	}
	return names
}

// need records a fault for each name that is not defined, in the words of the daemon that would complain.
func (c *checker) need(n *junos.Node, above []*junos.Node, kind string, names ...string) {
	for _, name := range names {
		if c.defined[object{kind, name}] || strings.HasPrefix(name, "__") {
			continue
		}
		message := "Policy error: " + strings.ToUpper(kind[:1]) + kind[1:] + " " + name + " referenced but not defined"
		if kind == "policer" || strings.HasPrefix(kind, "filter ") {
			kind, _, _ = strings.Cut(kind, " ")
			message = "Referenced " + kind + " '" + name + "' is not defined"
		}
		c.found = append(c.found, fault{Path: editPath(c.tree.Path(above[len(above)-1])), Bad: n.Name, Message: message})
	}
}
