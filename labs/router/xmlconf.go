package router

import (
	"fmt"
	"strings"

	"rhapsode/diffs/junos"
)

// configurationXML writes a configuration in Junos's XML form, with the marks of the commit or of the edit.
func configurationXML(t *junos.Tree, v view, committed bool) string {
	var b strings.Builder
	b.WriteString("<configuration xmlns=\"" + configNS + "\"")
	if !committed && v.edited != nil {
		when := v.edited.when.UTC()
		fmt.Fprintf(&b, " junos:changed-seconds=\"%d\" junos:changed-localtime=\"%s\"", when.Unix(), when.Format(stamp))
	} else {
		when := v.commit.Time.UTC()
		fmt.Fprintf(&b, " junos:commit-seconds=\"%d\" junos:commit-localtime=\"%s\" junos:commit-user=\"%s\"",
			when.Unix(), when.Format(stamp), escapeXML(v.commit.User))
	}
	b.WriteString(">\n")
	for _, n := range t.Root.Children {
		writeXML(&b, n, "    ")
	}
	b.WriteString("</configuration>\n")
	return b.String()
}

// writeXML writes a statement and what is below it. A statement that is not a name in XML (only an unknown one can be)
// becomes an <undocumented> with its words.
func writeXML(b *strings.Builder, n *junos.Node, indent string) {
	if n.Annotation != "" {
		b.WriteString(indent + "<junos:comment>/* " + escapeXML(n.Annotation) + " */</junos:comment>\n")
	}
	name, values := n.Name, n.Values
	if !xmlName(name) {
		name, values = "undocumented", append([]string{n.Name}, values...)
	}
	start := indent + "<" + name
	if n.Inactive {
		start += " inactive=\"inactive\""
	}
	if n.Protected {
		start += " protect=\"protect\""
	}
	if n.Kind == junos.Leaf && len(values) <= 1 || n.Kind == junos.LeafList {
		if len(values) == 0 {
			b.WriteString(start + "/>\n")
		}
		for _, v := range values {
			b.WriteString(start + ">" + escapeXML(v) + "</" + name + ">\n")
		}
		return
	}
	if len(values) == 0 && len(n.Children) == 0 {
		b.WriteString(start + "/>\n")
		return
	}
	b.WriteString(start + ">\n")
	for i, v := range values {
		b.WriteString(indent + "    " + tag(keyName(n.Schema, i), v))
	}
	for _, c := range n.Children {
		writeXML(b, c, indent+"    ")
	}
	b.WriteString(indent + "</" + name + ">\n")
}

// keyName is the element of the value at i of a list entry. What a choice takes beyond the keys is its value.
func keyName(s *junos.Schema, i int) string {
	switch {
	case s == nil || len(s.Keys) == 0:
		return "name"
	case i < len(s.Keys):
		return s.Keys[i].Name
	}
	return "choice-value"
}

func xmlName(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r != '-' && r != '.' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != ""
}

// schemaChild finds the statement of an element, also one whose name the text form leaves out.
func schemaChild(s *junos.Schema, name string) *junos.Schema {
	if s == nil {
		return nil
	}
	for _, c := range s.Children {
		if c.Name == name {
			return c
		}
	}
	return s.Child(name)
}

// textOfXML turns a <configuration> into curly text, its attributes into tags: operation="delete" and delete="delete"
// into `delete:`, "replace" into `replace:`, inactive="inactive" into `inactive:`.
func textOfXML(config *element, s *junos.Schema) (string, error) {
	var b strings.Builder
	for _, e := range config.children {
		if err := writeText(&b, e, s); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func writeText(b *strings.Builder, e *element, parent *junos.Schema) error {
	if e.name == "comment" && strings.HasPrefix(strings.TrimSpace(e.text), "/*") {
		text := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(e.text), "/*"), "*/")
		b.WriteString("/*" + strings.ReplaceAll(text, "*/", "* /") + "*/\n")
		return nil
	}
	tags, err := tagsOf(e)
	if err != nil {
		return err
	}
	s := schemaChild(parent, e.name)
	b.WriteString(tags)
	var below []*element
	switch {
	case s == nil:
		below = unknownText(b, e)
	case s.Kind == junos.Entry:
		if below, err = entryText(b, e, s); err != nil {
			return err
		}
	case s.Kind == junos.Container:
		b.WriteString(junos.Quote(s.Name))
		below = e.children
	default:
		leafText(b, e, s)
	}
	if len(below) == 0 {
		b.WriteString(";\n")
		return nil
	}
	b.WriteString(" {\n")
	for _, c := range below {
		if err := writeText(b, c, s); err != nil {
			return err
		}
	}
	b.WriteString("}\n")
	return nil
}

