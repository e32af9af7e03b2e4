package diffs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
)

// randomConfig makes a configuration out of the built-in table: small pools of keys and values, so that two of them
// have much in common.
type randomConfig struct {
	*rand.Rand
	marks bool // inactive, protect, annotations
}

func (r *randomConfig) tree(t testing.TB) *junos.Tree {
	t.Helper()
	raw := junos.New(nil)
	r.fill(raw.Root, 0, 5)
	return readBack(t, raw)
}

// readBack gives the tree as it is read from its own text, which curly text and set lines give again.
func readBack(t testing.TB, raw *junos.Tree) *junos.Tree {
	t.Helper()
	tree, err := junos.Parse("random", []byte(raw.Text()), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, raw.Text())
	}
	for _, text := range []string{tree.Text(), tree.Set()} {
		again, err := junos.Parse("again", []byte(text), nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if again.Text() != tree.Text() || again.Set() != tree.Set() {
			t.Fatalf("read as\n%s\n--- and again, from\n%s\n--- as\n%s", tree.Text(), text, again.Text())
		}
	}
	return tree
}

const deepest = 8

func (r *randomConfig) fill(n *junos.Node, depth, most int) {
	s := n.Schema
	if s == nil || len(s.Children) == 0 || depth > deepest {
		return
	}
	for range 1 + r.IntN(most) {
		c := s.Children[r.IntN(len(s.Children))]
		if slices.ContainsFunc(n.Children, func(o *junos.Node) bool {
			// Two values without keywords can't be entered one by one.
			return o.Schema == c || leafy(o) && o.Is(junos.Hidden) && c.Is(junos.Hidden)
		}) {
			continue
		}
		count := 1
		if c.Kind == junos.Entry {
			count += r.IntN(4)
		}
		for range count {
			child := r.node(c)
			if slices.ContainsFunc(n.Children, func(o *junos.Node) bool { return junos.Same(o, child) }) {
				continue
			}
			r.fill(child, depth+1, 3)
			n.Children = append(n.Children, child)
		}
	}
}

func (r *randomConfig) node(s *junos.Schema) *junos.Node {
	n := &junos.Node{Kind: s.Kind, Name: s.Name, Schema: s}
	switch s.Kind {
	case junos.Leaf:
		if !s.Is(junos.Empty) {
			n.Values = []string{r.word()}
		}
	case junos.LeafList:
		for range 1 + r.IntN(3) {
			if w := r.word(); !slices.Contains(n.Values, w) {
				n.Values = append(n.Values, w)
			}
		}
	case junos.Entry:
		for _, k := range s.Keys {
			n.Values = append(n.Values, r.key(k)...)
		}
	}
	if r.marks && !s.Is(junos.Inline) {
		n.Inactive = r.IntN(8) == 0
		n.Protected = r.IntN(16) == 0
		if r.IntN(16) == 0 {
			n.Annotation = "note " + r.word()
		}
	}
	return n
}

func (r *randomConfig) key(k junos.Key) []string {
	if len(k.Choices) == 0 {
		return []string{r.word()}
	}
	c := k.Choices[r.IntN(len(k.Choices))]
	if w, ok := strings.CutSuffix(c, "="); ok && w != "" {
		return []string{w, r.word()}
	}
	return []string{c}
}

func (r *randomConfig) word() string {
	if r.IntN(10) == 0 {
		return "two words"
	}
	return fmt.Sprintf("10%d", r.IntN(6))
}

// pair gives two configurations that have more or less in common.
func (r *randomConfig) pair(t testing.TB) (a, b *junos.Tree) {
	t.Helper()
	a, b = r.tree(t), r.tree(t)
	if r.IntN(2) == 0 { // much in common: part of the one in the other
		more := b.Text()
		b = a.Clone()
		if _, err := b.Load("more", []byte(more), junos.Merge); err != nil {
			t.Fatal(err)
		}
		r.shuffle(b.Root)
		b = readBack(t, b)
	}
	return a, b
}

func newRandom(seed uint64) *randomConfig {
	return &randomConfig{rand.New(rand.NewPCG(1, seed)), seed%2 == 1}
}

// random gives n pairs of configurations that are always the same.
func random(t *testing.T, n int, f func(t *testing.T, a, b *junos.Tree)) {
	for seed := range uint64(n) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			a, b := newRandom(seed).pair(t)
			f(t, a, b)
			if t.Failed() {
				t.Logf("before\n%s\nafter\n%s", a.Text(), b.Text())
			}
		})
	}
}

// FuzzEngine holds all that is said of any two configurations to random ones, for as long as one likes:
//
//	go test ./diffs -run '^$' -fuzz FuzzEngine -fuzztime 1h
func FuzzEngine(f *testing.F) {
	for _, found := range []uint64{0, 7819, 11347, 14468, 29129, 46017, 46229, 108875, 200568} { // and what it has found before
		f.Add(found)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		a, b := newRandom(seed).pair(t)
		checkCompare(t, a, b)
		checkEdits(t, a, b)
		checkPatch(t, a, b)
		checkPatch(t, b, a)
		checkLoads(t, a, b)
	})
}

