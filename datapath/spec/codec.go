package spec

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// header is the first line of every file that Encode writes.
const header = "# Rendered by rhapsode from the inventory. Change it there: this file is written anew.\n"

// Encode writes the configuration as YAML, or says what is wrong with it.
func (d *Director) Encode() ([]byte, error) { return encode(d, d.Validate()) }

// Encode writes the configuration as YAML, or says what is wrong with it.
func (p *PingHost) Encode() ([]byte, error) { return encode(p, p.Validate()) }

// DecodeDirector reads a director's configuration. file is named in the error, which is Problems.
func DecodeDirector(file string, data []byte) (*Director, error) {
	return decode(file, data, func(d *Director, c *checker) { d.check(c) })
}

// DecodePingHost reads a ping host's configuration. file is named in the error, which is Problems.
func DecodePingHost(file string, data []byte) (*PingHost, error) {
	return decode(file, data, func(p *PingHost, c *checker) { p.check(c) })
}

func encode(v any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	n, err := toYAML(reflect.ValueOf(v))
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString(header)
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(n), enc.Close()); err != nil {
		return nil, fmt.Errorf("encode spec: %w", err)
	}
	return []byte(b.String()), nil
}

// field is a struct's field as it stands in a file.
type field struct {
	index    int
	key      string
	optional bool
}

// fields reads the yaml tags of a struct: `key`, or `key,omitempty` for one that may be absent. The library's own
// encoder takes a netip.Addr for an empty struct, and its decoder reports no place for what a type refuses.
func fields(t reflect.Type) []field {
	out := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		key, rest, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		out = append(out, field{i, key, rest == "omitempty"})
	}
	return out
}

func toYAML(v reflect.Value) (*yaml.Node, error) {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		return scalar("!!str", string(text)), err
	}
	switch v.Kind() {
	case reflect.Pointer:
		return toYAML(v.Elem())
	case reflect.Struct:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, f := range fields(v.Type()) {
			x := v.Field(f.index)
			if f.optional && (x.IsZero() || x.Kind() == reflect.Slice && x.Len() == 0) {
				continue
			}
			sub, err := toYAML(x)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, scalar("!!str", f.key), sub)
		}
		return n, nil
	case reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			sub, err := toYAML(v.Index(i))
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, sub)
		}
		if v.Len() == 0 {
			n.Style = yaml.FlowStyle
		}
		return n, nil
	case reflect.Bool:
		return scalar("!!bool", strconv.FormatBool(v.Bool())), nil
	case reflect.Float64:
		return scalar("!!float", strconv.FormatFloat(v.Float(), 'f', -1, 64)), nil
	case reflect.Int:
		return scalar("!!int", strconv.FormatInt(v.Int(), 10)), nil
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return scalar("!!int", strconv.FormatUint(v.Uint(), 10)), nil
	case reflect.String:
		return scalar("!!str", v.String()), nil
	}
	return nil, fmt.Errorf("encode spec: a %s has no form in YAML", v.Type())
}

func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

// decoder reads YAML nodes into structs and remembers where each value stood.
type decoder struct {
	checker
	file string
	at   map[string]*yaml.Node // by path
}

func decode[T any](file string, data []byte, check func(*T, *checker)) (*T, error) {
	d := &decoder{file: file, at: map[string]*yaml.Node{}}
	v := new(T)
	if root := d.document(data); root != nil {
		d.value("", root, reflect.ValueOf(v).Elem())
		if len(d.problems) == 0 {
			check(v, &d.checker)
		}
	}
	for i := range d.problems {
		d.place(&d.problems[i])
	}
	if len(d.problems) > 0 {
		return nil, d.problems.sorted()
	}
	return v, nil
}

// document is the root of the one document that a file holds; nil when it is reported what is wrong.
func (d *decoder) document(data []byte) *yaml.Node {
	dec := yaml.NewDecoder(strings.NewReader(string(data)))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		d.add("", "the file is empty")
		return nil
	case err != nil:
		d.syntax(err)
		return nil
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		d.problems = append(d.problems, Problem{Line: second.Line, Column: second.Column, Message: "there is more than one document"})
		return nil
	}
	return doc.Content[0]
}

