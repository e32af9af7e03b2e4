package junos

import (
	"slices"
	"strings"
)

// patcher applies a compare text to a tree: all of it or, with an error, of no use.
type patcher struct {
	patchReader
	lists []*patchedList
	kept  []keptNote
	refs  []patchedRef
	// emptied is parents and containers on one line that have lost all; they go if nothing else comes into them.
	emptied [][2]*Node
}

// keptNote is the comment of a leaf that was taken away without it: its new value has it again.
type keptNote struct {
	parent *Node
	leaf   *Node
	hunk   *patchHunk
	pos    Pos
	used   bool
}

// patchedRef is a statement that a line named, to be held against the outcome.
type patchedRef struct {
	hunk *patchHunk
	item *patchItem
	node *Node
}

// patchedList collects what a patch says of the order of a list that the user orders.
type patchedList struct {
	parent *Node
	schema *Schema
	moved  []*Node
	runs   []*patchRun
	hunk   *patchHunk // of the last event
	open   *patchRun  // the run that the last event belongs to
	last   *Node      // the neighbour that was shown last
	pos    Pos
}

// patchRun is new entries side by side, with their neighbours, nil if none is shown.
type patchRun struct {
	before, after *Node
	entries       []*Node
	hunk          *patchHunk
	pos           Pos
}

// loadPatch applies a text as `show | compare` prints it. Its indent is not looked at, but all that it says must be so:
// each - statement is there, with just these contents; each + statement is not; what is named as a neighbour, as moved
// or as marked is there. New entries of a list that the user orders come where their neighbours say, moved ones as
// their order says.
func (t *Tree) loadPatch(file, src string) error {
	p := &patcher{patchReader: patchReader{builder: builder{file: file}, tree: t}}
	p.read(src)
	for _, stage := range []func(){p.takeAll, p.resolveAll, p.markAll, p.moveAll, p.putAll, p.placeAll, p.settle} {
		if len(p.errs) > 0 {
			return p.errs
		}
		stage()
	}
	if len(p.errs) > 0 {
		return p.errs
	}
	return nil
}

// each calls f for the items with one of the marks.
func (p *patcher) each(marks string, f func(*patchHunk, *patchItem)) {
	for _, h := range p.hunks {
		for _, i := range h.items {
			if strings.IndexByte(marks, i.mark) >= 0 {
				f(h, i)
			}
		}
	}
}

func (p *patcher) takeAll() {
	p.each("-", func(h *patchHunk, i *patchItem) { p.take(h, h.level, i.statements) })
}

// partial reports whether a statement of a patch may stand for a part of the one that is there: a container that is only
// written in front of its contents (`family`), or on one line with them.
func partial(c *Node) bool {
	if c.Kind != Container || c.marked() || len(c.Children) == 0 {
		return false
	}
	if leaf := c.Children[0]; len(c.Children) == 1 && leaf.marked() { // its marks stand in front of the line
		plain, bare := *c, *leaf
		bare.Inactive, bare.Protected, bare.Annotation = false, false, ""
		plain.Children = []*Node{&bare}
		c = &plain
	}
	return c.Is(Inline) || OneLine(c)
}

// pushDown gives the marks of a container to its only leaf: in front of a container that is written on one line with a
// changed leaf, they are the leaf's.
func pushDown(c *Node) {
	if c.Kind != Container || !c.marked() || len(c.Children) != 1 || len(c.Children[0].Children) > 0 || c.Children[0].marked() {
		return
	}
	leaf := c.Children[0]
	leaf.Inactive, leaf.Protected, leaf.Annotation = c.Inactive, c.Protected, c.Annotation
	c.Inactive, c.Protected, c.Annotation = false, false, ""
}

