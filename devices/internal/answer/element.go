// Package answer reads what a Junos device answers in XML, for the drivers: elements by their local names, errors wherever
// they stand, the commit history, and what the words of a refusal mean.
//
// It speaks no protocol and opens nothing. It may import devices.
package answer

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"rhapsode/devices"
)

// Element is one XML element. Names are local names: Junos puts the same element into several namespaces or none, as
// its rfc-compliant setting is.
type Element struct {
	Name     string
	Space    string // its namespace; only xnm's matters, see Errors
	Attrs    []xml.Attr
	Text     string // the character data directly below it
	Children []*Element
	Raw      []byte // of a reply: the message that it was read from, well-formed
}

// Parse reads one document. Comments and processing instructions around it are passed over.
func Parse(msg []byte) (*Element, error) {
	d := xml.NewDecoder(bytes.NewReader(msg))
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "us-ascii") { // Junos says so at times; it is UTF-8 as well
			return in, nil
		}
		return nil, fmt.Errorf("encoding %q is not known", charset)
	}
	var root *Element
	var stack []*Element
	var texts []*strings.Builder
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			if root == nil {
				return nil, errors.New("no element in message")
			}
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			e := &Element{Name: tok.Name.Local, Space: tok.Name.Space, Attrs: tok.Copy().Attr}
			switch {
			case len(stack) > 0:
				top := stack[len(stack)-1]
				top.Children = append(top.Children, e)
			case root != nil:
				return nil, fmt.Errorf("second element %q in message", e.Name)
			default:
				root = e
			}
			stack, texts = append(stack, e), append(texts, new(strings.Builder))
		case xml.EndElement:
			n := len(stack) - 1
			stack[n].Text = texts[n].String()
			stack, texts = stack[:n], texts[:n]
		case xml.CharData:
			if n := len(texts); n > 0 {
				texts[n-1].Write(tok)
			} else if len(bytes.TrimSpace(tok)) > 0 {
				return nil, errors.New("text outside of an element")
			}
		}
	}
}

// Find gives the first element of the name at or below e, depth first; nil if there is none.
func (e *Element) Find(name string) *Element {
	if e == nil || e.Name == name {
		return e
	}
	for _, c := range e.Children {
		if f := c.Find(name); f != nil {
			return f
		}
	}
	return nil
}

// Walk calls f for e and all below it.
func (e *Element) Walk(f func(*Element)) {
	f(e)
	for _, c := range e.Children {
		c.Walk(f)
	}
}

// Content is the text of the first element of the name, trimmed; "" if there is none.
func (e *Element) Content(name string) string {
	if f := e.Find(name); f != nil {
		return strings.TrimSpace(f.Text)
	}
	return ""
}

// Attr gives an attribute by its local name.
func (e *Element) Attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name && a.Name.Space != "xmlns" {
			return a.Value
		}
	}
	return ""
}

// Errors gives every error and warning of a reply, at whatever depth: Junos nests an <rpc-error> in
// load-configuration-results and commit-results, and beside NETCONF it says <xnm:error> and <xnm:warning>.
func Errors(device string, reply *Element) (errs, warnings []*devices.RPCError) {
	reply.Walk(func(e *Element) {
		r := rpcError(e)
		if r == nil {
			return
		}
		r.Device, r.Message = device, OneLine(r.FullMessage)
		if line, err := strconv.Atoi(e.Content("line-number")); err == nil && line > 0 {
			r.Line = line
		}
		if r.Severity == "warning" {
			warnings = append(warnings, r)
			return
		}
		r.Severity = "error" // also what says no severity, which RFC 6241 does not allow
		errs = append(errs, r)
	})
	return errs, warnings
}

// rpcError reads one error; nil is none.
func rpcError(e *Element) *devices.RPCError {
	switch {
	case e.Name == "rpc-error":
		return &devices.RPCError{
			Type: e.Content("error-type"), Tag: e.Content("error-tag"), Severity: e.Content("error-severity"),
			Path: OneLine(e.Content("error-path")), FullMessage: e.Content("error-message"),
			BadElement: e.Content("bad-element"), SessionID: e.Content("session-id"),
		}
	case (e.Name == "error" || e.Name == "warning") && strings.HasSuffix(e.Space, "/xnm"):
		return &devices.RPCError{
			Severity: e.Name, Path: OneLine(e.Content("edit-path")), FullMessage: e.Content("message"), BadElement: OneLine(e.Content("statement")),
		}
	}
	return nil
}

// OneLine makes one line of a text, with one blank for each run of white space.
func OneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Escape makes text fit for the content of an element. Line feeds and tabs stay as they are: Junos reads configuration
// text line by line.
func Escape(s string) (string, error) {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '\r':
			b.WriteString("&#13;")
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			return "", fmt.Errorf("text is not UTF-8 at byte %d", i)
		case r < ' ' && r != '\n' && r != '\t', r == 0xFFFE, r == 0xFFFF:
			return "", fmt.Errorf("text has the character %U at byte %d, which XML cannot carry", r, i)
		default:
			b.WriteRune(r)
		}
	}
	return b.String(), nil
}
