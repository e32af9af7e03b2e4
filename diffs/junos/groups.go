package junos

import (
	"slices"
	"strings"
)

// Inherited returns the configuration with its groups applied, as `show configuration | display inheritance` has it:
// without groups, apply-groups and apply-groups-except, each statement that came from a group with the group's name in
// Node.Inherited. The tree itself is not changed.
//
// What the configuration has of its own comes before what a group has; a group that is applied further in, before one
// that is applied further out; of one apply-groups statement, the earlier before the later; in a group, an entry with
// the very name before a wildcard (`<ge-*>`), which applies to entries that are there and makes none. Leaf-lists and
// lists grow: inherited values and entries stand behind the configuration's own, those of a list that has one block for
// all of its entries (name-server) in front of them. Nothing is inherited from what is inactive, nor by it.
//
// It is what routing engine 0 makes of it: group re1 is left out, ${node} is node0. The conditions of a group (`when`)
// are not evaluated: the group is applied as if they held. What a router applies without being told (junos-defaults) is
// not there, nor are the members of an interface-range. A group that is not defined is an error, in an ErrorList.
func (t *Tree) Inherited() (*Tree, error) {
	out := t.Clone()
	in := inheritor{groups: map[string]*Node{}}
	out.Root.Children = slices.DeleteFunc(out.Root.Children, func(n *Node) bool {
		if n.Name != "groups" || n.Kind != Entry || len(n.Values) != 1 {
			return false
		}
		name := n.Values[0]
		if n.Inactive {
			n = &Node{}
		}
		in.groups[name] = n
		return true
	})
	in.statement(out.Root, nil, nil)
	if len(in.errs) > 0 {
		return nil, in.errs
	}
	normalize(out.Root)
	out.settleTop(nil)
	return out, nil
}

// InheritedFrom names the group from which the statement came, "" for one of the configuration's own. Of a leaf-list it
// is about the value at i; of any other statement i doesn't matter.
func (n *Node) InheritedFrom(i int) string {
	if n.Kind != LeafList || n.Inherited == "" {
		return n.Inherited
	}
	return strings.Split(n.Inherited, "\n")[i]
}

// source is a statement of a group that is inherited by the statement at hand.
type source struct {
	node  *Node
	group string
	via   []string // the groups that have applied it, its own first
}

// inheritor applies groups.
type inheritor struct {
	groups map[string]*Node
	errs   ErrorList
}

const (
	applyGroups       = "apply-groups"
	applyGroupsExcept = "apply-groups-except"
)

// statement lets n, which stands at the end of chain, inherit from sources, the most important first, and from the
// groups that are applied in it.
func (in *inheritor) statement(n *Node, chain []*Node, from []source) {
	from = in.sources(n, chain, from)
	n.Children = slices.DeleteFunc(n.Children, func(c *Node) bool { return c.Name == applyGroups || c.Name == applyGroupsExcept })
	for _, s := range from {
		inherit(n, s)
	}
	hollow := false
	for _, c := range n.Children {
		if c.Kind == Leaf || c.Kind == LeafList || c.Inactive {
			continue
		}
		var below []source
		promised := true // a container that is only there for its contents
		for _, s := range from {
			for _, m := range counterparts(s.node, c) {
				below = append(below, source{m, s.group, s.via})
				promised = promised && len(m.Children) > 0
			}
		}
		in.statement(c, append(chain[:len(chain):len(chain)], c), below)
		if promised && len(below) > 0 && c.Inherited != "" && c.Kind == Container && len(c.Children) == 0 {
			c.Op, hollow = DeleteOp, true
		}
	}
	if hollow {
		n.Children = slices.DeleteFunc(n.Children, func(c *Node) bool { return c.Op&DeleteOp != 0 })
	}
}

// sources gives what n inherits from: the groups that are applied in it, then those that are applied further out, each
// followed by the groups that it applies itself.
func (in *inheritor) sources(n *Node, chain []*Node, outer []source) []source {
	var all []source
	for _, g := range in.named(n, applyGroups, chain) {
		all = append(all, in.group(g, chain, nil)...)
	}
	except := in.named(n, applyGroupsExcept, chain)
	for _, s := range outer {
		if !slices.ContainsFunc(s.via, func(g string) bool { return slices.Contains(except, g) }) {
			all = append(all, s)
		}
	}
	for i := 0; i < len(all); i++ {
		var nested []source
		for _, g := range in.named(all[i].node, applyGroups, chain) {
			for _, s := range in.group(g, chain, all[i].via) {
				if !slices.ContainsFunc(all, func(o source) bool { return o.node == s.node }) { // groups may apply each other
					nested = append(nested, s)
				}
			}
		}
		all = slices.Insert(all, i+1, nested...)
	}
	return all
}

