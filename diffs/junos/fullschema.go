package junos

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// LoadSchema reads a full schema, such as a user derives from the YANG modules that the vendor publishes: JSON, plain
// or gzip, in the form that docs/schema.md describes. It describes a current release; At gives an older one's order.
//
// The schema takes precedence over the built-in table, which fills what the form cannot say: the list names that a text
// leaves out, the layout of lists whose flags were lost, which statements exclude each other, the order of the top
// level. Statements that only the table has are kept.
func LoadSchema(r io.Reader) (*Schema, error) {
	b := bufio.NewReader(r)
	if magic, err := b.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		defer z.Close()
		r = z
	} else {
		r = b
	}
	d := json.NewDecoder(r)
	root := new(schemaNode)
	switch err := d.Decode(root); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("read schema: the file is empty")
	case err != nil:
		return nil, fmt.Errorf("read schema: byte %d: %w", d.InputOffset(), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read schema: byte %d: more follows after the configuration", d.InputOffset())
	}
	if root.Name != "configuration" || root.Kind != "c" || len(root.Children) == 0 {
		return nil, fmt.Errorf(`read schema: the outermost node is %q of kind %q with %d children; want "configuration" of kind "c" with all of its hierarchies`,
			root.Name, root.Kind, len(root.Children))
	}
	l := schemaLoader{shared: make(map[string]*Schema), ids: make(map[*index]uint32)}
	s := l.root(root)
	if l.err != nil {
		return nil, fmt.Errorf("read schema: %w", l.err)
	}
	return s, nil
}

// schemaNode is a node of a full schema as the file has it.
type schemaNode struct {
	Name     string        `json:"n"`
	Kind     string        `json:"k"` // c, l, f, F
	Children []*schemaNode `json:"c"`
	Keys     []string      `json:"key"`
	User     bool          `json:"u"`
	Flags    string        `json:"x"`
	Type     string        `json:"t"`
}

// maxSchemaDepth of nodes: more is a file that is not a schema.
const maxSchemaDepth = 200

// schemaLoader makes a Schema of a file's nodes, and mends it. Hierarchies that are equal, as there are many, are kept
// once.
type schemaLoader struct {
	path   []string
	shared map[string]*Schema // by what the children are; only Children and idx are of interest
	ids    map[*index]uint32
	key    []byte
	err    error // the first
}

// oneOfAll is the choice of siblings that all exclude each other; the table's own are far below.
const oneOfAll = math.MaxUint16

func (l *schemaLoader) fail(format string, args ...any) {
	if l.err == nil {
		where := "configuration"
		if len(l.path) > 0 {
			where = strings.Join(l.path, " ")
		}
		if len(where) > 200 {
			where = where[:200] + "…"
		}
		l.err = fmt.Errorf("%s: %s", where, fmt.Sprintf(format, args...))
	}
}

// root makes the whole configuration. The order of its children is the table's: the file has none for them.
func (l *schemaLoader) root(y *schemaNode) *Schema {
	table := Builtin()
	var children, more []*Schema
	in := make(map[string]*schemaNode, len(y.Children))
	for _, c := range y.Children {
		if c == nil {
			l.fail("a child is null")
			return nil
		}
		in[c.Name] = c
	}
	for _, t := range table.Children {
		c, ok := in[t.Name]
		delete(in, t.Name)
		switch {
		case holdsConfiguration(t):
			children = append(children, &Schema{Name: t.Name, Kind: Entry, Flags: t.Flags, Keys: t.Keys, Children: []*Schema{{Name: knotMark}}})
		case ok:
			children = append(children, l.node(c, t))
		default:
			children = append(children, sharing(t))
		}
	}
	for _, c := range y.Children {
		if in[c.Name] == c && !isCommon(c.Name) {
			more = append(more, l.node(c, nil))
		}
	}
	s := &Schema{Name: table.Name, Kind: Container, Children: append(children, more...)}
	if l.err != nil {
		return nil
	}
	knot(s)
	link(s)
	return s
}

// sharing copies a node; what is below it is shared.
func sharing(s *Schema) *Schema {
	cp := *s
	return &cp
}

func isCommon(name string) bool {
	return slices.ContainsFunc(common, func(c *Schema) bool { return c.Name == name })
}

var schemaKinds = map[string]Kind{"c": Container, "l": Entry, "f": Leaf, "F": LeafList}

var schemaFlags = map[string]Flag{
	"oneliner": Oneliner, "oneliner-plus": OnelinerPlus, "homogeneous": Homogeneous, "nokeyword": Hidden,
}

