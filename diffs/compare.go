package diffs

import (
	"cmp"
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// Line is one line of a hunk.
type Line struct {
	Mark byte   // '+', '-', '!' or ' ' for context
	Text string // what follows the mark, with its indent
}

// Hunk is the lines that stand below one banner.
type Hunk struct {
	Path  []string // CLI words of the banner, not quoted; empty: [edit]
	Lines []Line
}

// Diff is the difference of two configurations, in the order and the layout of the device's `show | compare`.
type Diff struct {
	Hunks []Hunk
}

// Empty reports whether nothing differs.
func (d *Diff) Empty() bool { return len(d.Hunks) == 0 }

// String gives the text as the CLI prints it. It ends in a newline; it is "" when nothing differs.
func (d *Diff) String() string {
	var b strings.Builder
	for _, h := range d.Hunks {
		b.WriteString("[edit")
		if len(h.Path) > 0 {
			b.WriteByte(' ')
			b.WriteString(joinPath(h.Path))
		}
		b.WriteString("]\n")
		for _, l := range h.Lines {
			b.WriteByte(l.Mark)
			b.WriteString(l.Text)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// Compare gives the difference between two configurations as a Junos device prints it: banners with CLI words, an indent
// that follows the depth in the schema and that a hunk's first statement decides, context only around new entries of
// lists that the user orders, `!` lines for what was deactivated, activated or moved. Statements that the schema does
// not know get the same treatment as far as their shape tells, and never context.
//
// Where no output of a real device is known, the analogy is: protect and unprotect as inactive and active; a moved list
// with new entries: the moves in a hunk of their own, before the rest; a changed annotation of a leaf: the leaf as
// context.
//
// Releases differ in the order of their statements and of the keys of a list. Where before was read from one text, that
// text has the order of the device that wrote it, and the comparison follows it; what only after has comes behind the
// nearest statement that precedes it in the schema's table, and statements that are new side by side come as after has
// them, if that was read from one text too. For a tree that was put together by loads, all comes in the order of the
// table, but for the top level, which comes in the order of before.TopOrder.
func Compare(before, after *junos.Tree) *Diff {
	c := &comparer{before: orderOf(before), after: orderOf(after)}
	c.children(level{}, before.Root, after.Root)
	return &Diff{Hunks: c.hunks}
}

// level is where a comparison stands.
type level struct {
	path []string // the banner
	// depth counts the schema's nodes down to here: a list entry is one, and so is a container that the banner leaves
	// out because it is only ever written in front of its children (`family` in `family inet`).
	depth int
	// prefix is the words of those containers, which are written in front of each statement of this level.
	prefix []string
	// bare leaves the list's keyword out of the statements: it is in the banner.
	bare bool
	// outer and lead are for leaves without a keyword in a container that is written on one line: they stand with the
	// container's words, lead, under the banner of the level above, outer (`local-preference 200;` under `then`).
	outer, lead []string
}

// below gives the level inside a container or entry of both sides. A container that is empty on one of them is not
// collapsed: a change in it would look as if it came or went itself.
func (l level) below(b, a *junos.Node) level {
	words := a.Words()
	if l.bare {
		words = a.Values
	}
	words = slices.Concat(l.prefix, words)
	if a.Is(junos.Inline) && (junos.IsCollapsed(b) || junos.IsCollapsed(a)) && len(b.Children) > 0 && len(a.Children) > 0 {
		return level{path: l.path, depth: l.depth + 1, prefix: words}
	}
	in := level{path: slices.Concat(l.path, words), depth: l.depth + 1}
	if a.Kind == junos.Container && (a.Is(junos.Oneliner) || a.Is(junos.OnelinerPlus)) && len(b.Children) > 0 && len(a.Children) > 0 {
		in.outer, in.lead = l.path, words
	}
	return in
}

// leads reports whether a leaf of this level is shown one level up, behind the container's words.
func (l level) leads(n *junos.Node) bool { return l.lead != nil && n.Is(junos.Hidden) }

// full gives the statement's lines as they stand at this level, without the indent that their hunk gives them.
func (l level) full(n *junos.Node) []string {
	return text(junos.Lines(n, junos.Style{Prefix: joinPath(l.prefix), NoKeyword: l.bare}))
}

// short gives the statement with { ... } for its contents, and with its marks: `inactive: term A { ... }`.
func (l level) short(n *junos.Node) string {
	plain := *n
	plain.Annotation = "" // has a line of its own, and context is one line
	return junos.Lines(&plain, junos.Style{Prefix: joinPath(l.prefix), NoKeyword: l.bare, Short: true})[0].Text
}

const braceIndent = 4

// text indents lines by their depth. A line break within one, of an annotation, starts a line of the same depth.
func text(lines []junos.Line) []string {
	out := make([]string, 0, len(lines))
	for _, l := range lines {
		indent := strings.Repeat(" ", braceIndent*l.Depth)
		for part := range strings.SplitSeq(l.Text, "\n") {
			out = append(out, indent+part)
		}
	}
	return out
}

// Indents, added to the depth: what a hunk's first statement puts between the mark and its lines.
const (
	leafIndent  = 1 // leaf, leaf-list, entry of a list that has its keyword in the banner, key without keyword or body
	blockIndent = 2 // container and list entry, with a body or not
	bangIndent  = 1 // more, for `! inactive:` and its kin
)

// hunkSort is what kind of lines a hunk has: lines of different sorts don't share one.
type hunkSort uint8

const (
	plainHunk hunkSort = iota
	flagHunk           // `! inactive:`
	moveHunk           // `!` of moved entries
)

// owner is whose lines a hunk has: the statements of one parent, or the entries of one list.
type owner struct {
	node *junos.Node // the parent; the first entry of a list
	list bool
	lead bool // the parent's words stand in front of the statements: they are shown one level up
}

// comparer collects hunks. The last of them is open for more lines of the same owner and sort: the statements of one
// parent share a hunk unless something else came between; each list is an owner of its own.
type comparer struct {
	before order // how the statements of before are ordered
	after  order
	hunks  []Hunk
	owner  owner
	sort   hunkSort
	indent string
}

// open makes sure that the last hunk is one for the lines of an owner.
func (c *comparer) open(of owner, sort hunkSort, path []string, indent int) {
	if c.owner == of && c.sort == sort && len(c.hunks) > 0 {
		return
	}
	c.owner, c.sort, c.indent = of, sort, strings.Repeat(" ", indent)
	c.hunks = append(c.hunks, Hunk{Path: path})
}

// close makes the next line start a hunk.
func (c *comparer) close() { c.owner = owner{} }

func (c *comparer) emit(mark byte, lines ...string) {
	h := &c.hunks[len(c.hunks)-1]
	for _, l := range lines {
		h.Lines = append(h.Lines, Line{mark, c.indent + l})
	}
}

// children compares what two nodes hold.
func (c *comparer) children(l level, b, a *junos.Node) {
	for _, s := range pair(b, a, c.before, c.after) {
		switch {
		case s.isSingle():
			c.leaf(l, owner{node: a}, first(s.before), first(s.after))
		case s.isList():
			c.list(l, owner{node: a}, s)
		case s.has(junos.Container):
			c.container(l, owner{node: a}, first(s.before), first(s.after))
		default:
			c.leaf(l, owner{node: a}, first(s.before), first(s.after))
		}
	}
}

// container compares a container; b or a is nil when it is only in the other.
func (c *comparer) container(l level, parent owner, b, a *junos.Node) {
	switch {
	case b == nil:
		c.open(parent, plainHunk, l.path, l.depth+blockIndent)
		c.emit('+', l.full(c.after.deep(a))...)
	case a == nil:
		c.open(parent, plainHunk, l.path, l.depth+blockIndent)
		c.emit('-', l.full(c.before.deep(b))...)
	default:
		c.flags(l, parent, l.depth+blockIndent, b, a)
		c.children(l.below(b, a), b, a)
	}
}

// flags shows that a statement of both sides was deactivated, protected or annotated.
func (c *comparer) flags(l level, of owner, indent int, b, a *junos.Node) {
	bang := func(word string) {
		c.open(of, flagHunk, l.path, indent+bangIndent)
		plain := *a
		plain.Inactive, plain.Protected = false, false
		c.emit('!', word+": "+l.short(&plain))
	}
	switch {
	case a.Inactive && !b.Inactive:
		bang("inactive")
	case b.Inactive && !a.Inactive:
		bang("active")
	}
	switch {
	case a.Protected && !b.Protected:
		bang("protect")
	case b.Protected && !a.Protected:
		bang("unprotect")
	}
	if a.Annotation != b.Annotation {
		c.open(of, plainHunk, l.path, indent)
		c.annotation(b, a)
		c.emit(' ', l.short(a))
	}
}

func (c *comparer) annotation(b, a *junos.Node) {
	if b.Annotation != "" {
		c.emit('-', annotation(b.Annotation)...)
	}
	if a.Annotation != "" {
		c.emit('+', annotation(a.Annotation)...)
	}
}

// annotation gives the lines of a comment that stands before a statement.
func annotation(s string) []string { return strings.Split("/* "+s+" */", "\n") }

// leaf compares a leaf or leaf-list: a change is the old statement, then the new one, each whole. A leaf without a value
// has nothing to change but its marks: they are shown as those of a container are.
func (c *comparer) leaf(l level, parent owner, b, a *junos.Node) {
	if l.leads(cmp.Or(a, b)) {
		l = level{path: l.outer, depth: l.depth, prefix: l.lead}
		parent.lead = true
	}
	open := func() { c.open(parent, plainHunk, l.path, l.depth+leafIndent) }
	switch {
	case b == nil:
		open()
		c.emit('+', l.full(a)...)
	case a == nil:
		open()
		c.emit('-', l.full(b)...)
	case a.Kind == junos.Leaf && len(a.Values) == 0 && len(b.Values) == 0:
		c.flags(l, parent, l.depth+leafIndent, b, a)
	case !slices.Equal(a.Values, b.Values) || a.Inactive != b.Inactive || a.Protected != b.Protected:
		open()
		b, a := *b, *a
		// The device marks what is secret in both lines, whichever text said so.
		b.Secret, a.Secret = b.Secret || a.Secret, b.Secret || a.Secret
		if a.Annotation == b.Annotation {
			a.Annotation, b.Annotation = "", ""
		}
		c.emit('-', l.full(&b)...)
		c.emit('+', l.full(&a)...)
	case a.Annotation != b.Annotation:
		open()
		c.annotation(b, a)
		plain := *a
		plain.Annotation = ""
		c.emit(' ', l.full(&plain)...)
	}
}