// checkLoads holds loads to what a router does: merging twice is merging once, override leaves nothing else.
func checkLoads(t *testing.T, a, b *junos.Tree) {
	t.Helper()
	load := func(onto *junos.Tree, text string, mode junos.Mode) *junos.Tree {
		t.Helper()
		out := onto.Clone()
		if _, err := out.Load("load", []byte(text), mode); err != nil {
			t.Fatalf("%s: %v\n%s", mode, err, text)
		}
		return out
	}
	same := func(what string, got, want *junos.Tree) {
		t.Helper()
		if got.Fingerprint() != want.Fingerprint() {
			t.Errorf("%s gives\n%s\nwant\n%s", what, got.Text(), want.Text())
		}
	}
	once := load(a, b.Text(), junos.Merge)
	same("merge a second time", load(once, b.Text(), junos.Merge), once)
	same("merge of itself", load(a, a.Text(), junos.Merge), a)
	same("merge of set lines", load(a, b.Set(), junos.Merge), once)
	for _, text := range []string{b.Text(), b.Set()} {
		same("override", load(a, text, junos.Override), b)
		same("update", load(a, text, junos.Update), b)
	}
}

// shuffle takes some statements away and swaps entries of lists that the user orders.
func (r *randomConfig) shuffle(n *junos.Node) {
	n.Children = slices.DeleteFunc(n.Children, func(*junos.Node) bool { return r.IntN(10) == 0 })
	for i := 1; i < len(n.Children); i++ {
		if x, y := n.Children[i-1], n.Children[i]; x.Schema == y.Schema && x.Is(junos.UserOrdered) && x.Kind == junos.Entry && r.IntN(3) == 0 {
			n.Children[i-1], n.Children[i] = y, x
		}
	}
	for _, c := range n.Children {
		r.shuffle(c)
	}
}

func TestCompareRandom(t *testing.T) {
	random(t, 250, checkCompare)
}

func checkCompare(t *testing.T, a, b *junos.Tree) {
	t.Helper()
	same := a.Set() == b.Set()
	d := Compare(a, b)
	if d.Empty() != same {
		t.Errorf("trees equal: %v, compare says\n%s", same, d)
	}
	if back := Compare(b, a); back.Empty() != same {
		t.Errorf("trees equal: %v, compare the other way says\n%s", same, back)
	}
	if again := Compare(a.Clone(), b.Clone()).String(); again != d.String() {
		t.Errorf("not the same twice\n%s\n%s", d, again)
	}
	if !Compare(a, a.Clone()).Empty() {
		t.Error("a tree differs from itself")
	}
	for _, h := range d.Hunks {
		checkHunk(t, a, b, h)
	}
}

// checkHunk holds a hunk to what is true of every one: its banner is a place in one of the configurations, it has a
// line with a mark, and all lines have the indent of the first at least.
func checkHunk(t *testing.T, a, b *junos.Tree, h Hunk) {
	t.Helper()
	path := h.Path
	if a.Lookup(path...) == nil && b.Lookup(path...) == nil {
		// The keyword of a homogeneous list stands in its banner.
		if parent := path[:max(0, len(path)-1)]; a.Lookup(parent...) == nil && b.Lookup(parent...) == nil {
			t.Errorf("the banner leads nowhere: %q", path)
		}
	}
	marked, indent := false, indentOf(h.Lines[0].Text)
	for _, l := range h.Lines {
		marked = marked || l.Mark != ' '
		if indentOf(l.Text) < indent {
			t.Errorf("less indent than the first line of the hunk: %q", l.Text)
		}
	}
	if !marked {
		t.Errorf("nothing but context: %v", h)
	}
}

func indentOf(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

func TestEditsRandom(t *testing.T) {
	random(t, 250, checkEdits)
}

// checkEdits: the commands lead from a to b, and there are none if that is the same.
func checkEdits(t *testing.T, a, b *junos.Tree) {
	t.Helper()
	edits := Edits(a, b)
	if (len(edits) == 0) != (a.Set() == b.Set()) {
		t.Errorf("got %q", edits)
	}
	got := a.Clone()
	apply(t, got, edits)
	if got.Set() != b.Set() {
		t.Errorf("edits\n%s\ngive\n%s\ndiff\n%s", strings.Join(edits, "\n"), got.Set(), Compare(b, got))
	}
}

// apply enters the commands, all of them as one text.
func apply(t *testing.T, tree *junos.Tree, edits []string) {
	t.Helper()
	warnings, err := tree.Load("edits", []byte(strings.Join(edits, "\n")), junos.Set)
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(edits, "\n"))
	}
	for _, w := range warnings {
		t.Errorf("%v", w)
	}
}
