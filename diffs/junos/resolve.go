package junos

import (
	"slices"
	"strings"
)

// builder makes nodes out of statements: it walks their words down the schema.
type builder struct {
	file  string
	keep  bool    // a whole configuration is read: what the schema does not fit is kept, see misfit
	stack []*Node // open statements, the root first
	errs  ErrorList
	warns []*Error
	nodes []Node   // a slab: one allocation for many nodes
	strs  []string // a slab for Values
	chain []*Node
	found []*Node
	keys  []word
	boxes boxes
}

// boxes is the unknown containers and entries among the first children of a statement.
type boxes struct {
	of    *Node
	count int
	last  *Node
	nodes []*Node
}

// walkMode says what kind of statement is walked.
type walkMode struct {
	open     bool    // a block follows
	set      bool    // a set line: several statements may stand on it
	deleting bool    // values may be missing
	list     *Schema // the statement stands in the block of this list: its first words are keys
}

// walked is the outcome of a walk. The slices live until the next one.
type walked struct {
	first  *Node   // the statement that tags before it are for: the first that is not Inline
	last   *Node   // the innermost container or entry, what a block after it fills
	chain  []*Node // from the first node to last
	leaves []*Node
	list   *Schema // the words end with the name of a list: what follows is about its entries
}

func (b *builder) add(e *Error) {
	if len(b.errs) < maxErrors {
		b.errs = append(b.errs, e)
	}
}

func (b *builder) fail(pos Pos, message, expected string) { b.add(b.complaint(pos, message, expected)) }

func (b *builder) warn(pos Pos, message string) {
	e := b.complaint(pos, message, "")
	e.Severity = SeverityWarning
	b.warns = append(b.warns, e)
}

func (b *builder) complaint(pos Pos, message, expected string) *Error {
	e := &Error{File: b.file, Pos: pos, Message: message}
	if expected != "" {
		e.Expected = "expected " + expected
	}
	for _, n := range b.stack[min(1, len(b.stack)):] {
		e.Path = append(e.Path, n.Words()...)
	}
	return e
}

func (b *builder) node(k Kind, name string, s *Schema, pos Pos) *Node {
	if len(b.nodes) == 0 {
		b.nodes = make([]Node, 256)
	}
	n := &b.nodes[0]
	b.nodes = b.nodes[1:]
	n.Kind, n.Name, n.Schema, n.Pos = k, name, s, pos
	return n
}

// values copies words into Values.
func (b *builder) values(ws ...word) []string {
	if len(ws) == 0 {
		return nil
	}
	if len(b.strs) < len(ws) {
		b.strs = make([]string, max(512, len(ws)))
	}
	v := b.strs[:len(ws):len(ws)]
	b.strs = b.strs[len(ws):]
	for i := range ws {
		v[i] = ws[i].text
	}
	return v
}

// walk resolves the words of one statement below parent.
func (b *builder) walk(parent *Node, ws []word, m walkMode) (walked, *Error) {
	r := walked{last: parent, chain: b.chain[:0], leaves: b.found[:0]}
	leaf, at := false, 0 // the last thing read was a leaf, which began there
	for i := 0; i < len(ws); {
		if leaf && r.last == parent && !m.set && !b.onLine(parent, ws, at, i) {
			return b.misfit(parent, r.without(), ws, at, i, m, b.complaint(ws[i].pos, msgSyntax, "; before "+Quote(ws[i].text)))
		}
		var s *Schema
		kw := 1
		if i == 0 && m.list != nil {
			s, kw = m.list, 0
		} else {
			s, kw = b.find(&r, parent, ws[i:], m)
		}
		if s != nil && m.open && (s.Kind == Leaf || s.Kind == LeafList) {
			s = nil // the table has it as a leaf, the text has a block: believe the text
		}
		if s == nil {
			if !leaf {
				return b.unknown(r, ws[i:], m)
			}
			if used := b.unknownOnLine(&r, parent, ws[i:]); used > 0 {
				at = i
				i += used
				continue
			}
			return b.misfit(parent, r.without(), ws, at, i, m, b.complaint(ws[i].pos, msgSyntax, ""))
		}
		var bad *Error
		at = i
		switch i += kw; s.Kind {
		case Container:
			r.descend(b.child(r.last, s, nil, ws[at].pos))
			leaf = false
		case Entry:
			if i == len(ws) && (m.open || m.deleting) {
				r.list = s
				break
			}
			i, bad = b.entry(&r, s, ws, i)
			leaf = false
		default:
			i, bad = b.leaf(&r, s, ws, i, at, m)
			leaf = true
		}
		if bad != nil {
			return b.misfit(parent, r, ws, at, i, m, bad)
		}
	}
	b.chain, b.found = r.chain, r.leaves
	return r, nil
}

