package diffs

import (
	"slices"

	"rhapsode/diffs/junos"
)

// statement is all that two parents have of one name: one node each, or the entries of a list.
type statement struct {
	name          string
	before, after []*junos.Node
}

func first(nodes []*junos.Node) *junos.Node {
	if len(nodes) == 0 {
		return nil
	}
	return nodes[0]
}

// isList reports whether the statement has entries that are told apart by their words. A statement that no schema
// knows can be a single leaf on one side and several on the other: then it is a list on both.
func (s *statement) isList() bool {
	if len(s.before) > 1 || len(s.after) > 1 {
		return true
	}
	return s.has(junos.Entry) || s.has(junos.Container) && (s.has(junos.Leaf) || s.has(junos.LeafList))
}

// isSingle reports whether the statement is a list that is laid out as the leaf that it was in older releases: there is
// one entry at most on each side, and not the same on both.
func (s *statement) isSingle() bool {
	if !s.schema().Is(junos.Single) || len(s.before) > 1 || len(s.after) > 1 {
		return false
	}
	return len(s.before) == 0 || len(s.after) == 0 || key(s.before[0]) != key(s.after[0])
}

func (s *statement) has(k junos.Kind) bool {
	is := func(n *junos.Node) bool { return n.Kind == k }
	return slices.ContainsFunc(s.before, is) || slices.ContainsFunc(s.after, is)
}

// schema gives what the table knows of the statement, nil if nothing. After wins: it is what the configuration will be
// read by.
func (s *statement) schema() *junos.Schema {
	if n := first(s.after); n != nil {
		return n.Schema
	}
	return first(s.before).Schema
}

// pair joins the statements of two parents by name, in the order in which a comparison shows them: that of before; what
// only after has comes behind the nearest statement that precedes it in the schema, or in after where the schema
// doesn't know it. Of several new ones side by side, what after has first comes first.
func pair(b, a *junos.Node, before, after order) []statement {
	out := group(before.sorted(b), false)
	if len(out) == 0 {
		return group(after.sorted(a), true)
	}
	var old map[string]bool // the names in out, if there are many
	if len(out) >= many {
		old = make(map[string]bool, len(out))
		for _, s := range out {
			old[s.name] = true
		}
	}
	at := 0 // where the last statement of after stands in out
	for _, s := range group(a.Children, true) {
		i := -1
		if old == nil || old[s.name] {
			// Both are in the same order, as a rule: the next one is the first to look at.
			i = find(out, s.name, at)
		}
		if i < 0 {
			if i = insertion(out, a, s); i < 0 {
				i = at
				if len(out) > 0 && len(out[at].after) > 0 {
					i = at + 1
				}
			}
			out = slices.Insert(out, i, s)
		} else {
			out[i].after = s.after
		}
		at = i
	}
	if after.asWritten {
		sortNew(out)
	}
	return out
}

// sortNew puts statements that are new side by side in the order of their text.
func sortNew(list []statement) {
	for i := 0; i < len(list); i++ {
		end := i
		for end < len(list) && len(list[end].before) == 0 {
			end++
		}
		if end-i > 1 {
			slices.SortStableFunc(list[i:end], func(x, y statement) int { return byPos(x.after[0], y.after[0]) })
		}
		i = end
	}
}

// find gives the place of a statement by name, looking from start on and then before it; -1 if there is none.
func find(list []statement, name string, start int) int {
	for i := start; i < len(list); i++ {
		if list[i].name == name {
			return i
		}
	}
	for i := range start {
		if list[i].name == name {
			return i
		}
	}
	return -1
}

// insertion gives where a statement that only after has goes by the schema: behind the nearest of those that precede
// it there. It is -1 if the schema doesn't know the statement.
func insertion(list []statement, parent *junos.Node, s statement) int {
	r := rank(parent.Schema, s)
	if r < 0 {
		return -1
	}
	place, nearest := 0, -1
	for i, other := range list {
		if o := rank(parent.Schema, other); o >= 0 && o < r && o >= nearest {
			place, nearest = i+1, o
		}
	}
	return place
}

// anywhere is the statements that any other may hold; they come first. The table of statements doesn't list them.
var anywhere = []string{"apply-groups", "apply-groups-except", "apply-macro"}

// rank gives a statement's place in its parent's table, -1 if the schema doesn't know it.
func rank(parent *junos.Schema, s statement) int {
	sch := s.schema()
	if parent == nil || sch == nil {
		return -1
	}
	if i := slices.IndexFunc(parent.Children, func(c *junos.Schema) bool { return c.Name == s.name }); i >= 0 {
		return len(anywhere) + i
	}
	return slices.Index(anywhere, s.name)
}

// many is how many names are looked up in an index rather than one by one: what no schema knows can have any number.
const many = 64

// group gathers siblings by name, in the order in which the names first come.
func group(nodes []*junos.Node, after bool) []statement {
	out := make([]statement, 0, min(len(nodes), 8))
	var index map[string]int
	for i := 0; i < len(nodes); {
		end := i + 1
		for end < len(nodes) && nodes[end].Name == nodes[i].Name {
			end++
		}
		run := nodes[i:end:end]
		i = end
		at := -1
		if index == nil {
			at = find(out, run[0].Name, 0)
		} else if known, ok := index[run[0].Name]; ok {
			at = known
		}
		if at < 0 {
			at = len(out)
			out = append(out, statement{name: run[0].Name})
			if index != nil {
				index[run[0].Name] = at
			} else if len(out) == many {
				index = make(map[string]int, len(nodes))
				for i, s := range out {
					index[s.name] = i
				}
			}
		}
		side := &out[at].before
		if after {
			side = &out[at].after
		}
		if *side == nil {
			*side = run // the usual case: no copy
		} else {
			*side = append(*side, run...)
		}
	}
	return out
}
