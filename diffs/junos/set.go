package junos

import "strings"

// Set returns the configuration as set lines, one for each path from the root to a leaf and one for each statement
// without contents; a statement's `deactivate`, `annotate` and `protect` lines follow those of its contents.
// Load-time tags have no set form and are left out, with what is tagged `delete:`.
func (t *Tree) Set() string {
	var w setWriter
	for _, c := range t.Root.Children {
		w.node(t.Root, c)
	}
	return w.b.String()
}

// setWriter keeps the words down to the current statement as one text.
type setWriter struct {
	b    strings.Builder
	path []byte
}

func (w *setWriter) emit(verb, last string) {
	w.b.WriteString(verb)
	w.b.Write(w.path)
	if last != "" {
		w.b.WriteByte(' ')
		w.b.WriteString(last)
	}
	w.b.WriteByte('\n')
}

func (w *setWriter) push(word string) {
	w.path = append(w.path, ' ')
	w.path = append(w.path, Quote(word)...)
}

func (w *setWriter) node(parent, n *Node) {
	if n.Op&DeleteOp != 0 || n.Kind == Entry && len(n.Values) == 0 {
		return
	}
	at := len(w.path)
	if !n.Is(Hidden) {
		w.push(n.Name)
	}
	statement := len(w.path) // the path by which the statement is found again
	switch n.Kind {
	case LeafList:
		if len(n.Values) == 0 {
			w.emit("set", "")
		}
		if n.misfits(parent) && len(n.Values) > 1 { // a line for each would be one value after the other
			w.emit("set", "[ "+joinWords(n.Values)+" ]")
			break
		}
		for _, v := range n.Values {
			w.emit("set", Quote(v))
		}
	case Leaf:
		for _, v := range n.Values {
			w.push(v)
		}
		w.emit("set", "")
		if !n.Is(Hidden) && n.Schema != nil {
			w.path = w.path[:statement]
		}
	default:
		if n.Kind == Entry {
			for _, v := range n.valueWords() {
				w.push(v)
			}
		}
		children := n.Children
		if run := hiddenRun(children); run > 1 {
			at := len(w.path)
			for _, c := range children[:run] {
				w.push(c.Values[0])
			}
			w.emit("set", "")
			w.path = w.path[:at]
			children = children[run:]
		}
		for _, c := range children {
			w.node(n, c)
		}
		if len(n.Children) == 0 {
			w.emit("set", "")
		}
	}
	if n.Inactive {
		w.emit("deactivate", "")
	}
	if n.Annotation != "" {
		w.emit("annotate", Quote(n.Annotation))
	}
	if n.Protected { // last: nothing of it can be changed any more
		w.emit("protect", "")
	}
	w.path = w.path[:at]
}

// hiddenRun counts the leaves without a keyword that a container begins with. They can be told apart by their order
// only, so that several of them stand on one line: `aggregator 64496 192.0.2.1`.
func hiddenRun(children []*Node) int {
	for i, c := range children {
		if c.Kind != Leaf || !c.Is(Hidden) || len(c.Values) != 1 || c.marked() {
			return i
		}
	}
	return len(children)
}
