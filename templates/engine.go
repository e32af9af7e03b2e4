package templates

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"text/template/parse"
)

//go:embed junos/*.tmpl
var embedded embed.FS

// shipped gives the engine of the embedded templates, parsed once.
var shipped = sync.OnceValues(func() (*engine, error) { return newEngine(embedded, nil) })

// engine is a set of parsed templates. It is read-only and safe for concurrent use.
type engine struct {
	files  []string
	root   *template.Template
	places []place         // by the number in a mark
	own    map[string]bool // which files are a user's

	policies *policyCache // nil: files of policies are parsed for each device

	tracer  *tracer                 // of an engine that traces
	tracing func() (*engine, error) // the same templates in an engine that traces; made when first asked for
}

// newEngine parses every junos/*.tmpl of base, and of overlay, whose files take the place of base's. overlay may be nil.
func newEngine(base, overlay fs.FS) (*engine, error) {
	e, err := parseEngine(base, overlay)
	if err != nil {
		return nil, err
	}
	e.tracing = sync.OnceValues(func() (*engine, error) {
		x, err := parseEngine(base, overlay)
		if err != nil {
			return nil, err
		}
		x.tracer = &tracer{}
		for _, t := range x.root.Templates() {
			if t.Tree != nil {
				x.tracer.instrument(t.Root)
			}
		}
		return x, nil
	})
	return e, nil
}

func parseEngine(base, overlay fs.FS) (*engine, error) {
	e := &engine{root: template.New("").Option("missingkey=error").Funcs(functions(nil, nil)), own: map[string]bool{}}
	var users []string
	var err error
	if overlay != nil {
		if users, err = sources(overlay); err != nil {
			return nil, err
		}
	}
	for _, f := range users {
		e.own[f] = true
	}
	shipped, err := sources(base)
	if err != nil {
		return nil, err
	}
	// What is replaced is not parsed at all: blocks that it defines must not be left. The user's come last, so that
	// their blocks win.
	shipped = slices.DeleteFunc(shipped, func(f string) bool { return e.own[f] })
	if err := e.parse(base, shipped); err != nil {
		return nil, err
	}
	if err := e.parse(overlay, users); err != nil {
		return nil, err
	}
	e.files = append(shipped, users...)
	for _, t := range e.root.Templates() {
		if t.Tree != nil {
			e.mark(t.Tree, t.Tree.Root)
		}
	}
	return e, nil
}

func (e *engine) parse(fsys fs.FS, files []string) error {
	for _, f := range files {
		text, err := fs.ReadFile(fsys, f)
		if err != nil {
			return fmt.Errorf("read template: %w", err)
		}
		if i := strings.IndexRune(string(text), markStart); i >= 0 {
			line := 1 + strings.Count(string(text[:i]), "\n")
			return &Error{Template: e.shown(f), Line: line, Message: "the control character \\x01 stands here", Hint: "remove it"}
		}
		if _, err := e.root.New(f).Parse(string(text)); err != nil {
			return e.clean(err)
		}
	}
	return nil
}

// shown is how errors name a template's file.
func (e *engine) shown(file string) string {
	if e.own[file] {
		return overlayRoot + file
	}
	return file
}

func (e *engine) execute(name string, p *page) (string, error) {
	return e.run(name, p, functions(p.library, p.secret))
}

func (e *engine) run(name string, p *page, functions template.FuncMap) (string, error) {
	t, err := e.root.Clone()
	if err != nil {
		return "", fmt.Errorf("copy templates: %w", err)
	}
	var b strings.Builder
	if err := t.Funcs(functions).ExecuteTemplate(&b, name, p); err != nil {
		return "", e.clean(err)
	}
	return b.String(), nil
}

// A mark stands in the rendered text at the start of a piece of template text and after each of its line breaks. It
// tells from which line of which template the text came, and is taken out again by strip.
const (
	markStart = '\x01'
	markEnd   = '\x02'
)

// mark puts marks into the text of a template.
func (e *engine) mark(t *parse.Tree, n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, c := range n.Nodes {
			e.mark(t, c)
		}
	case *parse.IfNode:
		e.mark(t, n.List)
		e.mark(t, n.ElseList)
	case *parse.RangeNode:
		e.mark(t, n.List)
		e.mark(t, n.ElseList)
	case *parse.WithNode:
		e.mark(t, n.List)
		e.mark(t, n.ElseList)
	case *parse.TextNode:
		at := lineOf(t, n)
		lines := strings.SplitAfter(string(n.Text), "\n")
		var b strings.Builder
		for i, l := range lines {
			fmt.Fprintf(&b, "%c%d%c%s", markStart, len(e.places), markEnd, l)
			e.places = append(e.places, place{file: e.shown(t.ParseName), line: at + i})
		}
		n.Text = []byte(b.String())
	}
}

