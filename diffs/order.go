package diffs

import (
	"cmp"
	"slices"

	"rhapsode/diffs/junos"
)

// order is the order in which a tree's statements are shown. The zero value is the tree's own, which is the table's.
type order struct {
	asWritten bool        // all of the tree comes from one text: by position
	root      *junos.Node // if it doesn't: the node whose children come in the order of top
	top       []string
}

func orderOf(t *junos.Tree) order {
	if len(t.Root.Children) > 0 {
		if _, ok := written(t.Root); ok {
			return order{asWritten: true}
		}
	}
	return order{root: t.Root, top: t.TopOrder}
}

// sorted gives the children of n in this order. User-ordered entries keep theirs, since it has a meaning.
func (o order) sorted(n *junos.Node) []*junos.Node {
	var by func(x, y *junos.Node) int
	switch {
	case o.asWritten:
		by = byPos
	case n == o.root && len(o.top) > 0:
		by = func(x, y *junos.Node) int { return cmp.Compare(o.index(x.Name), o.index(y.Name)) }
	default:
		return n.Children
	}
	if slices.IsSortedFunc(n.Children, by) {
		return n.Children
	}
	out := slices.Clone(n.Children)
	slices.SortStableFunc(out, by)
	return out
}

// deep gives a node that is printed whole, all of it in this order.
func (o order) deep(n *junos.Node) *junos.Node {
	if !o.asWritten || len(n.Children) == 0 {
		return n
	}
	out := *n
	out.Children = slices.Clone(o.sorted(n))
	for i, c := range out.Children {
		out.Children[i] = o.deep(c)
	}
	return &out
}

// index gives the place of a top-level name, behind all others if it has none.
func (o order) index(name string) int {
	if i := slices.Index(o.top, name); i >= 0 {
		return i
	}
	return len(o.top)
}

func byPos(x, y *junos.Node) int {
	return cmp.Or(cmp.Compare(x.Pos.Line, y.Pos.Line), cmp.Compare(x.Pos.Col, y.Pos.Col))
}

// written reports whether what n holds was read from one text in which no statement stands in two places: every
// statement begins behind the end of the one before it. It returns the last position.
func written(n *junos.Node) (last junos.Pos, ok bool) {
	last = n.Pos
	children := n.Children
	for i := 1; i < len(children); i++ {
		if a, b := children[i-1], children[i]; b.Kind == junos.Entry && b.Is(junos.UserOrdered) && a.Schema == b.Schema && before(b.Pos, a.Pos) {
			return last, false // moved since it was read
		}
	}
	if !slices.IsSortedFunc(children, byPos) {
		children = slices.Clone(children)
		slices.SortFunc(children, byPos)
	}
	for i, c := range children {
		if c.Pos.Line == 0 || before(c.Pos, last) || i > 0 && c.Pos == last {
			return last, false
		}
		if last, ok = written(c); !ok {
			return last, false
		}
	}
	return last, true
}

func before(a, b junos.Pos) bool { return a.Line < b.Line || a.Line == b.Line && a.Col < b.Col }
