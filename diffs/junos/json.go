package junos

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// JSON returns the configuration as a device shows it in its default form (`ietf`, since 16.1): an object
// `configuration`, lists as arrays, statements without a value as [null], numbers without quotes where the schema is
// known to have some. Marks stand in a member "@" of a container or an entry and in a member "@NAME" beside a leaf:
// "inactive" : true, "protect" : true, "comment" : "/* … */".
//
// What Juniper publishes of this form leaves out how a `protect` or a comment looks; those are by analogy with the ones
// that a device reads.
func (t *Tree) JSON(attrs ...Attribute) string {
	w := jsonWriter{}
	w.b.WriteString("{\n" + indentXML + `"configuration" : `)
	w.object(attrs, tags{}, (exporter{}).statements(nil, t.Root, false), indentXML)
	w.b.WriteString("\n}\n")
	return w.b.String()
}

type jsonWriter struct{ b strings.Builder }

// member is one name of an object with all elements of that name.
type member struct {
	name  string
	items []*element
}

// object writes { … }; indent is that of the line on which it begins.
func (w *jsonWriter) object(attrs []Attribute, marks tags, children []*element, indent string) {
	w.b.WriteByte('{')
	inner, first := indent+indentXML, true
	next := func(name string) {
		if !first {
			w.b.WriteByte(',')
		}
		first = false
		w.b.WriteString("\n" + inner + jsonString(name) + " : ")
	}
	if len(attrs) > 0 || marks != (tags{}) {
		next("@")
		w.marks(attrs, marks, inner)
	}
	for _, m := range members(children) {
		next(m.name)
		w.values(m, inner)
		if m.marked() {
			next("@" + m.name)
			w.beside(m, inner)
		}
	}
	if !first {
		w.b.WriteString("\n" + indent)
	}
	w.b.WriteByte('}')
}

// members puts elements of one name together, in the order in which the names first come.
func members(es []*element) []member {
	var ms []member
	at := map[string]int{}
	for _, e := range es {
		i, ok := at[e.name]
		if !ok {
			i = len(ms)
			at[e.name] = i
			ms = append(ms, member{name: e.name})
		}
		ms[i].items = append(ms[i].items, e)
	}
	return ms
}

// isArray reports whether the value is an array, whatever the number of items.
func (m member) isArray() bool {
	return len(m.items) > 1 || m.items[0].kind == entryElement || m.items[0].kind == valueElement
}

// marked reports whether an item that is no object has marks.
func (m member) marked() bool {
	for _, e := range m.items {
		if e.marks != (tags{}) && !e.isObject() {
			return true
		}
	}
	return false
}

func (e *element) isObject() bool { return e.kind == blockElement || e.kind == entryElement }

func (w *jsonWriter) values(m member, indent string) {
	if !m.isArray() {
		w.value(m.items[0], indent)
		return
	}
	w.b.WriteByte('[')
	lines := false
	for i, e := range m.items {
		if i > 0 {
			w.b.WriteByte(',')
		}
		if e.isObject() {
			w.b.WriteString("\n" + indent)
			w.object(nil, e.marks, e.children, indent)
			lines = true
			continue
		}
		if i > 0 {
			w.b.WriteByte(' ')
		}
		if e.kind == emptyElement {
			w.b.WriteString("null")
		} else {
			w.scalar(e)
		}
	}
	if lines {
		w.b.WriteString("\n" + indent)
	}
	w.b.WriteByte(']')
}

func (w *jsonWriter) value(e *element, indent string) {
	switch {
	case e.isObject():
		w.object(nil, e.marks, e.children, indent)
	case e.kind == emptyElement:
		w.b.WriteString("[null]")
	default:
		w.scalar(e)
	}
}

func (w *jsonWriter) scalar(e *element) {
	if e.number && isNumber(e.text) {
		w.b.WriteString(e.text)
		return
	}
	w.b.WriteString(jsonString(e.text))
}

