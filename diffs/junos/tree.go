package junos

import "fmt"

// Kind says what a statement is in the schema.
type Kind uint8

// The kinds of a statement. An Entry is one entry of a list: `unit 0`, `term A`, `ge-0/0/0`.
const (
	Container Kind = iota
	Entry
	Leaf
	LeafList
)

// Op is a load-time tag. It stands in text that is to be loaded, never in a committed configuration.
type Op uint8

// The load-time tags: `replace:` and `delete:`.
const (
	NoOp Op = iota
	ReplaceOp
	DeleteOp
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
	Op         Op     // load-time tag, NoOp in a configuration
	Annotation string // the text of /* … */ before the statement, without the marks

	Schema *Schema // nil: no schema knows the statement, its kind was guessed
	Pos    Pos     // where it was read
}

// Tree is a configuration. The zero value is not useful: New or Parse makes one. A Tree is not safe for concurrent
// change; reading it from several goroutines is.
type Tree struct {
	Root   *Node  // Container `configuration`, never nil
	Header string // header comments (`## Last commit: …`), not part of the configuration
	Schema *Schema
}

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
