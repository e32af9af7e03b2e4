package junos

import "slices"

// putAll adds the + statements; entries of lists that the user orders wait for placeAll.
func (p *patcher) putAll() {
	at := map[*patchItem]*Node{}
	for _, r := range p.refs {
		at[r.item] = r.node
	}
	for _, h := range p.hunks {
		for _, i := range h.items {
			switch i.mark {
			case '+':
				p.put(h, h.level, i.statements)
			case ' ':
				if n := at[i]; n.Kind == Entry && n.Is(UserOrdered) {
					p.list(h, holder(h.level, n), n.Schema).neighbour(n)
				}
			case '!':
				if n := at[i]; n.Kind == Entry && n.Is(UserOrdered) {
					p.list(h, holder(h.level, n), n.Schema).hunk = nil // what is new has its own neighbours
				}
			}
		}
	}
}

// unknownValues reports whether two statements are of one name that no schema knows, and have values at most.
func unknownValues(a, b *Node) bool {
	leafy := func(n *Node) bool { return n.Schema == nil && (n.Kind == Leaf || n.Kind == LeafList) }
	return a.Name == b.Name && leafy(a) && leafy(b)
}

// put adds the statements of what to n.
func (p *patcher) put(h *patchHunk, n, what *Node) {
	if holdsUnknown(what) {
		unifyNodes(what, n)
	}
	for _, c := range what.Children {
		i := slices.IndexFunc(n.Children, func(o *Node) bool { return Same(o, c) || unknownValues(o, c) })
		if i >= 0 {
			pushDown(c)
		}
		switch {
		case i >= 0 && partial(c):
			p.put(h, n.Children[i], c)
			continue
		case i >= 0:
			x := n.Children[i]
			p.failAt(h, c, msgCreate, "it not to be there: "+describe(x))
			continue
		case !c.Inactive && excluded(n, c):
			p.failAt(h, c, msgCreate, "nothing beside it that excludes "+describe(c))
			continue
		}
		pos := c.Pos
		for j, k := range p.kept {
			if k.parent == n && !k.used && c.Annotation == "" && Same(k.leaf, c) {
				p.kept[j].used = true
				c.Annotation = k.leaf.Annotation
			}
		}
		Walk(c, func(_ []string, d *Node) bool {
			d.Pos = Pos{} // it wasn't read from the text of the configuration
			return true
		})
		if c.Kind == Entry && c.Is(UserOrdered) {
			p.list(h, n, c.Schema).add(h, pos, c)
			continue
		}
		n.Children = append(n.Children, c)
	}
}

// list gives what is known of a list's order so far, for an event in hunk h.
func (p *patcher) list(h *patchHunk, parent *Node, s *Schema) *patchedList {
	var l *patchedList
	if i := slices.IndexFunc(p.lists, func(l *patchedList) bool { return l.parent == parent && l.schema == s }); i >= 0 {
		l = p.lists[i]
	} else {
		l = &patchedList{parent: parent, schema: s}
		p.lists = append(p.lists, l)
	}
	if l.hunk != h {
		l.hunk, l.open, l.last = h, nil, nil
	}
	return l
}

// neighbour notes that an entry which was there is shown next to new ones.
func (l *patchedList) neighbour(n *Node) {
	if l.open != nil {
		l.open.after = n
	}
	l.open, l.last = nil, n
}

// add notes a new entry.
func (l *patchedList) add(h *patchHunk, pos Pos, n *Node) {
	if l.open == nil {
		l.open = &patchRun{before: l.last, hunk: h, pos: pos}
		l.runs = append(l.runs, l.open)
	}
	l.open.entries = append(l.open.entries, n)
}

// move notes that an entry is moved.
func (p *patcher) move(r patchedRef) {
	if r.node.Kind != Entry || !r.node.Is(UserOrdered) {
		p.failIn(r.hunk, r.item.pos, msgSyntax, "inactive:, active:, protect: or unprotect:, or an entry of a list whose order is the user's")
		return
	}
	l := p.list(r.hunk, holder(r.hunk.level, r.node), r.node.Schema)
	if slices.Contains(l.moved, r.node) {
		p.failIn(r.hunk, r.item.pos, msgSyntax, "each moved entry once")
		return
	}
	l.moved = append(l.moved, r.node)
	l.pos = r.item.pos
}

// moveAll moves entries. A comparison shows each entry whose ordinal among those of both sides is another, in the new
// order: the moved ones share the places that they had.
func (p *patcher) moveAll() {
	for _, l := range p.lists {
		next := 0
		for i, c := range l.parent.Children {
			if !slices.Contains(l.moved, c) {
				continue
			}
			if c == l.moved[next] {
				p.failIn(l.hunk, l.pos, msgSyntax, "another place of "+describe(c)+", which would stay")
				return
			}
			l.parent.Children[i] = l.moved[next]
			next++
		}
	}
	for _, l := range p.lists {
		l.hunk = nil
	}
}

// placeAll puts new entries of lists that the user orders where their neighbours say.
func (p *patcher) placeAll() {
	for _, l := range p.lists {
		var there, rest []*Node
		for _, c := range l.parent.Children {
			if c.Kind == Entry && c.Schema == l.schema {
				there = append(there, c)
			} else {
				rest = append(rest, c)
			}
		}
		if len(l.runs) == 0 {
			continue
		}
		at := make([][]*Node, len(there)+1) // new entries in front of the one there
		for _, r := range l.runs {
			i, expected := r.place(there)
			if expected == "" && len(at[i]) > 0 && len(there) > 0 {
				expected = "all new entries of one place side by side"
			}
			if expected != "" {
				p.failIn(r.hunk, r.pos, msgSyntax, expected)
				return
			}
			at[i] = append(at[i], r.entries...)
		}
		for i, entries := range at {
			rest = append(rest, entries...)
			if i < len(there) {
				rest = append(rest, there[i])
			}
		}
		l.parent.Children = rest // in its place when the tree is made canonical
	}
}

// place gives where a run goes among the entries that are there, or what is missing to say so.
func (r *patchRun) place(there []*Node) (i int, expected string) {
	before, after := slices.Index(there, r.before), slices.Index(there, r.after)
	switch {
	case r.before == nil && r.after == nil && len(there) > 0:
		return 0, "the entries next to " + describe(r.entries[0]) + ", which say where it goes"
	case r.before == nil && after > 0:
		return 0, describe(there[after-1]) + " { ... } in front of it"
	case r.after == nil && r.before != nil && before < len(there)-1:
		return 0, describe(there[before+1]) + " { ... } behind " + describe(r.entries[len(r.entries)-1])
	case r.before != nil && r.after != nil && after != before+1:
		return 0, describe(r.before) + " next to " + describe(r.after)
	case r.before == nil:
		return 0, ""
	}
	return before + 1, ""
}