// misfit is for a statement whose words, from at on, the schema does not fit at word i: one value too many, none, a key
// that is not one of the words that it can be. A change is refused with the complaint bad. A whole configuration is
// believed, since a router had it: the statement is kept as it was written, as one that no schema knows. But where a `;`
// seems to be missing the words are those of two statements.
func (b *builder) misfit(parent *Node, r walked, ws []word, at, i int, m walkMode, bad *Error) (walked, *Error) {
	runs := runsOn(parent.Schema, ws, at, i) || slices.ContainsFunc(r.chain, func(n *Node) bool { return runsOn(n.Schema, ws, at, i) })
	if !b.keep || !m.set && runs || goesOn(ws[at:]) {
		return r, bad
	}
	words := ws[at:]
	if at == 0 && m.list != nil {
		words = append([]word{{text: m.list.Name, pos: ws[0].pos}}, ws...)
	}
	kept, err := b.unknown(r, words, m)
	if err != nil {
		return r, bad
	}
	return kept, nil
}

// runsOn reports whether the words of a statement, from at on, seem to be those of two: word i, which does not fit, names
// a statement of the same block, or the words are not on one line.
func runsOn(block *Schema, ws []word, at, i int) bool {
	if i < len(ws) && !ws[i].quoted && block.Child(ws[i].text) != nil {
		return true
	}
	return slices.ContainsFunc(ws[at:], func(w word) bool { return !w.list && w.pos.Line != ws[at].pos.Line })
}

// goesOn reports whether a list in brackets is not the end of the words.
func goesOn(ws []word) bool {
	list := slices.IndexFunc(ws, func(w word) bool { return w.list })
	return list >= 0 && slices.ContainsFunc(ws[list:], func(w word) bool { return !w.list })
}

// onLine reports whether word i of a misfit goes on as a statement of parent, since several of them may stand on one line.
func (b *builder) onLine(parent *Node, ws []word, at, i int) bool {
	return b.keep && parent.isOneLine() && !ws[i].list && !runsOn(parent.Schema, ws, at, i)
}

func (n *Node) isOneLine() bool { return n.Is(Oneliner) || n.Is(OnelinerPlus) }

// without takes back the leaf that was read last.
func (r walked) without() walked {
	n, last := r.last, len(r.leaves)-1
	if r.first == r.leaves[last] {
		r.first = nil
	}
	n.Children, r.leaves = n.Children[:len(n.Children)-1], r.leaves[:last]
	return r
}

// find looks up what the next word names: a child of the innermost container by its keyword, a child whose keyword is
// not written, or else a child of a one-line container further out, to which r goes back (`inet 192.0.2.4 hostname x`).
// kw is how many words the keyword takes.
func (b *builder) find(r *walked, parent *Node, ws []word, m walkMode) (s *Schema, kw int) {
	n := r.last
	if s = n.Schema.Child(ws[0].text); s != nil {
		return s, 1
	}
	got := n.Children
	if n != parent {
		got = r.leaves
	}
	s, full := n.Schema.hiddenFor(got)
	if s != nil && s.Kind != Entry && !b.fits(r, parent, ws, m) {
		s = nil
	}
	if s != nil && !full {
		return s, 0
	}
	if i, ok := r.outer(ws[0].text); ok {
		r.last, r.chain = r.chain[i], r.chain[:i+1]
		return r.last.Schema.Child(ws[0].text), 1
	}
	if full && !m.set { // one value more than there can be: not a value
		return nil, 0
	}
	return s, 0
}

// fits reports whether the words can begin with a value of a hidden leaf of the innermost container, rather than be a
// statement the table lacks.
func (b *builder) fits(r *walked, parent *Node, ws []word, m walkMode) bool {
	n := r.last
	switch {
	case m.open:
		return false
	case len(ws) == 1 || ws[1].list || n.Schema.Child(ws[1].text) != nil || len(n.Schema.idx.hidden) > 1:
		return true
	case parent.Schema.Child(ws[1].text) != nil: // only a ; is missing
		return true
	}
	_, ok := r.outer(ws[1].text)
	return ok
}

