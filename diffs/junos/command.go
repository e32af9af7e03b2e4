package junos

import (
	"slices"
	"strconv"
	"strings"
)

// command is what a line of set commands can begin with.
type command struct {
	run func(*commander, word, []word) // the command's own word, and what follows it
	// least is how many words must follow.
	least int
	// here: the words after it don't begin at the level that edit has gone to.
	here bool
}

// commandFor returns the command of a word, nil if it is none: those of configuration mode that change the candidate or
// the level, all of which a router's `load set` takes.
func commandFor(w string) *command {
	switch w {
	case "set":
		return &command{run: (*commander).set, least: 1}
	case "delete":
		return &command{run: (*commander).delete}
	case "activate":
		return marking(func(n *Node) { n.Inactive = false })
	case "deactivate":
		return marking(func(n *Node) { n.Inactive = true })
	case "protect":
		return &command{run: (*commander).protect, least: 1}
	case "unprotect":
		return &command{run: (*commander).unprotect, least: 1}
	case "annotate":
		return &command{run: (*commander).annotate, least: 1}
	case "rename":
		return &command{run: (*commander).rename, least: 1}
	case "copy":
		return &command{run: (*commander).copy, least: 1}
	case "insert":
		return &command{run: (*commander).insert, least: 1}
	case "wildcard":
		return &command{run: (*commander).wildcard, least: 1, here: true}
	case "edit":
		return &command{run: (*commander).edit, least: 1, here: true}
	case "top":
		return &command{run: (*commander).top, here: true}
	case "up":
		return &command{run: (*commander).up, here: true}
	case "exit", "quit":
		return &command{run: (*commander).exit, here: true}
	}
	return nil
}

const commandNames = "set, delete, activate, deactivate, protect, unprotect, annotate, rename, copy, insert, wildcard delete, edit, top, up or exit"

// isCommand reports whether a line, without the blanks around it, is a set command rather than a statement.
func isCommand(line string) bool {
	verb, _, more := strings.Cut(line, " ")
	c := commandFor(verb)
	return c != nil && (more || c.least == 0) && !strings.HasSuffix(line, ";") && !strings.HasSuffix(line, "{")
}

// commander applies set commands to a tree.
type commander struct {
	builder
	tree    *Tree
	settler settler
	removed bool       // something was deleted since the tree was last settled
	enforce bool       // what is protected is not changed
	guarded bool       // something is protected
	screen  bool       // as the lexer's: the session may end
	at      [][]word   // where edit has gone to: the words of each level
	before  [][][]word // the levels that exit goes back to
	slab    []word     // room for the words of lines: one allocation for many lines
}

// setMode says how set lines are taken. Lines that describe a configuration, rather than change one, may protect a
// statement before they have said all of it: enforce tells the two apart. whole is as for parseCurly.
type setMode struct{ enforce, whole bool }

// loadSet applies set lines in their order. With an error the tree is of no use.
func (t *Tree) loadSet(file, src string, m setMode) ([]*Error, error) {
	c := &commander{builder: builder{file: file, stack: []*Node{t.Root}, keep: m.whole}, tree: t, enforce: m.enforce, screen: m.whole}
	c.guarded = m.enforce && holdsProtected(t.Root)
	c.settler.whole = !m.enforce
	lex := lexer{src: src, line: 1, newlines: true, screen: m.whole}
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
	if !m.enforce {
		dropWritten(t.Root)
	}
	t.settleTop(nil)
	if len(c.errs) > 0 {
		return c.warns, c.errs
	}
	return c.warns, nil
}

// wordsPerLine is how many words a line has room for at first; few have more.
const wordsPerLine = 16

// line reads the words of one line. A complaint about it leaves none.
func (c *commander) line(lex *lexer) (ws []word, more bool) {
	if cap(c.slab)-len(c.slab) < wordsPerLine {
		c.slab = make([]word, 0, 64*wordsPerLine)
	}
	ws = c.slab[len(c.slab):]
	defer func() { // the words of a line may be kept
		if len(c.slab)+len(ws) <= cap(c.slab) {
			c.slab = c.slab[:len(c.slab)+len(ws)]
		}
		ws = slices.Clip(ws)
	}()
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
	verb, args := ws[0], ws[1:]
	cmd := commandFor(verb.text)
	switch {
	case c.screen && verb.list && verb.text == "edit": // a banner
		c.at, c.before = nil, nil
		for i := range args {
			args[i].list = false
		}
		if len(args) > 0 {
			c.edit(verb, args)
		}
	case c.screen && !verb.quoted && !verb.list && c.passedOver(ws):
	case c.screen && !verb.quoted && !verb.list && cmd == nil && c.isStatement(ws):
		c.set(verb, ws)
	case cmd == nil || verb.quoted:
		c.fail(verb.pos, msgSyntax, commandNames)
	case len(args) < cmd.least:
		c.fail(verb.pos, msgMissing, "a statement after "+verb.text)
	case cmd.here || len(c.at) == 0:
		cmd.run(c, verb, args)
	default:
		cmd.run(c, verb, append(slices.Concat(c.at...), args...))
	}
}