// lineOf gives the line on which a node begins.
func lineOf(t *parse.Tree, n parse.Node) int {
	location, _ := t.ErrorContext(n) // FILE:LINE:COLUMN
	parts := strings.Split(location, ":")
	if len(parts) < 3 {
		return 0
	}
	line, err := strconv.Atoi(parts[len(parts)-2])
	if err != nil {
		return 0
	}
	return line
}

var markPattern = regexp.MustCompile(fmt.Sprintf("%c([0-9]+)%c", markStart, markEnd))

// strip takes the marks out of a rendered text. origin[i] is where line i+1 came from: the last mark before the line's
// first word, or for lines that an action wrote, where the action stands.
func strip(raw string, places []place) (text string, origin []place) {
	lines := strings.Split(raw, "\n")
	at := place{}
	for i, l := range lines {
		origin = append(origin, at)
		begun, end := false, 0
		for _, m := range markPattern.FindAllStringSubmatchIndex(l, -1) {
			n, err := strconv.Atoi(l[m[2]:m[3]])
			if err != nil || n >= len(places) {
				continue // not ours: a value that looks like a mark
			}
			begun = begun || strings.TrimSpace(l[end:m[0]]) != ""
			at, end = places[n], m[1]
			if !begun {
				origin[i] = at
			}
		}
		lines[i] = markPattern.ReplaceAllString(l, "")
	}
	return strings.Join(lines, "\n"), origin
}

var (
	// template: junos/bgp.tmpl:12:5: executing "junos/bgp.tmpl" at <.Foo>: can't evaluate …
	complaint = regexp.MustCompile(`(?s)^template: ([^:]*):(\d+)(?::\d+)?: (?:executing "[^"]*" at <(.*?)>: )?(.*)$`)
	noField   = regexp.MustCompile(`^can't evaluate field (\S+) in type (\S+)$`)
	noKey     = regexp.MustCompile(`^map has no entry for key "(.*)"$`)
	noFunc    = regexp.MustCompile(`^function "(.*)" not defined$`)
	nilValue  = regexp.MustCompile(`^nil (?:pointer|data; no entry for key) .*?([A-Za-z0-9_]+)\.([A-Za-z0-9_]+)$`)
	calling   = regexp.MustCompile(`^error calling (\S+): (?s:(.*))$`)
)

// clean turns what text/template says into an *Error: file, line, and what is missing.
func (e *engine) clean(err error) error {
	m := complaint.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	line, convErr := strconv.Atoi(m[2])
	if convErr != nil {
		return errors.Join(err, convErr)
	}
	out := &Error{Template: e.shown(m[1]), Line: line, At: m[3], Message: m[4], err: err}
	switch {
	case match(noField, m[4]) != nil:
		f := match(noField, m[4])
		out.Message = "no field " + f[1]
		out.Hint = "there are " + strings.Join(fieldsOf(f[2]), ", ")
		if len(fieldsOf(f[2])) == 0 {
			out.Hint = "in " + f[2]
		}
	case match(noKey, m[4]) != nil:
		out.Message = "no key " + match(noKey, m[4])[1]
	case match(noFunc, m[4]) != nil:
		out.Message = "no function " + match(noFunc, m[4])[1]
	case match(nilValue, m[4]) != nil:
		f := match(nilValue, m[4])
		out.Message = fmt.Sprintf("no field %s: there is no %s here", f[2], f[1])
		out.Hint = "ask with {{ if }} or {{ with }} first"
	case match(calling, m[4]) != nil:
		out.Message = match(calling, m[4])[2] // At names the function
	case m[4] == "unexpected EOF":
		out.Hint = "an {{ if }}, {{ range }}, {{ with }} or {{ define }} has no {{ end }}"
	}
	return out
}

func match(p *regexp.Regexp, s string) []string { return p.FindStringSubmatch(s) }

// fieldsOf lists the fields of a type of the facts, by the name that text/template prints; nil: not one of them.
func fieldsOf(name string) []string {
	t, ok := factTypes()[strings.TrimPrefix(name, "*")]
	if !ok {
		return nil
	}
	var out []string
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			out = append(out, f.Name)
		}
	}
	return out
}

// factTypes are the structs that a template can reach, found from the page on.
var factTypes = sync.OnceValue(func() map[string]reflect.Type {
	out := map[string]reflect.Type{}
	var walk func(reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || out[t.String()] != nil {
			return
		}
		out[t.String()] = t
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() {
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[page]())
	return out
})
