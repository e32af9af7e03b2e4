package router

import (
	"encoding/xml"
	"strings"
)

// wrappers are the elements in which those of NETCONF itself may stand, beside the reply.
var wrappers = map[string]bool{"load-configuration-results": true, "commit-results": true, "routing-engine": true}

// prefixed gives the elements of NETCONF in the body of a reply the prefix nc, as a device does that keeps to the RFC.
// What a configuration or a command has below its own element stays as it is.
func prefixed(body string) string {
	var out strings.Builder
	d := xml.NewDecoder(strings.NewReader(body))
	done := int64(0)  // what of body is in out
	var inside []bool // of each open element: NETCONF's may stand in it
	var ours []bool   // of each open element: it is NETCONF's, with all that it holds
	for {
		start := d.InputOffset()
		tok, err := d.RawToken()
		if err != nil {
			break // its end; a text that is no XML, such as JSON, has no element either
		}
		mark := int64(0) // where the name begins
		switch t := tok.(type) {
		case xml.StartElement:
			below := len(ours) > 0 && ours[len(ours)-1]
			open := len(inside) == 0 || inside[len(inside)-1]
			name := t.Name.Local
			mine := below || open && name == "rpc-error"
			if mine || open && (name == "ok" || name == "data") {
				mark = start + 1
			}
			inside, ours = append(inside, !below && open && wrappers[name]), append(ours, mine)
		case xml.EndElement:
			if len(ours) == 0 {
				return body
			}
			last := len(ours) - 1
			open := last == 0 || inside[last-1]
			name := t.Name.Local
			if d.InputOffset() > start && (ours[last] || open && (name == "ok" || name == "data")) {
				mark = start + 2
			}
			inside, ours = inside[:last], ours[:last]
		}
		if mark > 0 {
			out.WriteString(body[done:mark] + "nc:")
			done = mark
		}
	}
	out.WriteString(body[done:])
	return out.String()
}
