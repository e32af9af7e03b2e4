package junos

import (
	"cmp"
	"slices"
)

// settler keeps a tree canonical while set lines change it. A line adds behind what is there and marks the statements on
// its way as touched; before anything is looked up, those are put in order, and no others: a large configuration is
// looked at once, not once a line.
type settler struct {
	// ordered says how far the children of a statement are known to be in order. Few are quickly looked at.
	ordered map[*Node]prefix
	// whole says that the lines describe a configuration: statements that exclude each other are left until all lines
	// are read, since a later line may deactivate one of them.
	whole bool
}

// prefix is the children of a statement up to one of them. It holds as long as that one is at its place.
type prefix struct {
	count int
	last  *Node
}

// settle puts n and what it holds in order, where touched.
func (s *settler) settle(n *Node) {
	if !n.touched {
		return
	}
	n.touched = false
	if n.Kind == Leaf || n.Kind == LeafList {
		return
	}
	if !s.whole {
		dropChoices(n)
	}
	if !s.tailInOrder(n) {
		slices.SortStableFunc(n.Children, compareNodes)
		n.Children = joinTwins(n.Children)
	}
	for _, c := range n.Children {
		s.settle(c)
	}
	n.tidy()
	s.know(n)
}

// dropWritten keeps, in n and what it holds, the last written of children that exclude each other. All were read from one
// text.
func dropWritten(n *Node) {
	if len(n.Children) > 1 && slices.ContainsFunc(n.Children, func(c *Node) bool { return c.Schema != nil && c.Schema.choice != 0 }) {
		written := &Node{Schema: n.Schema, Children: slices.Clone(n.Children)}
		slices.SortStableFunc(written.Children, func(a, b *Node) int {
			return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
		})
		if dropChoices(written); len(written.Children) < len(n.Children) {
			n.Children = slices.DeleteFunc(n.Children, func(c *Node) bool { return !slices.Contains(written.Children, c) })
		}
	}
	for _, c := range n.Children {
		dropWritten(c)
	}
}

// tailInOrder reports whether the children of n are strictly ordered, as inOrder does, but looks only at those behind
// the ones that are known to be.
func (s *settler) tailInOrder(n *Node) bool {
	p := s.ordered[n]
	if p.count == 0 || len(n.Children) < p.count || n.Children[p.count-1] != p.last {
		return inOrder(n.Children)
	}
	return inOrder(n.Children[p.count-1:])
}

// know remembers that all children of n are in order.
func (s *settler) know(n *Node) {
	const few = 32
	if len(n.Children) <= few {
		s.forget(n)
		return
	}
	if s.ordered == nil {
		s.ordered = make(map[*Node]prefix)
	}
	s.ordered[n] = prefix{len(n.Children), n.Children[len(n.Children)-1]}
}

// forget is for when n has a child with other keys.
func (s *settler) forget(n *Node) { delete(s.ordered, n) }

// removed is for after children of n were taken away: the others are in the order that they were in.
func (s *settler) removed(n *Node) {
	if _, ok := s.ordered[n]; ok {
		s.know(n)
	}
}

// touch marks statements that were found, to be changed.
func (l located) touch() {
	l.parent.touched = true
	for _, n := range l.chain {
		n.touched = true
	}
}
