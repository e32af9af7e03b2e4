package junos

import (
	"cmp"
	"slices"
	"strings"
)

// element is what XML and JSON have in common: a statement, a key of a list entry or one value of a leaf-list, under
// its name. The names are those of the schema, also where a text leaves them out (`<interfaces><interface><name>`).
type element struct {
	name     string
	kind     elementKind
	text     string // of a leaf, a value or a key
	number   bool   // JSON: the text may be written as a number
	marks    tags
	several  bool   // one of several of what the schema has as a leaf
	changed  bool   // junos:changed
	group    string // junos:group
	children []*element
	pos      Pos
}

type elementKind uint8

const (
	emptyElement elementKind = iota // <accept/>
	textElement                     // <mtu>9000</mtu>
	valueElement                    // as text, one of a leaf-list: in JSON an array
	blockElement                    // a container
	entryElement                    // an entry of a list: in JSON an array
)

// isEmpty reports whether nothing is in the element; of XML it isn't known whether that is a value.
func (e *element) isEmpty() bool { return len(e.children) == 0 && e.text == "" }

// undocumented is the element of a statement whose name cannot be one, or is that of another that the schema knows: its
// words are <name> elements.
const undocumented = "undocumented"

// renamed are the statements that the text has under another word: a list that is called by the word before its first
// key, and a name that no element can have.
var renamed = map[string]string{"from-zone": "policy", "802.3ad": "ieee-802.3ad"}

// natMatches are the elements of `match` in a rule of address translation, by what the rule's `then` can have.
var natMatches = map[string]string{
	"source-nat": "src-nat-rule-match", "destination-nat": "dest-nat-rule-match", "static-nat": "static-nat-rule-match",
}

// elementName is the name of the element of the child of parent that a text calls name.
func elementName(parent *Schema, name string) string {
	if alias, ok := renamed[name]; ok {
		return alias
	}
	if then := parent.Child("then"); name == "match" && then != nil {
		for _, c := range then.Children {
			if alias, ok := natMatches[c.Name]; ok {
				return alias
			}
		}
	}
	return name
}

// caseLeaves are hidden leaves, by parent and name, whose value is the name of an empty element: `any info` of a
// syslog file is <contents><name>any</name><info/></contents>.
var caseLeaves = map[string]string{"contents": "level", "console": "level", "power-negotiation": "mode"}

func isCaseLeaf(parent, s *Schema) bool {
	return parent != nil && s != nil && s.Is(Hidden) && s.Kind == Leaf && caseLeaves[parent.Name] == s.Name
}

// textual are the leaves that JSON has in quotes even if they are digits, since the schema has them as strings.
var textual = map[string]bool{
	"description": true, "peer-as": true, "as-number": true, "host-name": true, "domain-name": true, "full-name": true,
	"contact": true, "location": true, "message": true, "version": true, "as-path": true, "path": true, "name": true,
}

// numbered are the lists whose names are numbers in JSON.
var numbered = map[string]bool{
	"unit": true, "fpc": true, "pic": true, "vrrp-group": true, "vrrp-inet6-group": true, "level": true, "queue": true,
	"redundancy-group": true,
}

// exporter makes elements of statements.
type exporter struct {
	changes *changes // nil: nothing is marked as changed
	groups  bool     // what was inherited has the name of its group
}

// group is the group's name that stands with value i of n.
func (x exporter) group(n *Node, i int) string {
	if !x.groups {
		return ""
	}
	return n.InheritedFrom(i)
}

// statements appends the elements of the children of n.
func (x exporter) statements(to []*element, n *Node, changed bool) []*element {
	for _, c := range n.Children {
		to = x.statement(to, n, c, changed)
	}
	return to
}

