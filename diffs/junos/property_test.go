package junos

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// treeMaker makes random configurations that the table covers.
type treeMaker struct {
	*rand.Rand
	marks bool // also inactive, protected, annotated statements
	size  int  // statements left to make
	words []string
}

var someWords = []string{
	"a", "b10", "b9", "ge-0/0/0.0", "192.0.2.1", "192.0.2.0/24", "2001:db8::1", "64496:1", "10m", "two words",
	"semi;colon", `quo"te`, `back\\slash`, "x{y}", "#no-comment", "", "^6449[0-9]$", "( A && B )", "<*>", "[x]", "Jürgen",
}

func (m *treeMaker) word() string {
	words := m.words
	if words == nil {
		words = someWords
	}
	return words[m.IntN(len(words))]
}

// key is a word that no statement of the table is called.
func (m *treeMaker) key() string {
	if m.IntN(4) == 0 {
		return "k " + m.word()
	}
	return fmt.Sprintf("k-%d", m.IntN(12))
}

func (m *treeMaker) tree(s *Schema) *Tree {
	t := New(s)
	m.size = 60
	m.fill(t.Root, 0)
	normalize(t.Root)
	t.settleTop(nil)
	return t
}

// fill adds children. Hidden leaves come in their order, as the text can't tell them apart.
func (m *treeMaker) fill(n *Node, depth int) {
	choices := map[uint16]bool{}
	hidden := true
	for _, s := range n.Schema.Children {
		if s.Is(Hidden) && s.Kind == Leaf {
			hidden = hidden && (n.Is(Oneliner) || m.IntN(4) > 0) && !choices[s.choice]
			if hidden {
				choices[s.choice] = s.choice != 0
				m.add(n, s, depth)
			}
		}
	}
	for _, i := range m.Perm(len(n.Schema.Children)) {
		s := n.Schema.Children[i]
		if s.Is(Hidden) && s.Kind == Leaf {
			continue
		}
		if m.size <= 0 || depth > 9 || m.IntN(max(2, len(n.Schema.Children)/3)) > 0 || choices[s.choice] {
			continue
		}
		choices[s.choice] = s.choice != 0
		m.add(n, s, depth)
		for s.Kind == Entry && m.IntN(2) == 0 {
			m.add(n, s, depth)
		}
	}
}

func (m *treeMaker) add(n *Node, s *Schema, depth int) {
	c := &Node{Kind: s.Kind, Name: s.Name, Schema: s}
	m.size--
	switch s.Kind {
	case Leaf:
		switch {
		case s.Is(Empty):
		case s.Is(Hidden):
			c.Values = []string{m.key()}
		default:
			c.Values = []string{m.word()}
		}
	case LeafList:
		for range 1 + m.IntN(3) {
			c.unite([]string{m.word()})
		}
	case Entry:
		for _, k := range s.Keys {
			c.Values = append(c.Values, m.keyValues(k)...)
		}
		m.fill(c, depth+1)
	default:
		m.fill(c, depth+1)
	}
	if m.marks && s.choice == 0 && !(s.Kind == Leaf && s.Is(Hidden)) {
		c.Inactive = m.IntN(12) == 0
		c.Protected = m.IntN(30) == 0
		if m.IntN(30) == 0 {
			c.Annotation = strings.TrimSpace("why " + m.word())
		}
	}
	n.Children = append(n.Children, c)
}

func (m *treeMaker) keyValues(k Key) []string {
	if k.Choices == nil {
		return []string{m.key()}
	}
	c := k.Choices[m.IntN(len(k.Choices))]
	if w, ok := strings.CutSuffix(c, "="); ok && w != "" {
		return []string{w, m.word()}
	}
	return []string{c}
}

func makers(t *testing.T, count int, test func(*testing.T, *treeMaker)) {
	for seed := range uint64(count) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			test(t, &treeMaker{Rand: rand.New(rand.NewPCG(seed, 7)), marks: seed%2 == 1})
		})
	}
}

