package policies

import (
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// kind is a sort of named object that other statements refer to.
type kind string

const (
	kindPolicy     kind = "policy-statement"
	kindPrefixList kind = "prefix-list"
	kindCommunity  kind = "community"
	kindASPath     kind = "as-path"
	kindASGroup    kind = "as-path-group"
	kindCondition  kind = "condition"
	kindRouteList  kind = "route-filter-list"
	kindDamping    kind = "damping"
	kindFilter     kind = "filter"
	kindPolicer    kind = "policer"
)

// object is a definition, or what a reference wants.
type object struct {
	kind   kind
	family Family // of a filter; Inet for one directly below `firewall`
	name   string
}

func (o object) String() string {
	if o.kind == kindFilter {
		return "family " + string(o.family) + " filter " + o.name
	}
	return string(o.kind) + " " + o.name
}

// definition is where an object stands.
type definition struct {
	path   []string
	active bool
	used   bool
}

// reference is a statement that names an object.
type reference struct {
	path   []string
	want   object
	active bool
}

// index is what a configuration defines and refers to. Configuration groups count as defining for everybody: who
// inherits them is not followed.
type index struct {
	objects    map[object]*definition
	references []reference
}

// visit calls f for every statement below n: its CLI words, and whether it and all that holds it are active.
func visit(n *junos.Node, at []string, active bool, f func(path []string, active bool)) {
	for _, c := range n.Children {
		w := c.Words()
		on := active && !c.Inactive
		if c.Kind == junos.LeafList && len(c.Values) > 0 {
			key := join(at, w[:len(w)-len(c.Values)]...)
			for _, v := range c.Values {
				f(join(key, v), on)
			}
			continue
		}
		here := join(at, w...)
		f(here, on)
		visit(c, here, on, f)
	}
}

func newIndex(t *junos.Tree) *index {
	x := &index{objects: map[object]*definition{}}
	visit(t.Root, nil, true, func(path []string, active bool) {
		w := unwrap(path)
		if o, ok := defined(w); ok {
			x.define(o, path, active)
		}
		for _, o := range wanted(w) {
			x.references = append(x.references, reference{path: path, want: o, active: active})
		}
	})
	for _, r := range x.references {
		if d := x.objects[r.want]; d != nil {
			d.used = true
		}
	}
	return x
}

func (x *index) define(o object, path []string, active bool) {
	d := x.objects[o]
	if d == nil {
		x.objects[o] = &definition{path: path, active: active}
		return
	}
	d.active = d.active || active
}

// names gives the names of the defined objects of one kind and family.
func (x *index) names(like object) map[string]bool {
	out := map[string]bool{}
	for o := range x.objects {
		if o.kind == like.kind && o.family == like.family {
			out[o.name] = true
		}
	}
	return out
}

// unwrap leaves out what a hierarchy may stand in: groups, logical systems, routing instances.
func unwrap(w []string) []string {
	for len(w) > 2 && (w[0] == "groups" || w[0] == "logical-systems" || w[0] == "routing-instances") {
		w = w[2:]
	}
	return w
}

// defined tells which object a statement defines. An as-path may carry its expression as a third word.
func defined(w []string) (object, bool) {
	switch {
	case len(w) < 3:
	case w[0] == "policy-options" && (len(w) == 3 || len(w) == 4 && w[1] == string(kindASPath)):
		switch k := kind(w[1]); k {
		case kindPolicy, kindPrefixList, kindCommunity, kindASPath, kindASGroup, kindCondition, kindRouteList, kindDamping:
			return object{kind: k, name: w[2]}, true
		}
	case w[0] == "firewall" && len(w) == 3 && w[1] == "policer":
		return object{kind: kindPolicer, name: w[2]}, true
	case w[0] == "firewall":
		family, rest := firewallFamily(w)
		if len(rest) == 2 && rest[0] == "filter" {
			return object{kind: kindFilter, family: family, name: rest[1]}, true
		}
	}
	return object{}, false
}

// firewallFamily splits `firewall [family F] rest`.
func firewallFamily(w []string) (Family, []string) {
	if len(w) > 3 && w[1] == "family" {
		return Family(w[2]), w[3:]
	}
	return Inet, w[1:]
}

// wanted tells which objects a statement refers to.
func wanted(w []string) []object {
	if len(w) < 2 {
		return nil
	}
	switch w[0] {
	case "protocols", "routing-options", "vrf-import", "vrf-export":
		return wantedByProtocol(w)
	case "policy-options":
		return wantedByPolicy(w)
	case "firewall":
		return wantedByFilter(w)
	case "interfaces", "forwarding-options":
		return wantedByInterface(w)
	}
	return nil
}

var policyKeys = []string{
	"import", "export", "policy", "vrf-import", "vrf-export", "instance-import", "instance-export", "import-policy",
	"no-validate", "network-summary-import", "network-summary-export", "inter-area-prefix-import",
	"inter-area-prefix-export",
}

func wantedByProtocol(w []string) []object {
	if !slices.Contains(policyKeys, w[len(w)-2]) {
		return nil
	}
	return policyNames(w[len(w)-1])
}

// policyNames takes a policy expression apart: `( A && ! B )`.
func policyNames(expression string) []object {
	var out []object
	for _, name := range strings.FieldsFunc(expression, func(r rune) bool { return strings.ContainsRune(" ()&|!", r) }) {
		out = append(out, object{kind: kindPolicy, name: name})
	}
	return out
}

func wantedByPolicy(w []string) []object {
	if len(w) < 6 || w[1] != string(kindPolicy) {
		return nil
	}
	w = w[3:]
	if w[0] == "term" {
		w = w[2:]
	}
	switch {
	case len(w) < 3:
	case w[0] == "from" && len(w) == 3 && w[1] == "policy":
		return policyNames(w[2])
	case w[0] == "from" && len(w) <= 4 && w[1] == "prefix-list-filter":
		return []object{{kind: kindPrefixList, name: w[2]}}
	case w[0] == "from" && len(w) == 3:
		switch k := kind(w[1]); k {
		case kindPrefixList, kindCommunity, kindASPath, kindASGroup, kindCondition, kindRouteList:
			return []object{{kind: k, name: w[2]}}
		}
	case w[0] == "then" && len(w) == 4 && w[1] == "community":
		return []object{{kind: kindCommunity, name: w[3]}}
	case w[0] == "then" && len(w) == 3 && w[1] == "damping":
		return []object{{kind: kindDamping, name: w[2]}}
	}
	return nil
}

func wantedByFilter(w []string) []object {
	family, rest := firewallFamily(w)
	if len(rest) < 6 || rest[0] != "filter" || rest[2] != "term" {
		return nil
	}
	rest = rest[4:]
	switch {
	case len(rest) == 2 && rest[0] == "filter":
		return []object{{kind: kindFilter, family: family, name: rest[1]}}
	case len(rest) == 3 && rest[0] == "from" && strings.HasSuffix(rest[1], "prefix-list"):
		return []object{{kind: kindPrefixList, name: rest[2]}}
	case len(rest) == 3 && rest[0] == "then" && rest[1] == "policer":
		return []object{{kind: kindPolicer, name: rest[2]}}
	}
	return nil
}

// wantedByInterface knows `family F filter input|output|input-list|output-list NAME` and `policer input|output NAME`.
func wantedByInterface(w []string) []object {
	i := slices.Index(w, "family")
	if i < 0 || len(w) != i+5 {
		return nil
	}
	family, what, way, name := Family(w[i+1]), w[i+2], w[i+3], w[i+4]
	switch {
	case !strings.HasPrefix(way, "input") && !strings.HasPrefix(way, "output"):
	case what == "filter":
		return []object{{kind: kindFilter, family: family, name: name}}
	case what == "policer":
		return []object{{kind: kindPolicer, name: name}}
	}
	return nil
}