// statement appends the elements of n: one, or one for each value of a leaf-list. changed: all of the parent is.
func (x exporter) statement(to []*element, parent, n *Node, changed bool) []*element {
	e := &element{name: n.Name, marks: tags{n.Op, n.Inactive, n.Protected, n.Annotation}}
	values := n.Values
	if n.Schema == nil && (!xmlName(n.Name) || n.Name == undocumented || n.Kind != LeafList && parent.Schema.element(n.Name) != nil) {
		e.name, values = undocumented, append([]string{n.Name}, values...)
	}
	if n.Schema != nil {
		e.name = elementName(parent.Schema, e.name)
	}
	if n.Kind != LeafList {
		e.group = x.group(n, 0)
	}
	inner := changed || x.changes.isNew(n)
	e.changed = inner || x.changes.isOn(n)
	switch {
	case n.Kind == Leaf && isCaseLeaf(parent.Schema, n.Schema) && len(values) == 1 && xmlName(values[0]):
		e.name = values[0]
	case n.Kind == Leaf && len(values) == 0:
	case n.Kind == Leaf && len(values) == 1 && e.name != undocumented && (n.Schema != nil || values[0] != ""):
		e.kind, e.text = textElement, values[0]
		e.number = !textual[n.Name] && !n.Secret && !n.Is(Secret)
	case n.Kind == LeafList && e.name != undocumented && len(values) > 0:
		return x.values(to, n, e, inner)
	default: // also an unknown leaf with an empty value: as text it would be one without any
		e.kind = blockElement
		if n.Kind == Entry {
			e.kind = entryElement
		}
		e.children = x.keys(n, values, inner)
		e.children = x.statements(e.children, n, inner)
		if len(e.children) == 0 {
			e.kind = emptyElement
		}
	}
	return append(to, e)
}

// values appends an element for each value of leaf-list n; first has the name and the marks, its annotation stands
// before the first value.
func (x exporter) values(to []*element, n *Node, first *element, changed bool) []*element {
	for i, v := range n.Values {
		e := *first
		e.kind, e.text, e.group = valueElement, v, x.group(n, i)
		e.changed = changed || x.changes.isNewValue(n, v)
		if i > 0 {
			e.marks.note = ""
		}
		to = append(to, &e)
	}
	return to
}

// keys makes the elements of the keys of an entry, and of the words of an unknown statement.
func (x exporter) keys(n *Node, values []string, changed bool) []*element {
	var keys []*element
	add := func(e element) {
		e.changed = changed
		if n.Kind == Entry {
			e.group = x.group(n, 0)
		}
		keys = append(keys, &e)
	}
	choice := func(word, value string) {
		kind := emptyElement
		if value != "" {
			kind = textElement
		}
		if xmlName(word) {
			add(element{name: word, kind: kind, text: value})
			return
		}
		// `community + X`: only the form of the YANG models can say it
		add(element{name: choiceIdent, kind: textElement, text: word})
		add(element{name: choiceValue, kind: kind, text: value})
	}
	for i := 0; i < len(values); i++ {
		k := Key{Name: "name"}
		if at := i; n.Schema != nil && at < len(n.Schema.Keys) {
			k = n.Schema.Keys[at]
		}
		switch v := values[i]; {
		case k.Choices == nil:
			add(element{name: k.Name, kind: textElement, text: v, number: n.Kind == Entry && numbered[n.Name]})
		case k.choice(v) == 2 && i+1 < len(values): // such a key is the last
			i++
			choice(v, values[i])
		default:
			choice(v, "")
		}
	}
	return keys
}

// The elements of a key that is one of several words, in the form of the YANG models. By default a device has an
// element named after the word instead: <exact/>, <upto>/24</upto>.
const (
	choiceIdent = "choice-ident"
	choiceValue = "choice-value"
)

// xmlName reports whether a word can be the name of an element.
func xmlName(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r != '-' && r != '.' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != ""
}

// importer makes statements of elements.
type importer struct{ builder }

