package junos

import (
	"slices"
	"strings"
)

// patchHunk is what stands below one banner of a compare text.
type patchHunk struct {
	pos   Pos
	words []string // of the banner
	level *Node    // the statement that they name
	list  *Schema  // the banner ends in the keyword of this list; level holds it
	items []*patchItem
}

// patchItem is a run of lines with the mark + or -, or one line with another mark.
type patchItem struct {
	mark byte
	pos  Pos
	// statements is a copy of the level that holds what the lines say, for + and -.
	statements *Node
	note       string // a comment for the statement that the next context line names, for + and -
	hasNote    bool
	ref        patchRef // for ! and context
}

// patchRef is a statement that a line names but doesn't show: `inactive: term A { ... }`.
type patchRef struct {
	tags  string // as Tags gives them
	words []word
	short bool // { ... }
}

type patchLine struct {
	mark byte
	text string
	num  int32
}

// patchReader reads a compare text that is about tree.
type patchReader struct {
	builder
	tree  *Tree
	hunks []*patchHunk
	run   []patchLine
}

// read cuts the text into hunks and items.
func (r *patchReader) read(src string) {
	num := int32(0)
	for line := range strings.Lines(src) {
		num++
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" {
			continue
		}
		if trimmed := strings.TrimLeft(line, " \t"); isBanner(trimmed) {
			r.flush()
			r.banner(trimmed, Pos{num, int32(len(line)-len(trimmed)) + 1})
			continue
		}
		r.line(patchLine{line[0], line[1:], num})
		if len(r.errs) >= maxErrors {
			return
		}
	}
	r.flush()
}

func isBanner(line string) bool {
	return strings.HasSuffix(line, "]") && (line == "[edit]" || strings.HasPrefix(line, "[edit "))
}

func (r *patchReader) hunk() *patchHunk {
	if len(r.hunks) == 0 {
		return nil
	}
	return r.hunks[len(r.hunks)-1]
}

func (r *patchReader) line(l patchLine) {
	pos := Pos{l.num, 1}
	switch h := r.hunk(); {
	case h == nil:
		r.fail(pos, msgSyntax, "[edit …], in front of the first change")
		r.hunks = append(r.hunks, &patchHunk{pos: pos}) // say it once
	case l.mark == '+', l.mark == '-':
		if len(r.run) > 0 && r.run[0].mark != l.mark {
			r.flush()
		}
		r.run = append(r.run, l)
	case l.mark == '!', l.mark == ' ', l.mark == '\t':
		r.flush()
		if l.mark != '!' {
			l.mark = ' '
		}
		if ref, ok := r.ref(l); ok {
			h.items = append(h.items, &patchItem{mark: l.mark, pos: ref.words[0].pos, ref: ref})
		}
	default:
		r.flush()
		r.failIn(h, pos, msgSyntax, "a line that begins with +, -, ! or a blank")
	}
}

// failIn adds a complaint about a line of a hunk.
func (r *patchReader) failIn(h *patchHunk, pos Pos, message, expected string) {
	e := r.complaint(pos, message, expected)
	e.Path = h.words
	r.add(e)
}

// banner begins a hunk.
func (r *patchReader) banner(line string, pos Pos) {
	h := &patchHunk{pos: pos}
	r.hunks = append(r.hunks, h)
	words, err := SplitWords(strings.TrimSuffix(strings.TrimPrefix(line, "[edit"), "]"))
	if err != nil {
		r.fail(pos, msgSyntax, "[edit PATH]")
		return
	}
	h.words = words
	l, ok := find(r.tree.Root, words)
	if !ok {
		last := len(words) - 1
		if l, ok = find(r.tree.Root, words[:last]); ok {
			h.list = l.node().Schema.Child(words[last])
			ok = h.list != nil && h.list.Kind == Entry && h.list.Is(Homogeneous)
		}
	}
	if n := l.node(); ok && n.Kind != Leaf && n.Kind != LeafList {
		h.level = n
		return
	}
	r.failIn(h, pos, msgNotFound, "a hierarchy that is there: "+joinWords(words))
}

// ref reads a line that names a statement.
func (r *patchReader) ref(l patchLine) (ref patchRef, ok bool) {
	lex := lexer{src: " " + l.text, line: l.num, newlines: true}
	bad := func(pos Pos) (patchRef, bool) {
		r.failIn(r.hunk(), pos, msgSyntax, "STATEMENT { ... } or a whole statement on one line")
		return ref, false
	}
	end := tokSemicolon
	for inList := false; ; {
		t := lex.next()
		switch {
		case t.kind == tokWord && !t.quoted && len(ref.words) == 0 && isTag(t.text):
			ref.tags += t.text + " "
		case t.kind == tokWord:
			ref.words = append(ref.words, word{text: t.text, pos: t.pos, quoted: t.quoted, list: inList})
		case t.kind == tokBracket && !inList, t.kind == tokBracketEnd && inList:
			inList = !inList
		case t.kind == tokOpen && len(ref.words) > 0 && !inList:
			dots, closing := lex.next(), lex.next()
			if dots.text != "..." || closing.kind != tokClose {
				return bad(t.pos)
			}
			ref.short, end = true, tokEOF
		case t.kind == tokSemicolon && end == tokSemicolon && len(ref.words) > 0 && !inList:
			end = tokEOF
		case t.kind == tokComment && end == tokEOF && strings.HasPrefix(t.text, "## SECRET-DATA"):
		case t.kind == tokEOF && end == tokEOF:
			return ref, true
		default:
			return bad(t.pos)
		}
	}
}

