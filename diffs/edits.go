package diffs

import (
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// Edits gives the substance of a difference: the configuration-mode commands that turn before into after, in the order
// in which they have to be entered. They are the same for any two pairs of configurations that mean the same, however
// they were written, so that two edits are compared with slices.Equal.
//
// The commands come in phases: unprotect; delete; deactivate what stays; set and deactivate what is new, the inactive
// one of alternatives first; activate; annotate; insert, for lists that the user orders; protect. What is protected on
// both sides and changes is unprotected first, and protected again. Within a phase they follow the configuration. (What
// stays is deactivated before anything is set, since setting a statement deletes an active one that it excludes; what
// is active and stays so may be spared in that way.)
//
// A command for a statement that the schema doesn't know doesn't say where keywords end and values begin: it names the
// change, and entering it can give another shape of the same words.
func Edits(before, after *junos.Tree) []string {
	e := &editor{}
	e.children(nil, before.Root, after.Root)
	return slices.Concat(e.unprotects, e.deletes, e.deactivates, e.alternatives, e.sets, e.activates, e.annotations, e.inserts, e.protects)
}

// editor collects commands by phase.
type editor struct {
	unprotects, deletes, deactivates, alternatives, sets, activates, annotations, inserts, protects []string
}

// children edits what two nodes hold. It reports whether nothing of what before holds stays: then the node itself may
// be gone between the deletes and the sets, and its marks with it.
func (e *editor) children(path []string, b, a *junos.Node) (hollow bool) {
	hollow = true
	for _, s := range pair(b, a, order{}, order{}) {
		if s.isList() {
			hollow = !e.list(path, s) && hollow
			continue
		}
		hollow = !e.single(path, first(s.before), first(s.after)) && hollow
	}
	e.spare(path, b, a)
	return hollow
}

// spare deactivates, while others are set, what is active on both sides and would be deleted by that: an inactive
// statement that is new and excludes it.
func (e *editor) spare(path []string, b, a *junos.Node) {
	in := func(n *junos.Node) *junos.Node { // as it was before
		i := slices.IndexFunc(b.Children, func(o *junos.Node) bool { return junos.Same(o, n) })
		if i < 0 {
			return nil
		}
		return b.Children[i]
	}
	for _, o := range a.Children {
		if !o.Inactive || !junos.IsAlternative(o) || in(o) != nil {
			continue
		}
		for _, n := range a.Children {
			if n.Inactive || !junos.Exclude(o, n) {
				continue
			}
			was := in(n)
			if was == nil || was.Inactive {
				continue
			}
			at := slices.Concat(path, n.Words())
			if leafy(n) {
				at = address(path, n)
			}
			count, p := e.count(), joinPath(at)
			if !slices.Contains(e.activates, "activate "+p) {
				e.deactivates = append(e.deactivates, "deactivate "+p)
				e.activates = append(e.activates, "activate "+p)
				e.reprotect(p, was, n, count)
			}
		}
	}
}

// single edits a statement of which there is one at most on each side. It reports whether it stays at all times.
func (e *editor) single(path []string, b, a *junos.Node) (stays bool) {
	switch {
	case b == nil:
		e.add(path, a)
		return false
	case a == nil:
		e.remove(path, b)
		return false
	case a.Kind != b.Kind:
		e.remove(path, b)
		e.add(path, a)
		return false
	case a.Kind == junos.Leaf:
		return e.leaf(path, b, a)
	case a.Kind == junos.LeafList:
		return e.leafList(path, b, a)
	}
	return e.common(path, b, a)
}

// common edits a container or entry of both sides.
func (e *editor) common(path []string, b, a *junos.Node) (stays bool) {
	at := slices.Concat(path, a.Words())
	defer e.reprotect(joinPath(at), b, a, e.count())
	hollow := e.children(at, b, a) && len(b.Children) > 0
	if hollow && len(a.Children) == 0 {
		e.sets = append(e.sets, "set "+joinPath(at))
	}
	gone := hollow && (a.Is(junos.Bare) || a.Is(junos.Inline)) // Junos keeps the others when they are empty
	e.marks(at, b, a, gone)
	return !gone
}

// count gives the number of commands that change something.
func (e *editor) count() int {
	return len(e.deletes) + len(e.deactivates) + len(e.alternatives) + len(e.sets) + len(e.activates) + len(e.annotations) + len(e.inserts)
}

// reprotect lifts the protection of a statement that is protected on both sides, if there have been commands for it or
// for what it holds since there were count of them.
func (e *editor) reprotect(at string, b, a *junos.Node, count int) {
	if b.Protected && a.Protected && e.count() > count && !slices.Contains(e.unprotects, "unprotect "+at) {
		e.unprotects = append(e.unprotects, "unprotect "+at)
		e.protects = append(e.protects, "protect "+at)
	}
}

// marks edits what stands before a statement; gone says that before's are lost when its contents are deleted.
func (e *editor) marks(at []string, b, a *junos.Node, gone bool) {
	p := joinPath(at)
	if b.Protected && (!a.Protected || gone) {
		e.unprotects = append(e.unprotects, "unprotect "+p)
	}
	if gone {
		b = &junos.Node{}
	}
	switch {
	case a.Inactive && gone:
		e.sets = append(e.sets, "deactivate "+p)
	case a.Inactive && !b.Inactive:
		e.deactivates = append(e.deactivates, "deactivate "+p)
	case b.Inactive && !a.Inactive:
		e.activates = append(e.activates, "activate "+p)
	}
	if a.Protected && !b.Protected {
		e.protects = append(e.protects, "protect "+p)
	}
	if a.Annotation != b.Annotation {
		e.annotations = append(e.annotations, "annotate "+p+" "+quoted(a.Annotation))
	}
}

// quoted gives a string as the argument of a command, where the empty one has to be seen.
func quoted(s string) string {
	if s == "" {
		return `""`
	}
	return junos.Quote(s)
}

// address gives the words by which a leaf or leaf-list is found: its keyword. The value belongs to it where no keyword
// is written, and where the schema doesn't know that there is but one value.
func address(path []string, n *junos.Node) []string {
	if n.Schema == nil && n.Kind == junos.Leaf || n.Schema.Is(junos.Hidden) {
		return slices.Concat(path, n.Words())
	}
	return slices.Concat(path, []string{n.Name})
}

func (e *editor) leaf(path []string, b, a *junos.Node) (stays bool) {
	was, is := address(path, b), address(path, a)
	if slices.Equal(a.Values, b.Values) {
		defer e.reprotect(joinPath(is), b, a, e.count())
		e.marks(is, b, a, false)
		return true
	}
	if !slices.Equal(was, is) { // set doesn't replace what is found by its value
		e.remove(path, b)
		e.add(path, a)
		return false
	}
	defer e.reprotect(joinPath(is), b, a, e.count())
	e.sets = append(e.sets, "set "+joinPath(slices.Concat(path, a.Words())))
	e.marks(is, b, a, false)
	return true
}

// leafList edits the values one by one where that gives the order of after, and else replaces them all.
func (e *editor) leafList(path []string, b, a *junos.Node) (stays bool) {
	at := address(path, &junos.Node{Kind: junos.LeafList, Name: a.Name, Schema: a.Schema})
	defer e.reprotect(joinPath(at), b, a, e.count())
	if slices.Equal(a.Values, b.Values) {
		e.marks(at, b, a, false)
		return true
	}
	kept := slices.DeleteFunc(slices.Clone(b.Values), func(v string) bool { return !slices.Contains(a.Values, v) })
	added := slices.DeleteFunc(slices.Clone(a.Values), func(v string) bool { return slices.Contains(b.Values, v) })
	gone := len(kept) == 0 || !slices.Equal(slices.Concat(kept, added), a.Values)
	if gone {
		e.deletes = append(e.deletes, "delete "+joinPath(at))
		added = a.Values
	} else {
		for _, v := range b.Values {
			if !slices.Contains(kept, v) {
				e.deletes = append(e.deletes, "delete "+joinPath(slices.Concat(at, []string{v})))
			}
		}
	}
	for _, v := range added {
		e.sets = append(e.sets, "set "+joinPath(slices.Concat(at, []string{v})))
	}
	e.marks(at, b, a, gone)
	return !gone
}

// list edits the entries of a list. It reports whether one of them stays at all times.
func (e *editor) list(path []string, s statement) (stays bool) {
	before, after := byKey(s.before), byKey(s.after)
	for _, n := range s.before {
		if _, ok := after[key(n)]; !ok {
			e.remove(path, n)
		}
	}
	var order []*junos.Node // in which the entries stand before they are moved
	for _, n := range s.before {
		if i, ok := after[key(n)]; ok {
			order = append(order, s.after[i])
		}
	}
	for _, n := range s.after {
		i, ok := before[key(n)]
		if !ok {
			e.add(path, n)
			order = append(order, n)
			continue
		}
		b := s.before[i]
		if leafy(b) != leafy(n) && (len(b.Children) > 0 || len(n.Children) > 0 || len(n.Values) == 0) {
			e.remove(path, b)
			e.add(path, n)
			continue
		}
		stays = e.common(path, b, n) || stays
	}
	if s.schema().Is(junos.UserOrdered) {
		e.move(path, order, s)
	}
	return stays
}

// leafy tells the two shapes apart that a statement without a schema can have on the two sides.
func leafy(n *junos.Node) bool { return n.Kind == junos.Leaf || n.Kind == junos.LeafList }

// move orders the entries of a list, which stand as is says: those that keep their order among each other stay, as many
// as can be; each of the rest goes behind the one it follows. One that is protected on both sides can't be moved as it
// is.
func (e *editor) move(path []string, is []*junos.Node, s statement) {
	place, before, want := byKey(is), byKey(s.before), s.after
	at := make([]int, len(want))
	for i, n := range want {
		at[i] = place[key(n)]
	}
	stay := longestIncreasing(at)
	for i, n := range want {
		if stay[i] {
			continue
		}
		where, other := " before ", is[0]
		if i > 0 {
			where, other = " after ", want[i-1]
		}
		at, count := joinPath(slices.Concat(path, n.Words())), e.count()
		e.inserts = append(e.inserts, "insert "+at+where+joinPath(other.Words()))
		if b, ok := before[key(n)]; ok {
			e.reprotect(at, s.before[b], n, count)
		}
	}
}

// longestIncreasing marks a longest run of rising numbers within a permutation.
func longestIncreasing(p []int) []bool {
	var ends []int // ends[k]: the index in p at which the best run of k+1 ends
	prev := make([]int, len(p))
	for i, v := range p {
		k, _ := slices.BinarySearchFunc(ends, v, func(j, v int) int { return p[j] - v })
		prev[i] = -1
		if k > 0 {
			prev[i] = ends[k-1]
		}
		if k == len(ends) {
			ends = append(ends, i)
		} else {
			ends[k] = i
		}
	}
	marked := make([]bool, len(p))
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = prev[i] {
			marked[i] = true
		}
	}
	return marked
}

