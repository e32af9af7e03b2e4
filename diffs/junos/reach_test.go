package junos

import (
	"strings"
	"testing"
)

// reacher puts each statement of a full schema, alone in the hierarchy that it stands in, before the table.
type reacher struct {
	*testing.T
	full *Schema
	seen map[[2]*Schema]bool
	path []*Schema
}

// TestTableReadsSchema holds the table to this: whatever a router can have is read, if only as a guess, and its set lines
// are those that the full schema writes. Below what the table does not know nothing can go wrong.
func TestTableReadsSchema(t *testing.T) {
	for _, name := range []string{"junos-mx-23.4.json.gz", "junos-srx-23.4.json.gz"} {
		t.Run(name, func(t *testing.T) {
			full := fullSchema(t, name)
			r := reacher{T: t, full: full, seen: map[[2]*Schema]bool{}}
			r.walk(full, Builtin())
		})
	}
}

func (r *reacher) walk(full, table *Schema) {
	key := [2]*Schema{full, table}
	if table == nil || r.seen[key] || len(r.path) > 12 {
		return
	}
	r.seen[key] = true
	for _, s := range full.Children {
		switch {
		case s.Name == "groups", s.Name == "logical-systems", isCommon(s.Name): // the whole again; the same everywhere
			continue
		case s.Kind == Leaf && s.Is(Hidden): // minimal has the first, and there is one at a time
			continue
		}
		in := childNamed(table, s.Name)
		if !onlyBare(s, in) {
			r.path = append(r.path, s)
			r.check()
			r.path = r.path[:len(r.path)-1]
		}
		r.path = append(r.path, s)
		r.walk(s, in)
		r.path = r.path[:len(r.path)-1]
	}
}

// onlyBare reports whether s, without contents, is what no router keeps: the table has it as a value or as a list.
func onlyBare(s, table *Schema) bool {
	return s.Kind == Container && table != nil && table.Kind != Container && !table.Is(Empty)
}

// reachExceptions are statements whose set lines the table gives another form, each with the reason.
var reachExceptions = map[string]string{
	"update-threshold adaptive": "a threshold or adaptive: the published schema does not say that they exclude each other",
	"file microsecond-stamp":    "of one daemon alone; with it the name of the file is taken for a statement that the table lacks",
	"prefix-offset":             "of the flow routes of other families, which share one group of statements",
}

func (r *reacher) check() {
	tree := New(r.full)
	n := tree.Root
	for _, s := range r.path {
		c := minimal(s)
		n.Children = append(n.Children, c)
		n = c
	}
	normalize(tree.Root)
	text, set := tree.Text(), tree.Set()
	for words := range reachExceptions {
		if strings.Contains(set, " "+words) {
			return
		}
	}
	again, err := Parse("schema", []byte(text), nil)
	if err != nil {
		r.Errorf("%v\n%s", err, text)
		return
	}
	if got := again.Set(); sortedLines(got) != sortedLines(set) {
		r.Errorf("%s--- by the table\n%s", set, got)
	}
}

// minimal is the least that can stand for s: keys, a value, what has no keyword.
func minimal(s *Schema) *Node {
	n := &Node{Kind: s.Kind, Name: s.Name, Schema: s}
	switch s.Kind {
	case Leaf:
		if !s.Is(Empty) {
			n.Values = []string{"v1"}
		}
	case LeafList:
		n.Values = []string{"v1", "v2"}
	case Entry:
		for _, k := range s.Keys {
			n.Values = append(n.Values, minimalKey(k)...)
		}
	}
	if h, _ := s.hiddenFor(nil); h != nil && h.Kind == Leaf && s.Kind <= Entry {
		n.Children = append(n.Children, &Node{Kind: Leaf, Name: h.Name, Schema: h, Values: []string{"v1"}})
	}
	return n
}

func minimalKey(k Key) []string {
	if k.Choices == nil {
		return []string{"k1"}
	}
	c := k.Choices[0]
	if w, more := strings.CutSuffix(c, "="); more && w != "" {
		return []string{w, "v1"}
	}
	return []string{c}
}
