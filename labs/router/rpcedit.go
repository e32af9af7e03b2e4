package router

import (
	"bytes"
	"strings"

	"rhapsode/diffs/junos"
)

// editConfig is the RFC's load (RFC 6241, section 7.2); test-option and error-option are accepted, since a load here is
// all or nothing, and tested, anyway.
func (n *netconf) editConfig(op *element) (string, error) {
	if !op.child("target").has("candidate") {
		return "", faults{{Tag: "operation-not-supported", Bad: "target", Message: "only the candidate configuration can be edited"}}
	}
	mode, none := junos.Replace, false
	switch how := op.value("default-operation"); how {
	case "", "merge":
	case "replace":
		mode = junos.Override
	case "none":
		none = true
	default:
		return "", faults{{Tag: "invalid-value", Bad: "default-operation", Message: "default-operation is merge, replace or none, not " + how}}
	}
	config := op.child("config")
	var warnings faults
	var err error
	switch {
	case config.has("configuration") && none:
		warnings, err = n.editMarked(config.child("configuration"))
	case config.has("configuration"):
		warnings, err = n.r.db.load(n.s, "", config.child("configuration").raw, mode)
	case op.has("config-text"):
		warnings, err = n.r.db.load(n.s, "", []byte(op.child("config-text").value("configuration-text")), mode)
	default:
		err = faults{{Tag: "missing-element", Bad: "config", Message: "no configuration to load"}}
	}
	if err != nil {
		return "", err
	}
	if len(warnings) > 0 && n.r.opts.RFCCompliant {
		return warnings.xml(), nil
	}
	return warnings.xml() + ok, nil
}

// editMarked is an edit with the default operation none: only what is marked with an operation changes anything, the
// rest says where that is and has to be there.
func (n *netconf) editMarked(config *element) (faults, error) {
	return n.r.db.change(n.s, func(t *junos.Tree) (faults, error) {
		place := t.Clone()
		_, err := place.Load("", unmarked(config), junos.Merge)
		if err != nil {
			return nil, err
		}
		if place.Set() != t.Set() {
			return nil, faults{{Tag: "data-missing", Message: "statement not found"}}
		}
		for _, where := range config.marked("", "") {
			if found, err := t.Filter(where); err != nil || found.Set() == "" {
				return nil, faults{{Tag: "data-missing", Message: "statement not found"}}
			}
		}
		return loadInto(t, "", config.raw, junos.Replace)
	})
}

// unmarked is an element as it was written, without what is marked with an operation.
func unmarked(e *element) []byte {
	var out bytes.Buffer
	e.copyUnmarked(&out)
	return out.Bytes()
}

func (e *element) copyUnmarked(out *bytes.Buffer) {
	rest := e.raw
	for _, c := range e.children {
		at := cap(rest) - cap(c.raw) // both are the same message from a place on
		out.Write(rest[:at])
		rest = rest[at+len(c.raw):]
		if strings.TrimSpace(c.attr("operation")) == "" {
			c.copyUnmarked(out)
		}
	}
	out.Write(rest)
}

// marked lists the places that hold something that is marked with an operation, each as a subtree filter. begin and end
// are the filter around e.
func (e *element) marked(begin, end string) []string {
	begin += "<" + e.name + ">"
	end = "</" + e.name + ">" + end
	var out []string
	here := false
	for _, c := range e.children {
		if strings.TrimSpace(c.attr("operation")) != "" {
			here = true
		} else if len(c.children) == 0 && strings.TrimSpace(c.text) != "" {
			begin += "<" + c.name + ">" + escapeXML(c.text) + "</" + c.name + ">" // a key says which one
		}
	}
	if here && e.name != "configuration" {
		out = append(out, begin+end)
	}
	for _, c := range e.children {
		if strings.TrimSpace(c.attr("operation")) == "" {
			out = append(out, c.marked(begin, end)...)
		}
	}
	return out
}