// add sets all of a new statement.
func (e *editor) add(path []string, n *junos.Node) {
	prefix := joinPath(path)
	t := junos.Tree{Root: &junos.Node{Children: []*junos.Node{inactiveFirst(n)}}}
	for line := range strings.Lines(t.Set()) {
		verb, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if prefix != "" {
			rest = prefix + " " + rest
		}
		line = verb + " " + rest
		switch verb {
		case "protect":
			e.protects = append(e.protects, line)
		case "annotate":
			e.annotations = append(e.annotations, line)
		default:
			if n.Inactive && junos.IsAlternative(n) {
				e.alternatives = append(e.alternatives, line)
			} else {
				e.sets = append(e.sets, line)
			}
		}
	}
}

// inactiveFirst puts the inactive alternatives in a statement, at all depths, in front of the active ones: setting one
// deletes an active one that it excludes.
func inactiveFirst(n *junos.Node) *junos.Node {
	if leafy(n) {
		return n
	}
	unnamed := 0 // leaves without a keyword: several are told apart by their order
	for _, child := range n.Children {
		if leafy(child) && child.Is(junos.Hidden) {
			unnamed++
		}
	}
	c := *n
	c.Children = make([]*junos.Node, 0, len(n.Children))
	for _, first := range []bool{true, false} {
		for _, child := range n.Children {
			ordered := unnamed > 1 && leafy(child) && child.Is(junos.Hidden)
			if (child.Inactive && junos.IsAlternative(child) && !ordered) == first {
				c.Children = append(c.Children, inactiveFirst(child))
			}
		}
	}
	return &c
}

// remove deletes a statement with all that it holds. What is protected has to be unprotected first.
func (e *editor) remove(path []string, n *junos.Node) {
	at := slices.Concat(path, n.Words())
	if leafy(n) {
		at = address(path, n)
	}
	e.unprotect(at, n)
	e.deletes = append(e.deletes, "delete "+joinPath(at))
}

func (e *editor) unprotect(at []string, n *junos.Node) {
	if n.Protected {
		e.unprotects = append(e.unprotects, "unprotect "+joinPath(at))
	}
	for _, c := range n.Children {
		if leafy(c) {
			e.unprotect(address(at, c), c)
		} else {
			e.unprotect(slices.Concat(at, c.Words()), c)
		}
	}
}
