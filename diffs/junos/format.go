package junos

import (
	"strings"
)

// Line is one line of curly text.
type Line struct {
	Depth int // levels of braces below the statement that was formatted
	Text  string
}

// Style says in which company a statement is formatted by Lines.
type Style struct {
	// Prefix is written before the statement's own words: those of the containers that are collapsed onto its line
	// (`family` before `inet {`, `local-preference` before `200;`), without a trailing blank.
	Prefix string
	// NoKeyword leaves out the name of a list: an entry of a homogeneous list in its block (`192.0.2.1;`).
	NoKeyword bool
	// Short writes the contents as { ... }, also where there are none. Leaves are written as they are.
	Short bool
}

const indentWidth = 4

// Text returns the configuration in curly form as `show configuration` prints it, four blanks a level, without header.
// Load-time tags are written if there are any.
func (t *Tree) Text() string {
	w := writer{}
	w.children(t.Root, "", 0)
	return w.b.String()
}

// Lines formats a statement as it stands in show configuration. An Inline container (`family`) gives the lines of
// each of its children, with the container's name in front.
func Lines(n *Node, st Style) []Line {
	w := writer{asLines: true}
	if st.Short && n.Kind != Leaf && n.Kind != LeafList {
		w.marks(n, 0)
		w.line(0, w.head(n, st.Prefix, st.NoKeyword)+" { ... }")
	} else {
		w.node(n, st.Prefix, st.NoKeyword, 0)
	}
	return w.lines
}

// Block formats entries of one homogeneous list as the list's whole block: `name-server {`, the entries, `}`.
func Block(entries []*Node) []Line {
	w := writer{asLines: true}
	w.block(entries, "", 0)
	return w.lines
}

// Head returns the statement's words as its line begins with, quoted, without tags, prefix and value of a leaf.
func Head(n *Node, st Style) string {
	var w writer
	return w.words(n, st.Prefix, st.NoKeyword)
}

// OneLine reports whether show configuration writes the whole statement on one line.
func OneLine(n *Node) bool {
	_, ok := tail(n)
	return ok
}

// IsCollapsed reports whether container c never stands alone on a path: its children are written on its line and mean
// nothing without it. These are Inline containers (`family`), and containers that hold but a leaf whose keyword is not
// written (`local-preference 200;`).
func IsCollapsed(c *Node) bool {
	if c.Kind != Container || c.Schema == nil {
		return false
	}
	if c.Is(Inline) {
		return !c.marked()
	}
	return len(c.Children) == 1 && c.Children[0].Is(Hidden) && c.Children[0].Kind != Entry && OneLine(c)
}

// marked reports whether something must be written before the statement's own words.
func (n *Node) marked() bool {
	return n.Inactive || n.Protected || n.Op != NoOp || n.Annotation != ""
}

// writer writes statements to a text, or to lines.
type writer struct {
	b       strings.Builder
	asLines bool
	origins bool // say what was inherited
	lines   []Line
}

func (w *writer) line(depth int, text ...string) {
	if w.asLines {
		w.lines = append(w.lines, Line{depth, strings.Join(text, "")})
		return
	}
	for range depth * indentWidth {
		w.b.WriteByte(' ')
	}
	for _, t := range text {
		w.b.WriteString(t)
	}
	w.b.WriteByte('\n')
}

func (w *writer) children(n *Node, prefix string, depth int) {
	for i := 0; i < len(n.Children); i++ {
		c := n.Children[i]
		if c.Kind != Entry || !c.Is(Homogeneous) && len(c.Values) > 0 {
			w.node(c, prefix, false, depth)
			continue
		}
		end := i + 1
		for end < len(n.Children) && n.Children[end].Schema == c.Schema {
			end++
		}
		w.block(n.Children[i:end], prefix, depth)
		i = end - 1
	}
}

func (w *writer) block(entries []*Node, prefix string, depth int) {
	if len(entries) == 0 {
		return
	}
	tags, name := "", entries[0].Name
	if first := entries[0]; len(first.Values) == 0 { // stands for them all
		tags, entries = first.Tags(), entries[1:]
		name = first.Name
		if first.Op&DeleteOp != 0 {
			w.line(depth, tags, joinPrefix(prefix, Quote(name)), ";")
			w.block(entries, prefix, depth)
			return
		}
	}
	w.line(depth, tags, joinPrefix(prefix, Quote(name)), " {")
	for _, e := range entries {
		w.node(e, "", true, depth+1)
	}
	w.line(depth, "}")
}

func joinPrefix(prefix, word string) string {
	if prefix == "" {
		return word
	}
	if word == "" {
		return prefix
	}
	return prefix + " " + word
}