// outer finds a one-line container around the innermost one that has a child of this name. All between are of one line.
func (r *walked) outer(name string) (at int, ok bool) {
	for i := len(r.chain) - 2; i >= 0 && r.chain[i].isOneLine(); i-- {
		if r.chain[i].Schema.Child(name) != nil {
			return i, true
		}
	}
	return 0, false
}

func (r *walked) descend(n *Node) {
	r.last = n
	r.chain = append(r.chain, n)
	if r.first == nil || r.first.Is(Inline) {
		r.first = n
	}
}

// child returns the container or entry of n that s and keys name: the last child of n if it is that one, else a new
// one. normalize joins what is named twice.
func (b *builder) child(n *Node, s *Schema, keys []string, pos Pos) *Node {
	n.touched = true
	if len(n.Children) > 0 {
		if c := n.Children[len(n.Children)-1]; c.Schema == s && slices.Equal(c.Values, keys) {
			return c
		}
	}
	c := b.node(s.Kind, s.Name, s, pos)
	c.Values = keys
	n.Children = append(n.Children, c)
	return c
}

// entry reads the keys of a list at ws[i].
func (b *builder) entry(r *walked, s *Schema, ws []word, i int) (int, *Error) {
	n, start := r.last, i
	pos := ws[max(i-1, 0)].pos
	if len(s.Keys) == 1 && s.Keys[0].Choices == nil {
		if i == len(ws) {
			return i, b.complaint(pos, msgMissing, s.Keys[0].Name+" after "+s.Name)
		}
		// `[ a b ]`: an entry each
		for i++; ; i++ {
			r.descend(b.child(n, s, b.values(ws[i-1]), ws[i-1].pos))
			if i == len(ws) || !ws[i-1].list || !ws[i].list {
				return i, nil
			}
		}
	}
	keys := b.keys[:0]
	for _, k := range s.Keys {
		if k.Word != "" {
			if i == len(ws) || ws[i].text != k.Word {
				return i, b.complaint(pos, msgMissing, k.Word)
			}
			i++
		}
		if i == len(ws) {
			return i, b.complaint(ws[i-1].pos, msgMissing, keyExpected(k))
		}
		take := 1
		if k.Choices != nil {
			if take = k.choice(ws[i].text); take == 0 {
				return i, b.complaint(ws[i].pos, msgSyntax, keyExpected(k))
			}
			if i+take > len(ws) {
				return i, b.complaint(ws[i].pos, msgMissing, "a value after "+ws[i].text)
			}
		}
		keys = append(keys, ws[i:i+take]...)
		i += take
	}
	b.keys = keys
	r.descend(b.child(n, s, b.values(keys...), ws[start].pos))
	return i, nil
}

// choice returns how many words a choice takes, 0 if the word is none.
func (k Key) choice(w string) int {
	for _, c := range k.Choices {
		if c == w {
			return 1
		}
		if len(c) == len(w)+1 && c[len(w)] == '=' && c[:len(w)] == w && w != "" { // `=` is a word by itself
			return 2
		}
	}
	return 0
}

func keyExpected(k Key) string {
	if k.Choices == nil {
		return k.Name
	}
	return "one of " + strings.ReplaceAll(strings.Join(k.Choices, ", "), "=", " …")
}

// leaf reads the value of a leaf or the values of a leaf-list at ws[i]; at is where the statement began.
func (b *builder) leaf(r *walked, s *Schema, ws []word, i, at int, m walkMode) (int, *Error) {
	start, end := i, i
	switch {
	case s.Is(Empty):
	case i == len(ws):
		if !m.deleting {
			return i, b.complaint(ws[i-1].pos, msgMissing, "a value of "+s.Name)
		}
	default:
		for end++; end < len(ws) && ws[end-1].list && ws[end].list; end++ {
		}
		if s.Kind == Leaf && end-start > 1 {
			return i, b.complaint(ws[start+1].pos, msgSyntax, "one value of "+s.Name)
		}
	}
	n := b.node(s.Kind, s.Name, s, ws[at].pos)
	n.Values = b.values(ws[start:end]...)
	r.addLeaf(n)
	return end, nil
}

