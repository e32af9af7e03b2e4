package junos

import "slices"

// Flag says how a statement is written or ordered.
type Flag uint16

// The flags of a Schema node.
const (
	// Hidden: the text leaves the name out (`interface` below `interfaces`, a key-only `prefix-list-item`, the value
	// in `local-preference 200`). Lists and leaves only.
	Hidden Flag = 1 << iota
	// Oneliner: always on one line, several values and all (`archive size 10m files 10;`).
	Oneliner
	// OnelinerPlus: on one line if it holds no more than one statement (`then accept;`), else in braces.
	OnelinerPlus
	// Homogeneous: the entries of the list stand together in one block that has the list's name (`name-server { … }`).
	Homogeneous
	// UserOrdered: the entries stay in the order that the user gave them. Without it they are ordered by key.
	UserOrdered
	// Bare: a container that means nothing when it is empty; Junos drops it, and warns when a text has it.
	Bare
	// Inline: a container that is written before each of its children (`family inet { … }`), never with braces of
	// its own.
	Inline
	// Empty: a leaf without a value (`accept`).
	Empty
	// Secret: a leaf whose value is printed with a trailing ## SECRET-DATA.
	Secret
	// Single: a list that older releases had as a leaf. While neither side of a comparison has more than one entry, it
	// is laid out as the leaf.
	Single
)

// Key is one key of a list. Most lists have one, a name.
type Key struct {
	Name string
	// Word is written before the value (`to-zone` in `from-zone A to-zone B`); usually empty.
	Word string
	// Choices are the words that may stand here (`exact`, `longer`, …); nil: any word. A choice that ends in "="
	// takes one more word (`upto /24`).
	Choices []string
}

// Schema is a node of the schema table: what a statement is and how it is written. Its Children are in display order.
// A Schema is not changed once it is in use; subtrees are shared, and some contain themselves (groups hold a whole
// configuration).
type Schema struct {
	Name     string
	Kind     Kind // Entry: a list
	Flags    Flag
	Keys     []Key // of a list
	Children []*Schema
	// UserUntil is the last Junos release in which a list was ordered by the user, if that has changed; At looks at it.
	UserUntil Release

	choice uint16 // siblings with the same number exclude each other; 0: none
	order  int32  // place among the siblings, for sorting
	idx    *index
}

// index finds the children of a Schema by word.
type index struct {
	byWord map[string]*Schema
	hidden []*Schema // children whose name is not written
}

// Is reports whether all the given flags are set. It may be asked of a nil Schema.
func (s *Schema) Is(f Flag) bool { return s != nil && s.Flags&f == f }

// Child returns the child that a word names in a text, nil if there is none.
func (s *Schema) Child(word string) *Schema {
	if s == nil || s.idx == nil {
		return nil
	}
	return s.idx.byWord[word]
}

// The statements that may stand anywhere. They come first in display order.
var common = []*Schema{
	{Name: "apply-groups", Kind: LeafList, Flags: UserOrdered, order: -3},
	{Name: "apply-groups-except", Kind: LeafList, Flags: UserOrdered, order: -2},
	applyMacro(),
}

func applyMacro() *Schema {
	value := &Schema{Name: "value", Kind: Leaf, Flags: Hidden, idx: &index{}}
	data := &Schema{
		Name: "data", Kind: Entry, Flags: Hidden | Oneliner, Keys: []Key{{Name: "name"}},
		Children: []*Schema{value}, idx: &index{hidden: []*Schema{value}},
	}
	return &Schema{
		Name: "apply-macro", Kind: Entry, Flags: UserOrdered, Keys: []Key{{Name: "name"}}, order: -1,
		Children: []*Schema{data}, idx: &index{hidden: []*Schema{data}},
	}
}

// link builds the indexes of a hierarchy. Nodes that share their Children share the index.
func link(s *Schema) {
	if s.idx != nil || s.Kind == Leaf || s.Kind == LeafList {
		return
	}
	s.idx = indexOf(s.Children)
	for _, c := range s.Children {
		link(c)
	}
}

// indexOf makes the index of siblings and gives each its place.
func indexOf(children []*Schema) *index {
	idx := &index{byWord: make(map[string]*Schema, len(children)+len(common))}
	for i, c := range children {
		if at := int32(i) + 1; c.order != at { // others may be reading what is shared: it has its place already
			c.order = at
		}
		if c.Is(Hidden) {
			idx.hidden = append(idx.hidden, c)
			continue
		}
		idx.byWord[c.Name] = c
	}
	for _, c := range common {
		if _, ok := idx.byWord[c.Name]; !ok {
			idx.byWord[c.Name] = c
		}
	}
	return idx
}

// hiddenFor picks the hidden child that a word without a keyword belongs to: the first leaf that is not among those
// which n has got already. full means that all have been got; then it is the last.
func (s *Schema) hiddenFor(got []*Node) (child *Schema, full bool) {
	if s == nil || s.idx == nil || len(s.idx.hidden) == 0 {
		return nil, false
	}
	for _, h := range s.idx.hidden {
		if h.Kind == Entry || h.Kind == LeafList {
			return h, false
		}
		if !slices.ContainsFunc(got, func(c *Node) bool { return c.Schema == h }) {
			return h, false
		}
	}
	return s.idx.hidden[len(s.idx.hidden)-1], true
}
