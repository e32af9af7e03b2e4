package inventory

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// shape is what a node is.
type shape uint8

const (
	mapping shape = iota
	list
	text
	integer
	number
	boolean
	null
)

// String is the word for messages.
func (s shape) String() string {
	return [...]string{"a map", "a list", "text", "an integer", "a number", "a boolean", "nothing"}[s]
}

// node is a value that knows where it was written. Nodes are never changed after parsing; merging makes new ones.
type node struct {
	shape  shape
	layer  string   // common, role core, site ams, device cr1.ams, services, override
	pos    position // of the value
	key    position // of its key; of the value itself in a list
	raw    string   // a scalar as written
	keys   []string // of a mapping, in the order of the file
	sub    map[string]*node
	items  []*node
	rule   listRule // of a list: how it joins the one of the layers before
	joined bool     // of a merged list: items were merged by key
	chain  []Source // of a merged node: all that set it, the winner last; empty: only this one did
}

// get walks down by keys and gives nil where there is nothing: no such key, or taken back by null. A nil node has nothing.
func (n *node) get(keys ...string) *node {
	for _, k := range keys {
		if n == nil || n.shape != mapping {
			return nil
		}
		n = n.sub[k]
	}
	if n == nil || n.shape == null {
		return nil
	}
	return n
}

// children are the keys of a mapping that have a value, in natural order.
func (n *node) children() []string {
	if n == nil {
		return nil
	}
	keys := slices.DeleteFunc(slices.Clone(n.keys), func(k string) bool { return n.sub[k].shape == null })
	slices.SortFunc(keys, natural)
	return keys
}

// elements are the items of a list; none for anything else.
func (n *node) elements() []*node {
	if n == nil {
		return nil
	}
	return n.items
}

// plain is the node as the JSON Schema validator wants it. Keys with null in a mapping are left out where null takes a
// value back.
func (n *node) plain(nullRemoves bool) any {
	switch n.shape {
	case mapping:
		m := make(map[string]any, len(n.keys))
		for _, k := range n.keys {
			if nullRemoves && n.sub[k].shape == null {
				continue
			}
			m[k] = n.sub[k].plain(nullRemoves)
		}
		return m
	case list:
		l := make([]any, 0, len(n.items))
		for _, e := range n.items {
			l = append(l, e.plain(nullRemoves))
		}
		return l
	case integer, number:
		return json.Number(n.raw)
	case boolean:
		return n.raw == "true"
	case null:
		return nil
	}
	return n.raw
}

var (
	integerForm = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})$`)
	numberForm  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)?\.[0-9]+$`)
)

// maxNodes bounds what a file may expand to: an alias is written once and may stand for thousands of values.
const maxNodes = 1 << 20

// parser turns YAML nodes into ours.
type parser struct {
	file     string
	layer    string
	data     string
	layered  bool // the file is merged with others
	problems *Problems
	nodes    int
	open     map[*yaml.Node]bool // anchors that are being expanded
}