func (c *commander) settle() {
	c.settler.settle(c.tree.Root)
	c.removed = false
	c.boxes = boxes{} // what is unknown can have become something else
}

func (c *commander) set(verb word, ws []word) {
	if c.refused(verb, ws, "changed") {
		return
	}
	if c.removed {
		c.settle() // a container that is gone with its last child comes back without its marks
	}
	r, bad := c.walk(c.tree.Root, ws, walkMode{set: true})
	if bad != nil {
		c.failIn(r, bad)
	}
}

// failIn adds a complaint about the statement that the words read so far name.
func (c *commander) failIn(r walked, bad *Error) {
	for _, n := range r.chain {
		bad.Path = append(bad.Path, n.Words()...)
	}
	c.add(bad)
}

func texts(ws []word) []string {
	s := make([]string, len(ws))
	for i, w := range ws {
		s[i] = w.text
	}
	return s
}

// locate finds the statement that words name, to change it or what it holds. In what no schema knows, the words may name
// the beginning of several statements: they are made one entry then.
func (c *commander) locate(ws []word) (located, bool) {
	c.settle()
	words := texts(ws)
	if l, ok := find(c.tree.Root, words); ok {
		l.touch() // a container that means nothing when empty goes with its last child
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
	l.touch()
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

// warnAbout adds a warning about a statement.
func (c *commander) warnAbout(pos Pos, message string, path []string) {
	c.warn(pos, message)
	c.warns[len(c.warns)-1].Path = path
}

// failAbout adds an error about a statement.
func (c *commander) failAbout(pos Pos, message, expected string, path []string) {
	e := c.complaint(pos, message, expected)
	e.Path = path
	c.add(e)
}

func (c *commander) delete(verb word, ws []word) {
	if len(ws) == len(slices.Concat(c.at...)) { // a bare delete: what the level holds, but not the level itself
		c.clear(verb, ws)
		return
	}
	l, ok := c.locate(ws)
	switch n, holder := l.node(), l.holder(); {
	case ok && c.guard(verb, l, ws, "deleted"):
	case !ok && c.deleteAll(verb, ws):
	case !ok:
		c.warnAbout(verb.pos, msgNotFound, texts(ws))
	case l.value >= 0 && len(n.Values) > 1:
		n.Values = slices.Delete(slices.Clone(n.Values), l.value, l.value+1)
	default:
		c.remove(verb, holder, texts(ws), func(c *Node) bool { return c == n })
	}
}

// remove takes children of n away, all but what is protected in them. path is that of the children, for the warnings.
func (c *commander) remove(verb word, n *Node, path []string, which func(*Node) bool) (some bool) {
	n.Children = slices.DeleteFunc(n.Children, func(child *Node) bool {
		if !which(child) {
			return false
		}
		some = true
		return !c.guarded || !keepProtected(child, path, func(p []string) {
			c.warnAbout(verb.pos, protectedMessage(p, p, "deleted"), p)
		})
	})
	c.settler.removed(n)
	c.removed = c.removed || some
	return some
}

// clear deletes all that a level holds.
func (c *commander) clear(verb word, ws []word) {
	l, ok := c.locate(ws)
	switch {
	case !ok:
		c.warnAbout(verb.pos, msgNotFound, texts(ws))
	case !c.guard(verb, l, ws, "deleted"):
		n, path := l.node(), texts(ws)
		for _, child := range slices.Clone(n.Children) {
			c.remove(verb, n, slices.Concat(path, PathWords(child)), func(o *Node) bool { return o == child })
		}
	}
}

// deleteAll deletes all entries of a list that is named without a key.
func (c *commander) deleteAll(verb word, ws []word) bool {
	l, s := c.list(ws)
	if s == nil {
		return false
	}
	if !slices.ContainsFunc(l.node().Children, func(n *Node) bool { return n.Schema == s }) {
		return false
	}
	if c.guard(verb, l, ws, "deleted") {
		return true
	}
	n, path := l.node(), texts(ws)
	for _, e := range slices.Clone(n.Children) {
		if e.Schema == s {
			c.remove(verb, n, slices.Concat(path, e.Values), func(o *Node) bool { return o == e })
		}
	}
	return true
}

// list finds the list that words name without a key: the statement that holds it, and what the schema says of it.
func (c *commander) list(ws []word) (located, *Schema) {
	if len(ws) == 0 {
		return located{}, nil
	}
	l, ok := c.locate(ws[:len(ws)-1])
	if !ok {
		return l, nil
	}
	s := l.node().Schema.Child(ws[len(ws)-1].text)
	if s == nil || s.Kind != Entry {
		return l, nil
	}
	return l, s
}

func marking(set func(*Node)) *command {
	return &command{run: func(c *commander, verb word, ws []word) {
		if l, ok := c.marked(verb, ws); ok && !c.guard(verb, l, ws, "changed") {
			set(l.node())
		}
	}, least: 1}
}

// marked finds the statement that a command marks.
func (c *commander) marked(verb word, ws []word) (located, bool) {
	l, ok := c.locate(ws)
	switch {
	case !ok:
		c.warnAbout(verb.pos, msgNotFound, texts(ws))
	case l.value >= 0 && len(l.node().Values) > 1:
		c.fail(ws[len(ws)-1].pos, msgSyntax, "the whole of "+l.node().Name+": one of its values cannot be marked")
		return l, false
	}
	return l, ok
}

func (c *commander) annotate(verb word, ws []word) {
	last := ws[len(ws)-1]
	if len(ws) < 2 {
		c.fail(last.pos, msgMissing, "a comment after the statement")
		return
	}
	if strings.Contains(last.text, "*/") {
		c.fail(last.pos, msgSyntax, "a comment without */")
		return
	}
	ws = ws[:len(ws)-1]
	l, ok := c.locate(ws)
	if !ok {
		c.warnAbout(verb.pos, msgNotFound, texts(ws))
		return
	}
	if !c.guard(verb, l, ws, "changed") {
		l.node().Annotation = strings.TrimSpace(strings.ReplaceAll(last.text, `\n`, "\n"))
	}
}

// edit goes to a level. It need not be there: it comes with what is set in it.
func (c *commander) edit(_ word, ws []word) {
	ws = append(slices.Concat(c.at...), ws...)
	r, bad := c.walk(New(c.tree.Schema).Root, ws, walkMode{set: true})
	switch {
	case bad != nil:
		c.failIn(r, bad)
		return
	case len(r.leaves) > 0 && r.leaves[len(r.leaves)-1].Schema != nil:
		c.fail(ws[len(ws)-1].pos, msgSyntax, "a statement that has others in it")
		return
	}
	var at [][]word
	for i := 0; i < len(r.chain); i++ {
		used := len(r.chain[i].Words())
		for r.chain[i].Is(Inline) && i+1 < len(r.chain) { // never a level of its own
			i++
			used += len(r.chain[i].Words())
		}
		at = append(at, ws[:used:used])
		ws = ws[used:]
	}
	if len(ws) > 0 { // no schema knows it
		at = append(at, ws)
	}
	c.before = append(c.before, c.at)
	c.at = at
}

// from runs a command that stands behind top or up, at that level, and comes back unless the command goes elsewhere.
func (c *commander) from(at [][]word, ws []word) {
	was, edits := c.at, len(c.before)
	c.at = at
	if len(ws) == 0 {
		return
	}
	c.command(ws)
	switch ws[0].text {
	case "edit":
		if len(c.before) > edits {
			c.before[edits] = was
		}
	case "top", "up", "exit", "quit":
	default:
		c.at = was
	}
}

func (c *commander) top(_ word, ws []word) {
	if len(ws) == 0 {
		c.before = nil
	}
	c.from(nil, ws)
}

func (c *commander) up(_ word, ws []word) {
	levels := 1
	if len(ws) > 0 {
		if n, err := strconv.Atoi(ws[0].text); err == nil && n > 0 {
			levels, ws = n, ws[1:]
		}
	}
	c.from(c.at[:max(0, len(c.at)-levels)], ws)
}

// exit goes back to where the last edit came from.
func (c *commander) exit(verb word, ws []word) {
	leaves := len(c.before) == 0 || len(ws) == 1 && ws[0].text == "configuration-mode"
	switch {
	case leaves && c.screen:
		c.at, c.before = nil, nil
	case len(ws) > 0:
		c.fail(ws[0].pos, msgSyntax, verb.text+" alone")
	case len(c.before) == 0:
		c.fail(verb.pos, msgSyntax, "an edit before it: at the top, "+verb.text+" ends the session")
	default:
		c.at, c.before = c.before[len(c.before)-1], c.before[:len(c.before)-1]
	}
}
