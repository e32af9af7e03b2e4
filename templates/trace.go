package templates

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
)

// Tracing tells what went into a rendered text. A template is changed after it is parsed, so that every access to a fact
// is a call that notes the access and hands the value on, and so that marks in the output tell where a value was printed
// and which conditions stand around a place. Without the marks, the text is the same as that of the untouched template;
// Explain makes sure of it.
//
//	{{ .Name }}               begin, {{ read .Name }}, end: a print
//	{{ if .MTU }}…{{ end }}   begin, {{ if read .MTU }} enter … {{ end }}, leave: a frame around its text
const (
	traceStart = '\x03'
	traceEnd   = '\x04'

	callRead  = "trace_read"
	callBegin = "trace_begin"
	callEnd   = "trace_end"
	callEnter = "trace_enter"
	callLeave = "trace_leave"
)

// tracer is what the changed templates of an engine share: the numbers of their nodes and of their accesses.
type tracer struct {
	nodes    []tracedNode
	accesses []access
}

// tracedNode is an action, condition, loop or call of a template.
type tracedNode struct {
	declares []string // variables that it sets
	assigns  bool     // they were there before: {{ $x = … }}
	prints   bool
	setsDot  bool
}

// access is a place where a template reads a fact.
type access struct {
	node     int
	names    []string // the fields, one for each receiver
	variable string   // $x; empty: the fields are those of the dot
}

// instrument changes the nodes of a list. t is the tree that they are of.
func (x *tracer) instrument(list *parse.ListNode) {
	if list == nil {
		return
	}
	out := make([]parse.Node, 0, 3*len(list.Nodes))
	for _, n := range list.Nodes {
		k := len(x.nodes)
		switch n := n.(type) {
		case *parse.ActionNode:
			x.nodes = append(x.nodes, tracedNode{declares: declared(n.Pipe), assigns: n.Pipe.IsAssign, prints: len(n.Pipe.Decl) == 0})
			x.pipe(k, n.Pipe)
			out = append(out, call(callBegin, k), n, call(callEnd, k))
			continue
		case *parse.TemplateNode:
			x.nodes = append(x.nodes, tracedNode{setsDot: true})
			x.pipe(k, n.Pipe)
			out = append(out, call(callBegin, k), call(callEnter, k), n, call(callLeave, k))
			continue
		case *parse.IfNode:
			x.branch(k, &n.BranchNode, false)
		case *parse.RangeNode:
			x.branch(k, &n.BranchNode, true)
		case *parse.WithNode:
			x.branch(k, &n.BranchNode, true)
		default:
			out = append(out, n)
			continue
		}
		out = append(out, call(callBegin, k), n, call(callLeave, k))
	}
	list.Nodes = out
}

func (x *tracer) branch(k int, n *parse.BranchNode, setsDot bool) {
	x.nodes = append(x.nodes, tracedNode{declares: declared(n.Pipe), setsDot: setsDot})
	x.pipe(k, n.Pipe)
	for _, list := range []*parse.ListNode{n.List, n.ElseList} {
		if list != nil {
			x.instrument(list)
			list.Nodes = append([]parse.Node{call(callEnter, k)}, list.Nodes...)
		}
	}
}

func declared(p *parse.PipeNode) []string {
	var out []string
	for _, v := range p.Decl {
		out = append(out, v.Ident[0])
	}
	return out
}

// pipe changes what a pipeline reads.
func (x *tracer) pipe(k int, p *parse.PipeNode) {
	if p == nil {
		return
	}
	for i, c := range p.Cmds {
		for j, a := range c.Args {
			// The first word of a command may be a function or a method that takes the other words, or the value of the
			// command before: such a one is left alone.
			if j == 0 && (len(c.Args) > 1 || i > 0) {
				if inner, ok := a.(*parse.PipeNode); ok {
					x.pipe(k, inner)
				}
				continue
			}
			c.Args[j] = x.argument(k, a)
		}
	}
}