// read fills the empty tree t with the statements of the element <configuration>.
func (b *importer) read(t *Tree, configuration *element) {
	b.stack = append(b.stack, t.Root)
	if configuration.marks != (tags{}) {
		b.fail(configuration.pos, msgSyntax, "no attributes that change the whole configuration; load it in mode override to replace all")
	}
	if strings.TrimSpace(configuration.text) != "" {
		b.fail(configuration.pos, msgSyntax, "statements in "+configuration.name+", not text")
	}
	b.statements(t.Root, configuration.children)
	for _, c := range t.Root.Children {
		t.TopOrder = appendNew(t.TopOrder, c.Name)
	}
	normalize(t.Root)
}

func (b *importer) statements(parent *Node, es []*element) {
	b.pairValues(parent, es)
	for _, e := range es {
		if len(b.errs) >= maxErrors {
			return
		}
		b.statement(parent, e)
	}
}

// pairValues settles what unknown elements of one name are: entries of a list if one of them has elements in it, else
// values of a leaf-list. Values of a leaf-list are also several elements of what the schema has as a leaf, if misfits are
// kept.
func (b *importer) pairValues(parent *Node, es []*element) {
	type traits struct{ several, entries bool }
	var named map[string]traits
	for _, e := range es {
		s := parent.Schema.element(e.name)
		if e.name == undocumented || s != nil && (s.Kind != Leaf || !b.keep || e.marks.op != NoOp || e.text == "") {
			continue
		}
		if named == nil {
			named = make(map[string]traits)
		}
		t, seen := named[e.name]
		named[e.name] = traits{seen, t.entries || len(e.children) > 0}
	}
	for _, e := range es {
		switch t := named[e.name]; {
		case !t.several || len(e.children) > 0:
		case parent.Schema.element(e.name) != nil:
			e.several = e.text != ""
		case e.text == "": // a statement without a value
		case !t.entries:
			e.kind = valueElement
		default:
			e.kind = entryElement
		}
	}
}

// statement adds what e stands for to parent.
func (b *importer) statement(parent *Node, e *element) {
	s := parent.Schema.element(e.name)
	if len(b.stack) > maxDepth {
		b.fail(e.pos, msgSyntax, "fewer levels of statements")
		return
	}
	var n *Node
	var below []*element
	errs := len(b.errs)
	switch {
	case s == nil && e.name == undocumented && !isNamed(e.children):
		b.statements(parent, e.children) // the device's mark around what it doesn't document
		return
	case s == nil && e.isEmpty() && parent.Schema.caseLeaf() != nil:
		s = parent.Schema.caseLeaf()
		n = b.node(Leaf, s.Name, s, e.pos)
		n.Values = []string{e.name}
	case s == nil:
		n, below = b.unknownElement(e)
	case e.several:
		e.kind = valueElement
		n, below = b.unknownElement(e)
	case s.Kind == Leaf || s.Kind == LeafList:
		n = b.leafElement(s, e)
	default:
		n, below = b.block(s, e)
	}
	if n == nil && s != nil && b.keep && !isVerbose(e) && !isKeyless(s, e) {
		b.errs = b.errs[:errs]
		n, below = b.unknownElement(e)
	}
	if n == nil {
		return
	}
	e.marks.apply(n)
	parent.Children = append(parent.Children, n)
	errs = len(b.errs)
	if len(below) > 0 {
		b.stack = append(b.stack, n)
		b.statements(n, below)
		b.stack = b.stack[:len(b.stack)-1]
	}
	if isVoid(parent, n) && len(b.errs) == errs {
		b.warn(e.pos, msgEmpty)
	}
}

// block makes a container or an entry of a list, and returns the elements below it.
func (b *importer) block(s *Schema, e *element) (*Node, []*element) {
	if text := strings.TrimSpace(e.text); text != "" {
		b.fail(e.pos, msgSyntax, "statements in "+e.name+", not text")
		return nil, nil
	}
	n := b.node(s.Kind, s.Name, s, e.pos)
	if s.Kind == Container {
		return n, e.children
	}
	if len(e.children) == 0 && e.marks.op&(DeleteOp|ReplaceOp) != 0 {
		return n, nil // an entry without keys stands for all of the list
	}
	used := make(map[*element]bool, len(s.Keys)+1)
	for _, k := range s.Keys {
		if !b.key(n, k, e, used) {
			return nil, nil
		}
	}
	return n, slices.DeleteFunc(slices.Clone(e.children), func(c *element) bool { return used[c] })
}