// node makes a node of y. t is what the table has in its place, nil if nothing.
func (l *schemaLoader) node(y *schemaNode, t *Schema) *Schema {
	l.path = append(l.path, y.Name)
	defer func() { l.path = l.path[:len(l.path)-1] }()
	kind, ok := schemaKinds[y.Kind]
	s := &Schema{Name: y.Name, Kind: kind}
	switch {
	case y.Name == "":
		l.fail("a child without a name (n)")
	case !ok:
		l.fail("kind %q: want c, l, f or F (k)", y.Kind)
	case len(l.path) > maxSchemaDepth:
		l.fail("more than %d levels", maxSchemaDepth)
	case len(y.Children) > 0 && (kind == Leaf || kind == LeafList):
		l.fail("a leaf with children (c)")
	case slices.Contains(y.Children, nil):
		l.fail("a child is null")
	}
	for f := range strings.FieldsSeq(y.Flags) {
		flag, ok := schemaFlags[f]
		if !ok {
			l.fail("unknown flag %q (x)", f)
		}
		s.Flags |= flag
	}
	if l.err != nil {
		return s
	}
	m := mendFor(l.path, kind)
	if t != nil && t.Kind != kind {
		t = nil
	}
	if m.table && t != nil {
		return sharing(t)
	}
	if m.as != "" {
		s.Name = m.as
	}
	s.Flags |= m.flags
	switch {
	case kind == Leaf && y.Type == "empty":
		s.Flags = s.Flags&^Hidden | Empty
	case y.Type == "jt:unreadable":
		s.Flags |= Secret
	case isFamily(y):
		s.Flags |= Inline
	case kind == Entry:
		s.Keys = l.keys(y, m)
	}
	if y.User && (kind == Entry || kind == LeafList) {
		s.Flags |= UserOrdered
	}
	if t != nil {
		mendFromTable(s, t)
	}
	if s.Is(Hidden) {
		s.Flags &^= Homogeneous // there is no name to stand before a block
	}
	if kind == Container || kind == Entry {
		l.children(s, y, t, m)
	}
	return s
}

// keys makes the keys of a list. A key that has a keyword in the schema has it in a text.
func (l *schemaLoader) keys(y *schemaNode, m mend) []Key {
	names := y.Keys
	if len(names) == 0 {
		names = []string{"name"}
	}
	keys := make([]Key, 0, len(names))
	for i, name := range names {
		k := Key{Name: name}
		switch at := slices.IndexFunc(y.Children, func(c *schemaNode) bool { return c.Name == name }); {
		case name == "":
			l.fail("a key without a name (key)")
		case name == choiceIdent:
			k.Choices = m.choices
		case name == choiceValue && i > 0 && names[i-1] == choiceIdent:
			continue // the word that follows a choice is part of it
		case len(names) > 1 && at >= 0 && !strings.Contains(y.Children[at].Flags, "nokeyword"):
			k.Word = strings.TrimSuffix(name, "-name") // from-zone A to-zone B
		}
		keys = append(keys, k)
	}
	return keys
}

// children makes the children of s, those of the table among them.
func (l *schemaLoader) children(s *Schema, y *schemaNode, t *Schema, m mend) {
	if m.oneOf {
		t = nil // the table has one leaf in place of all of them
	}
	children := make([]*Schema, 0, len(y.Children))
	for _, c := range y.Children {
		if isCommon(c.Name) || y.Kind == "l" && slices.ContainsFunc(s.Keys, func(k Key) bool { return k.Name == c.Name }) ||
			c.Name == choiceValue && y.Kind == "l" {
			continue
		}
		n := l.node(c, childNamed(t, c.Name))
		if m.oneOf {
			n.choice = oneOfAll
		}
		children = append(children, n)
	}
	if t != nil {
		children = withTable(children, t)
	}
	l.share(s, children)
}

// childNamed finds the child that the table has for a name of the schema.
func childNamed(t *Schema, name string) *Schema {
	if t == nil {
		return nil
	}
	for _, c := range t.Children {
		if c.Name == name || elementName(t, c.Name) == name {
			return c
		}
	}
	return nil
}

// withTable puts the statements that only the table has among the children, each behind the one that it follows there.
func withTable(children []*Schema, t *Schema) []*Schema {
	hidden := slices.ContainsFunc(children, func(c *Schema) bool { return c.Is(Hidden) })
	at := 0
	for _, c := range t.Children {
		i := slices.IndexFunc(children, func(o *Schema) bool { return o.Name == c.Name })
		switch {
		case i >= 0:
			at = i + 1
		case c.Is(Hidden) && hidden: // the schema says otherwise what stands without a keyword
		default:
			children = slices.Insert(children, at, sharing(c))
			at++
		}
	}
	return children
}

// share gives s its children; if they have been seen before, those.
func (l *schemaLoader) share(s *Schema, children []*Schema) {
	k := l.key[:0]
	for _, c := range children {
		k = append(k, c.Name...)
		k = append(k, 0, byte(c.Kind))
		k = binary.LittleEndian.AppendUint16(k, uint16(c.Flags))
		k = binary.LittleEndian.AppendUint16(k, c.choice)
		k = binary.LittleEndian.AppendUint16(k, uint16(c.UserUntil.Major<<8|c.UserUntil.Minor))
		k = binary.LittleEndian.AppendUint32(k, l.id(c.idx))
		for _, key := range c.Keys {
			k = append(append(append(append(k, key.Name...), 1), key.Word...), 1)
			for _, w := range key.Choices {
				k = append(append(k, w...), 2)
			}
		}
		k = append(k, 0)
	}
	l.key = k
	same, ok := l.shared[string(k)]
	if !ok {
		same = &Schema{Children: children, idx: indexOf(children)}
		l.shared[string(k)] = same
	}
	s.Children, s.idx = same.Children, same.idx
}

// id numbers the hierarchies.
func (l *schemaLoader) id(idx *index) uint32 {
	if idx == nil {
		return 0
	}
	id, ok := l.ids[idx]
	if !ok {
		id = uint32(len(l.ids)) + 1
		l.ids[idx] = id
	}
	return id
}
