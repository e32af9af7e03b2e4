package junos

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// maxElements is how deep the elements of a text may lie in each other: more than maxDepth, since statements have
// elements around them.
const maxElements = 2 * maxDepth

// Attribute is an attribute of the whole configuration in XML and JSON, such as junos:commit-user.
type Attribute struct{ Name, Value string }

// XML returns the configuration as a device sends it: <configuration> with the given attributes, four blanks a level.
// inactive="inactive" and protect="protect" are attributes, an annotation is a <junos:comment> before its statement;
// who makes a document of it declares the prefix junos. Load-time tags become the attributes that load them.
func (t *Tree) XML(attrs ...Attribute) string {
	w := xmlWriter{}
	w.configuration(t, attrs, exporter{}, "", indentXML)
	return w.b.String()
}

const indentXML = "    "

type xmlWriter struct{ b strings.Builder }

// configuration writes the whole. indent stands before the outer element, inner before its statements.
func (w *xmlWriter) configuration(t *Tree, attrs []Attribute, x exporter, indent, inner string) {
	w.b.WriteString(indent + "<configuration")
	for _, a := range attrs {
		w.attribute(a.Name, a.Value)
	}
	if x.changes.root() {
		w.attribute("junos:changed", "changed")
	}
	w.b.WriteString(">\n")
	for _, e := range x.statements(nil, t.Root, false) {
		w.element(e, inner)
	}
	w.b.WriteString(indent + "</configuration>\n")
}

func (w *xmlWriter) attribute(name, value string) {
	w.b.WriteString(" " + name + "=\"" + EscapeXML(value) + "\"")
}

func (w *xmlWriter) element(e *element, indent string) {
	if e.marks.note != "" {
		w.b.WriteString(indent + "<junos:comment>/* " + EscapeText(e.marks.note) + " */</junos:comment>\n")
	}
	w.b.WriteString(indent + "<" + e.name)
	for _, m := range e.marks.words() {
		w.attribute(m, m)
	}
	if e.group != "" {
		w.attribute("junos:group", e.group)
	}
	if e.changed {
		w.attribute("junos:changed", "changed")
	}
	switch e.kind {
	case emptyElement:
		w.b.WriteString("/>\n")
	case textElement, valueElement:
		w.b.WriteString(">" + EscapeText(e.text) + "</" + e.name + ">\n")
	default:
		w.b.WriteString(">\n")
		for _, c := range e.children {
			w.element(c, indent+indentXML)
		}
		w.b.WriteString(indent + "</" + e.name + ">\n")
	}
}

// words returns the marks as the attributes of XML are called: `inactive` for inactive="inactive".
func (t tags) words() []string {
	if !t.inactive && !t.protected && t.op == NoOp {
		return nil
	}
	var words []string
	for _, m := range []struct {
		on   bool
		word string
	}{
		{t.op&ReplaceOp != 0, "replace"},
		{t.op&DeleteOp != 0, "delete"},
		{t.op&ActivateOp != 0 && !t.inactive, "active"},
		{t.op&UnprotectOp != 0 && !t.protected, "unprotect"},
		{t.inactive, "inactive"},
		{t.protected, "protect"},
	} {
		if m.on {
			words = append(words, m.word)
		}
	}
	return words
}

var (
	textEscapes  = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	quoteEscapes = strings.NewReplacer(`"`, "&quot;")
)

// EscapeXML makes a text fit for an attribute in double quotes, and for character data.
func EscapeXML(s string) string { return quoteEscapes.Replace(EscapeText(s)) }

// EscapeText makes a text fit for the character data of XML. Line feeds and tabs stay as they are; what XML cannot hold
// (most control characters, broken UTF-8) becomes U+FFFD.
func EscapeText(s string) string {
	bad := func(r rune) bool {
		return r == utf8.RuneError || r < ' ' && r != '\n' && r != '\t' || r == '\r' || r >= 0xfffe && r <= 0xffff
	}
	if strings.IndexFunc(s, bad) >= 0 {
		s = strings.Map(func(r rune) rune {
			if bad(r) {
				return utf8.RuneError
			}
			return r
		}, s)
	}
	return textEscapes.Replace(s)
}

// xmlReader reads a text into elements.
type xmlReader struct {
	importer
	d     *xml.Decoder
	open  []*element // the innermost last; the first stands for the document
	names []xml.Name // of the open ones, with prefix
	notes []string   // the comment that waits for the next element, for each open one
}

// readXML reads a <configuration>, alone or within an <rpc-reply>, <data> or <config>, into the empty tree t. Names are
// looked at without their prefixes, as clients write them in several ways. keep is that of the builder.
func readXML(file, src string, t *Tree, keep bool) ([]*Error, ErrorList) {
	r, configuration := parseElements(file, src)
	if r.keep = keep; len(r.errs) == 0 {
		r.importer.read(t, configuration)
	}
	return r.warns, r.errs
}

// parseElements finds the element <configuration> of a text. Without errors there is one.
func parseElements(file, src string) (*xmlReader, *element) {
	r := &xmlReader{importer: importer{builder{file: file}}, d: xml.NewDecoder(strings.NewReader(src))}
	r.open, r.notes = []*element{{}}, []string{""}
	for len(r.errs) < maxErrors && r.token() {
	}
	configuration := findElement(r.open[0], "configuration")
	if configuration == nil && len(r.errs) == 0 {
		r.fail(Pos{Line: 1, Col: 1}, msgSyntax, "an element <configuration>")
	}
	return r, configuration
}

