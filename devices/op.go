package devices

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Op is an operational command in the words of the Junos CLI: `show system uptime`, `show system rollback 1`. It has no
// pipe but one: ` | display xml` at its end asks for the answer in XML, see Payload. Without it the answer is text.
type Op string

// displayXML is the one pipe that an Op may end in.
const displayXML = " | display xml"

// XML takes the pipe off: the command, and whether the answer is to be XML.
func (o Op) XML() (command string, wanted bool) {
	command, wanted = strings.CutSuffix(strings.TrimSpace(string(o)), displayXML)
	return strings.TrimSpace(command), wanted
}

// besidePayload are the elements of a reply that are no part of the payload.
var besidePayload = map[string]bool{"cli": true, "ok": true, "rpc-error": true}

// Payload is what every driver makes of an <rpc-reply> in answer to a command in XML: the elements inside of it, with
// local names only and no namespace declarations. Junos puts one element into several namespaces or none, by release,
// by its rfc-compliant setting and by way of asking; so what is read here is not to depend on that. The <cli> element
// that the CLI puts after the payload is left out, as are comments, <ok/> and warnings. "" is an answer without a payload.
//
// It does not look at <rpc-error>s: the driver has, before.
func Payload(reply []byte) (string, error) {
	d := xml.NewDecoder(strings.NewReader(string(reply)))
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "us-ascii") { // Junos says so at times; it is UTF-8 as well
			return in, nil
		}
		return nil, fmt.Errorf("encoding %q is not known", charset)
	}
	var out strings.Builder
	depth := 0
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			text := strings.TrimSpace(out.String())
			if text == "" {
				return "", nil
			}
			return text + "\n", nil
		}
		if err != nil {
			return "", fmt.Errorf("read reply: %w", err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			switch {
			case depth == 0 && tok.Name.Local != "rpc-reply":
				return "", fmt.Errorf("read reply: <%s> in place of a reply", tok.Name.Local)
			case depth == 1 && besidePayload[tok.Name.Local]:
				if err := d.Skip(); err != nil {
					return "", fmt.Errorf("read reply: %w", err)
				}
				continue
			case depth > 0:
				writeStart(&out, tok)
			}
			depth++
		case xml.EndElement:
			if depth--; depth > 0 {
				out.WriteString("</" + tok.Name.Local + ">")
			}
		case xml.CharData:
			if depth > 1 || depth == 1 && len(bytes.TrimSpace(tok)) > 0 {
				textEscapes.WriteString(&out, string(tok)) //nolint:errcheck // a builder takes every write
			}
		}
	}
}

// textEscapes leaves line feeds as they are: texts of people stand in <output>.
var textEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#13;")

func writeStart(out *strings.Builder, e xml.StartElement) {
	out.WriteString("<" + e.Name.Local)
	for _, a := range e.Attr {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
			continue
		}
		out.WriteString(" " + a.Name.Local + `="`)
		xml.EscapeText(out, []byte(a.Value)) //nolint:errcheck // a builder takes every write
		out.WriteString(`"`)
	}
	out.WriteString(">")
}
