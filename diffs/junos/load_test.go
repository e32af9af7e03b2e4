package junos

import (
	"slices"
	"strings"
	"testing"
)

// TestReplaceOfAllProperty: replacing every statement of the top, and deleting those that are not to be there, is an
// override.
func TestReplaceOfAllProperty(t *testing.T) {
	makers(t, 150, func(t *testing.T, m *treeMaker) {
		a, b := m.tree(nil), m.tree(nil)
		unprotect(a) // what is protected would stay
		var text strings.Builder
		for i, n := range a.Root.Children {
			gone := !slices.ContainsFunc(b.Root.Children, func(o *Node) bool { return o.Name == n.Name })
			if gone && (i == 0 || a.Root.Children[i-1].Name != n.Name) {
				text.WriteString("delete: " + n.Name + ";\n")
			}
		}
		all := New(nil)
		for _, n := range b.Root.Children {
			n = n.Clone()
			last := len(all.Root.Children) - 1
			switch {
			case n.Kind != Entry:
				n.Op |= ReplaceOp
			case last < 0 || all.Root.Children[last].Name != n.Name: // the list as a whole
				all.Root.Children = append(all.Root.Children, &Node{Kind: Entry, Name: n.Name, Schema: n.Schema, Op: ReplaceOp})
			}
			all.Root.Children = append(all.Root.Children, n)
		}
		text.WriteString(all.Text())
		got := a.Clone()
		warnings, err := got.Load("", []byte(text.String()), Replace)
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%v %v\n%s", warnings, err, text.String())
		}
		if got.Set() != b.Set() {
			t.Errorf("replace of all gives\n%s\nwant\n%s", got.Text(), b.Text())
		}
	})
}

// TestProtectProperty: whatever is loaded, but for an override, what is protected stays as it is.
func TestProtectProperty(t *testing.T) {
	makers(t, 200, func(t *testing.T, m *treeMaker) {
		m.marks = true
		a, b := m.tree(nil), m.tree(nil)
		unprotect(b)
		type guarded struct {
			words []string
			set   string
		}
		var all []guarded
		Walk(a.Root, func(words []string, n *Node) bool {
			if n.Protected {
				all = append(all, guarded{slices.Clone(words), strings.Join(setLines(n), "\n")})
			}
			return !n.Protected
		})
		var deletes strings.Builder
		for _, n := range a.Root.Children {
			deletes.WriteString("delete " + joinWords(PathWords(n)) + "\n")
		}
		replace := b.Clone()
		for _, n := range replace.Root.Children {
			if n.Kind == Container {
				n.Op |= ReplaceOp
			}
		}
		for what, load := range map[string]func(*Tree) ([]*Error, error){
			"merge":   func(t *Tree) ([]*Error, error) { return t.Load("", []byte(b.Text()), Merge) },
			"replace": func(t *Tree) ([]*Error, error) { return t.Load("", []byte(replace.Text()), Replace) },
			"set":     func(t *Tree) ([]*Error, error) { return t.Load("", []byte(b.Set()), Set) },
			"deletes": func(t *Tree) ([]*Error, error) { return t.Load("", []byte(deletes.String()), Set) },
			"delete":  func(t *Tree) ([]*Error, error) { return t.Load("", []byte("delete"), Set) },
		} {
			got := a.Clone()
			warnings, err := load(got)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			for _, g := range all {
				n := got.Lookup(g.words...)
				if n == nil {
					t.Errorf("%s: %q is gone", what, g.words)
				} else if set := strings.Join(setLines(n), "\n"); set != g.set {
					t.Errorf("%s: %q is\n%s\nwant\n%s", what, g.words, set, g.set)
				}
			}
			for _, w := range warnings {
				if w.Severity != SeverityWarning || len(w.Path) == 0 {
					t.Errorf("%s: %v", what, w)
				}
			}
			if what == "delete" && len(all) == 0 && len(got.Root.Children) > 0 {
				t.Errorf("delete leaves\n%s", got.Text())
			}
		}
	})
}

// TestMoveProperty: a rename and its inverse change nothing, nor do an entry's copy and its deletion; an entry that is
// inserted next to another stands there.
func TestMoveProperty(t *testing.T) {
	makers(t, 100, func(t *testing.T, m *treeMaker) {
		tree := m.tree(nil)
		unprotect(tree)
		was := tree.Set()
		load := func(lines ...string) {
			t.Helper()
			text := strings.Join(lines, "\n")
			if warnings, err := tree.Load("", []byte(text), Set); err != nil || len(warnings) > 0 {
				t.Fatalf("%s: %v %v", text, warnings, err)
			}
		}
		type entry struct {
			holder, self []string
			keys         []Key
			user         bool
			next         []string
		}
		var entries []entry
		Walk(tree.Root, func(words []string, n *Node) bool {
			for i, c := range n.Children {
				if c.Kind != Entry || c.Schema.Keys[len(c.Schema.Keys)-1].Choices != nil {
					continue
				}
				e := entry{slices.Clone(words), c.Words(), c.Schema.Keys, c.Is(UserOrdered), nil}
				if i+1 < len(n.Children) && n.Children[i+1].Schema == c.Schema {
					e.next = n.Children[i+1].Words()
				}
				entries = append(entries, e)
			}
			return true
		})
		for _, e := range entries {
			path := strings.TrimSpace(joinWords(e.holder) + " " + joinWords(e.self))
			other := slices.Clone(e.self)
			other[len(other)-1] = "other to"
			fresh := joinWords(other)
			back := strings.TrimSpace(joinWords(e.holder) + " " + fresh)
			load("rename "+path+" to "+fresh, "rename "+back+" to "+joinWords(e.self))
			load("copy "+path+" to "+fresh, "delete "+back)
			if e.user && e.next != nil {
				load("insert " + path + " after " + joinWords(e.next))
				if tree.Set() == was {
					t.Errorf("insert %s after %q has moved nothing", path, e.next)
				}
				load("insert " + path + " before " + joinWords(e.next))
			}
			if got := tree.Set(); got != was {
				t.Fatalf("%s: got\n%s\nwant\n%s", path, got, was)
			}
		}
	})
}