// isNumber reports whether a text is a number that comes back as the same text, from any reader.
func isNumber(s string) bool {
	return len(digits(s)) == len(s) && len(s) > 0 && len(s) <= 15 && (s[0] != '0' || s == "0")
}

// beside writes the marks of items that are no objects.
func (w *jsonWriter) beside(m member, indent string) {
	if !m.isArray() {
		w.marks(nil, m.items[0].marks, indent)
		return
	}
	w.b.WriteByte('[')
	for i, e := range m.items {
		if i > 0 {
			w.b.WriteByte(',')
		}
		w.b.WriteString("\n" + indent)
		if e.marks == (tags{}) || e.isObject() {
			w.b.WriteString("null")
			continue
		}
		w.marks(nil, e.marks, indent)
	}
	w.b.WriteString("\n" + indent + "]")
}

func (w *jsonWriter) marks(attrs []Attribute, t tags, indent string) {
	var lines []string
	for _, a := range attrs {
		lines = append(lines, jsonString(a.Name)+" : "+jsonString(a.Value))
	}
	for _, word := range t.words() {
		switch word {
		case "delete", "replace":
			lines = append(lines, `"operation" : `+jsonString(word))
		default:
			lines = append(lines, jsonString(word)+" : true")
		}
	}
	if t.note != "" {
		lines = append(lines, `"comment" : `+jsonString("/* "+t.note+" */"))
	}
	inner := "\n" + indent + indentXML
	w.b.WriteString("{" + inner + strings.Join(lines, ","+inner) + "\n" + indent + "}")
}

func jsonString(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("junos: encode string: " + err.Error()) // a string always can be
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// jsonReader reads a text into elements.
type jsonReader struct {
	importer
	d     *json.Decoder
	src   string
	lines lineIndex
	at    Pos // where the last token began
}

// jsonValue is a value with its place. Members keep their order, which a list ordered by the user needs.
type jsonValue struct {
	kind  byte // { [ " 0 (number) b (true, false) n (null)
	text  string
	names []string // of the members of an object; items are their values
	items []jsonValue
	pos   Pos
}

var errDepth = errors.New("fewer levels")

// readJSON reads {"configuration": {…}} into the empty tree t; keep is that of the builder.
func readJSON(file, src string, t *Tree, keep bool) ([]*Error, ErrorList) {
	r := &jsonReader{importer: importer{builder{file: file, keep: keep}}, d: json.NewDecoder(strings.NewReader(src)), src: src}
	r.lines.src = src
	r.d.UseNumber()
	v, err := r.value(0)
	if err == nil {
		if _, err = r.token(); errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		} else if err == nil {
			err = errors.New("nothing after the configuration")
		}
	}
	if err != nil {
		r.fail(r.at, msgSyntax, "well-formed JSON: "+err.Error())
		return r.warns, r.errs
	}
	top := &element{kind: blockElement, pos: v.pos}
	r.object(top, v)
	if len(r.errs) > 0 {
		return r.warns, r.errs
	}
	if len(top.children) != 1 || top.children[0].name != "configuration" {
		r.fail(v.pos, msgSyntax, `an object with one member "configuration"`)
		return r.warns, r.errs
	}
	r.importer.read(t, top.children[0])
	return r.warns, r.errs
}

// token reads a token and notes where it begins, or where the text ends too early.
func (r *jsonReader) token() (json.Token, error) {
	at := int(r.d.InputOffset())
	for at < len(r.src) && strings.IndexByte(" \t\r\n,:", r.src[at]) >= 0 {
		at++
	}
	r.at = r.lines.pos(at)
	tok, err := r.d.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return tok, err
}