// named gives the groups that a statement of n names.
func (in *inheritor) named(n *Node, statement string, chain []*Node) (names []string) {
	i := slices.IndexFunc(n.Children, func(c *Node) bool { return c.Name == statement && !c.Inactive })
	if i < 0 {
		return nil
	}
	for _, name := range n.Children[i].Values {
		switch name {
		case "re1":
			continue
		case "${node}":
			name = "node0"
		}
		if in.groups[name] == nil {
			e := &Error{Pos: n.Children[i].Pos, Message: "group '" + name + "' is not defined"}
			for _, c := range chain {
				e.Path = append(e.Path, PathWords(c)...)
			}
			if e.Path = append(e.Path, statement); statement == applyGroups && len(in.errs) < maxErrors {
				in.errs = append(in.errs, e)
			}
			continue
		}
		names = append(names, name)
	}
	return names
}

// group gives what a group has for the statement at the end of chain.
func (in *inheritor) group(name string, chain []*Node, via []string) (from []source) {
	nodes := []*Node{in.groups[name]}
	for _, c := range chain {
		var next []*Node
		for _, n := range nodes {
			next = append(next, counterparts(n, c)...)
		}
		nodes = next
	}
	for _, n := range nodes {
		from = append(from, source{n, name, append([]string{name}, via...)})
	}
	return from
}

// counterparts gives the active statements of a group's statement that are about c: the same one, then wildcards.
func counterparts(n, c *Node) (found []*Node) {
	for _, m := range n.Children {
		if !m.Inactive && Same(m, c) {
			found = append(found, m)
		}
	}
	if c.Kind != Entry {
		return found
	}
	for _, m := range n.Children {
		if !m.Inactive && isWildcard(m) && m.Name == c.Name && len(m.Values) == len(c.Values) && !Same(m, c) &&
			slices.EqualFunc(m.Values, c.Values, matchWildcard) {
			found = append(found, m)
		}
	}
	return found
}

// inherit gives n the statements of a source that it lacks, without what they hold, and the values of leaf-lists.
func inherit(n *Node, s source) {
	unifyUnknown(n, s.node)
	var front []*Node
	for _, c := range s.node.Children {
		if c.Inactive || isWildcard(c) || c.Name == applyGroups || c.Name == applyGroupsExcept || c.Name == "when" && c.Schema == nil {
			continue
		}
		i := slices.IndexFunc(n.Children, func(o *Node) bool { return Same(o, c) })
		switch {
		case i < 0 && excluded(n, c):
		case i < 0:
			x := &Node{Kind: c.Kind, Name: c.Name, Schema: c.Schema, Secret: c.Secret, Inherited: s.group}
			if own := n.Schema.Child(c.Name); own != nil && own.Kind == c.Kind { // a group has its own copy of the top level
				x.Schema = own
			}
			if c.Kind == LeafList {
				x.inheritValues(c.Values, s.group)
			} else {
				x.Values = slices.Clone(c.Values)
			}
			if c.Kind == Entry && c.Is(Homogeneous) {
				front = append(front, x)
			} else {
				n.Children = append(n.Children, x)
			}
		case c.Kind == LeafList && !n.Children[i].Inactive:
			n.Children[i].inheritValues(c.Values, s.group)
		}
	}
	if len(front) > 0 {
		// behind the entries that came from groups before it, in front of the configuration's own
		at := slices.IndexFunc(n.Children, func(c *Node) bool { return c.Inherited == "" })
		if at < 0 {
			at = len(n.Children)
		}
		n.Children = slices.Insert(n.Children, at, front...)
	}
}

// excluded reports whether n has a statement that excludes c.
func excluded(n, c *Node) bool {
	return slices.ContainsFunc(n.Children, func(o *Node) bool { return !o.Inactive && o.Name != c.Name && Exclude(o, c) })
}