// flush reads the run of + or - lines that has ended.
func (r *patchReader) flush() {
	run := r.run
	r.run = nil
	if len(run) == 0 || r.hunk().level == nil {
		return
	}
	h := r.hunk()
	item := &patchItem{mark: run[0].mark, pos: Pos{run[0].num, int32(indent(run[0].text)) + 2}}
	alignNotes(run)
	if at := trailingNote(run); at < len(run) {
		var b strings.Builder
		for _, l := range run[at:] {
			b.WriteString(l.text + "\n")
		}
		note := strings.TrimSpace(b.String())
		item.note, item.hasNote = strings.TrimSpace(note[2:len(note)-2]), true
		run = run[:at]
	}
	item.statements = r.statements(h, run)
	h.items = append(h.items, item)
}

func indent(s string) int { return len(s) - len(strings.TrimLeft(s, " \t")) }

// alignNotes takes from the lines of a comment the indent that its first line has.
func alignNotes(run []patchLine) {
	for i := 0; i < len(run); i++ {
		text := strings.TrimLeft(run[i].text, " \t")
		if !strings.HasPrefix(text, "/*") {
			continue
		}
		by := len(run[i].text) - len(text)
		for ; i+1 < len(run) && !strings.Contains(run[i].text, "*/"); i++ {
			run[i+1].text = run[i+1].text[min(by, indent(run[i+1].text)):]
		}
	}
}

// trailingNote gives the place of a comment behind all statements of a run, its length if there is none.
func trailingNote(run []patchLine) int {
	if !strings.HasSuffix(strings.TrimSpace(run[len(run)-1].text), "*/") {
		return len(run)
	}
	for i, l := range slices.Backward(run) {
		switch text := strings.TrimSpace(l.text); {
		case text == "/*/" && i == len(run)-1: // begins one and does not end it
			return len(run)
		case strings.HasPrefix(text, "/*"):
			return i
		case i < len(run)-1 && strings.Contains(text, "*/"):
			return len(run)
		}
	}
	return len(run)
}

// statements reads lines as what stands below the hunk's banner.
func (r *patchReader) statements(h *patchHunk, run []patchLine) *Node {
	level := &Node{Kind: h.level.Kind, Name: h.level.Name, Schema: h.level.Schema}
	had := len(r.errs)
	var b strings.Builder
	for _, l := range run {
		b.WriteString(" " + l.text + "\n") // the mark's place is taken: columns stay
	}
	src := b.String()
	lex := lexer{src: src}
	for len(r.errs) == had {
		begin := lex
		end := r.statement(h, &lex, run)
		if end <= begin.off || len(r.errs) > had {
			break
		}
		begin.src = src[:end]
		r.parse(h, level, begin, run)
	}
	if len(r.errs) > had {
		return level
	}
	said := weight(level, true)
	normalize(level)
	if weight(level, true) != said {
		r.failIn(h, Pos{run[0].num, 1}, msgSyntax, "each statement once, and none that excludes another")
	}
	return level
}

// statement moves lex behind one statement, and gives where that ends, 0 if there are no more.
func (r *patchReader) statement(h *patchHunk, lex *lexer, run []patchLine) (end int) {
	empty := true
	for depth := 0; ; {
		t := lex.next()
		switch t.kind {
		case tokWord, tokNote:
			empty = false
		case tokOpen:
			depth++
		case tokClose:
			if depth--; depth < 0 {
				r.failIn(h, Pos{run[min(int(t.pos.Line), len(run)-1)].num, t.pos.Col}, msgSyntax, "a statement: this } closes nothing")
				return 0
			}
		case tokEOF:
			if !empty || depth > 0 {
				r.failIn(h, Pos{run[len(run)-1].num, 1}, msgSyntax, "; or } that ends the statement")
			}
			return 0
		}
		if depth == 0 && (t.kind == tokSemicolon || t.kind == tokClose) {
			break
		}
	}
	after := *lex
	if t := after.next(); t.kind == tokComment && t.pos.Line == lex.line { // ## SECRET-DATA
		*lex = after
	}
	return lex.off
}