// key reads a key of n from the elements of its entry and notes which those are.
func (b *importer) key(n *Node, k Key, e *element, used map[*element]bool) bool {
	take := func(c *element, values ...string) bool {
		used[c] = true
		n.Values = append(n.Values, values...)
		return true
	}
	for _, c := range e.children {
		switch {
		case used[c]:
		case k.Choices == nil && c.name == k.Name:
			if c.kind == blockElement || c.kind == entryElement {
				b.fail(c.pos, msgSyntax, "a value of "+c.name)
				return false
			}
			return take(c, c.text)
		case k.Choices == nil:
		case c.name == choiceIdent:
			value := ""
			for _, v := range e.children {
				if v.name == choiceValue {
					used[v], value = true, v.text
				}
			}
			switch k.choice(c.text) {
			case 1:
				return take(c, c.text)
			case 2:
				return take(c, c.text, value)
			}
			b.fail(c.pos, msgSyntax, keyExpected(k))
			return false
		default:
			switch k.choice(c.name) {
			case 1:
				return take(c, c.name)
			case 2:
				return take(c, c.name, c.text)
			}
		}
	}
	expected := ""
	if k.Choices != nil {
		expected = keyExpected(k)
	}
	b.fail(e.pos, "missing mandatory identifier element: '"+k.Name+"'", expected)
	return false
}

// leafElement makes a leaf, or a leaf-list of one value.
func (b *importer) leafElement(s *Schema, e *element) *Node {
	n := b.node(s.Kind, s.Name, s, e.pos)
	deleting := e.marks.op&DeleteOp != 0
	switch {
	case isVerbose(e):
		b.fail(e.pos, msgSyntax, "a value of "+s.Name+"; the verbose form of JSON is not read, only ietf")
		return nil
	case len(e.children) > 0:
		b.fail(e.children[0].pos, msgSyntax, "a value of "+s.Name+", not "+e.children[0].name)
		return nil
	case s.Is(Empty):
		if strings.TrimSpace(e.text) != "" {
			b.fail(e.pos, msgSyntax, s.Name+" without a value")
			return nil
		}
	case e.text != "" || !deleting && e.kind != emptyElement:
		n.Values = []string{e.text}
	case !deleting:
		b.fail(e.pos, msgMissing, "a value of "+s.Name)
		return nil
	}
	return n
}

// isVerbose reports whether e is what the verbose form of JSON has for a leaf.
func isVerbose(e *element) bool { return len(e.children) > 0 && e.children[0].name == "data" }

// isKeyless reports whether e has statements, but no key, of an entry of list s: no text can say that, since what stands in
// braces behind the name of a list are entries.
func isKeyless(s *Schema, e *element) bool {
	return s.Kind == Entry && len(e.children) > 0 && !isNamed(e.children)
}

// unknownElement makes of an element that no schema knows what its shape suggests: leading <name> elements are keys,
// text is the value of a leaf.
func (b *importer) unknownElement(e *element) (*Node, []*element) {
	n := b.node(Leaf, e.name, nil, e.pos)
	below := e.children
	for len(below) > 0 && below[0].name == "name" && len(below[0].children) == 0 {
		n.Values = append(n.Values, below[0].text)
		below = below[1:]
	}
	if e.name == undocumented {
		n.Name, n.Values = n.Values[0], n.Values[1:]
	}
	switch {
	case len(e.children) == 0 && (e.text != "" || e.kind == valueElement):
		n.Values = []string{e.text}
		switch e.kind {
		case valueElement:
			n.Kind = LeafList
		case entryElement:
			n.Kind = Entry
		}
	case strings.TrimSpace(e.text) != "":
		b.fail(e.pos, msgSyntax, "either text or statements in "+e.name)
		return nil, nil
	case len(n.Values) > 0 && (e.name != undocumented || len(below) > 0):
		n.Kind = Entry // normalize makes it a leaf, if it is alone and empty
	case len(below) > 0:
		n.Kind = Container
	}
	return n, below
}

