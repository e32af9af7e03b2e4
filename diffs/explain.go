package diffs

import (
	"fmt"
	"strings"

	"rhapsode/diffs/junos"
)

// Guessed is a place in the configuration that no schema knows, with all statements of the two texts that stand there.
// What is compared there, its order and its indent, rests on what the statements look like.
type Guessed struct {
	Place      string `json:"place"`      // CLI words, * for the keys of lists
	Kind       string `json:"kind"`       // what it was taken for: container, list, leaf or leaf-list
	Statements int    `json:"statements"` // how many there are, with those inside of them
	Example    string `json:"example"`    // the CLI words of the first
	File       string `json:"file"`       // where the first was read
	Line       int    `json:"line"`
}

// Explain lists what was guessed for a comparison, in the order of before and then of after. The names are those of
// the texts that the trees came from. A statement that both have is counted once.
func Explain(beforeName string, before *junos.Tree, afterName string, after *junos.Tree) []Guessed {
	var out []Guessed
	places := make(map[string]int)
	seen := make(map[string]bool)
	add := func(file string, guesses []junos.Guess) {
		for _, g := range guesses {
			path, place := joinPath(g.Path), joinPath(g.Place)
			if seen[path] {
				continue
			}
			seen[path] = true
			key := place + "\x00" + g.Kind.String()
			at, ok := places[key]
			if !ok {
				at = len(out)
				places[key] = at
				out = append(out, Guessed{Place: place, Kind: g.Kind.String(), Example: path, File: file, Line: int(g.Pos.Line)})
			}
			out[at].Statements += g.Statements
		}
	}
	add(beforeName, junos.Guesses(before))
	add(afterName, junos.Guesses(after))
	return out
}

// String gives one line: place, what it was taken for, how many there are and where the first is.
func (g Guessed) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: %s: taken for a %s", g.File, g.Line, g.Place, g.Kind)
	if g.Statements > 1 {
		fmt.Fprintf(&b, " (%d statements)", g.Statements)
	}
	return b.String()
}
