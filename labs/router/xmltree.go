package router

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"rhapsode/diffs/junos"
)

// maxDepth is how deep the elements of a request may lie in each other.
const maxDepth = 256

// element is an XML element of a request. Its name has no prefix: clients write the same request in three spellings
// (RFC 6241's namespace by default, by prefix, and none at all below <rpc>), so only local names are looked at.
type element struct {
	name     string
	attrs    []xml.Attr // prefix in Name.Space, as written
	children []*element
	text     string // all character data of the element itself
	raw      []byte // the element as it was written, tags and all: a part of the message
	data     []byte // text while it is being read
}

// parseXML reads one document. It knows no document type and no entities but XML's own.
func parseXML(msg []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(msg))
	top := &element{}
	open := []*element{top}
	var names []xml.Name
	var starts []int64
	for {
		start := d.InputOffset()
		tok, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("parse xml: %w", err)
		}
		here := open[len(open)-1]
		switch t := tok.(type) {
		case xml.StartElement:
			if len(open) > maxDepth {
				return nil, fmt.Errorf("parse xml: more than %d levels", maxDepth)
			}
			e := &element{name: t.Name.Local, attrs: t.Copy().Attr}
			here.children = append(here.children, e)
			open, names, starts = append(open, e), append(names, t.Name), append(starts, start)
		case xml.EndElement:
			if len(names) == 0 || names[len(names)-1] != t.Name {
				return nil, fmt.Errorf("parse xml: </%s> without its start", t.Name.Local)
			}
			here.text, here.data = string(here.data), nil
			last := len(names) - 1
			here.raw = msg[starts[last]:d.InputOffset()]
			open, names, starts = open[:last+1], names[:last], starts[:last]
		case xml.CharData:
			here.data = append(here.data, t...)
		case xml.Directive:
			return nil, errors.New("parse xml: document types are not accepted")
		}
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("parse xml: <%s> has no end", names[len(names)-1].Local)
	}
	if len(top.children) != 1 || len(bytes.TrimSpace(top.data)) > 0 {
		return nil, errors.New("parse xml: not one element")
	}
	return top.children[0], nil
}

// child returns the first child of that name, or nil. A nil element has none.
func (e *element) child(name string) *element {
	if e == nil {
		return nil
	}
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// has tells whether a child of that name is there.
func (e *element) has(name string) bool { return e.child(name) != nil }

// value is the trimmed text of a child, or "".
func (e *element) value(name string) string {
	if c := e.child(name); c != nil {
		return strings.TrimSpace(c.text)
	}
	return ""
}

// attr returns an attribute, whatever its prefix.
func (e *element) attr(name string) string {
	for _, a := range e.attrs {
		if a.Name.Local == name && a.Name.Space != "xmlns" {
			return a.Value
		}
	}
	return ""
}

// escapeXML makes a text fit for character data and for an attribute in double quotes.
func escapeXML(s string) string { return junos.EscapeXML(s) }

// tag writes <name>text</name>; nothing for an empty text.
func tag(name, text string) string {
	if text == "" {
		return ""
	}
	return "<" + name + ">" + escapeXML(text) + "</" + name + ">\n"
}