func isNamed(es []*element) bool {
	return len(es) > 0 && es[0].name == "name" && len(es[0].children) == 0 && es[0].text != ""
}

// element finds the child that an element's name means, also one whose name the text leaves out.
func (s *Schema) element(name string) *Schema {
	if s == nil {
		return nil
	}
	if c := s.Child(name); c != nil && !c.Is(Hidden) {
		return c
	}
	for _, c := range s.Children {
		if c.Is(Hidden) && c.Name == name || c.Name != name && elementName(s, c.Name) == name {
			return c
		}
	}
	return nil
}

// caseLeaf returns the child whose value an empty element's name is.
func (s *Schema) caseLeaf() *Schema {
	if s == nil || caseLeaves[s.Name] == "" {
		return nil
	}
	for _, c := range s.Children {
		if isCaseLeaf(s, c) {
			return c
		}
	}
	return nil
}

// changes are the statements of a tree that another one, from before, has not.
type changes struct {
	fresh  map[*Node]bool     // with all below
	on     map[*Node]bool     // something below, or a mark
	values map[*Node][]string // leaf-lists: the values from before
}

// changesSince finds what t has and before has not: new statements, new values, other marks.
func changesSince(before, t *Tree) *changes {
	c := &changes{fresh: map[*Node]bool{}, on: map[*Node]bool{}, values: map[*Node][]string{}}
	c.walk(before.Root, t.Root)
	return c
}

// walk reports whether anything below b is not below a, its counterpart.
func (c *changes) walk(a, b *Node) (any bool) {
	at := siblings(a.Children)
	for _, n := range b.Children {
		i, ok := at.find(a.Children, n)
		if !ok {
			c.fresh[n], any = true, true
			continue
		}
		old := a.Children[i]
		differs := old.Inactive != n.Inactive || old.Protected != n.Protected || old.Annotation != n.Annotation
		switch n.Kind {
		case Leaf:
			differs = differs || !slices.Equal(old.Values, n.Values)
		case LeafList:
			c.values[n] = old.Values
			differs = differs || slices.ContainsFunc(n.Values, func(v string) bool { return !slices.Contains(old.Values, v) })
		default:
			differs = c.walk(old, n) || differs
		}
		c.on[n], any = differs, any || differs
	}
	return any
}

func (c *changes) isNew(n *Node) bool { return c != nil && c.fresh[n] }

func (c *changes) isOn(n *Node) bool { return c != nil && c.on[n] }

func (c *changes) isNewValue(n *Node, v string) bool {
	return c != nil && c.values[n] != nil && !slices.Contains(c.values[n], v)
}

// root reports whether anything has changed.
func (c *changes) root() bool {
	if c == nil {
		return false
	}
	for _, on := range c.on {
		if on {
			return true
		}
	}
	return len(c.fresh) > 0
}

// lineIndex gives the place of a byte offset in a text.
type lineIndex struct {
	src    string
	starts []int
}

func (l *lineIndex) pos(offset int) Pos {
	if l.starts == nil {
		l.starts = []int{0}
		for i := range len(l.src) {
			if l.src[i] == '\n' {
				l.starts = append(l.starts, i+1)
			}
		}
	}
	i, found := slices.BinarySearchFunc(l.starts, offset, func(a, b int) int { return cmp.Compare(a, b) })
	if !found {
		i--
	}
	return Pos{Line: int32(i + 1), Col: int32(offset - l.starts[i] + 1)}
}