// take takes the statements of what from n.
func (p *patcher) take(h *patchHunk, n, what *Node) {
	if holdsUnknown(what) {
		unifyNodes(what, n)
	}
	for _, c := range what.Children {
		i := slices.IndexFunc(n.Children, func(o *Node) bool { return Same(o, c) })
		if i < 0 {
			p.failAt(h, c, msgNotFound, "it to be there: "+describe(c))
			continue
		}
		x := n.Children[i]
		leaf := c.Kind == Leaf || c.Kind == LeafList
		whole := equal(x, c)
		if !whole {
			pushDown(c)
		}
		switch {
		case partial(c):
			p.take(h, x, c)
			if whole {
				p.emptied = append(p.emptied, [2]*Node{n, x})
			}
			continue
		case whole:
		case leaf && x.Annotation != "" && c.Annotation == "" && equalLeaf(x, c):
			p.kept = append(p.kept, keptNote{parent: n, leaf: x, hunk: h, pos: c.Pos})
		default:
			p.failAt(h, c, msgNotFound, difference(x, c))
			continue
		}
		n.Children = slices.Delete(slices.Clone(n.Children), i, i+1)
	}
}

func (p *patcher) failAt(h *patchHunk, n *Node, message, expected string) {
	p.failIn(h, n.Pos, message, expected)
}

func holdsUnknown(n *Node) bool {
	return slices.ContainsFunc(n.Children, func(c *Node) bool { return c.Schema == nil || holdsUnknown(c) })
}

// describe names a statement in a complaint, a leaf with its value.
func describe(n *Node) string { return strings.TrimSpace(n.Tags() + joinWords(n.Words())) }

func equalLeaf(a, b *Node) bool {
	return a.Inactive == b.Inactive && a.Protected == b.Protected && slices.Equal(a.Values, b.Values)
}

// equal reports whether two statements are the same with all that they hold.
func equal(a, b *Node) bool {
	return Same(a, b) && equalLeaf(a, b) && a.Annotation == b.Annotation && slices.EqualFunc(a.Children, b.Children, equal)
}

// difference says what is there instead of what the patch has: the first set line that only one of them has.
func difference(is, patch *Node) string {
	has, want := setLines(is), setLines(patch)
	for _, l := range has {
		if !slices.Contains(want, l) {
			return "what is there: " + l
		}
	}
	for _, l := range want {
		if !slices.Contains(has, l) {
			return "what is there, without " + l
		}
	}
	return "the order that is there"
}

func setLines(n *Node) []string {
	t := Tree{Root: &Node{Children: []*Node{n}}}
	return strings.Split(strings.TrimSuffix(t.Set(), "\n"), "\n")
}

// resolveAll finds what lines name, in what is left.
func (p *patcher) resolveAll() {
	p.each(" !", func(h *patchHunk, i *patchItem) {
		n := p.resolve(h, i.ref)
		if n == nil {
			p.failIn(h, i.pos, msgNotFound, "it to be there: "+joinWords(texts(i.ref.words)))
			return
		}
		p.refs = append(p.refs, patchedRef{h, i, n})
	})
}

func (p *patcher) resolve(h *patchHunk, ref patchRef) *Node {
	words := texts(ref.words)
	if h.list != nil {
		for _, c := range h.level.Children {
			if c.Schema == h.list && slices.Equal(c.valueWords(), words) {
				return c
			}
		}
		return nil
	}
	end := slices.IndexFunc(ref.words, func(w word) bool { return w.list })
	if end < 0 {
		end = len(words)
	}
	l, ok := find(h.level, words[:end])
	n := l.node()
	switch {
	case !ok || n == h.level || ref.short == (n.Kind == Leaf || n.Kind == LeafList):
		return nil
	case end < len(words) && (n.Kind != LeafList || l.value >= 0 || !slices.Equal(n.Values, words[end:])):
		return nil
	case n.Kind == LeafList && end == len(words) && (l.value < 0 || len(n.Values) > 1):
		return nil
	case n.Kind == Leaf && !slices.Equal(n.Values, words[max(0, len(words)-len(n.Values)):]):
		return nil
	}
	return n
}

// holder gives the statement below from that has n among its children.
func holder(from, n *Node) *Node {
	if slices.Contains(from.Children, n) {
		return from
	}
	for _, c := range from.Children {
		if c.Kind == Container { // only containers are written in front of their contents
			if h := holder(c, n); h != nil {
				return h
			}
		}
	}
	return nil
}

