package devices_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"rhapsode/devices"
)

func TestOpXML(t *testing.T) {
	for op, want := range map[devices.Op]string{
		"show bgp summary":                 "show bgp summary",
		"show bgp summary | display xml":   "show bgp summary XML",
		" show bgp summary | display xml":  "show bgp summary XML",
		"show log | match \"display xml\"": "show log | match \"display xml\"",
	} {
		got, asXML := op.XML()
		if asXML {
			got += " XML"
		}
		if got != want {
			t.Errorf("%q is %q, want %q", op, got, want)
		}
	}
}

func TestPayload(t *testing.T) {
	for _, c := range []struct{ name, reply, want string }{
		{
			"netconf", `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:junos="http://xml.juniper.net/junos/23.4R1/junos" message-id="1">
<a xmlns="http://xml.juniper.net/junos/23.4R1/junos-routing"><b junos:seconds="5" junos:style="terse">x &amp; &lt;y></b></a>
</rpc-reply>`, `<a><b seconds="5" style="terse">x &amp; &lt;y&gt;</b></a>` + "\n",
		},
		{
			"rfc-compliant", `<nc:rpc-reply xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><j:a xmlns:j="x"><j:b/></j:a></nc:rpc-reply>`,
			"<a><b></b></a>\n",
		},
		{"cli", `<rpc-reply xmlns:junos="x"><!-- hello --><a><cli>kept</cli></a><cli><banner>{master}</banner></cli></rpc-reply>`, "<a><cli>kept</cli></a>\n"},
		{"several", `<rpc-reply><a/><b/></rpc-reply>`, "<a></a><b></b>\n"},
		{"a warning", `<rpc-reply><rpc-error><error-severity>warning</error-severity></rpc-error><a/></rpc-reply>`, "<a></a>\n"},
		{"nothing", `<rpc-reply><ok/></rpc-reply>`, ""},
	} {
		got, err := devices.Payload([]byte(c.reply))
		if err != nil || got != c.want {
			t.Errorf("%s: %q (%v), want %q", c.name, got, err, c.want)
		}
	}
	for _, bad := range []string{"<rpc-reply><a>", "<rpc-reply><a></b></rpc-reply>", "<other/>", `<?xml version="1.0" encoding="latin1"?><rpc-reply/>`} {
		if got, err := devices.Payload([]byte(bad)); err == nil {
			t.Errorf("Payload(%q) = %q", bad, got)
		}
	}
}

// FuzzPayload: what comes out is well-formed, has no namespaces, and is its own payload.
func FuzzPayload(f *testing.F) {
	f.Add([]byte(`<rpc-reply xmlns:junos="x"><a junos:style="1">t<b/></a><cli><banner/></cli></rpc-reply>`))
	f.Add([]byte(`<nc:rpc-reply xmlns:nc="y"><nc:ok/><nc:a/></nc:rpc-reply>`))
	f.Add([]byte(`<?xml version="1.0" encoding="us-ascii"?><rpc-reply>a]]&gt;b</rpc-reply>`))
	f.Fuzz(func(t *testing.T, reply []byte) {
		text, err := devices.Payload(reply)
		if err != nil {
			if text != "" {
				t.Errorf("an error and %q", text)
			}
			return
		}
		d := xml.NewDecoder(strings.NewReader("<rpc-reply>" + text + "</rpc-reply>"))
		for {
			tok, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%q gives %q, which is not well-formed: %v", reply, text, err)
			}
			if e, ok := tok.(xml.StartElement); ok && strings.Contains(e.Name.Space, "xmlns") {
				t.Errorf("%q gives %q, which has a namespace", reply, text)
			}
		}
		again, err := devices.Payload([]byte("<rpc-reply>" + text + "</rpc-reply>"))
		if err != nil || again != text {
			t.Errorf("the payload of %q is %q (%v)", text, again, err)
		}
	})
}
