package junos

import "strings"

// Filter returns what a subtree filter chooses (RFC 6241, section 6), given as an XML <configuration>: an element
// without elements in it keeps all of its statement, one with elements what those choose; keys choose entries of a
// list. The statements are shared with t. The error is an ErrorList: the filter is no XML.
func (t *Tree) Filter(filter string) (*Tree, error) {
	r, configuration := parseElements("", filter)
	if len(r.errs) > 0 {
		return nil, r.errs
	}
	if len(configuration.children) == 0 {
		return t, nil
	}
	root := *t.Root
	root.Children = filterNodes(t.Root, configuration.children)
	return t.withRoot(&root), nil
}

// filterNodes returns the children of n that the filters mean, each with what is chosen of it.
func filterNodes(n *Node, filters []*element) []*Node {
	var out []*Node
	for _, c := range n.Children {
		whole := false
		var below []*element
		for _, f := range filters {
			rest, match := f.chooses(n, c)
			whole = whole || match && len(rest) == 0
			below = append(below, rest...)
		}
		if whole {
			out = append(out, c)
			continue
		}
		if part := filterNodes(c, below); len(part) > 0 {
			kept := *c
			kept.Children = part
			out = append(out, &kept)
		}
	}
	return out
}

// chooses tells whether a filter means statement n of parent, and which of its elements choose among n's children.
func (f *element) chooses(parent, n *Node) (below []*element, match bool) {
	if own := (exporter{}).statement(nil, parent, &Node{Kind: n.Kind, Name: n.Name, Values: n.Values, Schema: n.Schema}, false); own[0].name != f.name {
		return nil, false
	} else if n.Kind == Entry {
		return f.keys(own[0].children)
	}
	return f.children, true
}

// keys compares the elements of a filter with the keys of an entry. A key without a value is only asked for.
func (f *element) keys(own []*element) (below []*element, match bool) {
next:
	for _, c := range f.children {
		for _, k := range own {
			if k.name != c.name {
				continue
			}
			if want := strings.TrimSpace(c.text); want != "" && want != k.text {
				return nil, false
			}
			continue next
		}
		below = append(below, c)
	}
	return below, true
}
