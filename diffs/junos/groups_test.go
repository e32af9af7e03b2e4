package junos

import (
	"strings"
	"testing"
)

// TestInheritGolden: the configuration `in`, with its groups applied, has the text `out`, or gives `errors`.
func TestInheritGolden(t *testing.T) {
	goldens(t, "inherit", func(t *testing.T, c *goldenCase) {
		in, _ := c.get("in")
		tree, err := Parse("in", []byte(in), nil)
		if err != nil {
			t.Fatal(err)
		}
		was := tree.Text()
		out, err := tree.Inherited()
		if tree.Text() != was {
			t.Error("Inherited has changed the tree")
		}
		if err != nil {
			c.want(t, "errors", err.Error()+"\n")
			return
		}
		c.want(t, "errors", "")
		c.want(t, "out", out.InheritanceText())
		if plain := out.Text(); strings.Contains(plain, "##") {
			t.Errorf("Text has comments:\n%s", plain)
		}
		again, err := Parse("out", []byte(out.InheritanceText()), nil)
		if err != nil {
			t.Fatal(err)
		}
		if again.Text() != out.Text() {
			t.Errorf("the text reads back as\n%s", again.Text())
		}
		twice, err := out.Inherited()
		if err != nil {
			t.Fatal(err)
		}
		if twice.InheritanceText() != out.InheritanceText() {
			t.Errorf("applied twice:\n%s", twice.InheritanceText())
		}
	})
}

func TestWildcard(t *testing.T) {
	for _, c := range []struct {
		pattern, key string
		want         bool
	}{
		{"<*>", "ge-0/0/0", true},
		{"<ge-*>", "ge-0/0/0", true},
		{"<ge-*>", "xe-0/0/0", false},
		{"<ge-0/0/?>", "ge-0/0/1", true},
		{"<ge-0/0/?>", "ge-0/0/10", false},
		{"<*[0-3]>", "ge-0/0/3", true},
		{"<*[0-3]>", "ge-0/0/4", false},
		{"<*[!0-3]>", "ge-0/0/4", true},
		{"<*[^0-3]>", "ge-0/0/3", false},
		{"<ae[0-9][0-9]>", "ae12", true},
		{"<ae[0-9][0-9]>", "ae1", false},
		{`<"ae[0-9]">`, "ae1", true},
		{"<*-*/*>", "ge-0/0/0", true},
		{"<[ab>", "[ab", true},
		{"<a[-]b>", "a-b", true},
		{"<a[x-]b>", "a-b", true},
		{"<>", "", false},
		{"<a>", "<a>", false},
		{"<a>", "a", true},
		{"a", "a", true},
		{"a*", "ab", false},
	} {
		if got := matchWildcard(c.pattern, c.key); got != c.want {
			t.Errorf("matchWildcard(%q, %q) = %v", c.pattern, c.key, got)
		}
	}
}

// TestInheritedProperty: without groups nothing changes; a configuration that is all in a group that is applied at the
// top is inherited whole.
func TestInheritedProperty(t *testing.T) {
	makers(t, 100, func(t *testing.T, m *treeMaker) {
		m.marks = false
		tree := m.tree(nil)
		tree.Root.Children = withoutGroups(tree.Root.Children)
		stripApply(tree.Root)
		out, err := tree.Inherited()
		if err != nil {
			t.Fatal(err)
		}
		if out.InheritanceText() != tree.Text() {
			t.Errorf("without groups:\n%s\n--- want\n%s", out.InheritanceText(), tree.Text())
		}
		grouped, err := Parse("", []byte("groups { all {\n"+tree.Text()+"} }\napply-groups all;\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if out, err = grouped.Inherited(); err != nil {
			t.Fatal(err)
		}
		if out.Text() != withoutWildcards(tree).Text() {
			t.Errorf("from a group:\n%s\n--- want\n%s", out.Text(), withoutWildcards(tree).Text())
		}
		Walk(out.Root, func(_ []string, n *Node) bool {
			if n != out.Root && n.InheritedFrom(0) != "all" {
				t.Errorf("%s is not said to be inherited", n.Name)
			}
			return true
		})
	})
}

func withoutGroups(nodes []*Node) (kept []*Node) {
	for _, n := range nodes {
		if n.Name != "groups" {
			kept = append(kept, n)
		}
	}
	return kept
}

func stripApply(n *Node) {
	var kept []*Node
	for _, c := range n.Children {
		if c.Name != applyGroups && c.Name != applyGroupsExcept {
			stripApply(c)
			kept = append(kept, c)
		}
	}
	n.Children = kept
}

// withoutWildcards is what is left of a configuration in a group when there is nothing for its wildcards to match.
func withoutWildcards(t *Tree) *Tree {
	out := t.Clone()
	var strip func(n *Node)
	strip = func(n *Node) {
		var kept []*Node
		for _, c := range n.Children {
			if isWildcard(c) {
				continue
			}
			had := len(c.Children)
			strip(c)
			if c.Kind == Container && had > 0 && len(c.Children) == 0 {
				continue
			}
			kept = append(kept, c)
		}
		n.Children = kept
	}
	strip(out.Root)
	normalize(out.Root)
	return out
}