// argument gives the node that reads what a does, and notes it.
func (x *tracer) argument(k int, a parse.Node) parse.Node {
	read := access{node: k}
	var receivers []parse.Node
	switch a := a.(type) {
	case *parse.PipeNode:
		x.pipe(k, a)
		return a
	case *parse.ChainNode:
		if inner, ok := a.Node.(*parse.PipeNode); ok {
			x.pipe(k, inner)
		}
		return a
	case *parse.DotNode:
	case *parse.FieldNode:
		read.names = a.Ident
		receivers = append(receivers, &parse.DotNode{NodeType: parse.NodeDot, Pos: a.Pos})
		for i := 1; i < len(a.Ident); i++ {
			receivers = append(receivers, &parse.FieldNode{NodeType: parse.NodeField, Pos: a.Pos, Ident: a.Ident[:i]})
		}
	case *parse.VariableNode:
		read.variable, read.names = a.Ident[0], a.Ident[1:]
		for i := 1; i < len(a.Ident); i++ {
			receivers = append(receivers, &parse.VariableNode{NodeType: parse.NodeVariable, Pos: a.Pos, Ident: a.Ident[:i]})
		}
	default:
		return a
	}
	x.accesses = append(x.accesses, read)
	args := []parse.Node{parse.NewIdentifier(callRead), number(len(x.accesses) - 1), a}
	return pipeOf(append(args, receivers...))
}

func number(n int) parse.Node {
	return &parse.NumberNode{NodeType: parse.NodeNumber, IsInt: true, Int64: int64(n), Text: strconv.Itoa(n)}
}

func pipeOf(args []parse.Node) *parse.PipeNode {
	return &parse.PipeNode{NodeType: parse.NodePipe, Cmds: []*parse.CommandNode{{NodeType: parse.NodeCommand, Args: args}}}
}

func call(name string, k int) parse.Node {
	return &parse.ActionNode{NodeType: parse.NodeAction, Pipe: pipeOf([]parse.Node{parse.NewIdentifier(name), number(k)})}
}

// recorder notes what one traced render reads.
type recorder struct {
	tracer *tracer
	keys   *keyer

	reads   [][]ref          // by node: what it has read since it began
	depths  []int            // by node: frames that were open when it began
	bound   map[string][]ref // by variable: what its value was read from
	stack   []int            // the open frames
	current int              // the node that began last

	prints [][]ref
	frames []frame
}

// frame is what a condition, a loop or a call has read: it is why the text inside is there.
type frame struct {
	refs    []ref
	setsDot bool
}

func newRecorder(x *tracer, k *keyer) *recorder {
	return &recorder{tracer: x, keys: k, reads: make([][]ref, len(x.nodes)), depths: make([]int, len(x.nodes)), bound: map[string][]ref{}}
}

// functions are the calls that instrument puts in, and the placing functions, which tell what their object is made of.
func (r *recorder) functions(p *page) template.FuncMap {
	out := functions(p.library, p.secret)
	maps.Copy(out, template.FuncMap{callRead: r.read, callBegin: r.begin, callEnd: r.end, callEnter: r.enter, callLeave: r.leave})
	for name, what := range map[string]string{"filter": "filter", "policy": "policy-statement", "prefixlist": "prefix-list", "community": "community", "aspath": "as-path"} {
		place, ok := out[name].(func(string) (string, error))
		if !ok {
			continue
		}
		out[name] = func(object string) (string, error) {
			r.note(r.current, p.refs[what+" "+object])
			return place(object)
		}
	}
	return out
}

func (r *recorder) note(node int, refs []ref) { r.reads[node] = append(r.reads[node], refs...) }

// read notes an access and gives its value. receivers are what the fields of the access are fields of.
func (r *recorder) read(n int, value reflect.Value, receivers ...reflect.Value) reflect.Value {
	a := r.tracer.accesses[n]
	for i := len(receivers) - 1; i >= 0; i-- {
		if refs := r.keys.field(receivers[i], a.names[i]); len(refs) > 0 {
			r.note(a.node, refs)
			return value
		}
	}
	if refs, ok := r.bound[a.variable]; ok {
		r.note(a.node, refs)
	} else if a.variable == "" {
		r.note(a.node, r.dot())
	}
	return value
}

