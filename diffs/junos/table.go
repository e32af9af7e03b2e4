package junos

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed table.txt
var tableText string

// Builtin returns the schema table that is always there. It describes current releases; ForRelease gives the order of
// older ones.
func Builtin() *Schema { return builtin().root }

var builtin = sync.OnceValue(func() *table {
	t, err := parseTable(tableText)
	if err != nil {
		panic("junos: built-in table: " + err.Error()) // a mistake in table.txt; the tests read it
	}
	return t
})

// table is what table.txt holds.
type table struct {
	root *Schema
	tops []topOrder // the newest first
}

// tableParser reads the form that the head of table.txt describes.
type tableParser struct {
	defs    map[string]*Schema
	choices uint16
	named   map[string]uint16
	lines   []tableLine
	table
}

type tableLine struct {
	num, indent int
	text        string
}

func parseTable(text string) (*table, error) {
	p := &tableParser{defs: map[string]*Schema{}, named: map[string]uint16{}}
	p.root = &Schema{Name: "configuration", Kind: Container}
	for i, l := range strings.Split(text, "\n") {
		l, _, _ = strings.Cut(l, "#")
		trimmed := strings.TrimLeft(l, " ")
		indent := len(l) - len(trimmed)
		if trimmed = strings.TrimSpace(trimmed); trimmed != "" {
			p.lines = append(p.lines, tableLine{i + 1, indent, trimmed})
		}
	}
	for i := 0; i < len(p.lines); {
		var err error
		if i, err = p.statement(p.root, i, 0); err != nil {
			return nil, err
		}
	}
	knot(p.root)
	link(p.root)
	return &p.table, nil
}

// knot ties the top-level lists that hold a whole configuration (groups, logical-systems), which have the mark
// `*configuration` last. groups stands first in the table and is tied last, so that it holds the others.
func knot(root *Schema) {
	for i := len(root.Children) - 1; i >= 0; i-- {
		s := root.Children[i]
		last := len(s.Children) - 1
		if last < 0 || s.Children[last].Name != knotMark {
			continue
		}
		s.Children = slices.Clone(s.Children[:last])
		for _, c := range root.Children {
			if c.Name != "groups" && c.Name != s.Name {
				cp := *c
				s.Children = append(s.Children, &cp)
			}
		}
	}
}

const knotMark = "*configuration"

// statement reads the line at i and all that is indented below it; it returns the next line's number.
func (p *tableParser) statement(parent *Schema, i, indent int) (int, error) {
	l := p.lines[i]
	fail := func(what string) (int, error) {
		return 0, fmt.Errorf("line %d: %s: %q", l.num, what, l.text)
	}
	if l.indent != indent {
		return fail(fmt.Sprintf("indent is %d blanks, want %d", l.indent, indent))
	}
	name, rest, _ := strings.Cut(l.text, " ")
	switch {
	case name == "define":
		def := &Schema{Name: rest, Kind: Container}
		p.defs[rest] = def
		return p.body(def, i+1, indent)
	case name == "use":
		for _, u := range strings.Fields(rest) {
			def := p.defs[u]
			if def == nil {
				return fail("not defined above")
			}
			for _, c := range def.Children {
				cp := *c
				parent.Children = append(parent.Children, &cp)
			}
		}
		return i + 1, nil
	case name == "top-level":
		if err := p.topLevel(rest); err != nil {
			return fail(err.Error())
		}
		return i + 1, nil
	case strings.HasPrefix(rest, "{}"), strings.HasPrefix(rest, "["):
		s, err := p.structural(name, rest)
		if err != nil {
			return fail(err.Error())
		}
		parent.Children = append(parent.Children, s)
		return p.body(s, i+1, indent)
	}
	for _, w := range strings.Fields(l.text) {
		parts := strings.Split(w, "|")
		if len(parts) > 1 {
			p.choices++
		}
		for _, part := range parts {
			part, group, _ := strings.Cut(part, "@")
			s, err := leaf(part)
			if err != nil {
				return fail(err.Error())
			}
			s.choice = p.choice(group)
			if len(parts) > 1 {
				s.choice = p.choices
			}
			parent.Children = append(parent.Children, s)
		}
	}
	return i + 1, nil
}