// tagsOf reads the attributes that say what to do with a statement.
func tagsOf(e *element) (string, error) {
	tags := ""
	for _, a := range e.attrs {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
			continue
		}
		switch a.Name.Local + "=" + a.Value {
		case "operation=delete", "operation=remove", "delete=delete":
			tags += "delete: "
		case "operation=replace", "replace=replace":
			tags += "replace: "
		case "inactive=inactive":
			tags += "inactive: "
		case "active=active":
			tags += "active: "
		case "protect=protect":
			tags += "protect: "
		case "unprotect=unprotect":
			tags += "unprotect: "
		case "operation=merge", "operation=create", "operation=none":
		default:
			if a.Name.Local == "operation" || a.Name.Local == "insert" || a.Name.Local == "rename" {
				return "", faults{{Tag: "bad-attribute", Bad: e.name, Message: fmt.Sprintf("attribute %s=%q is not supported", a.Name.Local, a.Value)}}
			}
		}
	}
	return tags, nil
}

// entryText writes the keyword and the keys of a list entry and returns the elements that are no keys.
func entryText(b *strings.Builder, e *element, s *junos.Schema) ([]*element, error) {
	var words []string
	if !s.Is(junos.Hidden) {
		words = append(words, s.Name)
	}
	isKey := map[string]bool{"choice-value": true}
	for _, k := range s.Keys {
		isKey[k.Name] = true
		c := e.child(k.Name)
		if c == nil {
			return nil, faults{{Tag: "missing-element", Bad: e.name, Message: "missing mandatory identifier element: '" + k.Name + "'"}}
		}
		if k.Word != "" {
			words = append(words, k.Word)
		}
		words = append(words, junos.Quote(strings.TrimSpace(c.text)))
	}
	if c := e.child("choice-value"); c != nil && strings.TrimSpace(c.text) != "" {
		words = append(words, junos.Quote(strings.TrimSpace(c.text)))
	}
	b.WriteString(strings.Join(words, " "))
	var below []*element
	for _, c := range e.children {
		if !isKey[c.name] {
			below = append(below, c)
		}
	}
	return below, nil
}

// leafText writes a leaf, or one value of a leaf-list.
func leafText(b *strings.Builder, e *element, s *junos.Schema) {
	var words []string
	if !s.Is(junos.Hidden) {
		words = append(words, s.Name)
	}
	if value := strings.TrimSpace(e.text); value != "" && !s.Is(junos.Empty) {
		words = append(words, junos.Quote(value))
	}
	b.WriteString(strings.Join(words, " "))
}

// unknownText writes what no schema knows by its shape: a leading <name> is a key, text a value.
func unknownText(b *strings.Builder, e *element) []*element {
	b.WriteString(junos.Quote(e.name))
	below := e.children
	for len(below) > 0 && below[0].name == "name" && len(below[0].children) == 0 {
		b.WriteString(" " + junos.Quote(strings.TrimSpace(below[0].text)))
		below = below[1:]
	}
	if value := strings.TrimSpace(e.text); value != "" && len(e.children) == 0 {
		b.WriteString(" " + junos.Quote(value))
	}
	return below
}

// filterTree keeps what a subtree filter names (RFC 6241, section 6): an element without children keeps all below it,
// keys choose entries.
func filterTree(t *junos.Tree, filter *element) *junos.Tree {
	root := *t.Root
	if len(filter.children) > 0 {
		root.Children = filterNodes(t.Root.Children, filter.children)
	}
	return withRoot(t, &root)
}

func filterNodes(nodes []*junos.Node, filters []*element) []*junos.Node {
	var out []*junos.Node
	for _, n := range nodes {
		whole := false
		var below []*element
		for _, f := range filters {
			rest, match := matchFilter(n, f)
			if match && len(rest) == 0 {
				whole = true
			}
			below = append(below, rest...)
		}
		if whole {
			out = append(out, n)
			continue
		}
		if part := filterNodes(n.Children, below); len(part) > 0 {
			c := *n
			c.Children = part
			out = append(out, &c)
		}
	}
	return out
}

// matchFilter tells whether a filter element means n, and which of its elements choose among n's children.
func matchFilter(n *junos.Node, f *element) (below []*element, match bool) {
	if f.name != n.Name {
		return nil, false
	}
	for _, c := range f.children {
		isKey := false
		for i, v := range n.Values {
			if n.Kind != junos.Entry || c.name != keyName(n.Schema, i) {
				continue
			}
			isKey = true
			if want := strings.TrimSpace(c.text); want != "" && want != v {
				return nil, false
			}
		}
		if !isKey {
			below = append(below, c)
		}
	}
	return below, true
}
