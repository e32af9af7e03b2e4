package junos

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Format is a form in which a configuration is written.
type Format uint8

// The forms of a configuration.
const (
	FormatText Format = iota // curly
	FormatSet                // set lines
	FormatXML
	FormatJSON
)

var formatNames = [...]string{"text", "set", "xml", "json"}

// String returns the form's name as NETCONF has it: text, set, xml or json.
func (f Format) String() string {
	if int(f) < len(formatNames) {
		return formatNames[f]
	}
	return fmt.Sprintf("Format(%d)", uint8(f))
}

// UnmarshalText takes the names that String gives.
func (f *Format) UnmarshalText(text []byte) error {
	i := slices.Index(formatNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("read format %q: want text, set, xml or json", text)
	}
	*f = Format(i)
	return nil
}

// FormatOf tells the form of a text by how it begins. What is nothing else is curly text.
func FormatOf(text []byte) Format { return formatOf(string(text)) }

func formatOf(src string) Format {
	all := src
	src = strings.TrimLeft(strings.TrimPrefix(src, byteOrderMark), " \t\r\n")
	switch {
	case strings.HasPrefix(src, "{") && offScreen(src, false) == 0: // no statement begins with a brace
		return FormatJSON
	case isXML(src):
		return FormatXML
	case isSet(all):
		return FormatSet
	}
	return FormatText
}

// isXML reports whether a text begins with a tag that has a configuration in it. A mere < may begin a statement:
// <ge-*> of a group.
func isXML(src string) bool {
	if strings.HasPrefix(src, "<?xml") || strings.HasPrefix(src, "<!--") {
		return true
	}
	src, ok := strings.CutPrefix(src, "<")
	end := strings.IndexAny(src, " \t\r\n>/")
	if !ok || end < 0 {
		return false
	}
	name := src[:end]
	if _, local, ok := strings.Cut(name, ":"); ok {
		name = local
	}
	switch name {
	case "configuration", "rpc-reply", "data", "config":
		return true
	}
	return false
}

// readTree reads a text that is no set lines into the empty tree t; whole is as for parseCurly.
func readTree(file, src string, t *Tree, whole bool) ([]*Error, ErrorList) {
	switch formatOf(src) {
	case FormatXML:
		return readXML(file, src, t, whole)
	case FormatJSON:
		return readJSON(file, src, t, whole)
	default:
		p := parseCurly(file, src, t, whole)
		return p.warns, p.errs
	}
}

// ErrNotFound is returned by Only and Display: there is no statement at the path.
var ErrNotFound = errors.New(msgNotFound)

// Display says how a configuration is shown, as `show configuration PATH | display …` does. The zero value is the
// whole in curly text.
type Display struct {
	Format Format
	// Path names a statement in CLI words; nothing else is shown. Curly text has what is in the statement, the other
	// forms have the way to it.
	Path []string
	// Relative leaves the words of Path out of set lines.
	Relative bool
	// Inherited shows the configuration with its groups applied. Curly text has a comment before what came from a group,
	// unless NoComments; with Groups, XML has the group's name as junos:group.
	Inherited, NoComments, Groups bool
	// Changed is a configuration from before, usually the committed one: XML marks what it has not with
	// junos:changed="changed", and all statements around that. The other forms have no such mark.
	Changed *Tree
	// Attributes of <configuration>, and in JSON its member "@".
	Attributes []Attribute
	// Reply is the namespace of junos: in an <rpc-reply> around XML, as the CLI prints it; none if empty. Banner is the
	// CLI's, such as `[edit]`.
	Reply, Banner string
}

// Display returns the configuration in a form. The errors are that there is no statement at the path (ErrNotFound), and
// those of Inherited.
func (t *Tree) Display(d Display) (string, error) {
	if d.Inherited {
		var err error
		if t, err = t.Inherited(); err != nil {
			return "", err
		}
		if d.Changed != nil {
			if d.Changed, err = d.Changed.Inherited(); err != nil {
				return "", err
			}
		}
	}
	shown, err := t.Only(d.Path...)
	if err != nil {
		return "", err
	}
	switch d.Format {
	case FormatSet:
		if d.Relative {
			shown = t.inner(d.Path)
		}
		return shown.Set(), nil
	case FormatXML:
		return shown.reply(d), nil
	case FormatJSON:
		return shown.JSON(d.Attributes...), nil
	}
	if d.Inherited && !d.NoComments {
		return t.inner(d.Path).InheritanceText(), nil
	}
	return t.inner(d.Path).Text(), nil
}

// reply writes XML.
func (t *Tree) reply(d Display) string {
	x := exporter{groups: d.Groups}
	if d.Changed != nil {
		x.changes = changesSince(d.Changed, t)
	}
	w := xmlWriter{}
	if d.Reply == "" {
		w.configuration(t, d.Attributes, x, "", indentXML)
		return w.b.String()
	}
	w.b.WriteString("<rpc-reply")
	w.attribute("xmlns:junos", d.Reply)
	w.b.WriteString(">\n")
	w.configuration(t, d.Attributes, x, indentXML, indentXML+indentXML+indentXML)
	w.b.WriteString(indentXML + "<cli>\n" + indentXML + indentXML + "<banner>" + EscapeText(d.Banner) + "</banner>\n" +
		indentXML + "</cli>\n</rpc-reply>\n")
	return w.b.String()
}

// Only returns the configuration with nothing in it but the statement that CLI words name and the way to it; the
// statements are shared with t. No words name the whole. The error is ErrNotFound with the path.
func (t *Tree) Only(words ...string) (*Tree, error) {
	way, ok := find(t.Root, words)
	if !ok {
		return nil, fmt.Errorf("[edit %s] %w", joinWords(words), ErrNotFound)
	}
	return t.withRoot(alone(t.Root, way.chain)), nil
}

// Around is Only, but where the statement is not there it returns what there is of the way to it.
func (t *Tree) Around(words ...string) *Tree {
	for n := len(words); n > 0; n-- {
		way, ok := find(t.Root, words[:n])
		if !ok {
			continue
		}
		if n < len(words) {
			last := *way.node()
			last.Children = nil
			way.chain[len(way.chain)-1] = &last
		}
		return t.withRoot(alone(t.Root, way.chain))
	}
	if len(words) == 0 {
		return t
	}
	return t.withRoot(&Node{Kind: Container, Name: t.Root.Name, Schema: t.Root.Schema})
}

// inner is the tree whose root is the statement at a path that is there, or for a leaf what the leaf is in.
func (t *Tree) inner(words []string) *Tree {
	way, _ := find(t.Root, words)
	n := way.node()
	if n.Kind == Leaf || n.Kind == LeafList {
		return t.withRoot(alone(way.holder(), []*Node{n}))
	}
	return t.withRoot(n)
}

func (t *Tree) withRoot(root *Node) *Tree {
	c := *t
	c.Root = root
	return &c
}

// alone copies top with one child a level, those of way; the last is kept whole. No way at all keeps all.
func alone(top *Node, way []*Node) *Node {
	if len(way) == 0 {
		return top
	}
	c := *top
	c.Children = []*Node{alone(way[0], way[1:])}
	return &c
}