// topLevel reads `until=RELEASE NAME ...`; a second line for the same release goes on with its names.
func (p *tableParser) topLevel(rest string) error {
	names := strings.Fields(rest)
	if len(names) < 2 || !strings.HasPrefix(names[0], "until=") {
		return fmt.Errorf("want until=RELEASE and names")
	}
	until, err := ParseRelease(strings.TrimPrefix(names[0], "until="))
	if err != nil {
		return err
	}
	if last := len(p.tops) - 1; last >= 0 && p.tops[last].until == until {
		p.tops[last].names = append(p.tops[last].names, names[1:]...)
		return nil
	}
	p.tops = append(p.tops, topOrder{until, names[1:]})
	return nil
}

// choice gives the number of a named group of statements that exclude each other.
func (p *tableParser) choice(group string) uint16 {
	if group == "" {
		return 0
	}
	if p.named[group] == 0 {
		p.choices++
		p.named[group] = p.choices
	}
	return p.named[group]
}

func (p *tableParser) body(s *Schema, i, indent int) (int, error) {
	for i < len(p.lines) && p.lines[i].indent > indent {
		var err error
		if i, err = p.statement(s, i, indent+2); err != nil {
			return 0, err
		}
	}
	return i, nil
}

// leaf reads NAME, NAME=, NAME=*, each with $ for a secret, the name in angle brackets where the text leaves it out.
func leaf(w string) (*Schema, error) {
	s := &Schema{Kind: Leaf}
	if strings.HasSuffix(w, "$") {
		w, s.Flags = w[:len(w)-1], Secret
	}
	switch {
	case strings.HasSuffix(w, "=*"):
		w, s.Kind = w[:len(w)-2], LeafList
		s.Flags |= UserOrdered
	case strings.HasSuffix(w, "="):
		w = w[:len(w)-1]
	default:
		s.Flags |= Empty
	}
	w, hidden := unhide(w)
	if hidden {
		s.Flags |= Hidden
	}
	if w == "" || strings.ContainsAny(w, "=[]{}<>$") {
		return nil, fmt.Errorf("bad leaf %q", w)
	}
	s.Name = w
	return s, nil
}

func unhide(w string) (string, bool) {
	if len(w) > 2 && w[0] == '<' && w[len(w)-1] == '>' {
		return w[1 : len(w)-1], true
	}
	return w, false
}

// structural reads a container NAME {} FLAGS or a list NAME [KEYS] FLAGS.
func (p *tableParser) structural(name, rest string) (*Schema, error) {
	s := &Schema{Kind: Container}
	var hidden bool
	if s.Name, hidden = unhide(name); hidden {
		s.Flags |= Hidden
	}
	flags := strings.TrimPrefix(rest, "{}")
	if rest[0] == '[' {
		s.Kind = Entry
		keys, after, ok := strings.Cut(rest[1:], "]")
		if !ok {
			return nil, fmt.Errorf("no ] after the keys")
		}
		s.Keys, flags = parseKeys(keys), after
		if len(s.Keys) == 0 {
			return nil, fmt.Errorf("a list without keys")
		}
	}
	for _, f := range strings.Fields(flags) {
		if group, ok := strings.CutPrefix(f, "@"); ok {
			s.choice = p.choice(group)
			continue
		}
		f, until, _ := strings.Cut(f, "=")
		flag, ok := flagNames[f]
		if !ok {
			return nil, fmt.Errorf("unknown flag %s", f)
		}
		if until == "" {
			s.Flags |= flag
			continue
		}
		var err error
		if s.UserUntil, err = ParseRelease(until); err != nil {
			return nil, err
		}
	}
	if s.Is(Hidden | Homogeneous) {
		return nil, fmt.Errorf("a homogeneous list has its name written")
	}
	return s, nil
}

var flagNames = map[string]Flag{
	"oneliner": Oneliner, "oneliner-plus": OnelinerPlus, "homogeneous": Homogeneous, "user": UserOrdered,
	"user-until": UserOrdered, "bare": Bare, "inline": Inline, "single": Single,
}

// parseKeys reads `name`, `to-zone:name`, `match(exact upto=)`.
func parseKeys(s string) []Key {
	var keys []Key
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		end := strings.IndexAny(s, " (")
		if end < 0 {
			end = len(s)
		}
		k := Key{Name: s[:end]}
		if w, n, ok := strings.Cut(k.Name, ":"); ok {
			k.Word, k.Name = w, n
		}
		s = s[end:]
		if strings.HasPrefix(s, "(") {
			choices, after, _ := strings.Cut(s[1:], ")")
			k.Choices, s = strings.Fields(choices), after
		}
		keys = append(keys, k)
	}
	return keys
}