// value reads one value.
func (r *jsonReader) value(depth int) (jsonValue, error) {
	tok, err := r.token()
	v := jsonValue{pos: r.at}
	switch {
	case err != nil:
		return v, err
	case depth > maxElements:
		return v, errDepth
	}
	switch tok := tok.(type) {
	case json.Delim:
		v.kind = byte(tok)
		for r.d.More() {
			if v.kind == '{' {
				name, err := r.token()
				if err != nil {
					return v, err
				}
				v.names = append(v.names, name.(string)) // the decoder takes nothing else as a name
			}
			item, err := r.value(depth + 1)
			if err != nil {
				return v, err
			}
			v.items = append(v.items, item)
		}
		_, err = r.token() // the end
		return v, err
	case string:
		v.kind, v.text = '"', tok
	case json.Number:
		v.kind, v.text = '0', tok.String()
	case bool:
		v.kind, v.text = 'b', "false"
		if tok {
			v.text = "true"
		}
	default:
		v.kind = 'n'
	}
	return v, nil
}

// object adds the members of v to e: statements, and marks under names that begin with @.
func (r *jsonReader) object(e *element, v jsonValue) {
	if v.kind != '{' {
		r.fail(v.pos, msgSyntax, "an object {…}")
		return
	}
	byName := map[string][]*element{}
	for i, name := range v.names {
		if strings.HasPrefix(name, "@") {
			continue
		}
		if _, local, ok := strings.Cut(name, ":"); ok {
			name = local // of a YANG module: junos-conf-root:configuration
		}
		if strings.TrimSpace(name) == "" {
			r.fail(v.items[i].pos, msgSyntax, "the name of a statement before it")
			return
		}
		items := r.member(name, v.items[i])
		e.children = append(e.children, items...)
		byName[name] = append(byName[name], items...)
	}
	for i, name := range v.names {
		switch of, ok := strings.CutPrefix(name, "@"); {
		case !ok:
		case of == "":
			r.marks(e, v.items[i])
		default:
			r.marksBeside(byName[of], of, v.items[i])
		}
	}
}

// member makes the elements of one member: several for an array.
func (r *jsonReader) member(name string, v jsonValue) []*element {
	if v.kind != '[' {
		return []*element{r.item(name, v, textElement)}
	}
	es := make([]*element, 0, len(v.items))
	for _, item := range v.items {
		if item.kind == '[' {
			r.fail(item.pos, msgSyntax, "no array in an array")
			return nil
		}
		es = append(es, r.item(name, item, valueElement))
	}
	return es
}

func (r *jsonReader) item(name string, v jsonValue, kind elementKind) *element {
	e := &element{name: name, pos: v.pos}
	switch v.kind {
	case '{':
		e.kind = blockElement
		r.object(e, v)
	case 'n':
	default:
		e.kind, e.text = kind, v.text
	}
	return e
}

func (r *jsonReader) marksBeside(es []*element, name string, v jsonValue) {
	items := []jsonValue{v}
	if v.kind == '[' {
		items = v.items
	}
	if len(items) > len(es) {
		r.fail(v.pos, msgSyntax, `"`+name+`" beside "@`+name+`", with as many values`)
		return
	}
	for i, item := range items {
		if item.kind != 'n' {
			r.marks(es[i], item)
		}
	}
}

// marks reads the object of a member @. Those that only inform are passed over.
func (r *jsonReader) marks(e *element, v jsonValue) {
	if v.kind != '{' {
		r.fail(v.pos, msgSyntax, "an object with marks")
		return
	}
	for i, name := range v.names {
		item, known := v.items[i], true
		switch name = strings.TrimPrefix(name, "jcmd:"); {
		case name == "comment" || name == "annotate":
			e.marks.note = joinNotes(e.marks.note, strings.TrimSpace(item.text))
		case name == "operation":
			known = e.marks.operation(item.text)
		case name == "active":
			known = e.marks.activate(item.text)
		case isTag(name + ":"):
			known = item.text == "true" || item.text == name
			e.marks.mark(name)
		case name == "insert" || name == "rename":
			known = false
		}
		if !known {
			r.fail(item.pos, "attribute "+name+" : "+item.text+" is not supported", "")
		}
	}
}
