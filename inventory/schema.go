package inventory

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Schemas are the JSON Schemas (draft 2020-12) of the tree's files, for validation here and for editors: common.json,
// role.json, site.json, device.json, services.json, override.json, and defs.json which they share. Formats that the
// standard does not have are known to this package only; an editor ignores them.
//
//go:embed schema/*.json
var Schemas embed.FS

const schemaBase = "inventory:///schema/"

// schemaSet is the compiled schemas and, for hints, their documents.
type schemaSet struct {
	compiled  map[string]*jsonschema.Schema // by file: common.json
	documents map[string]any
}

// schemas compiles what is embedded, once; it fails on a programmer's mistake only.
var schemas = sync.OnceValue(func() *schemaSet {
	c := jsonschema.NewCompiler()
	for name, validate := range formats() {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if s, ok := v.(string); ok {
				return validate(s)
			}
			return nil
		}})
	}
	c.AssertFormat()
	set := &schemaSet{compiled: map[string]*jsonschema.Schema{}, documents: map[string]any{}}
	entries, err := Schemas.ReadDir("schema")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		data, err := Schemas.ReadFile("schema/" + e.Name())
		if err != nil {
			panic(err)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
		if err != nil {
			panic(fmt.Sprintf("schema %s: %v", e.Name(), err))
		}
		if err := c.AddResource(schemaBase+e.Name(), doc); err != nil {
			panic(err)
		}
		set.documents[e.Name()] = doc
	}
	for name := range set.documents {
		set.compiled[name] = c.MustCompile(schemaBase + name)
	}
	return set
})

// object finds a schema by its URL in the documents, as what JSON has for objects; nil if there is none.
func (s *schemaSet) object(url string) map[string]any {
	file, pointer, _ := strings.Cut(strings.TrimPrefix(url, schemaBase), "#")
	at := s.documents[file]
	for step := range strings.SplitSeq(strings.Trim(pointer, "/"), "/") {
		if step == "" {
			continue
		}
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
	}
	m, ok := at.(map[string]any)
	if !ok {
		return nil
	}
	return m
}

// follow goes through the references of a schema to what they end at, and gives its URL too.
func (s *schemaSet) follow(url string) (string, map[string]any) {
	o := s.object(url)
	for range 10 { // ours are not nested deeper
		to, ok := o["$ref"].(string)
		if !ok {
			break
		}
		file, _, _ := strings.Cut(url, "#")
		if url = schemaBase + to; strings.HasPrefix(to, "#") {
			url = file + to
		}
		o = s.object(url)
	}
	return url, o
}

