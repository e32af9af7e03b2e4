package junos

import (
	"fmt"
	"slices"
	"strings"
)

// Kind says what a statement is in the schema.
type Kind uint8

// The kinds of a statement. An Entry is one entry of a list: `unit 0`, `term A`, `ge-0/0/0`.
const (
	Container Kind = iota
	Entry
	Leaf
	LeafList
)

// Op is a set of load-time tags. It stands in text that is to be loaded, never in a committed configuration.
type Op uint8

// The load-time tags: `replace:`, `delete:`, and `active:` and `unprotect:`, which undo `inactive:` and `protect:` of
// the statement that they are loaded onto.
const (
	ReplaceOp Op = 1 << iota
	DeleteOp
	ActivateOp
	UnprotectOp
	NoOp Op = 0
)

// Pos is a place in a text: line and column count from 1; the zero Pos is unknown.
type Pos struct {
	Line, Col int32
}

// Node is one statement of a configuration, resolved by the schema: `family inet { … }` is a Container `family`
// that holds a Container `inet`; `then accept;` is a Container `then` that holds a Leaf `accept`;
// `archive size 10m files 10;` is a Container with two Leaves. How a node is written (braces, one line, the keyword
// left out) is decided by its Schema when it is formatted, not by how it was read.
type Node struct {
	Kind Kind
	// Name is the schema's name of the statement, also where the text leaves it out (`interface` below
	// `interfaces`, `prefix-list-item`). For a statement that no schema knows it is the first word.
	Name string
	// Values holds the keys of an Entry, the value of a Leaf (none for a leaf that is only present, such as
	// `accept`), the values of a LeafList. They are decoded: quotes and escapes are put back when needed.
	Values []string
	// Children in canonical order: the schema's order of statements; entries of a list that the user orders as they
	// were given, of any other list by key.
	Children []*Node

	Inactive   bool
	Protected  bool
	Secret     bool   // read with a trailing ## SECRET-DATA
	touched    bool   // it or what it holds may not be canonical: see settler
	Op         Op     // load-time tags, NoOp in a configuration
	Annotation string // the text of /* … */ before the statement, without the marks
	// Inherited names the group that the statement came from, in a tree that Inherited made; "" is the configuration's
	// own. In a leaf-list each value has a line of it: InheritedFrom tells them apart.
	Inherited string

	Schema *Schema // nil: no schema knows the statement, its kind was guessed
	Pos    Pos     // where it was read
}

// Tree is a configuration. The zero value is not useful: New or Parse makes one. A Tree is not safe for concurrent
// change; reading it from several goroutines is.
type Tree struct {
	Root   *Node  // Container `configuration`, never nil
	Header string // header comments (`## Last commit: …`), not part of the configuration
	Schema *Schema
	// TopOrder names the top-level statements in the order in which the text had them. Root.Children are in the
	// table's order; releases differ in theirs, and a comparison follows the device.
	TopOrder []string
}

// New returns an empty configuration; a nil schema means Builtin.
func New(s *Schema) *Tree {
	if s == nil {
		s = Builtin()
	}
	return &Tree{Root: &Node{Kind: Container, Name: "configuration", Schema: s}, Schema: s}
}

// Clone returns a deep copy. The schema is shared.
func (t *Tree) Clone() *Tree {
	c := *t
	c.Root = t.Root.Clone()
	c.TopOrder = slices.Clone(t.TopOrder)
	return &c
}

// Clone returns a deep copy of the statement. The schema is shared.
func (n *Node) Clone() *Node {
	c := *n
	c.Values = slices.Clone(n.Values)
	if n.Children != nil {
		c.Children = make([]*Node, len(n.Children))
		for i, child := range n.Children {
			c.Children[i] = child.Clone()
		}
	}
	return &c
}

// Words returns the statement's own words in a set line, not quoted: its keyword, unless the text leaves that out,
// and the keys of an entry, the value of a leaf or the values of a leaf-list.
func (n *Node) Words() []string { return append(n.head(), n.valueWords()...) }

// head returns the keyword, if it is written.
func (n *Node) head() []string {
	if n.Schema.Is(Hidden) {
		return nil
	}
	return []string{n.Name}
}

// valueWords returns the values with the words that stand between the keys of a list (`to-zone`).
func (n *Node) valueWords() []string {
	if n.Kind != Entry || n.Schema == nil || !slices.ContainsFunc(n.Schema.Keys, func(k Key) bool { return k.Word != "" }) {
		return n.Values
	}
	words := make([]string, 0, len(n.Values)+1)
	for i, v := range n.Values { // no list has both words and choices between its keys
		if i < len(n.Schema.Keys) && n.Schema.Keys[i].Word != "" {
			words = append(words, n.Schema.Keys[i].Word)
		}
		words = append(words, v)
	}
	return words
}

// Is reports whether the schema knows the statement and has all the given flags for it.
func (n *Node) Is(f Flag) bool { return n.Schema.Is(f) }

// Severity of an Error.
type Severity uint8

// The severities of an Error. A warning does not stop a load.
const (
	SeverityError Severity = iota
	SeverityWarning
)

// Error is one complaint about a configuration text, in Junos's own words where it has some.
type Error struct {
	File     string // as given to Parse or Load; may be empty
	Pos      Pos
	Path     []string // where in the configuration, CLI words: interfaces ge-0/0/0 unit 0
	Message  string   // `syntax error`, `statement not found`, …
	Expected string   // what was expected and what to do; may be empty
	Severity Severity
}

// Error formats as FILE:LINE:COL: [edit PATH] message (expected).
func (e *Error) Error() string {
	s := e.Message
	if len(e.Path) > 0 {
		s = "[edit " + joinWords(e.Path) + "] " + s
	}
	if e.Expected != "" {
		s += " (" + e.Expected + ")"
	}
	switch {
	case e.Pos.Line > 0 && e.File != "":
		return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Pos.Line, e.Pos.Col, s)
	case e.Pos.Line > 0:
		return fmt.Sprintf("%d:%d: %s", e.Pos.Line, e.Pos.Col, s)
	case e.File != "":
		return e.File + ": " + s
	}
	return s
}

// ErrorList is what Parse and Load return: every complaint about a text, in its order.
type ErrorList []*Error

// Error has one complaint a line.
func (l ErrorList) Error() string {
	lines := make([]string, len(l))
	for i, e := range l {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes each *Error reachable by errors.As.
func (l ErrorList) Unwrap() []error {
	errs := make([]error, len(l))
	for i, e := range l {
		errs[i] = e
	}
	return errs
}
