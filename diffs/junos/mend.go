package junos

import (
	"slices"
	"strings"
	"sync"
)

// mend is what the published YANG modules do not say about a statement, or say under a name that is not the CLI's.
type mend struct {
	path    string // the end of the schema's path, names with blanks between; * is any one
	kind    Kind   // only statements of this kind
	flags   Flag
	as      string   // the CLI's name
	choices []string // of a list: the words of the key that is one of some
	oneOf   bool     // what is in an entry excludes each other
	table   bool     // the table has another shape, which is written alike and reads better
}

var (
	routeMatches = []string{"exact", "longer", "orlonger", "address-mask=", "prefix-length-range=", "through=", "upto="}
	amounts      = []string{"equal", "greater-than", "greater-than-equal", "less-than", "less-than-equal"}
)

// mends are the gaps that hold wherever such a path stands, also in hierarchies that the table lacks. What the table
// has of a statement mends it too, see mendFromTable.
var mends = []mend{
	// Lists whose name the text leaves out.
	{path: "interfaces interface", kind: Entry, flags: Hidden},
	{path: "routing-instances instance", kind: Entry, flags: Hidden},
	{path: "vlans vlan", kind: Entry, flags: Hidden},
	{path: "bridge-domains domain", kind: Entry, flags: Hidden},
	{path: "dynamic-tunnels dynamic-tunnel", kind: Entry, flags: Hidden},
	{path: "prefix-list prefix-list-item", kind: Entry, flags: Hidden},
	{path: "route-filter-list rf_list", kind: Entry, flags: Hidden, choices: routeMatches},
	{path: "source-address-filter-list saf_list", kind: Entry, flags: Hidden, choices: routeMatches},
	{path: "syslog * contents", kind: Entry, flags: Hidden | Oneliner, oneOf: true},
	{path: "syslog * vmhost-syslog-object", kind: Entry, flags: Hidden},
	// Lists that stand in one block under their name.
	{path: "syslog console", kind: Entry, flags: Homogeneous | Oneliner, oneOf: true},
	{path: "name-server", kind: Entry, flags: Homogeneous | Oneliner},
	{path: "dynamic-profiles", kind: Entry, flags: Homogeneous},
	{path: "from source-address", kind: Entry, flags: Homogeneous | Oneliner},
	{path: "from destination-address", kind: Entry, flags: Homogeneous | Oneliner},
	{path: "from address", kind: Entry, flags: Homogeneous | Oneliner},
	{path: "from source-prefix-list", kind: Entry, flags: Homogeneous | Oneliner},
	{path: "from destination-prefix-list", kind: Entry, flags: Homogeneous | Oneliner},
	{path: "security-zone interfaces", kind: Entry, flags: Homogeneous},
	{path: "martians", kind: Entry, flags: Homogeneous | Oneliner, choices: routeMatches},
	// A container that is written before each of its children. (family is another, where it holds containers only.)
	{path: "zones functional-zone", kind: Container, flags: Inline},
	// On one line also with several values: routers print them so.
	{path: "archive", kind: Container, flags: Oneliner},
	{path: "teardown", kind: Container, flags: Oneliner},
	{path: "autonomous-system", kind: Container, flags: Oneliner},
	// Keys that are one of some words.
	{path: "route-filter", kind: Entry, choices: routeMatches},
	{path: "source-address-filter", kind: Entry, choices: routeMatches},
	{path: "prefix-list-filter", kind: Entry, choices: routeMatches[:3]},
	{path: "community", kind: Entry, choices: []string{"add", "delete", "set", "+", "-", "="}},
	{path: "tunnel-attribute", kind: Entry, choices: []string{"add", "delete", "set"}},
	{path: "nexthop-weight", kind: Entry, choices: amounts},
	// Keys that are leaves there.
	{path: "interface-range member-range", kind: Entry, table: true},
	{path: "from community-count", kind: Entry, table: true},
	{path: "from as-path-unique-count", kind: Entry, table: true},
	{path: "from as-path-calc-length", kind: Entry, table: true},
	// Names.
	{path: "policies policy", kind: Entry, as: "from-zone"},
	{path: "ieee-802.3ad", kind: Container, as: "802.3ad"},
	{path: "rule src-nat-rule-match", kind: Container, as: "match"},
	{path: "rule dest-nat-rule-match", kind: Container, as: "match"},
	{path: "rule static-nat-rule-match", kind: Container, as: "match"},
}

// mendsByName finds mends by the last name of their path.
var mendsByName = sync.OnceValue(func() map[string][]mend {
	m := make(map[string][]mend, len(mends))
	for _, x := range mends {
		name := x.path[strings.LastIndexByte(x.path, ' ')+1:]
		m[name] = append(m[name], x)
	}
	return m
})

// mendFor finds what is to be mended at a path of the schema.
func mendFor(path []string, kind Kind) mend {
	for _, m := range mendsByName()[path[len(path)-1]] {
		if want := strings.Fields(m.path); m.kind == kind && len(want) <= len(path) &&
			slices.EqualFunc(want, path[len(path)-len(want):], func(w, p string) bool { return w == p || w == "*" }) {
			return m
		}
	}
	return mend{}
}

// layout flags are lost where a YANG list or container has nothing but a named group.
const layout = Homogeneous | Oneliner | OnelinerPlus

// mendFromTable gives s what the table knows of it and the schema cannot say; t is of the same kind.
func mendFromTable(s, t *Schema) {
	s.choice = t.choice
	s.Flags |= t.Flags & (Bare | Inline | Secret | Single)
	if s.Kind == Entry { // of a leaf it is not lost
		s.Flags |= t.Flags & Hidden
	}
	if s.Flags&layout == 0 {
		s.Flags |= t.Flags & layout
	}
	s.UserUntil = t.UserUntil
	if len(s.Keys) != len(t.Keys) {
		return
	}
	for i, k := range t.Keys {
		if k.Word != "" {
			s.Keys[i].Word = k.Word
		}
		if k.Choices != nil {
			s.Keys[i].Choices = k.Choices
		}
	}
}

// isFamily reports whether a container is one of the `family` that are written before each of their children: they
// hold containers only.
func isFamily(y *schemaNode) bool {
	if y.Name != "family" || y.Kind != "c" {
		return false
	}
	some := false
	for _, c := range y.Children {
		if isCommon(c.Name) {
			continue
		}
		if c.Kind != "c" {
			return false
		}
		some = true
	}
	return some
}