// IsAlternative reports whether there are statements that exclude n.
func IsAlternative(n *Node) bool { return n.Schema != nil && n.Schema.choice != 0 }

// Exclude reports whether two statements of one parent are of a kind of which only one can be active: setting one deletes
// an active other.
func Exclude(a, b *Node) bool {
	return IsAlternative(a) && IsAlternative(b) && a.Schema != b.Schema && a.Schema.choice == b.Schema.choice
}

// inheritValues adds the values of a group that a leaf-list does not have yet.
func (n *Node) inheritValues(values []string, group string) {
	before := len(n.Values)
	n.unite(values)
	added := len(n.Values) - before
	if added == 0 {
		return
	}
	if n.Inherited == "" || before == 0 {
		n.Inherited = strings.Repeat("\n", max(0, before-1))
	}
	for i := range added {
		if before+i > 0 {
			n.Inherited += "\n"
		}
		n.Inherited += group
	}
}

// isWildcard reports whether an entry of a group stands for all those that its name matches: <ge-*>.
func isWildcard(n *Node) bool {
	return n.Kind == Entry && slices.ContainsFunc(n.Values, func(v string) bool { _, ok := wildcard(v); return ok })
}

func wildcard(v string) (pattern string, ok bool) {
	if len(v) < 3 || v[0] != '<' || v[len(v)-1] != '>' {
		return "", false
	}
	return strings.Trim(v[1:len(v)-1], `"`), true
}

// matchWildcard reports whether a key of a group matches a key: it is the same, or a pattern in angle brackets in which
// * stands for any characters, / too, ? for one, [a-z] for one of some, [!a-z] for one of the others.
func matchWildcard(v, key string) bool {
	if pattern, ok := wildcard(v); ok {
		return glob(pattern, key)
	}
	return v == key
}

func glob(p, s string) bool {
	for p != "" {
		switch p[0] {
		case '*':
			for i := len(s); i >= 0; i-- {
				if glob(p[1:], s[i:]) {
					return true
				}
			}
			return false
		case '[':
			end := strings.IndexByte(p[1:], ']')
			if end > 0 {
				if s == "" || !inSet(p[1:1+end], s[0]) {
					return false
				}
				p, s = p[end+2:], s[1:]
				continue
			}
			fallthrough // no set: the character
		default:
			if s == "" || p[0] != '?' && p[0] != s[0] {
				return false
			}
			p, s = p[1:], s[1:]
		}
	}
	return s == ""
}

// inSet reports whether c is in a set such as `0-35` or `!a-z`.
func inSet(set string, c byte) bool {
	if len(set) > 1 && (set[0] == '!' || set[0] == '^') {
		return !inSet(set[1:], c)
	}
	for i := 0; i < len(set); i++ {
		if i+2 < len(set) && set[i+1] == '-' {
			if set[i] <= c && c <= set[i+2] {
				return true
			}
			i += 2
		} else if set[i] == c {
			return true
		}
	}
	return false
}

// InheritanceText is Text with a comment before each statement that was inherited, as `display inheritance` prints it.
// It is of use for a tree that Inherited returned.
func (t *Tree) InheritanceText() string {
	w := writer{origins: true}
	w.children(t.Root, "", 0)
	return w.b.String()
}

// origin writes the comment that says what of a statement's first line was inherited.
func (w *writer) origin(n *Node, depth int) {
	lines := origins(nil, n, OneLine(n))
	if len(lines) == 0 {
		return
	}
	w.line(depth, "##")
	for _, l := range lines {
		w.line(depth, "## ", l)
	}
	w.line(depth, "##")
}

func origins(lines []string, n *Node, below bool) []string {
	add := func(what, group string) {
		if group != "" {
			lines = append(lines, "'"+what+"' was inherited from group '"+group+"'")
		}
	}
	switch {
	case n.Kind == LeafList:
		for i, v := range n.Values {
			add(v, n.InheritedFrom(i))
		}
	case len(n.Values) > 0:
		add(strings.Join(n.valueWords(), " "), n.Inherited)
	default:
		add(n.Name, n.Inherited)
	}
	if below {
		for _, c := range n.Children {
			lines = origins(lines, c, true)
		}
	}
	return lines
}
