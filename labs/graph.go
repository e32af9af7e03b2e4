package labs

import (
	"fmt"
	"strings"
)

// GraphFormat is a way to draw a topology.
type GraphFormat string

// The formats.
const (
	Text    GraphFormat = "text"    // for a terminal
	Mermaid GraphFormat = "mermaid" // https://mermaid.js.org, which Markdown viewers draw
	DOT     GraphFormat = "dot"     // for Graphviz
)

// GraphFormats lists the formats.
func GraphFormats() []GraphFormat { return []GraphFormat{Text, Mermaid, DOT} }

// Graph draws a topology. The text is the same for the same topology.
func Graph(t *Topology, format GraphFormat) (string, error) {
	switch format {
	case Text:
		return t.text(), nil
	case Mermaid:
		return t.mermaid(), nil
	case DOT:
		return t.dot(), nil
	}
	return "", fmt.Errorf("graph format %q: expected %s, %s or %s", format, Text, Mermaid, DOT)
}

// caption is what stands under a node's name.
func (n *Node) caption() string {
	parts := []string{string(n.Kind)}
	if n.Kind == LabRouter && n.Device() != n.Name {
		parts = append(parts, n.Device())
	}
	if n.mgmt().IsValid() {
		parts = append(parts, n.mgmt().String())
	}
	return strings.Join(parts, " ")
}

func (t *Topology) mermaid() string {
	var b strings.Builder
	b.WriteString("graph LR\n")
	id := map[string]string{}
	for i, n := range t.Nodes {
		id[n.Name] = fmt.Sprintf("n%d", i)
		open, end := "[", "]"
		switch n.Kind {
		case LabRouter:
			open, end = "([", "])"
		case Bridge:
			open, end = "{{", "}}"
		}
		fmt.Fprintf(&b, "  n%d%s\"%s<br/>%s\"%s\n", i, open, n.Name, n.caption(), end)
	}
	for _, l := range t.Links {
		fmt.Fprintf(&b, "  %s ---|\"%s - %s\"| %s\n", id[l.A.Node], l.A.Interface, l.B.Interface, id[l.B.Node])
	}
	return b.String()
}

func (t *Topology) dot() string {
	var b strings.Builder
	fmt.Fprintf(&b, "graph %q {\n  node [shape=box]\n", t.Name)
	for _, n := range t.Nodes {
		shape := ""
		switch n.Kind {
		case LabRouter:
			shape = ", shape=ellipse"
		case Bridge:
			shape = ", shape=hexagon"
		}
		fmt.Fprintf(&b, "  %q [label=\"%s\\n%s\"%s]\n", n.Name, n.Name, n.caption(), shape)
	}
	for _, l := range t.Links {
		fmt.Fprintf(&b, "  %q -- %q [taillabel=%q, headlabel=%q]\n", l.A.Node, l.B.Node, l.A.Interface, l.B.Interface)
	}
	b.WriteString("}\n")
	return b.String()
}

// text draws each node with its links below it, and where each leads. A link stands at both of its ends.
func (t *Topology) text() string {
	var b strings.Builder
	for i, n := range t.Nodes {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s  (%s)\n", n.Name, n.caption())
		type line struct{ own, far string }
		var lines []line
		width := 0
		for _, l := range t.Links {
			for _, ends := range [][2]Endpoint{{l.A, l.B}, {l.B, l.A}} {
				if ends[0].Node == n.Name {
					lines = append(lines, line{ends[0].Interface, ends[1].Node + " " + ends[1].Interface})
					width = max(width, len(ends[0].Interface))
				}
			}
		}
		for j, l := range lines {
			branch := "|--"
			if j == len(lines)-1 {
				branch = "`--"
			}
			fmt.Fprintf(&b, "  %s %s %s %s\n", branch, l.own, strings.Repeat("-", width-len(l.own)+4), l.far)
		}
	}
	return b.String()
}