func (r *walked) addLeaf(n *Node) {
	r.last.touched = true
	r.last.Children = append(r.last.Children, n)
	r.leaves = append(r.leaves, n)
	if r.first == nil || r.first.Is(Inline) {
		r.first = n
	}
}

// unknown adds a statement that the schema does not know. What has braces is a container, or with more words an entry
// of a list; the rest is a leaf. Siblings tell more: see normalizeUnknown.
func (b *builder) unknown(r walked, ws []word, m walkMode) (walked, *Error) {
	if m.set {
		if n, used := b.unknownBelow(r.last, ws); n != nil {
			r.last.touched = true
			r.descend(n)
			if used == len(ws) {
				return r, nil
			}
			return b.unknown(r, ws[used:], m)
		}
	}
	r.last.touched = true
	name, rest := ws[0], ws[1:]
	if name.list {
		return r, b.complaint(name.pos, msgSyntax, "a statement before [")
	}
	list := slices.IndexFunc(rest, func(w word) bool { return w.list })
	switch {
	case m.open && list >= 0:
		return r, b.complaint(rest[list].pos, msgSyntax, "; after the list")
	case m.open:
		kind := Container
		if len(rest) > 0 {
			kind = Entry
		}
		if last := len(r.last.Children) - 1; last >= 0 {
			c := r.last.Children[last]
			if c.Schema == nil && c.Kind == kind && c.Name == name.text && equalWords(c.Values, rest) {
				r.descend(c)
				return r, nil
			}
		}
		n := b.node(kind, name.text, nil, name.pos)
		n.Values = b.values(rest...)
		r.last.Children = append(r.last.Children, n)
		r.descend(n)
	case list > 0 && list < len(rest)-1: // a b [ c d ]; with one value it is shown as a b c
		n := b.node(Container, name.text, nil, name.pos)
		r.last.Children = append(r.last.Children, n)
		r.descend(n)
		return b.unknown(r, rest, m)
	default:
		n := b.node(Leaf, name.text, nil, name.pos)
		if list == 0 {
			n.Kind = LeafList
		}
		n.Values = b.values(rest...)
		r.addLeaf(n)
	}
	return r, nil
}

// unknownOnLine adds what the schema lacks among the statements of a one-line container, `a 1 unknown 2 b 3`: a leaf of
// the words up to the next statement that it knows. It returns how many words those are, 0 if none can be.
func (b *builder) unknownOnLine(r *walked, parent *Node, ws []word) int {
	n := r.last
	if n == parent && !b.keep || !n.isOneLine() || ws[0].list {
		return 0
	}
	end := 1
	for end < len(ws) && !ws[end].list && n.Schema.Child(ws[end].text) == nil {
		end++
	}
	leaf := b.node(Leaf, ws[0].text, nil, ws[0].pos)
	leaf.Values = b.values(ws[1:end]...)
	r.addLeaf(leaf)
	return end
}

// unknownBelow finds an unknown container or entry of n whose words the given ones begin with. It looks at each child
// once, since there can be many, and each line of them asks.
func (b *builder) unknownBelow(n *Node, ws []word) (*Node, int) {
	if b.boxes.of != n || len(n.Children) < b.boxes.count || b.boxes.count > 0 && n.Children[b.boxes.count-1] != b.boxes.last {
		b.boxes = boxes{of: n, nodes: b.boxes.nodes[:0]}
	}
	for _, c := range n.Children[b.boxes.count:] {
		b.boxes.count, b.boxes.last = b.boxes.count+1, c
		if c.Schema == nil && (c.Kind == Container || c.Kind == Entry && len(c.Children) > 0) {
			b.boxes.nodes = append(b.boxes.nodes, c)
		}
	}
	for _, c := range b.boxes.nodes {
		if c.Name == ws[0].text && len(c.Values) < len(ws) && equalWords(c.Values, ws[1:1+len(c.Values)]) {
			return c, 1 + len(c.Values)
		}
	}
	return nil, 0
}

func equalWords(values []string, ws []word) bool {
	if len(values) != len(ws) {
		return false
	}
	for i, w := range ws {
		if w.text != values[i] {
			return false
		}
	}
	return true
}