// properties are the keys that an object schema knows, sorted.
func (s *schemaSet) properties(url string) []string {
	_, o := s.follow(url)
	m, ok := o["properties"].(map[string]any)
	if !ok {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

// describe is the description of a schema, of the reference before that of what it refers to.
func (s *schemaSet) describe(url string) string {
	if d, ok := s.object(url)["description"].(string); ok {
		return d
	}
	_, o := s.follow(url)
	d, _ := o["description"].(string)
	return d
}

// hides says whether a schema is that of a secret (`writeOnly`), so that a value in its place may be one.
func (s *schemaSet) hides(url string) bool {
	_, o := s.follow(url)
	return o["writeOnly"] == true
}

// checkKeys reports the keys that are not of the form that their map's propertyNames wants. The validator finds them as
// well, but the place it gives is overwritten by what it visits later.
func (s *schemaSet) checkKeys(url string, n *node, where string, problems *Problems) {
	if n.shape != mapping {
		return
	}
	url, o := s.follow(url)
	names, _ := o["propertyNames"].(map[string]any)
	form, _ := names["format"].(string)
	for _, k := range n.keys {
		if validate := formats()[form]; validate != nil {
			if err := validate(k); err != nil {
				problems.add(n.sub[k].key, "", "%s: %v", strings.TrimPrefix(where, "."), err)
				continue
			}
		}
		next := url + "/additionalProperties"
		if slices.Contains(s.properties(url), k) {
			next = url + "/properties/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(k)
		}
		if s.object(next) != nil {
			s.checkKeys(next, n.sub[k], where+"."+k, problems)
		}
	}
}

// homes says for a key that stands in the wrong kind of file where it belongs.
func (s *schemaSet) homes(key string) string {
	var in []string
	for _, f := range []struct{ file, name string }{
		{"common.json", "common.yaml"}, {"role.json", "roles/ROLE.yaml"}, {"site.json", "sites/SITE.yaml"}, {"device.json", "devices/NAME.yaml"},
	} {
		if slices.Contains(s.properties(schemaBase+f.file), key) {
			in = append(in, f.name)
		}
	}
	return strings.Join(in, " or ")
}

// strictness is what a file need not have.
type strictness struct {
	layered bool // it is merged with others: null takes a value back and is not looked at here
	partial bool // it is laid over another of the same kind: required keys may be in that one
	whole   bool // it is merged: items of lists with `!by:KEY` are no parts any more
}

// validate holds a file against its schema and reports whether it passed.
func validate(schema string, root *node, how strictness, problems *Problems) bool {
	err := schemas().compiled[schema].Validate(root.plain(how.layered))
	if err == nil {
		return true
	}
	var failed *jsonschema.ValidationError
	if !errors.As(err, &failed) {
		problems.add(root.pos, "", "validate: %v", err)
		return false
	}
	x := &explainer{root: root, how: how, said: map[Problem]string{}}
	before := len(*problems)
	x.explain(failed)
	for p, where := range x.said {
		if where != "" {
			p.Message = where + ": " + p.Message
		}
		*problems = append(*problems, p) // sorted in the end
	}
	schemas().checkKeys(schemaBase+schema+"#", root, "", problems)
	if len(*problems) == before && !x.excused { // whatever it is, it must not pass
		problems.add(root.pos, "", "validate: %v", failed)
	}
	return len(*problems) == before
}

// explainer turns what the validator says of a file into problems.
type explainer struct {
	root    *node
	how     strictness
	excused bool               // something is missing that another layer may have
	said    map[Problem]string // problems without their dotted key, and that
}

// add reports a problem of the value with the dotted key where. What stands behind an anchor is at several keys, and
// reported once.
func (x *explainer) add(at position, hint, where, format string, args ...any) {
	p := Problem{File: at.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...), Hint: hint}
	if first, ok := x.said[p]; !ok || len(where) < len(first) || len(where) == len(first) && where < first { // the validator has no order of its own
		x.said[p] = where
	}
}

// explain turns the leaves of the validator's tree of causes into problems at the values they are about.
func (x *explainer) explain(e *jsonschema.ValidationError) {
	root := x.root
	if _, ok := e.ErrorKind.(*kind.PropertyNames); ok {
		return // see checkKeys
	}
	if len(e.Causes) > 0 {
		for _, c := range e.Causes {
			x.explain(c)
		}
		return
	}
	n, where := locate(root, e.InstanceLocation)
	set := schemas()
	hint := set.describe(e.SchemaURL)
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, key := range k.Properties {
			set.unknownKey(e.SchemaURL, n.sub[key], where, key, x.add)
		}
	case *kind.Required:
		if x.how.partial || x.inPart(e.InstanceLocation) {
			x.excused = true
			return
		}
		for _, key := range k.Missing {
			x.add(n.pos, set.describe(e.SchemaURL+"/properties/"+key), where, "missing key `%s`", key)
		}
	case *kind.Type:
		have := got(n)
		if set.hides(e.SchemaURL) {
			have = n.shape.String() + ", which is not shown here; if it was the secret, change it: others have read the file"
		}
		x.add(n.pos, set.typeHint(e.SchemaURL, n, k.Want), where, "expected %s, got %s", wanted(k.Want), have)
	case *kind.Enum:
		want := make([]string, len(k.Want))
		for i, w := range k.Want {
			want[i] = fmt.Sprint(w)
		}
		if near := nearest(n.raw, want); near != "" && n.shape == text {
			hint = "did you mean " + near + "?"
		}
		x.add(n.pos, hint, where, "expected %s, got %s", oneOf(want), n.quoted())
	case *kind.Format:
		x.add(n.pos, "", where, "%v", k.Err)
	case *kind.Minimum:
		x.add(n.pos, hint, where, "%s is too small, expected at least %s", n.quoted(), rational(k.Want))
	case *kind.Maximum:
		x.add(n.pos, hint, where, "%s is too large, expected at most %s", n.quoted(), rational(k.Want))
	case *kind.MinItems:
		x.add(n.pos, hint, where, "the list is empty, expected at least %d", k.Want)
	case *kind.MinLength:
		x.add(n.pos, hint, where, "the text is empty")
	case *kind.MinProperties:
		x.add(n.pos, hint, where, "the map is empty, expected at least %d key", k.Want)
	case *kind.MaxProperties:
		x.add(n.pos, hint, where, "the map has %d keys, expected at most %d", k.Got, k.Want)
	case *kind.UniqueItems:
		twice := n.items[k.Duplicates[1]]
		x.add(twice.pos, "remove one of the two", where, "%s is in the list twice, first on line %d", twice.quoted(), n.items[k.Duplicates[0]].pos.line)
	default:
		x.add(n.pos, hint, where, "%v", e.ErrorKind)
	}
}

