package junos

import "slices"

// Guess is a statement that no schema knows. What it is was told from its shape and its siblings.
type Guess struct {
	// Path is the CLI words of the statement: those of a set line, without what would be the value of a leaf.
	Path []string
	// Place is Path with `*` for the keys of all lists above: the place of the statement in a schema.
	Place []string
	// Kind is what it was taken for. Without a schema an entry is a keyword and all other words before its block.
	Kind Kind
	// Statements is how many statements there are, with those that are in it.
	Statements int
	// Misfit says that the schema has a statement of this name beside it, of another shape: Parse kept what was written.
	Misfit bool
	Pos    Pos // where it was read
}

// Guesses lists the statements of a configuration that its schema does not know, in display order. What is inside of
// such a statement is counted with it.
func Guesses(t *Tree) []Guess {
	var g guesser
	g.below(t.Root, nil, nil)
	return g.found
}

type guesser struct{ found []Guess }

func (g *guesser) below(n *Node, path, place []string) {
	for _, c := range n.Children {
		switch {
		case c.Schema == nil:
			words := []string{c.Name}
			placed := words
			if c.Kind == Entry {
				words = c.Words()
				placed = []string{c.Name, "*"}
			}
			g.found = append(g.found, Guess{
				Path: slices.Concat(path, words), Place: slices.Concat(place, placed), Kind: c.Kind,
				Statements: statements(c), Misfit: n.Schema != nil && n.Schema.Child(c.Name) != nil, Pos: c.Pos,
			})
		case len(c.Children) > 0:
			placed := slices.Concat(place, c.head())
			for range c.Values {
				placed = append(placed, "*")
			}
			g.below(c, slices.Concat(path, c.Words()), placed)
		}
	}
}

// statements counts n and what is in it.
func statements(n *Node) int {
	count := 1
	for _, c := range n.Children {
		count += statements(c)
	}
	return count
}

// String names a kind as messages do: container, list, leaf, leaf-list.
func (k Kind) String() string {
	switch k {
	case Container:
		return "container"
	case Entry:
		return "list"
	case Leaf:
		return "leaf"
	case LeafList:
		return "leaf-list"
	}
	return "unknown"
}
