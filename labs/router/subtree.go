package router

import (
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// lineage returns the nodes from below the root down to n, nil if n is not in the tree.
func lineage(parent, n *junos.Node) []*junos.Node {
	for _, c := range parent.Children {
		if c == n {
			return []*junos.Node{c}
		}
		if below := lineage(c, n); below != nil {
			return append([]*junos.Node{c}, below...)
		}
	}
	return nil
}

// onlyBelow is the tree with nothing in it but the statement n and the way to it.
func onlyBelow(t *junos.Tree, n *junos.Node) *junos.Tree {
	return withRoot(t, alone(t.Root, lineage(t.Root, n)))
}

// withRoot is the tree with other contents.
func withRoot(t *junos.Tree, root *junos.Node) *junos.Tree {
	c := *t
	c.Root = root
	return &c
}

// alone copies top with one child per level, those of way; the last is kept whole.
func alone(top *junos.Node, way []*junos.Node) *junos.Node {
	c := *top
	c.Children = nil
	if len(way) == 1 {
		c.Children = way
	} else if len(way) > 1 {
		c.Children = []*junos.Node{alone(way[0], way[1:])}
	}
	return &c
}

// innerText is what `show configuration PATH` prints: the content of the statement without its own braces, or the
// statement itself when it has none.
func innerText(t *junos.Tree, n *junos.Node) string {
	if n.Kind == junos.Leaf || n.Kind == junos.LeafList {
		way := lineage(t.Root, n)
		parent := t.Root
		if len(way) > 1 {
			parent = way[len(way)-2]
		}
		return withRoot(t, alone(parent, way[len(way)-1:])).Text()
	}
	return withRoot(t, n).Text()
}

// compareBelow compares the part of two configurations at a path. The whole way down to it stands in the banners.
func compareBelow(before, after *junos.Tree, path []string) string {
	if len(path) > 0 {
		before, after = part(before, path), part(after, path)
	}
	return diffs.Compare(before, after).String()
}

// part is the tree with only the statement at a path; where that is missing, with what there is of the way to it.
func part(t *junos.Tree, path []string) *junos.Tree {
	for n := len(path); n > 0; n-- {
		node := t.Lookup(path[:n]...)
		if node == nil {
			continue
		}
		if n == len(path) {
			return onlyBelow(t, node)
		}
		empty := *node
		empty.Children = nil
		way := lineage(t.Root, node)
		way[len(way)-1] = &empty
		return withRoot(t, alone(t.Root, way))
	}
	return junos.New(t.Schema)
}

// parentLength is how many words of the shell's place are left one statement up. A keyword that only stands before
// others, such as `family`, is no place of its own.
func (sh *shell) parentLength() int {
	tree := sh.r.db.view().candidate
	for n := len(sh.path) - 1; n > 0; n-- {
		if node := tree.Lookup(sh.path[:n]...); node != nil && !node.Schema.Is(junos.Inline) {
			return n
		}
	}
	return 0
}
