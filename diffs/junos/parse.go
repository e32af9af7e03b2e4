package junos

import (
	"slices"
	"strings"
)

// byteOrderMark is what some editors put before a text in UTF-8.
const byteOrderMark = "\ufeff"

// maxErrors is where a reader gives up: what follows is mostly the consequence of what went before.
const maxErrors = 50

// maxDepth of braces; no configuration comes near it.
const maxDepth = 100

// The complaints, in Junos's own words.
const (
	msgSyntax   = "syntax error"
	msgMissing  = "missing argument"
	msgNotFound = "statement not found"
	msgEmpty    = "statement has no contents; ignored"
)

// Parse reads the whole of a configuration, in any form (FormatOf tells which). A nil schema means Builtin.
//
// The tree is canonical: statements in display order, repeated blocks merged, of a leaf given twice the last value.
// Load-time tags of a curly text stay in Node.Op; set lines are applied in their order to an empty configuration.
// Empty blocks that mean nothing are left out, as a router does. What the schema does not fit (a value too many, a keyword
// without its value) is kept as it was written, like a statement that it lacks, unless a `;` seems to be missing: a router
// had it, so the schema is wrong. What a screen or a collector has around a configuration (prompts, banners such as
// `[edit]` and `{master:0}`, lines that begin with `!`, `commit` among set lines) is passed over. The error is an ErrorList; with one, the tree is nil.
func Parse(file string, text []byte, s *Schema) (*Tree, error) { return parse(file, text, s, true) }

// ParseChange is Parse for what is to be loaded onto a router. It refuses what Load refuses: what the schema does not fit,
// and what only a screen has.
func ParseChange(file string, text []byte, s *Schema) (*Tree, error) {
	return parse(file, text, s, false)
}

func parse(file string, text []byte, s *Schema, whole bool) (*Tree, error) {
	t := New(s)
	src := strings.TrimPrefix(string(text), byteOrderMark)
	if isSet(src) {
		if _, err := t.loadSet(file, src, setMode{whole: whole}); err != nil {
			return nil, err
		}
		return t, nil
	}
	if _, errs := readTree(file, src, t, whole); len(errs) > 0 {
		return nil, errs
	}
	return t, nil
}

// word is one word of a statement. list: it stood in brackets.
type word struct {
	text         string
	pos          Pos
	quoted, list bool
}

// parser reads curly text.
type parser struct {
	builder
	lex    lexer
	ahead  token // the token that follows, if hasAhead
	peeked bool
	words  []word
	tags   tags
	leaves []*Node // those of the last statement, for ## SECRET-DATA
	header []string
	began  bool // a statement has been read, comments are no header any more
}

// tags are the marks before a statement.
type tags struct {
	op                  Op
	inactive, protected bool
	note                string
}

func isTag(w string) bool {
	switch w {
	case "inactive:", "active:", "protect:", "unprotect:", "replace:", "delete:":
		return true
	}
	return false
}

func (t *tags) set(w string) {
	switch w {
	case "inactive:":
		t.inactive = true
	case "active:":
		t.op |= ActivateOp
	case "protect:":
		t.protected = true
	case "unprotect:":
		t.op |= UnprotectOp
	case "replace:":
		t.op |= ReplaceOp
	case "delete:":
		t.op |= DeleteOp
	}
}

// parseCurly reads src into the empty tree t. whole: it is a whole configuration, as a router or a collector gave it.
func parseCurly(file, src string, t *Tree, whole bool) *parser {
	p := &parser{builder: builder{file: file, keep: whole}, lex: lexer{src: src, line: 1, screen: whole}}
	p.stack = append(p.stack, t.Root)
	p.block(t.Root, nil)
	t.Header = strings.Join(p.header, "\n")
	for _, c := range t.Root.Children {
		t.TopOrder = appendNew(t.TopOrder, c.Name)
	}
	normalize(t.Root)
	return p
}

func appendNew(list []string, s string) []string {
	for _, l := range list {
		if l == s {
			return list
		}
	}
	return append(list, s)
}

func (p *parser) next() token {
	if p.peeked {
		p.peeked = false
		return p.ahead
	}
	return p.lex.next()
}

func (p *parser) back(t token) { p.ahead, p.peeked = t, true }

// block reads the statements of n up to its closing brace, or to the end of the text for the root. With a list they are
// entries of it.
func (p *parser) block(n *Node, list *Schema) {
	top := len(p.stack) == 1 && list == nil
	for len(p.errs) < maxErrors {
		t := p.next()
		switch t.kind {
		case tokEOF:
			if !top {
				p.fail(t.pos, msgSyntax, "} that closes "+quoteForMessage(n))
			}
			return
		case tokClose:
			if !top {
				return
			}
			p.fail(t.pos, msgSyntax, "a statement: this } closes nothing")
		case tokSemicolon: // `};` and stray ones
		case tokComment:
			p.comment(t.text)
		case tokNote:
			if p.tags.note != "" {
				p.tags.note += "\n"
			}
			p.tags.note += t.text
		case tokBad:
			p.fail(t.pos, msgSyntax, t.text)
		case tokWord:
			if !t.quoted && isTag(t.text) {
				p.tags.set(t.text)
				continue
			}
			p.began = true
			p.statement(n, list, t)
			p.tags = tags{}
		default: // { [ ]
			p.fail(t.pos, msgSyntax, "a statement")
			if t.kind == tokOpen {
				p.skipBlock()
			}
		}
	}
}

func quoteForMessage(n *Node) string { return joinWords(n.Words()) }