func findElement(e *element, name string) *element {
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	for _, c := range e.children {
		if found := findElement(c, name); found != nil {
			return found
		}
	}
	return nil
}

// token reads on; false at the end of the text or at an error after which there is no sense in the rest.
func (r *xmlReader) token() bool {
	line, col := r.d.InputPos()
	pos := Pos{Line: int32(line), Col: int32(col)}
	tok, err := r.d.RawToken()
	if errors.Is(err, io.EOF) {
		if n := len(r.names); n > 0 {
			r.fail(r.open[n].pos, msgSyntax, "</"+r.names[n-1].Local+"> that ends the element")
		}
		return false
	}
	if err != nil {
		line, col = r.d.InputPos()
		r.fail(Pos{Line: int32(line), Col: int32(col)}, msgSyntax, "well-formed XML: "+strings.TrimPrefix(err.Error(), "XML "))
		return false
	}
	last := len(r.open) - 1
	switch tok := tok.(type) {
	case xml.StartElement:
		return r.start(tok, pos)
	case xml.EndElement:
		return r.end(tok, pos)
	case xml.CharData:
		if e := r.open[last]; len(e.children) == 0 || len(bytes.TrimSpace(tok)) > 0 { // not the indents, they are many
			e.text += string(tok)
		}
	case xml.Directive:
		r.fail(pos, msgSyntax, "no document type")
		return false
	}
	return true
}

func (r *xmlReader) start(tok xml.StartElement, pos Pos) bool {
	if len(r.open) > maxElements {
		r.fail(pos, msgSyntax, "fewer levels of elements")
		return false
	}
	e := &element{name: tok.Name.Local, pos: pos}
	r.attributes(e, tok.Attr)
	r.open, r.names, r.notes = append(r.open, e), append(r.names, tok.Name), append(r.notes, "")
	return true
}

func (r *xmlReader) end(tok xml.EndElement, pos Pos) bool {
	last := len(r.open) - 1
	if last == 0 || r.names[last-1] != tok.Name {
		r.fail(pos, msgSyntax, "no </"+tok.Name.Local+"> without its start")
		return false
	}
	e := r.open[last]
	prefix := r.names[last-1].Space
	r.open, r.names, r.notes = r.open[:last], r.names[:last-1], r.notes[:last]
	outer := r.open[last-1]
	if text := strings.TrimSpace(e.text); e.name == "comment" && len(e.children) == 0 && (prefix != "" || strings.HasPrefix(text, "/*")) {
		r.notes[last-1] = joinNotes(r.notes[last-1], text)
		return true
	}
	e.marks.note, r.notes[last-1] = r.notes[last-1], ""
	if len(e.children) > 0 {
		e.kind = blockElement
	} else {
		e.kind, e.text = textElement, trimLines(e.text) // of <x></x> the decoder says the same as of <x/>
	}
	outer.children = append(outer.children, e)
	return true
}

// trimLines takes away the blanks of a value that stands on lines of its own.
func trimLines(s string) string {
	if strings.TrimSpace(s) == "" {
		return strings.Trim(s, "\r\n\t ")
	}
	if i := len(s) - len(strings.TrimLeft(s, " \t\r\n")); strings.Contains(s[:i], "\n") {
		s = s[i:]
	}
	if i := len(strings.TrimRight(s, " \t\r\n")); strings.Contains(s[i:], "\n") {
		s = s[:i]
	}
	return s
}

// joinNotes adds a comment, with its marks, to an annotation, which is without.
func joinNotes(note, comment string) string {
	comment = strings.TrimSuffix(strings.TrimPrefix(comment, "/*"), "*/")
	comment = strings.TrimSpace(strings.ReplaceAll(comment, "*/", "* /")) // an annotation can't hold its own end
	if note == "" {
		return comment
	}
	return note + "\n" + comment
}

// attributes reads what an element's attributes say about its statement. Those that only inform (junos:…, xmlns) are
// passed over.
func (r *xmlReader) attributes(e *element, attrs []xml.Attr) {
	for _, a := range attrs {
		name, value := a.Name.Local, a.Value
		if a.Name.Space == "xmlns" || a.Name.Space == "junos" || name == "xmlns" {
			continue
		}
		if name == "operation" {
			if !e.marks.operation(value) {
				r.fail(e.pos, msgSyntax, "operation=\"merge\", \"replace\" or \"delete\", not \""+value+"\"")
			}
			continue
		}
		switch {
		case name == value && e.marks.mark(name):
		case name == "active" && e.marks.activate(value):
		case name == "insert" || name == "rename" || isTag(name+":"):
			r.fail(e.pos, "attribute "+name+"=\""+value+"\" is not supported", "")
		}
	}
}

// operation sets the tag for a NETCONF operation (RFC 6241, section 7.2), if it is a known one.
func (t *tags) operation(op string) bool {
	switch op {
	case "delete", "remove":
		t.op |= DeleteOp
	case "replace":
		t.op |= ReplaceOp
	case "merge", "none", "create":
	default:
		return false
	}
	return true
}

// activate sets the tag of the metadata jcmd:active, `true` or `false`.
func (t *tags) activate(value string) bool {
	switch value {
	case "true":
		t.op |= ActivateOp
	case "false":
		t.inactive = true
	default:
		return false
	}
	return true
}

// mark sets the tag of a name such as `inactive`, if it is a known one.
func (t *tags) mark(name string) bool {
	if !isTag(name + ":") {
		return false
	}
	t.set(name + ":")
	return true
}
