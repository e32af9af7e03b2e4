package junos

import (
	"slices"
	"strings"
)

// setVerbs are the commands that a set line may begin with.
var setVerbs = map[string]func(*commander, []word){
	"set":        (*commander).set,
	"delete":     (*commander).delete,
	"activate":   func(c *commander, ws []word) { c.mark(ws, func(n *Node) { n.Inactive = false }) },
	"deactivate": func(c *commander, ws []word) { c.mark(ws, func(n *Node) { n.Inactive = true }) },
	"protect":    func(c *commander, ws []word) { c.mark(ws, func(n *Node) { n.Protected = true }) },
	"unprotect":  func(c *commander, ws []word) { c.mark(ws, func(n *Node) { n.Protected = false }) },
	"annotate":   (*commander).annotate,
}

// commander applies set lines to a tree.
type commander struct {
	builder
	tree  *Tree
	dirty bool // set lines have added nodes; normalize before anything is looked up
}

// loadSet applies set lines in their order. With an error the tree is of no use.
func (t *Tree) loadSet(file, src string) ([]*Error, error) {
	c := &commander{builder: builder{file: file, stack: []*Node{t.Root}}, tree: t}
	lex := lexer{src: src, line: 1, newlines: true}
	for len(c.errs) < maxErrors {
		ws, more := c.line(&lex)
		if len(ws) > 0 {
			c.command(ws)
		}
		if !more {
			break
		}
	}
	c.settle()
	t.settleTop(nil)
	if len(c.errs) > 0 {
		return c.warns, c.errs
	}
	return c.warns, nil
}

// line reads the words of one line. A complaint about it leaves none.
func (c *commander) line(lex *lexer) (ws []word, more bool) {
	inList, bad := false, false
	var open Pos
	complain := func(pos Pos, expected string) {
		if !bad {
			c.fail(pos, msgSyntax, expected)
		}
		bad = true
	}
	for {
		t := lex.next()
		switch t.kind {
		case tokWord:
			ws = append(ws, word{text: t.text, pos: t.pos, quoted: t.quoted, list: inList})
		case tokBracket:
			inList, open = true, t.pos
		case tokBracketEnd:
			inList = false
		case tokComment, tokNote:
		case tokNewline, tokEOF:
			if inList {
				complain(open, "] that ends the list, on the same line")
			}
			if bad {
				ws = nil
			}
			return ws, t.kind == tokNewline
		case tokBad:
			complain(t.pos, t.text)
		default:
			complain(t.pos, "set lines, without braces and semicolons")
		}
	}
}

func (c *commander) command(ws []word) {
	run := setVerbs[ws[0].text]
	switch {
	case run == nil || ws[0].quoted:
		c.fail(ws[0].pos, msgSyntax, "set, delete, activate, deactivate, protect, unprotect or annotate")
	case len(ws) == 1:
		c.fail(ws[0].pos, msgMissing, "a statement after "+ws[0].text)
	default:
		run(c, ws)
	}
}

func (c *commander) settle() {
	if c.dirty {
		normalize(c.tree.Root)
		c.dirty = false
	}
}

func (c *commander) set(ws []word) {
	r, bad := c.walk(c.tree.Root, ws[1:], walkMode{set: true})
	if bad != nil {
		// the complaint is about the statement that the words before it name
		for _, n := range r.chain {
			bad.Path = append(bad.Path, n.Words()...)
		}
		c.add(bad)
		return
	}
	c.dirty = true
}

func texts(ws []word) []string {
	s := make([]string, len(ws))
	for i, w := range ws {
		s[i] = w.text
	}
	return s
}

// locate finds the statement that words name. In what no schema knows, the words may name the beginning of several
// statements: they are made one entry then.
func (c *commander) locate(ws []word) (located, bool) {
	c.settle()
	words := texts(ws)
	if l, ok := find(c.tree.Root, words); ok {
		return l, true
	}
	l, n := located{parent: c.tree.Root, value: -1}, c.tree.Root
	for {
		child, used, _ := n.match(words)
		if child == nil || used >= len(words) {
			break
		}
		l.chain = append(l.chain, child)
		n, words = child, words[used:]
	}
	e := gatherUnknown(n, words)
	if e == nil {
		return l, false
	}
	l.chain = append(l.chain, e)
	return l, true
}