// parse reads one statement into level. What reading or bringing into order would change is an error: what is named
// twice in it, excludes another, or is not kept by a router.
func (r *patchReader) parse(h *patchHunk, level *Node, lex lexer, run []patchLine) {
	n := &Node{Kind: level.Kind, Name: level.Name, Schema: level.Schema}
	if h.list != nil {
		open := Quote(h.list.Name) + " {"
		lex.lineStart += len(open) - lex.off
		lex.src, lex.off = open+lex.src[lex.off:]+"\n}", 0
	}
	said := map[string]int{}
	countWords(said, lex.src[lex.off:], -1)
	first := Pos{run[min(int(lex.line), len(run)-1)].num, 1}
	p := &parser{builder: builder{file: r.file, stack: []*Node{n}}, lex: lex, began: true}
	p.block(n, nil)
	for _, e := range append(p.errs, p.warns...) {
		e.Pos.Line, e.Severity = run[min(int(e.Pos.Line), len(run)-1)].num, SeverityError
		if e.Message == msgEmpty {
			e.Message, e.Expected = msgSyntax, "contents of the statement"
		}
		e.Path = slices.Concat(h.words, e.Path)
		r.add(e)
	}
	if len(p.errs)+len(p.warns) > 0 {
		return
	}
	tagged := false
	Walk(n, func(_ []string, c *Node) bool {
		tagged = tagged || c.Op != NoOp
		if c.Pos.Line = run[min(int(c.Pos.Line), len(run)-1)].num; c == n {
			c.Pos = Pos{}
		}
		return true
	})
	if tagged {
		r.failIn(h, first, msgSyntax, "a statement without a tag that is for loading")
		return
	}
	normalize(n)
	if countWords(said, (&Tree{Root: n}).Text(), 1) {
		r.failIn(h, first, msgSyntax, "each statement once, and none that is empty or excludes another")
		return
	}
	for _, c := range n.Children {
		i := slices.IndexFunc(level.Children, func(o *Node) bool { return Same(o, c) })
		if i >= 0 && !(partial(c) && partial(level.Children[i])) {
			r.failIn(h, first, msgSyntax, "each statement once: "+describe(c))
			return
		}
		level.Children = append(level.Children, c)
	}
}

// countWords adds by to the count of each word and comment of a text. It reports whether one is less than none then.
func countWords(count map[string]int, text string, by int) (short bool) {
	for lex := (lexer{src: text}); ; {
		switch t := lex.next(); t.kind {
		case tokWord, tokNote:
			count[t.text] += by
		case tokEOF, tokBad:
			for _, n := range count {
				short = short || n < 0
			}
			return short
		}
	}
}

// weight counts what a configuration says: its leaves, values of leaf-lists and entries, and if wanted its containers
// without contents.
func weight(n *Node, empty bool) int {
	w := 0
	switch {
	case n.Kind == LeafList:
		w = max(1, len(n.Values))
	case n.Kind != Container || empty && len(n.Children) == 0:
		w = 1
	}
	for _, c := range n.Children {
		w += weight(c, empty)
	}
	return w
}

// PatchStep is one thing that a compare text says, in words that do not depend on its layout: `+ set system host-name a`.
type PatchStep struct {
	Text string
	Path []string // of the banner
	Pos  Pos
}

// PatchSteps gives what a compare text says about the configuration, sorted by Text: statements that come and go as set
// lines, marks and moves, comments, and the neighbours that are shown. Two compare texts with the same steps say the
// same, whatever their indent and the order of their hunks. The error is an ErrorList.
func (t *Tree) PatchSteps(file string, text []byte) ([]PatchStep, error) {
	r := &patchReader{builder: builder{file: file}, tree: t}
	r.read(string(text))
	if len(r.errs) > 0 {
		return nil, r.errs
	}
	var steps []PatchStep
	neighbours := map[string]bool{}
	for _, h := range r.hunks {
		for _, s := range h.steps() {
			if s.Text[0] == ' ' {
				if neighbours[s.Text] {
					continue // how often one is shown is layout
				}
				neighbours[s.Text] = true
			}
			steps = append(steps, s)
		}
	}
	slices.SortStableFunc(steps, func(a, b PatchStep) int { return strings.Compare(a.Text, b.Text) })
	return steps, nil
}

func (h *patchHunk) steps() (steps []PatchStep) {
	at := joinWords(h.words) // with the keyword of a list, as a set line has it
	in := at
	if h.list != nil {
		in = joinWords(h.words[:len(h.words)-1])
	}
	var notes []*patchItem
	for _, i := range h.items {
		step := func(text string) {
			steps = append(steps, PatchStep{Text: text, Path: h.words, Pos: i.pos})
		}
		if i.mark == ' ' || i.mark == '!' {
			name := strings.TrimSpace(at + " " + joinWords(texts(i.ref.words)))
			step(string(i.mark) + " " + i.ref.tags + name)
			for _, n := range notes {
				step(string(n.mark) + " annotate " + name + " " + Quote(n.note))
			}
			notes = nil
			continue
		}
		for line := range strings.Lines((&Tree{Root: i.statements}).Set()) {
			verb, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			step(string(i.mark) + " " + strings.Join(strings.Fields(verb+" "+in), " ") + " " + rest)
		}
		if i.hasNote {
			notes = append(notes, i)
		}
	}
	return steps
}
