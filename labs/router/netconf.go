package router

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// The namespaces of a reply.
const (
	baseNS   = "urn:ietf:params:xml:ns:netconf:base:1.0"
	junosNS  = "http://xml.juniper.net/junos/23.4R1/junos"
	configNS = "http://xml.juniper.net/xnm/1.1/xnm"
	base11   = "urn:ietf:params:netconf:base:1.1"
)

// capabilities is what a Junos device offers by default; base:1.1 comes by option only, as on a device.
var capabilities = []string{
	"urn:ietf:params:netconf:base:1.0",
	"urn:ietf:params:netconf:capability:candidate:1.0",
	"urn:ietf:params:netconf:capability:confirmed-commit:1.0",
	"urn:ietf:params:netconf:capability:validate:1.0",
	"urn:ietf:params:netconf:capability:url:1.0?scheme=http,ftp,file",
	"urn:ietf:params:xml:ns:netconf:base:1.0",
	"urn:ietf:params:xml:ns:netconf:capability:candidate:1.0",
	"urn:ietf:params:xml:ns:netconf:capability:confirmed-commit:1.0",
	"urn:ietf:params:xml:ns:netconf:capability:validate:1.0",
	"urn:ietf:params:xml:ns:netconf:capability:url:1.0?protocol=http,ftp,file",
	"http://xml.juniper.net/netconf/junos/1.0",
	"http://xml.juniper.net/dmi/system/1.0",
}

// permissionDenied is what a user is told whose class does not allow a request.
const permissionDenied = "permission denied"

// netconf is one NETCONF session.
type netconf struct {
	r       *Router
	s       *session
	f       *framer
	link    *link
	log     *slog.Logger
	closing bool // close-session was asked for
}

// serveNETCONF speaks NETCONF on an open channel until the client leaves, the session is killed (kill closes the
// channel) or the stream breaks.
func (r *Router) serveNETCONF(rw io.ReadWriter, user string, kill func()) {
	s := r.db.join(user, "netconf", kill)
	ch, _ := rw.(*link) // without one no fault can strike
	if r.wire != nil {
		rw = r.wire(s.id, rw)
	}
	defer r.db.leave(s)
	n := &netconf{r: r, s: s, f: newFramer(rw), link: ch, log: r.log.With("session", s.id, "user", user)}
	n.log.Debug("netconf session opened")
	if err := n.run(); err != nil {
		n.log.Info("netconf session broken", "err", err)
		return
	}
	n.log.Debug("netconf session closed")
}

func (n *netconf) run() error {
	if err := n.greet(); err != nil {
		return err
	}
	for !n.closing {
		msg, err := n.f.read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		if len(msg) == 0 {
			continue
		}
		if err := n.message(msg); err != nil {
			return err
		}
	}
	return nil
}

func (n *netconf) hello() string {
	var b strings.Builder
	b.WriteString("<!-- No zombies were killed during the creation of this user interface -->\n")
	b.WriteString("<!-- user " + strings.ReplaceAll(escapeXML(n.s.user), "--", "__") + ", class j-super-user -->\n")
	p, space := "", "xmlns"
	if n.r.opts.RFCCompliant {
		p, space = "nc:", "xmlns:nc"
	}
	b.WriteString("<" + p + "hello " + space + "=\"" + baseNS + "\">\n<" + p + "capabilities>\n")
	offered := capabilities
	if n.r.opts.Base11 {
		offered = append([]string{base11}, offered...)
	}
	for _, c := range offered {
		b.WriteString("<" + p + "capability>" + escapeXML(c) + "</" + p + "capability>\n")
	}
	fmt.Fprintf(&b, "</%[1]scapabilities>\n<%[1]ssession-id>%[2]d</%[1]ssession-id>\n</%[1]shello>", p, n.s.id)
	return b.String()
}

