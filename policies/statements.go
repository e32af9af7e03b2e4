package policies

import (
	"strings"

	"rhapsode/diffs/junos"
)

// statement is one path of words below an object, the form in which the configuration is independent of how a schema
// shapes it: `term A from protocol icmp`. A leaf-list with three values is three statements.
type statement struct {
	words []string
	// inactive and comment belong to the object or one of its terms; deeper ones are refused when reading.
	inactive bool
	comment  string
}

// flatten gives the statements below n in their order. markable says at which relative paths a statement may carry
// `inactive:` or an annotation; these come as statements of their own, before what they hold.
func flatten(base []string, n *junos.Node, markable func(words []string) bool) ([]statement, error) {
	var out []statement
	var walk func(n *junos.Node, at []string) error
	walk = func(n *junos.Node, at []string) error {
		for _, c := range n.Children {
			w := c.Words()
			here := join(at, w...)
			if err := refuseMarks(base, here, c, markable(here)); err != nil {
				return err
			}
			switch {
			case markable(here):
				out = append(out, statement{words: here, inactive: c.Inactive, comment: strings.TrimSpace(c.Annotation)})
				if err := walk(c, here); err != nil {
					return err
				}
			case c.Kind == junos.LeafList && len(c.Values) > 0:
				key := join(at, w[:len(w)-len(c.Values)]...)
				for _, v := range c.Values {
					out = append(out, statement{words: join(key, v)})
				}
			case len(c.Children) == 0:
				out = append(out, statement{words: here})
			default:
				if err := walk(c, here); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return out, walk(n, nil)
}

func refuseMarks(base, here []string, n *junos.Node, markable bool) error {
	reason := ""
	switch {
	case n.Protected:
		reason = "a protected statement inside a policy object is not known"
	case n.Op != junos.NoOp:
		reason = "a load-time tag inside a policy object is not known"
	case !markable && n.Inactive:
		reason = "an inactive statement inside a term is not known"
	case !markable && strings.TrimSpace(n.Annotation) != "":
		reason = "an annotation inside a term is not known"
	}
	if reason == "" {
		return nil
	}
	return &UnknownError{Path: join(base, here...), Reason: reason}
}

// join makes a new slice, so that paths never share their tails.
func join(at []string, more ...string) []string {
	out := make([]string, 0, len(at)+len(more))
	return append(append(out, at...), more...)
}

// writer builds curly text, four blanks a level.
type writer struct {
	b     strings.Builder
	depth int
}

func (w *writer) indent() { w.b.WriteString(strings.Repeat("    ", w.depth)) }

// mark writes what stands before a statement: its annotation and its `inactive:`.
func (w *writer) mark(comment string, inactive bool) {
	if comment != "" {
		w.indent()
		w.b.WriteString("/* " + comment + " */\n")
	}
	w.indent()
	if inactive {
		w.b.WriteString("inactive: ")
	}
}

// open begins a block whose head is already indented by mark.
func (w *writer) open(head ...string) {
	w.b.WriteString(words(head) + " {\n")
	w.depth++
}

// block writes a block, or nothing when body writes nothing.
func (w *writer) block(head string, body func(*writer)) {
	inner := &writer{depth: w.depth + 1}
	body(inner)
	if inner.b.Len() == 0 {
		return
	}
	w.indent()
	w.b.WriteString(head + " {\n" + inner.b.String())
	w.indent()
	w.b.WriteString("}\n")
}

func (w *writer) end() {
	w.depth--
	w.indent()
	w.b.WriteString("}\n")
}

// leaf writes one statement of the given words.
func (w *writer) leaf(ws ...string) {
	w.indent()
	w.b.WriteString(words(ws) + ";\n")
}

// list writes a leaf-list: nothing, one value, or bracketed values.
func (w *writer) list(key string, values []string) {
	switch len(values) {
	case 0:
	case 1:
		w.leaf(key, values[0])
	default:
		w.indent()
		w.b.WriteString(key + " [ " + words(values) + " ];\n")
	}
}

func (w *writer) flag(key string, set bool) {
	if set {
		w.leaf(key)
	}
}

func (w *writer) optional(key, value string) {
	if value != "" {
		w.leaf(key, value)
	}
}
