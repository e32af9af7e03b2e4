package junos

import "slices"

// What is protected can be neither changed nor deleted, nor can anything in it; a router warns and goes on. Deleting a
// hierarchy that holds something protected deletes all the rest of it. The words are those of a device for a delete
// (`[interfaces em0] is protected, 'interfaces em0' cannot be deleted`); for a change they follow it by analogy.

// protectedMessage says that what guard names protects what path names.
func protectedMessage(guard, path []string, what string) string {
	return "[" + joinWords(guard) + "] is protected, '" + joinWords(path) + "' cannot be " + what
}

// holdsProtected reports whether n or something in it is protected.
func holdsProtected(n *Node) bool {
	return n.Protected || slices.ContainsFunc(n.Children, holdsProtected)
}

// keepProtected takes all from n that is not protected. It reports whether n itself has to stay, and calls kept for
// each protected statement. path is that of n.
func keepProtected(n *Node, path []string, kept func(path []string)) bool {
	if n.Protected {
		kept(slices.Clone(path))
		return true
	}
	n.Children = slices.DeleteFunc(n.Children, func(c *Node) bool {
		return !keepProtected(c, slices.Concat(path, PathWords(c)), kept)
	})
	return len(n.Children) > 0
}

// guard warns if a statement is protected, or stands in one that is.
func (c *commander) guard(verb word, l located, ws []word, what string) bool {
	if !c.guarded {
		return false
	}
	var path []string
	for _, n := range l.chain {
		path = append(path, PathWords(n)...)
		if n.Protected {
			c.warnAbout(verb.pos, protectedMessage(path, texts(ws), what), texts(ws))
			return true
		}
	}
	return false
}

// refused warns if what words name, or would name, is protected or stands in a statement that is.
func (c *commander) refused(verb word, ws []word, what string) bool {
	if !c.guarded {
		return false
	}
	l, n, words := located{value: -1}, c.tree.Root, texts(ws)
	for len(words) > 0 {
		child, used, _ := n.match(words)
		if child == nil { // a leaf with another value
			i := slices.IndexFunc(n.Children, func(o *Node) bool {
				return (o.Kind == Leaf || o.Kind == LeafList) && o.Schema != nil && !o.Is(Hidden) && o.Name == words[0]
			})
			if i >= 0 {
				l.chain = append(l.chain, n.Children[i])
			}
			break
		}
		l.chain = append(l.chain, child)
		n, words = child, words[used:]
	}
	return c.guard(verb, l, ws, what)
}

// guard keeps from s what is protected of d, the same statement below path. It reports whether that is all there is to
// do: s is refused, or has deleted the rest.
func (m *merger) guard(d, s *Node, path []string) (done bool) {
	sub := slices.Concat(path, PathWords(d))
	switch {
	case d.Protected && s.Op&(UnprotectOp|DeleteOp) == UnprotectOp:
		return false
	case s.Op&DeleteOp != 0:
		return holdsProtected(d) && m.keep(d, s, sub)
	case d.Protected:
		if m.changes(d, s, path) {
			m.warn(s.Pos, protectedMessage(sub, sub, "changed"), sub)
		}
		return true
	case m.replace && s.Op&ReplaceOp != 0 && d.Kind != Leaf && holdsProtected(d):
		m.keep(d, s, sub)
		d.Inactive, d.Annotation = false, ""
		m.strip(s, sub) // the rest of d is gone: s goes onto what stays
	}
	return false
}

// guardAlternative refuses s, a new statement of dst, if what it excludes is protected there.
func (m *merger) guardAlternative(dst, s *Node, path []string) (refused bool) {
	i := slices.IndexFunc(dst.Children, func(d *Node) bool {
		return !s.Inactive && !d.Inactive && Exclude(d, s) && holdsProtected(d)
	})
	if i < 0 {
		return false
	}
	sub := slices.Concat(path, PathWords(dst.Children[i]))
	m.warn(s.Pos, protectedMessage(sub, sub, "deleted"), sub)
	return true
}

// keep deletes all of d that is not protected, for s. It reports whether d stays.
func (m *merger) keep(d, s *Node, path []string) bool {
	return keepProtected(d, path, func(p []string) { m.warn(s.Pos, protectedMessage(p, p, "deleted"), p) })
}

// changes reports whether loading s onto d changes it.
func (m *merger) changes(d, s *Node, path []string) bool {
	after := d.Clone()
	if m.replace && s.Op&ReplaceOp != 0 {
		after = s.Clone()
		(&merger{}).strip(after, path)
	} else {
		(&merger{replace: m.replace}).node(after, s.Clone(), path)
	}
	before := &Node{Children: []*Node{d}}
	root := &Node{Children: []*Node{after}}
	normalize(root)
	return (&Tree{Root: root}).Set() != (&Tree{Root: before}).Set()
}

func (c *commander) protect(verb word, ws []word) {
	if l, ok := c.marked(verb, ws); ok {
		l.node().Protected, c.guarded = true, c.enforce
	}
}

func (c *commander) unprotect(verb word, ws []word) {
	if l, ok := c.marked(verb, ws); ok {
		l.node().Protected = false
	}
}