func (p *parser) comment(text string) {
	if strings.HasPrefix(text, "## SECRET-DATA") {
		told := slices.ContainsFunc(p.leaves, func(l *Node) bool { return l.Is(Secret) })
		for _, l := range p.leaves {
			l.Secret = !told || l.Is(Secret) // on one line stands also what is no secret
		}
	}
	if !p.began {
		p.header = append(p.header, strings.TrimRight(text, " \t\r"))
	}
}

// statement reads the rest of a statement whose first word is t.
func (p *parser) statement(n *Node, list *Schema, t token) {
	p.words = append(p.words[:0], word{text: t.text, pos: t.pos, quoted: t.quoted})
	tg, emptyList := p.tags, false
	for {
		switch t = p.next(); t.kind {
		case tokWord:
			p.words = append(p.words, word{text: t.text, pos: t.pos, quoted: t.quoted})
		case tokComment, tokNote: // between words: of no meaning
		case tokBracket:
			count, ok := p.bracket()
			if !ok {
				return
			}
			emptyList = emptyList || count == 0
		case tokOpen:
			p.open(n, list, tg, t)
			return
		case tokSemicolon, tokClose, tokEOF:
			if t.kind != tokSemicolon {
				p.back(t) // the last ; of a block may be missing
			}
			if emptyList {
				p.warn(p.words[0].pos, msgEmpty)
				return
			}
			p.end(n, list, tg)
			return
		default:
			p.bad(t)
			return
		}
	}
}

// bad complains about a token in a statement and skips to where the next one can begin.
func (p *parser) bad(t token) {
	expected := ";"
	if t.kind == tokBad {
		expected = t.text
	}
	p.fail(t.pos, msgSyntax, expected)
	p.skipStatement()
}

// bracket reads the words of a list up to ].
func (p *parser) bracket() (count int, ok bool) {
	for {
		switch t := p.next(); t.kind {
		case tokWord:
			p.words = append(p.words, word{text: t.text, pos: t.pos, quoted: t.quoted, list: true})
			count++
		case tokBracketEnd:
			return count, true
		case tokComment, tokNote:
		case tokBad:
			p.bad(t)
			return 0, false
		default:
			p.fail(t.pos, msgSyntax, "] that ends the list")
			p.back(t)
			p.skipStatement()
			return 0, false
		}
	}
}

// end finishes a statement without a block.
func (p *parser) end(n *Node, list *Schema, tg tags) {
	p.leaves = p.leaves[:0]
	r, bad := p.walk(n, p.words, walkMode{deleting: tg.op&DeleteOp != 0, list: list})
	if bad != nil {
		p.add(bad)
		return
	}
	if r.list != nil {
		p.whole(r.last, r.list, DeleteOp)
		return
	}
	tg.apply(r.first)
	p.leaves = append(p.leaves, r.leaves...)
}

// whole adds a node that stands for all entries of a list, to replace or to delete them: an entry without keys.
func (p *parser) whole(n *Node, list *Schema, op Op) {
	w := p.node(Entry, list.Name, list, p.words[0].pos)
	w.Op = op
	n.Children = append(n.Children, w)
}

// open reads a block after the words of a statement.
func (p *parser) open(n *Node, list *Schema, tg tags, brace token) {
	p.leaves = p.leaves[:0]
	r, bad := p.walk(n, p.words, walkMode{open: true, list: list})
	if bad == nil && len(p.stack)+len(r.chain) > maxDepth {
		bad = p.complaint(brace.pos, msgSyntax, "fewer levels of braces")
	}
	if bad != nil {
		p.add(bad)
		p.skipBlock()
		return
	}
	start, depth, errs := p.words[0].pos, len(p.stack), len(p.errs)
	p.tags = tags{}
	p.stack = append(p.stack, r.chain...)
	if r.list != nil {
		p.entries(r.last, r.list, tg)
	} else {
		tg.apply(r.first)
		p.block(r.last, nil)
	}
	p.stack = p.stack[:depth]
	p.leaves = p.leaves[:0]
	if len(r.chain) > 1 {
		n = r.chain[len(r.chain)-2]
	}
	if r.list == nil && isVoid(n, r.last) && len(p.errs) == errs {
		p.warn(start, msgEmpty)
	}
}

// entries reads the block of a list, `name-server { … }`. Tags before it are for all of its entries.
func (p *parser) entries(n *Node, list *Schema, tg tags) {
	if tg.op&(ReplaceOp|DeleteOp) != 0 {
		p.whole(n, list, tg.op&(ReplaceOp|DeleteOp))
	}
	before := len(n.Children)
	p.block(n, list)
	tg.op &^= ReplaceOp | DeleteOp
	for _, e := range n.Children[min(before, len(n.Children)):] {
		tg.apply(e)
		tg.note = "" // the first has it
	}
}

func (t *tags) apply(n *Node) {
	n.Op |= t.op
	n.Inactive = n.Inactive && t.op&ActivateOp == 0 || t.inactive
	n.Protected = n.Protected && t.op&UnprotectOp == 0 || t.protected
	if t.note != "" {
		n.Annotation = t.note
	}
}

// skipStatement moves behind the statement at hand: its ; or its block.
func (p *parser) skipStatement() {
	for {
		switch t := p.next(); t.kind {
		case tokOpen:
			p.skipBlock()
			return
		case tokSemicolon:
			return
		case tokClose, tokEOF:
			p.back(t)
			return
		}
	}
}

// skipBlock moves behind the } that closes a block just opened.
func (p *parser) skipBlock() {
	for depth := 1; depth > 0; {
		switch t := p.next(); t.kind {
		case tokOpen:
			depth++
		case tokClose:
			depth--
		case tokEOF:
			p.back(t)
			return
		}
	}
}