func (d *decoder) syntax(err error) {
	text := strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", " "), "yaml: ")
	p := Problem{Line: 1, Column: 1, Message: "not YAML: " + text}
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		number, message, _ := strings.Cut(rest, ": ")
		if n, convErr := strconv.Atoi(number); convErr == nil {
			p.Line, p.Message = n, "not YAML: "+message
		}
	}
	d.problems = append(d.problems, p)
}

// place gives a problem its file and line: those of its path, or of the nearest one above that the file has.
func (d *decoder) place(p *Problem) {
	p.File = d.file
	for path := p.Path; p.Line == 0; {
		if n := d.at[path]; n != nil {
			p.Line, p.Column = n.Line, n.Column
			return
		}
		if path == "" {
			return
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
}

func (d *decoder) value(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind == yaml.AliasNode {
		d.at[path] = n
		d.add(path, "is an alias: every value is written out")
		return
	}
	d.at[path] = n
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if n.Kind != yaml.ScalarNode {
			d.add(path, "is %s, want a word", kindOf(n))
		} else if err := u.UnmarshalText([]byte(n.Value)); err != nil {
			d.add(path, "does not fit: %v", err)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(path, n, v)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			d.add(path, "is %s, want a list", kindOf(n))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
		for i, e := range n.Content {
			d.value(fmt.Sprintf("%s[%d]", path, i), e, v.Index(i))
		}
	default:
		if n.Kind != yaml.ScalarNode {
			d.add(path, "is %s, want a value", kindOf(n))
			return
		}
		d.scalar(path, n, v)
	}
}

func (d *decoder) structure(path string, n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.add(path, "is %s, want a map", kindOf(n))
		return
	}
	known, seen := fields(v.Type()), map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, sub := n.Content[i], n.Content[i+1]
		where := strings.TrimPrefix(path+"."+k.Value, ".")
		j := slices.IndexFunc(known, func(f field) bool { return f.key == k.Value })
		switch {
		case j < 0 || k.Kind != yaml.ScalarNode:
			names := make([]string, len(known))
			for i, f := range known {
				names[i] = f.key
			}
			d.problems = append(d.problems, Problem{Line: k.Line, Column: k.Column, Path: where, Message: "is not known here, there is " + strings.Join(names, ", ")})
		case seen[k.Value]:
			d.problems = append(d.problems, Problem{Line: k.Line, Column: k.Column, Path: where, Message: "is here twice"})
		default:
			d.value(where, sub, v.Field(known[j].index))
		}
		seen[k.Value] = true
	}
	for _, f := range known {
		if !f.optional && !seen[f.key] {
			d.add(path, "lacks the key %s", f.key)
		}
	}
}

func (d *decoder) scalar(path string, n *yaml.Node, v reflect.Value) {
	tag := n.ShortTag()
	fail := func(want string) { d.add(path, "is %q, want %s", n.Value, want) }
	switch v.Kind() {
	case reflect.String:
		if tag != "!!str" {
			fail("text: write it in quotes")
			return
		}
		v.SetString(n.Value)
	case reflect.Bool:
		if tag != "!!bool" || n.Value != "true" && n.Value != "false" {
			fail("true or false")
			return
		}
		v.SetBool(n.Value == "true")
	case reflect.Float64:
		x, err := strconv.ParseFloat(n.Value, 64)
		if tag != "!!float" && tag != "!!int" || err != nil {
			fail("a number")
			return
		}
		v.SetFloat(x)
	case reflect.Int:
		x, ok := decimal(n.Value)
		if tag != "!!int" || !ok {
			fail("a number from 0 on")
			return
		}
		v.SetInt(int64(x))
	default:
		x, ok := decimal(n.Value)
		if tag != "!!int" || !ok || v.OverflowUint(x) {
			fail(fmt.Sprintf("a number from 0 to %d", uint64(1)<<v.Type().Bits()-1))
			return
		}
		v.SetUint(x)
	}
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if n.ShortTag() == "!!null" {
			return "empty"
		}
	}
	return fmt.Sprintf("%q", n.Value)
}