// dot is what the dot was read from, where it is no struct of the facts that can tell by itself.
func (r *recorder) dot() []ref {
	for i := len(r.stack) - 1; i >= 0; i-- {
		if f := r.frames[r.stack[i]]; f.setsDot && len(f.refs) > 0 {
			return f.refs
		}
	}
	return nil
}

func mark(kind byte, n int) string { return fmt.Sprintf("%c%c%d%c", traceStart, kind, n, traceEnd) }

func (r *recorder) begin(k int) string {
	r.current, r.reads[k], r.depths[k] = k, nil, len(r.stack)
	if r.tracer.nodes[k].prints {
		return mark('p', 0)
	}
	return ""
}

func (r *recorder) end(k int) string {
	r.bind(k)
	if !r.tracer.nodes[k].prints {
		return ""
	}
	r.prints = append(r.prints, r.reads[k])
	return mark('q', len(r.prints)-1)
}

// bind notes what the variables of a node were made from. Whether an assignment happens is decided by what stands around
// it, and another one may have come before.
func (r *recorder) bind(k int) {
	for _, v := range r.tracer.nodes[k].declares {
		if !r.tracer.nodes[k].assigns {
			r.bound[v] = r.reads[k]
			continue
		}
		refs := append(slices.Clone(r.bound[v]), r.reads[k]...)
		for _, f := range r.stack {
			refs = append(refs, r.frames[f].refs...)
		}
		r.bound[v] = refs
	}
}

func (r *recorder) enter(k int) string {
	r.bind(k)
	r.frames = append(r.frames, frame{r.reads[k], r.tracer.nodes[k].setsDot})
	n := len(r.frames) - 1
	r.stack = append(r.stack[:r.depths[k]], n)
	return mark('l', r.depths[k]) + mark('f', n)
}

// leave closes the frames of a node; {{ break }} and {{ continue }} may have left more than one open.
func (r *recorder) leave(k int) string {
	r.stack = r.stack[:r.depths[k]]
	return mark('l', r.depths[k])
}

// span is a piece of the output that a print wrote.
type span struct {
	from, to int // lines, from 0
	text     string
	refs     []ref
}

// traced is what is known of a traced text, by line from 0.
type traced struct {
	spans  []span
	frames []map[int]bool // the frames around what stands in the line
}

// extract takes the marks of tracing out of a rendered text; those of engine.mark stay.
func (r *recorder) extract(raw string) (string, *traced) {
	t := &traced{frames: []map[int]bool{{}}}
	var b strings.Builder
	var stack []int
	line, started, startLine := 0, 0, 0
	for raw != "" {
		if raw[0] != traceStart {
			end := strings.IndexByte(raw, traceStart)
			if end < 0 {
				end = len(raw)
			}
			for i, l := range strings.Split(raw[:end], "\n") {
				if i > 0 {
					line++
					t.frames = append(t.frames, map[int]bool{})
				}
				if strings.TrimSpace(markPattern.ReplaceAllString(l, "")) != "" {
					for _, f := range stack {
						t.frames[line][f] = true
					}
				}
			}
			b.WriteString(raw[:end])
			raw = raw[end:]
			continue
		}
		end := strings.IndexByte(raw, traceEnd)
		n, err := strconv.Atoi(raw[2:end])
		if err != nil {
			return raw, t // not a mark of ours: Explain sees that the texts differ
		}
		switch raw[1] {
		case 'p':
			started, startLine = b.Len(), line
		case 'q':
			text := markPattern.ReplaceAllString(b.String()[started:], "")
			t.spans = append(t.spans, span{startLine, line, text, r.prints[n]})
		case 'f':
			stack = append(stack, n)
		case 'l':
			stack = stack[:n]
		}
		raw = raw[end+1:]
	}
	return b.String(), t
}