// markAll sets the marks that ! lines show, and the comments in front of context lines. A moved entry is shown with the
// marks that it has in the end: one with a mark that it had before, or without one, is moved; one that gets a mark and is
// moved is shown twice, the move among the other moves.
func (p *patcher) markAll() {
	type marked struct {
		node *Node
		tags string
	}
	moves := map[*patchHunk]bool{}
	twice := map[marked][]patchedRef{}
	for _, r := range p.refs {
		switch {
		case r.item.mark != '!':
		case !r.marks():
			moves[r.hunk] = true
		default:
			m := marked{r.node, r.item.ref.tags}
			twice[m] = append(twice[m], r)
		}
	}
	moved := map[*patchItem]bool{}
	for _, rs := range twice {
		if len(rs) == 2 {
			moved[rs[0].item] = moves[rs[0].hunk] || !moves[rs[1].hunk]
			moved[rs[1].item] = !moved[rs[0].item]
		}
	}
	for _, r := range p.refs {
		switch {
		case r.item.mark != '!':
		case !r.marks() || moved[r.item]:
			p.move(r)
		default:
			r.mark()
		}
	}
	p.annotateAll()
}

// marks reports whether a ! line changes a mark of its statement, as that was before.
func (r patchedRef) marks() bool {
	switch r.item.ref.tags {
	case "inactive: ":
		return !r.node.Inactive
	case "active: ":
		return r.node.Inactive
	case "protect: ":
		return !r.node.Protected
	case "unprotect: ":
		return r.node.Protected
	}
	return false
}

func (r patchedRef) mark() {
	switch r.item.ref.tags {
	case "inactive: ", "active: ":
		r.node.Inactive = r.item.ref.tags == "inactive: "
	default:
		r.node.Protected = r.item.ref.tags == "protect: "
	}
}

func (p *patcher) annotateAll() {
	at := map[*patchItem]*Node{}
	for _, r := range p.refs {
		at[r.item] = r.node
	}
	for _, h := range p.hunks {
		var notes []*patchItem
		for _, i := range h.items {
			switch {
			case i.mark == ' ' && len(notes) > 0:
				p.annotate(h, i, at[i], notes)
				notes = nil
			case len(notes) > 0 && (!i.hasNote || len(i.statements.Children) > 0 || i.mark == notes[len(notes)-1].mark):
				p.failIn(h, notes[0].pos, msgSyntax, "the statement of the comment behind it")
				notes = nil
			}
			if i.hasNote {
				notes = append(notes, i)
			}
		}
		if len(notes) > 0 {
			p.failIn(h, notes[0].pos, msgSyntax, "the statement of the comment behind it")
		}
	}
}

func (p *patcher) annotate(h *patchHunk, i *patchItem, n *Node, notes []*patchItem) {
	was, is := "", ""
	for _, note := range notes {
		if note.mark == '-' {
			was = note.note
		} else {
			is = note.note
		}
	}
	if n.Annotation != was {
		expected := "no comment at " + joinWords(texts(i.ref.words))
		if n.Annotation != "" {
			expected = "the comment that is there: /* " + n.Annotation + " */"
		}
		p.failIn(h, notes[0].pos, msgNotFound, expected)
		return
	}
	n.Annotation = is
}

// settle checks what could not be before all was applied, and makes the tree canonical.
func (p *patcher) settle() {
	for _, k := range p.kept {
		if !k.used {
			p.failIn(k.hunk, k.pos, msgNotFound, "its comment, which would be gone: /* "+k.leaf.Annotation+" */")
		}
	}
	for _, r := range p.refs {
		if r.item.mark == '!' && strings.Count(r.item.ref.tags, ":") == 1 { // told what becomes of it, and it has
			continue
		}
		if r.node.Tags() != r.item.ref.tags {
			p.failIn(r.hunk, r.item.pos, msgNotFound, r.node.Tags()+joinWords(texts(r.item.ref.words)))
		}
	}
	for _, e := range p.emptied {
		if len(e[1].Children) == 0 {
			e[0].Children = slices.DeleteFunc(e[0].Children, func(c *Node) bool { return c == e[1] })
		}
	}
	had := weight(p.tree.Root, false)
	normalize(p.tree.Root)
	if weight(p.tree.Root, false) != had {
		p.fail(Pos{Line: 1, Col: 1}, msgCreate, "no statement that excludes one that stays")
	}
	p.tree.settleTop(nil)
}
