package junos

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed table.txt
var tableText string

// Builtin returns the schema table that is always there. It describes current releases; ForRelease gives the order of
// older ones.
var Builtin = sync.OnceValue(func() *Schema {
	s, err := parseTable(tableText, "")
	if err != nil {
		panic("junos: built-in table: " + err.Error()) // a mistake in table.txt; the tests read it
	}
	return s
})

// ForRelease returns the built-in table with the list order of a Junos release, such as `20.4` or `21.2R3-S1.7`. The
// empty string means a current one. Schemas of two calls are different objects.
func ForRelease(release string) (*Schema, error) {
	if release == "" {
		return Builtin(), nil
	}
	if _, _, ok := releaseNumber(release); !ok {
		return nil, fmt.Errorf("read junos release %q: want YEAR.QUARTER, such as 20.4R3", release)
	}
	return parseTable(tableText, release)
}

// releaseNumber gives the two numbers that a release begins with.
func releaseNumber(s string) (major, minor int, ok bool) {
	a, b, ok := strings.Cut(s, ".")
	if !ok {
		return 0, 0, false
	}
	if i := strings.IndexFunc(b, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		b = b[:i]
	}
	major, err := strconv.Atoi(a)
	if err != nil || major < 0 {
		return 0, 0, false
	}
	minor, err = strconv.Atoi(b)
	return major, minor, err == nil
}

// notAfter reports whether release a is b or older.
func notAfter(a, b string) bool {
	a1, a2, _ := releaseNumber(a)
	b1, b2, _ := releaseNumber(b)
	return a1 < b1 || a1 == b1 && a2 <= b2
}

// tableParser reads the form that the head of table.txt describes.
type tableParser struct {
	release string
	defs    map[string]*Schema
	choices uint16
	named   map[string]uint16
	lines   []tableLine
	root    *Schema
}

type tableLine struct {
	num, indent int
	text        string
}

func parseTable(text, release string) (*Schema, error) {
	p := &tableParser{release: release, defs: map[string]*Schema{}, named: map[string]uint16{}, root: &Schema{Name: "configuration", Kind: Container}}
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
	p.knot()
	link(p.root)
	return p.root, nil
}

// knot ties the top-level lists that hold a whole configuration (groups, logical-systems): their only child is the
// mark `*configuration`. groups stands first in the table and is tied last, so that it holds the others.
func (p *tableParser) knot() {
	for i := len(p.root.Children) - 1; i >= 0; i-- {
		s := p.root.Children[i]
		if len(s.Children) != 1 || s.Children[0].Name != "*configuration" {
			continue
		}
		s.Children = nil
		for _, c := range p.root.Children {
			if c.Name != "groups" && c.Name != s.Name {
				cp := *c
				s.Children = append(s.Children, &cp)
			}
		}
	}
}

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
		if until != "" {
			s.UserUntil = until
			if p.release == "" || !notAfter(p.release, until) {
				continue
			}
		}
		s.Flags |= flag
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