func TestRoundTripProperty(t *testing.T) {
	makers(t, 300, func(t *testing.T, m *treeMaker) {
		tree := m.tree(nil)
		checkRoundTrips(t, tree)
		again, err := Parse("", []byte(tree.Text()), nil)
		if err != nil {
			t.Fatal(err)
		}
		if again.Fingerprint() != tree.Fingerprint() {
			t.Errorf("fingerprints differ:\n%s", tree.Text())
		}
		if cl := tree.Clone(); cl.Text() != tree.Text() {
			t.Error("clone differs")
		}
	})
}

func TestLoadProperty(t *testing.T) {
	makers(t, 200, func(t *testing.T, m *treeMaker) {
		a, b := m.tree(nil), m.tree(nil)
		load := func(onto *Tree, text string, mode Mode) *Tree {
			t.Helper()
			r := onto.Clone()
			if _, err := r.Load("", []byte(text), mode); err != nil {
				t.Fatalf("load %s: %v\n%s", mode, err, text)
			}
			return r
		}
		same := func(what string, x, y *Tree) {
			t.Helper()
			if x.Set() != y.Set() {
				t.Errorf("%s:\n%s\n--- and\n%s", what, x.Text(), y.Text())
			}
		}
		once := load(a, b.Text(), Merge)
		same("merge twice", load(once, b.Text(), Merge), once)
		same("merge of itself", load(a, a.Text(), Merge), a)
		same("override", load(a, b.Text(), Override), b)
		same("update", load(a, b.Text(), Update), b)
		same("override by set lines", load(a, b.Set(), Override), b)
		same("merge onto nothing", load(New(nil), b.Text(), Merge), b)
		same("set onto nothing", load(New(nil), b.Set(), Set), b)
		same("merge of set lines", load(a, b.Set(), Merge), once)

		// every hierarchy of b replaced, every other of a deleted: as override
		var all strings.Builder
		for _, c := range a.Root.Children {
			if c.Kind == Container && b.Lookup(c.Name) == nil {
				all.WriteString("delete: " + c.Name + ";\n")
			}
		}
		whole := b.Clone()
		for _, c := range whole.Root.Children {
			c.Op = ReplaceOp
		}
		a2 := a.Clone()
		a2.Root.Children = onlyContainers(a2.Root.Children)
		unprotect(a2) // what is protected would stay
		same("replace of all", load(a2, all.String()+whole.Text(), Replace), b)
	})
}

func unprotect(t *Tree) {
	Walk(t.Root, func(_ []string, n *Node) bool {
		n.Protected = false
		return true
	})
}

func onlyContainers(nodes []*Node) (kept []*Node) {
	for _, n := range nodes {
		if n.Kind == Container {
			kept = append(kept, n)
		}
	}
	return kept
}

// TestEveryStatementIsFound checks that each statement is found by its path, and that deleting all of them one by one
// leaves nothing.
func TestEveryStatementIsFound(t *testing.T) {
	makers(t, 60, func(t *testing.T, m *treeMaker) {
		tree := m.tree(nil)
		Walk(tree.Root, func(words []string, n *Node) bool {
			if got := tree.Lookup(words...); got != n {
				t.Errorf("Lookup(%q) = %v, want %v", words, got, n)
			}
			return true
		})
		unprotect(tree)
		for range 500 {
			if len(tree.Root.Children) == 0 {
				return
			}
			n := tree.Root.Children[m.IntN(len(tree.Root.Children))]
			for len(n.Children) > 0 && m.IntN(3) > 0 {
				n = n.Children[m.IntN(len(n.Children))]
			}
			line := "delete " + joinWords(tree.Path(n))
			warnings, err := tree.Load("", []byte(line), Set)
			if err != nil || len(warnings) > 0 {
				t.Fatalf("%s: %v %v\n%s", line, warnings, err, tree.Text())
			}
		}
		t.Errorf("never empty:\n%s", tree.Text())
	})
}