// parseYAML reads one document; layered says that it is merged with others, so lists may say how. An empty file is an empty mapping; nil means that the problems say why there is nothing.
func parseYAML(file, layer string, data []byte, layered bool, problems *Problems) *node {
	p := &parser{file: file, layer: layer, data: string(data), layered: layered, problems: problems, open: map[*yaml.Node]bool{}}
	dec := yaml.NewDecoder(strings.NewReader(p.data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		at := position{file, 1, 1}
		return &node{shape: mapping, layer: layer, pos: at, key: at, sub: map[string]*node{}}
	} else if err != nil {
		p.syntax(err)
		return nil
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			p.syntax(err)
		} else {
			problems.add(p.at(&second), "put it into a file of its own, or remove the `---`", "a second document begins here, expected one document a file")
		}
		return nil
	}
	before := len(*problems)
	root := p.convert(doc.Content[0], p.at(doc.Content[0]))
	if root == nil || len(*problems) > before {
		return nil
	}
	if root.shape == null {
		return &node{shape: mapping, layer: layer, pos: root.pos, key: root.key, sub: map[string]*node{}}
	}
	if root.shape != mapping {
		problems.add(root.pos, "write `key: value` lines", "the file is %s, expected a map", root.shape)
		return nil
	}
	return root
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line ([0-9]+): )?(.*)$`)

var fromParser = regexp.MustCompile(`^did not find expected (node content|key|'-' indicator|',' or '[]}]'|<document start>)`)

// syntax reports what the YAML library says, at the line it names.
func (p *parser) syntax(err error) {
	at := position{p.file, 1, 1}
	m := yamlLine.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
	if n, convErr := strconv.Atoi(m[1]); convErr == nil {
		at.line = n
		if fromParser.MatchString(m[2]) {
			at.line++ // the library counts the lines of these from 0
		}
	}
	if a := unknownAnchor.FindStringSubmatch(m[2]); a != nil { // of which the library tells no line
		at = p.find("*"+a[1], at)
	}
	hint := ""
	if lines := strings.Split(p.data, "\n"); at.line <= len(lines) && strings.Contains(lines[at.line-1], "\t") {
		hint = "indent with blanks, YAML allows no tabs"
	}
	p.problems.add(at, hint, "not YAML: %s", m[2])
}

var unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)

// find is where a word first stands outside of comments; otherwise, where it does not.
func (p *parser) find(word string, otherwise position) position {
	whole := regexp.MustCompile(`(?:^|[\s:,\[{-])` + regexp.QuoteMeta(word) + `(?:$|[\s,\]}])`)
	for i, line := range strings.Split(p.data, "\n") {
		code, _, _ := strings.Cut(line, " #")
		if m := whole.FindStringIndex(code); m != nil && !strings.HasPrefix(strings.TrimSpace(code), "#") {
			return position{p.file, i + 1, m[0] + strings.Index(code[m[0]:], word) + 1}
		}
	}
	return otherwise
}

func (p *parser) at(y *yaml.Node) position { return position{p.file, y.Line, y.Column} }

// convert makes a node; key is where its key stands.
func (p *parser) convert(y *yaml.Node, key position) *node {
	if p.nodes++; p.nodes > maxNodes {
		if p.nodes == maxNodes+1 {
			p.problems.add(p.at(y), "write fewer aliases of aliases", "the file expands to more than %d values", maxNodes)
		}
		return nil
	}
	n := &node{layer: p.layer, pos: p.at(y), key: key}
	switch y.Kind {
	case yaml.MappingNode:
		n.shape, n.sub = mapping, map[string]*node{}
		p.mapping(n, y)
		p.tag(n, y)
	case yaml.SequenceNode:
		n.shape = list
		for _, e := range y.Content {
			if item := p.convert(e, p.at(e)); item != nil {
				n.items = append(n.items, item)
			}
		}
		p.tag(n, y)
	case yaml.AliasNode:
		if p.open[y.Alias] {
			p.problems.add(p.at(y), "", "the alias *%s contains itself", y.Value)
			return nil
		}
		p.open[y.Alias] = true
		n = p.convert(y.Alias, key)
		delete(p.open, y.Alias)
	case yaml.ScalarNode:
		p.scalar(n, y)
	default:
		p.problems.add(p.at(y), "", "unexpected YAML node")
		return nil
	}
	return n
}

// mapping fills a mapping: its own keys, then those of `<<` that it does not have itself.
func (p *parser) mapping(n *node, y *yaml.Node) {
	var merges []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode {
			p.problems.add(p.at(k), "", "a key must be a word, not a map or a list")
			continue
		}
		if k.Value == "<<" && k.ShortTag() == "!!merge" {
			merges = append(merges, v)
			continue
		}
		if first, ok := n.sub[k.Value]; ok {
			p.problems.add(p.at(y.Content[i]), "keep one of the two", "duplicate key `%s`, first on line %d", k.Value, first.key.line)
			continue
		}
		if child := p.convert(v, p.at(y.Content[i])); child != nil {
			n.keys = append(n.keys, k.Value)
			n.sub[k.Value] = child
		}
	}
	for _, m := range merges {
		p.merge(n, m)
	}
}

// merge adds the keys of `<<: *anchor` or `<<: [*a, *b]`, the first to have a key winning.
func (p *parser) merge(n *node, m *yaml.Node) {
	sources := []*yaml.Node{m}
	if m.Kind == yaml.SequenceNode {
		sources = m.Content
	}
	for _, s := range sources {
		from := p.convert(s, p.at(s))
		if from == nil {
			continue
		}
		if from.shape != mapping {
			p.problems.add(p.at(s), "", "`<<` takes a map, this is %s", from.shape)
			continue
		}
		for _, k := range from.keys {
			if _, ok := n.sub[k]; !ok {
				n.keys = append(n.keys, k)
				n.sub[k] = from.sub[k]
			}
		}
	}
}

// scalar resolves a scalar: null, true, false, a decimal integer or number; everything else is text. That leaves out
// what YAML 1.1 and 1.2 read differently: octal and hexadecimal numbers, 12:34, 1_000, yes, no, on, off, dates.
func (p *parser) scalar(n *node, y *yaml.Node) {
	n.raw, n.shape = y.Value, text
	if y.Style&yaml.TaggedStyle != 0 {
		p.tag(n, y)
		return
	}
	if y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return
	}
	switch {
	case y.Value == "" || y.Value == "~" || y.Value == "null":
		n.shape = null
	case y.Value == "true" || y.Value == "false":
		n.shape = boolean
	case integerForm.MatchString(y.Value):
		n.shape = integer
	case numberForm.MatchString(y.Value):
		n.shape = number
		if strings.HasPrefix(strings.TrimPrefix(y.Value, "-"), ".") { // .5 is not JSON
			n.raw = strings.Replace(y.Value, ".", "0.", 1)
		}
	}
}

// natural orders names so that xe-0/1/2 comes before xe-0/1/10.
func natural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		if isDigit(x[0]) && isDigit(y[0]) {
			i, j := digits(x), digits(y)
			m, n := strings.TrimLeft(x[:i], "0"), strings.TrimLeft(y[:j], "0")
			if c := cmp.Or(cmp.Compare(len(m), len(n)), cmp.Compare(m, n)); c != 0 {
				return c
			}
			x, y = x[i:], y[j:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// digits is how many digits s begins with.
func digits(s string) int {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// quoted is a value in a message.
func (n *node) quoted() string {
	switch n.shape {
	case text:
		return fmt.Sprintf("%q", n.raw)
	case integer, number, boolean:
		return n.raw
	}
	return n.shape.String()
}