// gatherUnknown turns the unknown children of n that begin with words into one statement of those words, which has the
// rest of each as a child. It returns nil if there are none.
func gatherUnknown(n *Node, words []string) *Node {
	var e *Node
	kept := n.Children[:0:0]
	for _, c := range n.Children {
		cw := c.Words()
		if c.Schema != nil || len(c.Children) > 0 || c.Kind == Container || len(cw) <= len(words) || !startsWith(cw, words) {
			kept = append(kept, c)
			continue
		}
		if e == nil {
			e = &Node{Kind: Entry, Name: words[0], Values: slices.Clone(words[1:]), Pos: c.Pos}
			if len(words) == 1 {
				e.Kind = Container
			}
			kept = append(kept, e)
		}
		e.Children = append(e.Children, &Node{
			Kind: Leaf, Name: cw[len(words)], Values: cw[len(words)+1:], Pos: c.Pos,
			Inactive: c.Inactive, Protected: c.Protected, Secret: c.Secret, Annotation: c.Annotation,
		})
	}
	if e != nil {
		n.Children = kept
		normalize(n)
	}
	return e
}

// warnNotFound says that there is no such statement.
func (c *commander) warnNotFound(ws []word) {
	c.warn(ws[0].pos, msgNotFound)
	c.warns[len(c.warns)-1].Path = texts(ws[1:])
}

func (c *commander) delete(ws []word) {
	l, ok := c.locate(ws[1:])
	switch n, holder := l.node(), l.holder(); {
	case !ok && c.deleteAll(ws[1:]):
	case !ok:
		c.warnNotFound(ws)
		return
	case l.value >= 0 && len(n.Values) > 1:
		n.Values = slices.Delete(slices.Clone(n.Values), l.value, l.value+1)
		return
	default:
		holder.Children = slices.DeleteFunc(holder.Children, func(c *Node) bool { return c == n })
	}
	c.dirty = true // a container that means nothing when empty goes with its last child
}

// deleteAll deletes all entries of a list that is named without a key.
func (c *commander) deleteAll(ws []word) bool {
	n := c.tree.Root
	words := texts(ws)
	for len(words) > 1 {
		child, used, _ := n.match(words)
		if child == nil {
			return false
		}
		n, words = child, words[min(used, len(words)):]
	}
	if len(words) != 1 {
		return false
	}
	s := n.Schema.Child(words[0])
	if s == nil || s.Kind != Entry {
		return false
	}
	before := len(n.Children)
	n.Children = slices.DeleteFunc(n.Children, func(c *Node) bool { return c.Schema == s })
	return len(n.Children) < before
}

func (c *commander) mark(ws []word, set func(*Node)) {
	l, ok := c.locate(ws[1:])
	n := l.node()
	switch {
	case !ok:
		c.warnNotFound(ws)
	case l.value >= 0 && len(n.Values) > 1:
		c.fail(ws[len(ws)-1].pos, msgSyntax, "the whole of "+n.Name+": one of its values cannot be marked")
	default:
		set(n)
	}
}

func (c *commander) annotate(ws []word) {
	if len(ws) < 3 {
		c.fail(ws[len(ws)-1].pos, msgMissing, "a comment after the statement")
		return
	}
	last := ws[len(ws)-1]
	if strings.Contains(last.text, "*/") {
		c.fail(last.pos, msgSyntax, "a comment without */")
		return
	}
	l, ok := c.locate(ws[1 : len(ws)-1])
	if !ok {
		c.warnNotFound(ws[:len(ws)-1])
		return
	}
	l.node().Annotation = strings.TrimSpace(strings.ReplaceAll(last.text, `\n`, "\n"))
}