// marks writes the annotation.
func (w *writer) marks(n *Node, depth int) {
	if w.origins {
		w.origin(n, depth)
	}
	if n.Annotation != "" {
		w.line(depth, "/* ", n.Annotation, " */")
	}
}

// Tags returns the marks that stand before the statement's words, each followed by a blank: `inactive: `.
func (n *Node) Tags() string {
	if !n.Inactive && !n.Protected && n.Op == NoOp {
		return ""
	}
	var s string
	for _, t := range []struct {
		on   bool
		text string
	}{
		{n.Op&ReplaceOp != 0, "replace: "},
		{n.Op&DeleteOp != 0, "delete: "},
		{n.Op&ActivateOp != 0 && !n.Inactive, "active: "},
		{n.Op&UnprotectOp != 0 && !n.Protected, "unprotect: "},
		{n.Inactive, "inactive: "},
		{n.Protected, "protect: "},
	} {
		if t.on {
			s += t.text
		}
	}
	return s
}

// words returns prefix, keyword and keys. The value of a leaf is not among them.
func (w *writer) words(n *Node, prefix string, noKeyword bool) string {
	s := prefix
	if !noKeyword && !n.Is(Hidden) {
		s = joinPrefix(s, Quote(n.Name))
	}
	if n.Kind == Entry {
		for _, v := range n.valueWords() {
			s = joinPrefix(s, Quote(v))
		}
	}
	return s
}

func (w *writer) head(n *Node, prefix string, noKeyword bool) string {
	return n.Tags() + w.words(n, prefix, noKeyword)
}

func (w *writer) node(n *Node, prefix string, noKeyword bool, depth int) {
	if n.Is(Inline) && !n.marked() && len(n.Children) > 0 {
		w.children(n, joinPrefix(prefix, n.Name), depth)
		return
	}
	w.marks(n, depth)
	head := w.head(n, prefix, noKeyword)
	if t, ok := tail(n); ok {
		end := ";"
		if hasSecret(n) {
			end = "; ## SECRET-DATA"
		}
		if head != "" && t != "" && !strings.HasSuffix(head, " ") {
			head += " "
		}
		w.line(depth, head, t, end)
		return
	}
	w.line(depth, head, " {")
	w.children(n, "", depth+1)
	w.line(depth, "}")
}

// tail returns what follows the head of a statement that is written on one line: the value of a leaf, the children of
// a one-line container. ok is false if the statement needs braces.
func tail(n *Node) (text string, ok bool) {
	switch n.Kind {
	case Leaf:
		return joinWords(n.Values), true
	case LeafList:
		switch {
		case len(n.Values) == 0 && n.Op&DeleteOp == 0:
			return "[ ]", true
		case len(n.Values) <= 1:
			return joinWords(n.Values), true
		}
		return "[ " + joinWords(n.Values) + " ]", true
	}
	switch {
	case len(n.Children) == 0:
		return "", true
	case n.Is(Inline):
		return "", false
	case n.Is(Oneliner):
	case n.Is(OnelinerPlus) && len(n.Children) == 1 && collapses(n.Children[0]):
	default:
		return "", false
	}
	for i, c := range n.Children {
		if c.marked() || c.Kind == Entry || c.Schema == nil && len(n.Children) > 1 {
			return "", false
		}
		var t string
		if t, ok = tail(c); !ok {
			return "", false
		}
		if i > 0 {
			if swallows(n.Children[i-1], c) {
				return "", false
			}
			text += " "
		}
		var head string
		if !c.Is(Hidden) {
			head = Quote(c.Name)
		}
		text += joinPrefix(head, t)
	}
	return text, true
}

// swallows reports whether next, written behind c on the same line, would be read as part of c.
func swallows(c, next *Node) bool {
	if c.Kind != Container {
		return false
	}
	if c.Schema == nil || next.Is(Hidden) || c.Schema.Child(next.Name) != nil {
		return true
	}
	if h, full := c.Schema.hiddenFor(c.Children); h != nil && !full {
		return true
	}
	return len(c.Children) > 0 && swallows(c.Children[len(c.Children)-1], next)
}

// collapses reports whether an only child goes onto its parent's line (`then accept;`). Entries of a list and
// containers that are not OnelinerPlus themselves never do: `then { community add X; }`.
func collapses(c *Node) bool {
	return c.Kind == Leaf || c.Kind == LeafList || c.Kind == Container && c.Is(OnelinerPlus)
}

// hasSecret reports whether a statement on one line holds a secret.
func hasSecret(n *Node) bool {
	if n.Kind == Leaf || n.Kind == LeafList {
		return n.Secret || n.Is(Secret) && len(n.Values) > 0
	}
	for _, c := range n.Children {
		if hasSecret(c) {
			return true
		}
	}
	return false
}
