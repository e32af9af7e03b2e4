package junos

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Mode is how Load puts a text onto a configuration.
type Mode uint8

// The load modes.
const (
	// Merge adds the text; values of leaves are replaced, leaf-lists grow. `delete:` tags delete, `replace:` tags are
	// ignored. What is inactive on the configuration stays so unless the text has it `active:`.
	Merge Mode = iota
	// Replace is Merge in which a statement with the tag `replace:` takes the place of the one that is there.
	Replace
	// Override makes the text the whole configuration.
	Override
	// Update gives the same configuration as Override. (A router differs in which processes it tells.)
	Update
	// Set applies commands of configuration mode in their order: set, delete, rename, insert, edit and so on.
	Set
	// Patch applies the text of a comparison, all of it or nothing. Protection doesn't stop it.
	Patch
)

var modeNames = [...]string{"merge", "replace", "override", "update", "set", "patch"}

// String returns the mode's name, such as `merge`.
func (m Mode) String() string {
	if int(m) < len(modeNames) {
		return modeNames[m]
	}
	return fmt.Sprintf("Mode(%d)", uint8(m))
}

// MarshalText is String, for JSON and YAML.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText takes the names that String gives.
func (m *Mode) UnmarshalText(text []byte) error {
	i := slices.Index(modeNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("read load mode %q: want merge, replace, override, update, set or patch", text)
	}
	*m = Mode(i)
	return nil
}

