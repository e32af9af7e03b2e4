package netconf

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"rhapsode/devices"
)

// element is one XML element. Names are local names: Junos puts the same element into several namespaces or none, as
// its rfc-compliant setting is.
type element struct {
	name     string
	attrs    []xml.Attr
	text     string // the character data directly below it
	children []*element
	raw      []byte // of a reply: the message that it was read from, well-formed
}

// parseXML reads one document. Comments and processing instructions around it are passed over.
func parseXML(msg []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(msg))
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "us-ascii") { // Junos says so at times; it is UTF-8 as well
			return in, nil
		}
		return nil, fmt.Errorf("encoding %q is not known", charset)
	}
	var root *element
	var stack []*element
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
			e := &element{name: tok.Name.Local, attrs: tok.Copy().Attr}
			switch {
			case len(stack) > 0:
				top := stack[len(stack)-1]
				top.children = append(top.children, e)
			case root != nil:
				return nil, fmt.Errorf("second element %q in message", e.name)
			default:
				root = e
			}
			stack, texts = append(stack, e), append(texts, new(strings.Builder))
		case xml.EndElement:
			n := len(stack) - 1
			stack[n].text = texts[n].String()
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

// find gives the first element of the name at or below e, depth first; nil if there is none.
func (e *element) find(name string) *element {
	if e == nil || e.name == name {
		return e
	}
	for _, c := range e.children {
		if f := c.find(name); f != nil {
			return f
		}
	}
	return nil
}

// walk calls f for e and all below it.
func (e *element) walk(f func(*element)) {
	f(e)
	for _, c := range e.children {
		c.walk(f)
	}
}

// content is the text of the first element of the name, trimmed; "" if there is none.
func (e *element) content(name string) string {
	if f := e.find(name); f != nil {
		return strings.TrimSpace(f.text)
	}
	return ""
}

// attr gives an attribute by its local name.
func (e *element) attr(name string) string {
	for _, a := range e.attrs {
		if a.Name.Local == name && a.Name.Space != "xmlns" {
			return a.Value
		}
	}
	return ""
}

// rpcErrors gives every <rpc-error> of a reply, at whatever depth: Junos nests them in load-configuration-results and
// commit-results.
func rpcErrors(device string, reply *element) (errs, warnings []*devices.RPCError) {
	reply.walk(func(e *element) {
		if e.name != "rpc-error" {
			return
		}
		full := e.content("error-message")
		r := &devices.RPCError{
			Device: device, Type: e.content("error-type"), Tag: e.content("error-tag"), Severity: e.content("error-severity"),
			Path: oneLine(e.content("error-path")), Message: oneLine(full), FullMessage: full,
			BadElement: e.content("bad-element"), SessionID: e.content("session-id"),
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

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// escape makes text fit for the content of an element. Line feeds and tabs stay as they are: Junos reads configuration
// text line by line.
func escape(s string) (string, error) {
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
