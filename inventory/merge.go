package inventory

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Source is one place that set a value.
type Source struct {
	Layer  string `json:"layer"` // common, role core, site ams, device cr1.ams
	File   string `json:"file"`  // below the tree's root
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Value  string `json:"value"` // in YAML's flow form, `null` where it took the value back
}

// String is `FILE:LINE: value`, with the layer in brackets.
func (s Source) String() string {
	return fmt.Sprintf("%s:%d: %s (%s)", s.File, s.Line, s.Value, s.Layer)
}

// source says where the node was written.
func (n *node) source() Source {
	value := n.flow()
	if n.rule.tag != "" {
		value = n.rule.tag + " " + value
	}
	return Source{Layer: n.layer, File: n.key.file, Line: n.key.line, Column: n.key.column, Value: value}
}

// sources is the chain of a node, the winner last.
func (n *node) sources() []Source {
	if len(n.chain) > 0 {
		return n.chain
	}
	return []Source{n.source()}
}

// overlay puts the layer above onto base: maps merge at every depth, lists by their rule, everything else is replaced,
// null takes back. A null with nothing below it is a problem: it is more often a forgotten value than a wish.
func overlay(base, above *node, problems *Problems) *node {
	if base == nil {
		above.orphanNulls(problems)
		return above
	}
	if base.shape == null && above.shape == null {
		above.orphanNulls(problems)
	}
	n := *above
	n.chain = append(append([]Source(nil), base.sources()...), above.source())
	if above.shape == list && base.shape == list && above.rule.joins() {
		n.items = join(base, above, problems)
		n.joined = base.joined || base.rule.key != "" || above.rule.key != ""
	}
	if above.shape != mapping {
		return &n
	}
	n.keys, n.sub = nil, make(map[string]*node, len(above.keys))
	if base.shape == mapping {
		for _, k := range base.keys {
			n.keys = append(n.keys, k)
			n.sub[k] = base.sub[k]
		}
	}
	for _, k := range above.keys {
		below, ok := n.sub[k]
		if !ok {
			n.keys = append(n.keys, k)
		}
		n.sub[k] = overlay(below, above.sub[k], problems)
	}
	return &n
}

// orphanNulls reports nulls that take nothing back.
func (n *node) orphanNulls(problems *Problems) {
	if n.shape == null {
		problems.add(n.key, "give it a value or remove the line; null takes back what an earlier layer set",
			"no value here, and no earlier layer sets one that it could take back")
	}
	for _, k := range n.keys {
		n.sub[k].orphanNulls(problems)
	}
	for _, e := range n.items {
		if e.shape == mapping { // a null item is the schema's
			e.orphanNulls(problems)
		}
	}
}

// yaml makes a document of the node, keys in natural order and without what was taken back.
func (n *node) yaml() *yaml.Node {
	y := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: n.raw}
	switch n.shape {
	case mapping:
		y = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, k := range n.children() {
			y.Content = append(y.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: k}, n.sub[k].yaml())
		}
	case list:
		y = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, e := range n.items {
			y.Content = append(y.Content, e.yaml())
		}
	case integer:
		y.Tag = "!!int"
	case number:
		y.Tag = "!!float"
	case boolean:
		y.Tag = "!!bool"
	case null:
		y.Tag, y.Value = "!!null", "null"
	}
	return y
}

// flow is the node on one line.
func (n *node) flow() string {
	// The library folds long flow collections; a line is wanted here.
	switch n.shape {
	case mapping:
		var parts []string
		for _, k := range n.children() {
			parts = append(parts, k+": "+n.sub[k].flow())
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case list:
		var parts []string
		for _, e := range n.items {
			parts = append(parts, e.flow())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case null:
		return "null"
	case text:
		if n.raw == "" || strings.ContainsAny(n.raw, ",[]{}#\"\n") || strings.Contains(n.raw, ": ") {
			return strconv.Quote(n.raw)
		}
	}
	return n.raw
}

// Values is everything that is known of a device after merging, as YAML with sorted keys: the network's values, its
// role's, its site's and its own.
func (n *Network) Values(d *Device) (string, error) {
	v, err := n.merged(d)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(v.yaml()); err != nil {
		return "", fmt.Errorf("encode values of %s: %w", d.Name, err)
	}
	if err := enc.Close(); err != nil {
		return "", fmt.Errorf("encode values of %s: %w", d.Name, err)
	}
	return b.String(), nil
}

// Where says which files and lines set a dotted key of a device, the winner last: `lvs.hold_time`,
// `interfaces.xe-0/1/0.units.0.addresses`, `ntp_servers.0`, `services.text.ip.ams`,
// `sites.fra.hosts.lb1.med`. Keys that hold dots themselves, such as addresses, are written as they are. A map's chain names every layer that put something into it. A key that is set
// nowhere is an error that names what is there.
func (n *Network) Where(key string, d *Device) ([]Source, error) {
	v, err := n.merged(d)
	if err != nil {
		return nil, err
	}
	words := strings.Split(key, ".")
	found, deepest := v.find(words)
	if found == nil {
		fromShared, deepestShared := n.shared.find(words)
		if fromShared == nil {
			if deepestShared.depth > deepest.depth {
				deepest = deepestShared
			}
			return nil, deepest.missing(key, d)
		}
		found = fromShared
	}
	return found.sources(), nil
}

// merged is the merged tree of a device of this network.
func (n *Network) merged(d *Device) (*node, error) {
	v, ok := n.values[d]
	if !ok {
		return nil, fmt.Errorf("look up device %s: it was not read from this inventory", d.Name)
	}
	return v, nil
}

// reached is how far a lookup came.
type reached struct {
	node  *node
	depth int // words used
}

// find walks a dotted key. At each map the shortest run of words that is a key and leads on wins. Values that were taken
// back are found too: their chain ends with null.
func (n *node) find(words []string) (*node, reached) {
	if len(words) == 0 {
		return n, reached{n, 0}
	}
	best := reached{n, 0}
	if n == nil {
		return nil, best
	}
	if i, err := strconv.Atoi(words[0]); err == nil && n.shape == list && i >= 0 && i < len(n.items) {
		found, r := n.items[i].find(words[1:])
		return found, reached{r.node, r.depth + 1}
	}
	for used := 1; used <= len(words); used++ {
		child, ok := n.sub[strings.Join(words[:used], ".")]
		if !ok {
			continue
		}
		found, r := child.find(words[used:])
		if found != nil {
			return found, r
		}
		if r.depth+used > best.depth {
			best = reached{r.node, r.depth + used}
		}
	}
	return nil, best
}

// missing is the error for a key that is not set, with what stands beside it.
func (r reached) missing(key string, d *Device) error {
	words := strings.Split(key, ".")
	have := "nothing lies below it"
	if r.node != nil && r.node.shape == list {
		have = fmt.Sprintf("it is a list of %d, counted from 0", len(r.node.items))
	}
	if keys := r.node.children(); len(keys) > 0 {
		have = "there is " + strings.Join(keys, ", ")
		if near := nearest(words[r.depth], keys); near != "" {
			have = "did you mean " + near + "? " + have
		}
	}
	at := "at the top"
	if r.depth > 0 {
		at = "in " + strings.Join(words[:r.depth], ".")
	}
	return fmt.Errorf("look up %s of %s: nothing sets %s %s (%s)", key, d.Name, strings.Join(words[r.depth:], "."), at, have)
}