// Load puts a text onto the configuration. The text may be in any form, whatever the mode, except that Set takes set
// lines only, and Patch what `show | compare` prints; set lines without mode Set are applied as if the configuration
// that they describe had been given in curly form. file names the text in complaints. A warning (`statement not found`)
// doesn't stop a load; with an error (an ErrorList) the tree is as it was.
func (t *Tree) Load(file string, text []byte, mode Mode) (warnings []*Error, err error) {
	warnings, err = t.load(file, string(text), mode)
	slices.SortStableFunc(warnings, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	return warnings, err
}

func (t *Tree) load(file, src string, mode Mode) (warnings []*Error, err error) {
	src = strings.TrimPrefix(src, byteOrderMark)
	if mode == Set {
		next := t.Clone()
		warnings, err = next.loadSet(file, src, setMode{enforce: true})
		if err == nil {
			*t = *next
		}
		return warnings, err
	}
	if mode == Patch {
		next := t.Clone()
		if err := next.loadPatch(file, src); err != nil {
			return nil, err
		}
		*t = *next
		return nil, nil
	}
	in := New(t.Schema)
	if isSet(src) {
		if warnings, err = in.loadSet(file, src, setMode{}); err != nil {
			return warnings, err
		}
	} else {
		warns, errs := readTree(file, src, in, false)
		if warnings = warns; len(errs) > 0 {
			return warnings, errs
		}
	}
	m := merger{file: file, replace: mode == Replace, warns: warnings}
	if mode == Override || mode == Update {
		next := New(t.Schema)
		next.Header, next.TopOrder = in.Header, in.TopOrder
		m.strip(in.Root, nil)
		next.Root = in.Root
		normalize(next.Root)
		*t = *next
		return m.warns, nil
	}
	next := t.Clone()
	m.guarded = holdsProtected(next.Root)
	m.children(next.Root, in.Root, nil)
	normalize(next.Root)
	next.settleTop(in.TopOrder)
	*t = *next
	return m.warns, nil
}

// settleTop makes TopOrder name the top-level statements that are there, new ones last.
func (t *Tree) settleTop(added []string) {
	for _, name := range added {
		t.TopOrder = appendNew(t.TopOrder, name)
	}
	for _, c := range t.Root.Children {
		t.TopOrder = appendNew(t.TopOrder, c.Name)
	}
	t.TopOrder = slices.DeleteFunc(t.TopOrder, func(name string) bool {
		return !slices.ContainsFunc(t.Root.Children, func(c *Node) bool { return c.Name == name })
	})
}

// merger loads one tree onto another.
type merger struct {
	file    string
	replace bool
	guarded bool // something is protected in what is loaded onto
	warns   []*Error
}

func (m *merger) warn(pos Pos, message string, path []string) {
	m.warns = append(m.warns, &Error{File: m.file, Pos: pos, Message: message, Severity: SeverityWarning, Path: path})
}

func (m *merger) notFound(path []string, n *Node) {
	m.warn(n.Pos, msgNotFound, append(slices.Clone(path), n.Words()...))
}

// strip removes the load-time tags from n and all below, with what is to be deleted: there is nothing to delete from.
func (m *merger) strip(n *Node, path []string) {
	n.Op = NoOp
	n.Children = slices.DeleteFunc(n.Children, func(c *Node) bool {
		if c.Op&DeleteOp != 0 {
			m.notFound(path, c)
			return true
		}
		if c.Kind == Entry && len(c.Values) == 0 {
			return true
		}
		m.strip(c, append(path, c.Words()...))
		return false
	})
}

// Untag takes the load-time tags off what was read, with what is tagged `delete:`: a configuration has none of them.
func (t *Tree) Untag() {
	(&merger{}).strip(t.Root, nil)
	normalize(t.Root)
}

// children loads the children of src onto those of dst. The nodes of src become part of dst.
func (m *merger) children(dst, src *Node, path []string) {
	unifyUnknown(dst, src)
	at := siblings(dst.Children)
	gone := false
	for _, s := range src.Children {
		if s.Kind == Entry && len(s.Values) == 0 { // all entries of a list
			if (s.Op&DeleteOp != 0 || m.replace) && !m.deleteList(dst, s, path) && s.Op&DeleteOp != 0 {
				m.notFound(path, s)
			}
			gone = true
			continue
		}
		i, found := at.find(dst.Children, s)
		found = found && dst.Children[i].Op&DeleteOp == 0
		switch sub := append(path, s.Words()...); {
		case found && m.guarded && m.guard(dst.Children[i], s, path):
		case s.Op&DeleteOp != 0 && found && m.delete(dst.Children[i], s, path):
			dst.Children[i] = &Node{Kind: Leaf, Op: DeleteOp} // swept below; indexes stay valid
			gone = true
		case s.Op&DeleteOp != 0 && found && s.Kind == LeafList:
		case s.Op&DeleteOp != 0:
			m.notFound(path, s)
		case !found && m.guarded && m.guardAlternative(dst, s, path):
		case !found:
			m.strip(s, sub)
			dst.Children = append(dst.Children, s)
		case m.replace && s.Op&ReplaceOp != 0:
			m.strip(s, sub)
			dst.Children[i] = s
		default:
			m.node(dst.Children[i], s, sub)
		}
	}
	if gone {
		dst.Children = slices.DeleteFunc(dst.Children, func(c *Node) bool { return c.Op&DeleteOp != 0 })
	}
}

// deleteList marks all entries of a list in dst for removal, for s, which stands for them.
func (m *merger) deleteList(dst, s *Node, path []string) (found bool) {
	for i, c := range dst.Children {
		if c.Schema != s.Schema || c.Kind != Entry {
			continue
		}
		found = true
		if !m.guarded || !m.keep(c, s, append(path, c.Words()...)) {
			dst.Children[i] = &Node{Kind: Leaf, Op: DeleteOp}
		}
	}
	return found
}

// delete reports whether a `delete:` of s takes d away as a whole. From a leaf-list it takes the named values.
func (m *merger) delete(d, s *Node, path []string) bool {
	if s.Kind != LeafList || len(s.Values) == 0 {
		return true
	}
	before := len(d.Values)
	d.Values = slices.DeleteFunc(slices.Clone(d.Values), func(v string) bool { return slices.Contains(s.Values, v) })
	if len(d.Values) == before {
		m.notFound(path, s)
	}
	return len(d.Values) == 0
}

// node loads s onto d, which is the same statement.
func (m *merger) node(d, s *Node, path []string) {
	d.takeMarks(s)
	d.Op = NoOp
	switch d.Kind {
	case Leaf:
		d.Values, d.Secret = s.Values, s.Secret
	case LeafList:
		d.unite(s.Values)
		d.Secret = d.Secret || s.Secret
	default:
		m.children(d, s, path)
	}
}

// siblingIndex finds the Same statement among siblings, if they are many; nil: they are few.
type siblingIndex map[string]int

func siblings(children []*Node) siblingIndex {
	if len(children) <= 8 {
		return nil
	}
	at := make(siblingIndex, len(children))
	for i, c := range children {
		at[identity(c)] = i
	}
	return at
}

func (at siblingIndex) find(children []*Node, n *Node) (int, bool) {
	if at != nil {
		i, ok := at[identity(n)]
		return i, ok
	}
	for i, c := range children {
		if c.Name != "" && Same(c, n) {
			return i, true
		}
	}
	return -1, false
}

// Unify makes two trees agree about what the statements are that no schema knows: what is a list or a leaf-list in
// one is so in the other. A comparison calls it first; it changes both trees' guesses, nothing else.
func Unify(a, b *Tree) { unifyNodes(a.Root, b.Root) }

func unifyNodes(a, b *Node) {
	unifyUnknown(a, b)
	at := siblings(b.Children)
	for _, c := range a.Children {
		if c.Kind == Leaf || c.Kind == LeafList || len(c.Children) == 0 {
			continue
		}
		if i, ok := at.find(b.Children, c); ok {
			unifyNodes(c, b.Children[i])
		}
	}
}

// unifyUnknown settles the unknown children of two nodes that are the same statement. A leaf that has one value on
// each side stays a leaf, with two values in time.
func unifyUnknown(a, b *Node) {
	kinds := map[string]Kind{}
	for _, n := range [...]*Node{a, b} {
		for i := len(n.Children) - 1; i >= 0 && n.Children[i].Schema == nil; i-- {
			switch c := n.Children[i]; {
			case c.Kind == Entry, c.Kind == LeafList && kinds[c.Name] != Entry, c.Kind == Container && kinds[c.Name] == 0:
				kinds[c.Name] = c.Kind
			}
		}
	}
	if len(kinds) == 0 {
		return
	}
	for _, n := range [...]*Node{a, b} {
		for _, c := range n.Children {
			if k, ok := kinds[c.Name]; ok && c.Schema == nil && c.Kind == Leaf && (len(c.Values) > 0) == (k != Container) {
				c.Kind = k
			}
		}
	}
}