// message answers one message. An error ends the session.
func (n *netconf) message(msg []byte) error {
	req, err := parseXML(msg)
	if err != nil {
		return n.f.write(n.reply(nil, faults{{Tag: "malformed-message", Message: err.Error()}}.xml()))
	}
	switch req.name {
	case "hello":
		n.f.chunked = n.r.opts.Base11 && offers(req, base11)
		return nil
	case "rpc":
	default:
		return n.f.write(n.reply(nil, faults{{Tag: "unknown-element", Bad: req.name, Message: "syntax error, expecting <rpc>"}}.xml()))
	}
	n.r.db.touch(n.s)
	p := n.passage(req)
	defer p.end()
	body, err := n.strike(p, req)
	if errors.Is(err, errCut) {
		return err
	}
	if err != nil {
		body += faultsOf(err).xml()
	}
	return n.send(p, n.reply(req, body))
}

// answer runs the operation of an <rpc>.
func (n *netconf) answer(req *element) (string, error) {
	if len(req.children) != 1 {
		return "", faults{{Tag: "missing-element", Bad: "rpc", Message: "syntax error, expecting one operation in <rpc>"}}
	}
	op := req.children[0]
	run := internal(op)
	if run == nil {
		run = operations[op.name]
	}
	if run == nil {
		return "", faults{{Bad: op.name, Message: "syntax error"}}
	}
	if changing[op.name] && n.r.readOnly(n.s.user) {
		return "", faults{{Bad: op.name, Message: permissionDenied}}
	}
	body, err := run(n, op)
	n.log.Debug("netconf operation", "operation", op.name, "err", err)
	return body, err
}

func offers(hello *element, capability string) bool {
	caps := hello.child("capabilities")
	if caps == nil {
		return false
	}
	for _, c := range caps.children {
		if strings.TrimSpace(c.text) == capability {
			return true
		}
	}
	return false
}

// reply wraps a body. All attributes of the request come back on it (RFC 6241, section 4.2), but for the declarations
// that the reply makes itself.
func (n *netconf) reply(req *element, body string) string {
	name, space := "rpc-reply", "xmlns"
	if n.r.opts.RFCCompliant {
		name, space, body = "nc:rpc-reply", "xmlns:nc", prefixed(body)
	}
	var b strings.Builder
	b.WriteString("<" + name + " " + space + "=\"" + baseNS + "\" xmlns:junos=\"" + junosNS + "\"")
	if req != nil {
		for _, a := range req.attrs {
			if name := attrName(a.Name); name != "xmlns" && name != space && name != "xmlns:junos" {
				b.WriteString(" " + name + "=\"" + escapeXML(a.Value) + "\"")
			}
		}
	}
	b.WriteString(">\n" + body)
	if body != "" && !strings.HasSuffix(body, "\n") {
		b.WriteString("\n")
	}
	b.WriteString("</" + name + ">")
	return b.String()
}

func attrName(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}

// spoken is the message as NETCONF clients of real routers have seen it: between line feeds, but for the one that they
// look for without; and one begins with who says it.
func (x fault) spoken() string {
	switch {
	case x.Message == permissionDenied:
		return x.Message
	case strings.HasPrefix(x.Message, "statement has no contents"):
		return "\nmgd: " + x.Message + "\n"
	}
	return "\n" + escapeXML(x.Message) + "\n"
}

// xml writes each fault as an <rpc-error> in Junos's shape: messages between line feeds, the path as an edit banner.
func (f faults) xml() string {
	var b strings.Builder
	for _, x := range f {
		errTag, severity, info := x.Tag, "error", ""
		if errTag == "" {
			errTag = "operation-failed"
		}
		if x.Warning {
			severity = "warning"
		}
		b.WriteString("<rpc-error>\n<error-type>protocol</error-type>\n" + tag("error-tag", errTag) + tag("error-severity", severity))
		if x.Path != "" {
			b.WriteString("<error-path>\n" + escapeXML(x.Path) + "\n</error-path>\n")
		}
		b.WriteString("<error-message>" + x.spoken() + "</error-message>\n")
		info += tag("bad-element", x.Bad)
		if x.Pos.Line > 0 {
			info += fmt.Sprintf("<line-number>%d</line-number>\n<column>%d</column>\n", x.Pos.Line, x.Pos.Col)
		}
		if x.Holder != 0 {
			info += fmt.Sprintf("<session-id>%d</session-id>\n", x.Holder)
		}
		if info != "" {
			b.WriteString("<error-info>\n" + info + "</error-info>\n")
		}
		b.WriteString("</rpc-error>\n")
	}
	return b.String()
}