// inPart says whether a value lies in an item of a list that is merged by key.
func (x *explainer) inPart(path []string) bool {
	if !x.how.layered || x.how.whole {
		return false
	}
	for i := range path {
		if n, _ := locate(x.root, path[:i]); n.rule.key != "" {
			return true
		}
	}
	return false
}

// locate walks the validator's path and spells it with dots. Where the path ends early the last node found stands in.
func locate(root *node, path []string) (*node, string) {
	n := root
	for _, step := range path {
		next := n.sub[step]
		if n.shape == list {
			if i, err := strconv.Atoi(step); err == nil && i < len(n.items) {
				next = n.items[i]
			}
		}
		if next == nil {
			break
		}
		n = next
	}
	return n, strings.Join(path, ".")
}

// unknownKey reports a key that the schema does not have, with the nearest it has, or the file where it belongs.
func (s *schemaSet) unknownKey(url string, n *node, where, key string, add func(position, string, string, string, ...any)) {
	known := s.properties(url)
	hint := "known here: " + strings.Join(known, ", ")
	switch near := nearest(key, known); {
	case near != "" && len(known) > 8: // too many to read
		hint = "did you mean " + near + "?"
	case near != "":
		hint = "did you mean " + near + "? " + hint
	case where == "" && s.homes(key) != "":
		hint = "it belongs in " + s.homes(key)
	}
	add(n.key, hint, where, "unknown key `%s`", key)
}

// typeHint helps with the values that YAML readers disagree about.
func (s *schemaSet) typeHint(url string, n *node, want []string) string {
	form, _ := s.object(url)["format"].(string)
	switch {
	case n.shape == text && slices.Contains(want, "boolean") && slices.Contains([]string{"yes", "no", "on", "off", "true", "false", "y", "n"}, strings.ToLower(n.raw)):
		return "write true or false, in lower case and without quotes"
	case n.shape == text && slices.Contains(want, "integer"):
		if _, err := strconv.ParseInt(n.raw, 0, 64); err == nil {
			return "write a decimal number without quotes, leading zeros or underscores"
		}
	case n.shape != mapping && n.shape != list && n.shape != null && slices.Contains(want, "string"):
		if validate := formats()[form]; validate == nil || validate(n.raw) == nil {
			return "put it in quotes"
		}
	}
	return s.describe(url)
}

// wanted is the schema's types in words.
func wanted(types []string) string {
	words := map[string]string{"object": "a map", "array": "a list", "string": "text", "integer": "an integer", "number": "a number", "boolean": "true or false"}
	var out []string
	for _, t := range types {
		out = append(out, words[t])
	}
	return strings.Join(out, " or ")
}

// got is a node in words, with its value if that is short.
func got(n *node) string {
	if n.shape == mapping || n.shape == list || n.shape == null {
		return n.shape.String()
	}
	return n.shape.String() + " " + n.quoted()
}

func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return "one of " + strings.Join(words, ", ")
}

func rational(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	return json.Number(r.FloatString(2)).String()
}
