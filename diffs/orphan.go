package diffs

import (
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// Orphans gives the paths of what the last run rendered, this one doesn't, and the device still has with the value that
// was rendered: it was ours and nothing will take it away. A path names the topmost statement of which the device has
// nothing but what was ours; a value that left a leaf-list has a path of its own, that ends in the value.
//
// What stands below a statement that rendered tags `replace:` is no orphan: loading it takes the rest away.
func Orphans(last, rendered, running *junos.Tree) [][]string {
	var o orphans
	o.children(nil, last.Root, rendered.Root, running.Root)
	return o.paths
}

// Prune is the change that removes orphans, as set lines. A change of none is not valid.
func Prune(orphans [][]string) Change {
	var b strings.Builder
	for _, p := range orphans {
		b.WriteString("delete " + joinPath(p) + "\n")
	}
	return Change{Mode: junos.Set, Text: b.String()}
}

type orphans struct{ paths [][]string }

// children looks at what last has below a statement that rendered has too.
func (o *orphans) children(path []string, last, rendered, running *junos.Node) {
	inRendered, inRunning := siblings(rendered), siblings(running)
	for _, l := range last.Children {
		run := inRunning.find(l)
		if run == nil || l.Op&junos.DeleteOp != 0 {
			continue
		}
		at := slices.Concat(path, junos.PathWords(l))
		switch r := inRendered.find(l); {
		case r == nil:
			o.gone(at, l, run)
		case r.Op&(junos.ReplaceOp|junos.DeleteOp) != 0:
		case l.Kind == junos.LeafList:
			o.values(at, l, r, run)
		default:
			o.children(at, l, r, run)
		}
	}
}

// gone looks at a statement that rendered doesn't have and running does.
func (o *orphans) gone(path []string, last, running *junos.Node) {
	switch {
	case covers(last, running):
		o.paths = append(o.paths, path)
	case last.Kind == junos.LeafList:
		o.values(path, last, &junos.Node{}, running)
	case last.Kind != junos.Leaf:
		o.children(path, last, &junos.Node{}, running)
	}
}

// values looks at what left a leaf-list.
func (o *orphans) values(path []string, last, rendered, running *junos.Node) {
	for _, v := range last.Values {
		if !slices.Contains(rendered.Values, v) && slices.Contains(running.Values, v) {
			o.paths = append(o.paths, slices.Concat(path, []string{v}))
		}
	}
}

// covers reports whether everything that running has of a statement was in last.
func covers(last, running *junos.Node) bool {
	switch running.Kind {
	case junos.Leaf:
		return slices.Equal(last.Values, running.Values)
	case junos.LeafList:
		return !slices.ContainsFunc(running.Values, func(v string) bool { return !slices.Contains(last.Values, v) })
	}
	inLast := siblings(last)
	return !slices.ContainsFunc(running.Children, func(c *junos.Node) bool {
		l := inLast.find(c)
		return l == nil || !covers(l, c)
	})
}

// siblingIndex finds a statement among siblings.
type siblingIndex map[string]*junos.Node

func siblings(parent *junos.Node) siblingIndex {
	m := make(siblingIndex, len(parent.Children))
	for _, c := range parent.Children {
		m[siblingKey(c)] = c
	}
	return m
}

func (m siblingIndex) find(n *junos.Node) *junos.Node { return m[siblingKey(n)] }

// siblingKey tells siblings apart. What is a list to one text can be a leaf to another where the schema doesn't know
// it: both have their words in the key.
func siblingKey(n *junos.Node) string {
	if n.Kind == junos.Entry || n.Schema == nil && n.Kind == junos.Leaf {
		return n.Name + "\x00" + key(n)
	}
	return n.Name
}
