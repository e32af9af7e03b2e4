package policies

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxDataNodes bounds what is read of one file: an alias is written once and may stand for thousands of values.
const maxDataNodes = 1 << 18

// yamlFile reads the nodes of one YAML file and reports what is wrong with them at their place.
type yamlFile struct {
	name string
	errs *DataErrors
	left int // nodes that may still be read
}

// yamlPair is a key of a mapping with its value.
type yamlPair struct {
	key   word
	value *yaml.Node
}

var yamlComplaint = regexp.MustCompile(`^(?:yaml: )?(?:line ([0-9]+): )?(.*)$`)

// openYAML parses a file of one document whose top is a mapping; a nil root means that errs says why there is none. An
// empty file has an empty mapping.
func openYAML(f File, errs *DataErrors) (*yamlFile, *yaml.Node) {
	d := &yamlFile{name: f.Name, errs: errs, left: maxDataNodes}
	dec := yaml.NewDecoder(strings.NewReader(string(f.Data)))
	var doc, more yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return d, &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: 1, Column: 1}
	}
	if err == nil {
		if err = dec.Decode(&more); err == nil {
			d.fail(d.at(&more), "put it into a file of its own, or remove the `---`", "a second document begins here")
			return d, nil
		}
	}
	if !errors.Is(err, io.EOF) {
		m := yamlComplaint.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
		at := place{f.Name, 1, 1}
		if n, convErr := strconv.Atoi(m[1]); convErr == nil {
			at.line = n
		}
		d.fail(at, "", "not YAML: %s", m[2])
		return d, nil
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return d, &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: 1, Column: 1}
	}
	if root.Kind != yaml.MappingNode {
		d.fail(d.at(root), "write `key: value` lines", "the file is %s, expected a map", kindOf(root))
		return d, nil
	}
	return d, root
}

func (d *yamlFile) at(n *yaml.Node) place { return place{d.name, n.Line, n.Column} }

func (d *yamlFile) fail(at place, hint, format string, args ...any) {
	d.errs.add(at, hint, format, args...)
}

// resolve follows an alias and counts what is read.
func (d *yamlFile) resolve(n *yaml.Node) *yaml.Node {
	if d.left--; d.left == 0 {
		d.fail(d.at(n), "write fewer aliases of aliases", "the file expands to more than %d values", maxDataNodes)
	}
	for range 10 { // an alias of an alias is rare, of itself possible
		if n.Kind != yaml.AliasNode {
			break
		}
		n = n.Alias
	}
	return n
}

// pairs gives the keys of a mapping in their order, those of `<<` last. what names it in messages. A key that is not
// known is reported; with a nil known all keys are taken.
func (d *yamlFile) pairs(n *yaml.Node, what string, known map[string]bool) []yamlPair {
	return d.collect(n, what, known, 0)
}

func (d *yamlFile) collect(n *yaml.Node, what string, known map[string]bool, depth int) []yamlPair {
	n = d.resolve(n)
	if d.left <= 0 || depth > 10 {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		d.fail(d.at(n), "write `key: value` lines", "%s is %s, expected a map", what, kindOf(n))
		return nil
	}
	var out []yamlPair
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := d.resolve(n.Content[i])
		at := d.at(n.Content[i])
		has := func(p yamlPair) bool { return p.key.text == k.Value }
		switch {
		case k.Kind != yaml.ScalarNode:
			d.fail(at, "", "a key must be a word, not %s", kindOf(k))
		case k.Value == "<<" && k.ShortTag() == "!!merge":
			merges = append(merges, n.Content[i+1])
		case slices.ContainsFunc(out, has):
			d.fail(at, "keep one of the two", "%s: duplicate key `%s`", what, k.Value)
		case known != nil && !known[k.Value]:
			d.fail(at, meant(k.Value, "keys", known), "%s: unknown key `%s`", what, k.Value)
		default:
			out = append(out, yamlPair{word{k.Value, at}, n.Content[i+1]})
		}
	}
	for _, m := range merges {
		sources := []*yaml.Node{m}
		if r := d.resolve(m); r.Kind == yaml.SequenceNode {
			sources = r.Content
		}
		for _, s := range sources {
			for _, p := range d.collect(s, what, known, depth+1) {
				if !slices.ContainsFunc(out, func(q yamlPair) bool { return q.key.text == p.key.text }) {
					out = append(out, p)
				}
			}
		}
	}
	return out
}

// list gives the items of a list.
func (d *yamlFile) list(n *yaml.Node, what string) []*yaml.Node {
	n = d.resolve(n)
	if d.left <= 0 {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		d.fail(d.at(n), "write `- item` lines", "%s is %s, expected a list", what, kindOf(n))
		return nil
	}
	return n.Content
}

// scalar gives a scalar as written. Numbers and words that YAML takes for booleans are text here.
func (d *yamlFile) scalar(n *yaml.Node, what string) word {
	at := d.at(n)
	n = d.resolve(n)
	switch {
	case n.Kind != yaml.ScalarNode:
		d.fail(at, "", "%s is %s, expected a word", what, kindOf(n))
	case n.ShortTag() == "!!null" || strings.TrimSpace(n.Value) == "":
		d.fail(at, "give it a value, or remove the key", "%s has no value", what)
	default:
		return word{strings.TrimSpace(n.Value), at}
	}
	return word{at: at}
}

// words gives what is a list of words or a text with blanks between them.
func (d *yamlFile) words(n *yaml.Node, what string) []word {
	items := []*yaml.Node{n}
	if r := d.resolve(n); r.Kind == yaml.SequenceNode {
		items = r.Content
	}
	if len(items) == 0 {
		d.fail(d.at(n), "give it a value, or remove the key", "%s has no value", what)
	}
	var out []word
	for _, i := range items {
		w := d.scalar(i, what)
		for _, one := range strings.Fields(w.text) {
			out = append(out, word{one, w.at})
		}
	}
	return out
}

// flag gives a boolean.
func (d *yamlFile) flag(n *yaml.Node, what string) bool {
	w := d.scalar(n, what)
	switch w.text {
	case "true", "True":
		return true
	case "false", "False", "":
	default:
		d.fail(w.at, "write true or false", "%s is %q, expected true or false", what, w.text)
	}
	return false
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if n.ShortTag() == "!!null" {
			return "nothing"
		}
		return "text"
	case yaml.AliasNode:
		return "an alias of itself"
	case yaml.DocumentNode:
		return "a document"
	}
	return "nothing"
}
