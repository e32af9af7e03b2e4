package junos

import "slices"

// Lookup returns the statement that CLI words name, nil if it is not there. The words are those of a set line:
// Lookup("firewall", "family", "inet", "filter", "border-in4", "term", "x"). A leaf may be named with its value and a
// leaf-list with one of its values. No words name the root.
func (t *Tree) Lookup(words ...string) *Node {
	f, ok := find(t.Root, words)
	if !ok {
		return nil
	}
	return f.node()
}

// Path returns the CLI words of a statement of the tree, from the root: those that stand in a banner or a set line.
// The value of a leaf is not among them. It is nil for the root and for a node that is not of this tree.
func (t *Tree) Path(n *Node) []string {
	var path []string
	Walk(t.Root, func(p []string, c *Node) bool {
		if path == nil && c == n && c != t.Root {
			path = slices.Clone(p)
		}
		return path == nil
	})
	return path
}

// Walk calls visit for n and all below it, in display order, each with its CLI words from n down (n's own are not
// among them). It does not go below a statement for which visit returns false. The words are valid during the call.
func Walk(n *Node, visit func(words []string, n *Node) bool) {
	walkNodes(n, nil, visit)
}

func walkNodes(n *Node, words []string, visit func([]string, *Node) bool) {
	if !visit(words, n) {
		return
	}
	for _, c := range n.Children {
		walkNodes(c, append(words, PathWords(c)...), visit)
	}
}

// PathWords returns the words by which a statement is named on a path: as Words, without the value of a leaf that has
// a keyword.
func PathWords(n *Node) []string {
	if (n.Kind == Leaf || n.Kind == LeafList) && n.Schema != nil && !n.Is(Hidden) {
		return n.head()
	}
	return n.Words()
}

// located is where a path leads: the nodes from below the root to the statement, and for one value of a leaf-list its
// index.
type located struct {
	parent *Node
	chain  []*Node
	value  int // -1: the statement as a whole
}

func (l located) node() *Node {
	if len(l.chain) == 0 {
		return l.parent
	}
	return l.chain[len(l.chain)-1]
}

// holder returns the node that has node() among its children.
func (l located) holder() *Node {
	if len(l.chain) < 2 {
		return l.parent
	}
	return l.chain[len(l.chain)-2]
}

// find follows words from root.
func find(root *Node, words []string) (located, bool) {
	l := located{parent: root, value: -1}
	for len(words) > 0 {
		n := l.node()
		if n.Kind == Leaf || n.Kind == LeafList {
			return l, false
		}
		c, used, value := n.match(words)
		if c == nil {
			return l, false
		}
		l.chain = append(l.chain, c)
		l.value = value
		words = words[used:]
	}
	return l, true
}

// match finds the child of n that words begin with. used is how many of them name it; value is an index into a
// leaf-list's values, -1 for the whole statement.
func (n *Node) match(words []string) (child *Node, used, value int) {
	s := n.Schema.Child(words[0])
	if s == nil && n.Schema != nil && n.Schema.idx != nil {
		for _, c := range n.Children {
			if used, value, ok := c.named(words); ok && c.Is(Hidden) {
				return c, used, value
			}
		}
	}
	var best *Node
	bestUsed, bestValue := 0, -1
	for _, c := range n.Children {
		if c.Schema != s && c.Schema != nil { // what does not fit the schema has none
			continue
		}
		if used, value, ok := c.named(words); ok && used > bestUsed {
			best, bestUsed, bestValue = c, used, value
		}
	}
	return best, bestUsed, bestValue
}

// named reports whether words begin with the words of n, and how many of them those are.
func (n *Node) named(words []string) (used, value int, ok bool) {
	rest := words
	if !n.Is(Hidden) {
		if rest[0] != n.Name {
			return 0, -1, false
		}
		rest = rest[1:]
	}
	kw := len(words) - len(rest)
	switch n.Kind {
	case Container:
		return kw, -1, true
	case Entry:
		v := n.valueWords()
		return kw + len(v), -1, startsWith(rest, v)
	case LeafList:
		if len(rest) == 0 {
			return kw, -1, kw > 0
		}
		i := slices.Index(n.Values, rest[0])
		return kw + 1, i, i >= 0 && len(rest) == 1
	default:
		if len(rest) == 0 && kw > 0 && n.Schema != nil {
			return kw, -1, true
		}
		return kw + len(n.Values), -1, len(rest) == len(n.Values) && startsWith(rest, n.Values)
	}
}

func startsWith(words, prefix []string) bool {
	return len(words) >= len(prefix) && slices.Equal(words[:len(prefix)], prefix)
}
