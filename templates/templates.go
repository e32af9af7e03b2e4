// Package templates renders a device's configuration from the inventory's facts: text/template with a short list of
// functions, the shipped templates embedded from junos/ and a user's own beside them, filters and policies placed by name
// from package policies.
// What comes out is parsed by our own engine, so that a mistake in a template is found here and not on a router.
//
// It is pure: no files but those of the file system that New is given, no clock, no environment, no network; the
// same facts and templates give the same bytes. It may import inventory, policies, diffs/junos and the functions of sprig.
package templates

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"rhapsode/diffs/junos"
	"rhapsode/inventory"
)

// Rendered is the configuration that the inventory wants on a device.
type Rendered struct {
	// Text is canonical: formatted by diffs/junos, with the load-time tags. Load it with mode replace: what a
	// `replace:` tag owns is replaced, the rest of the device's configuration stays.
	Text string
	// Tree is Text as a tree, its tags in Node.Op.
	Tree *junos.Tree
}

// Render renders the configuration of a device by the shipped template of its role, junos/ROLE.tmpl, and applies the
// inventory's overrides of the device (SAFETY 10). net is not changed. Every mistake of a template is an *Error, every
// override that does not fit an *OverrideError; what errors.Unwrap gives does not name the device.
func Render(net *inventory.Network, dev *inventory.Device) (*Rendered, error) {
	e, err := shipped()
	if err != nil {
		return nil, err
	}
	return e.render(net, dev, nil)
}

// Renderer renders with a user's own templates beside the shipped ones. It is safe for concurrent use.
type Renderer struct {
	engine *engine

	// Secret gives the values of secrets. Without it, a device that has one can't be rendered: a text without its keys
	// must not be taken for the whole.
	Secret SecretFunc
}

// SecretFunc gives the value of a secret: that of a Resolver of the inventory, or StandIn.
type SecretFunc func(inventory.Secret) (string, error)

// StandIn gives every secret a value that is none, of the form that it has: for texts that are looked at and checked,
// and never sent.
func StandIn(s inventory.Secret) (string, error) {
	switch s.Form {
	case inventory.FormCrypt:
		return "$6$redacted$redacted", nil
	case inventory.FormJunos9:
		return "$9$redacted", nil
	}
	return "redacted", nil
}

// New makes a renderer of the shipped templates and those of overlay: overlay's junos/NAME.tmpl takes the place of the
// shipped one of that name, or is a new one, also for a role of its own (junos/ROLE.tmpl). A block that it defines takes
// the place of a shipped block of the same name. In errors, a file of overlay is templates/junos/NAME.tmpl, its path in
// an inventory tree. A mistake in the syntax of a template is an *Error; a file that would never be read is an error too.
// A nil overlay has none.
func New(overlay fs.FS) (*Renderer, error) {
	if overlay == nil {
		e, err := shipped()
		if err != nil {
			return nil, err
		}
		own := *e
		own.policies = &policyCache{}
		return &Renderer{engine: &own}, nil
	}
	if err := checkOverlay(overlay); err != nil {
		return nil, err
	}
	e, err := newEngine(embedded, overlay)
	if err != nil {
		return nil, err
	}
	e.policies = &policyCache{}
	return &Renderer{engine: e}, nil
}

// Render is the function Render with the renderer's templates.
func (r *Renderer) Render(net *inventory.Network, dev *inventory.Device) (*Rendered, error) {
	return r.engine.render(net, dev, r.Secret)
}

func (e *engine) render(net *inventory.Network, dev *inventory.Device, secret SecretFunc) (*Rendered, error) {
	r, err := e.renderDevice(net, dev, secret)
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", dev.Name, err)
	}
	return r, nil
}

func (e *engine) renderDevice(net *inventory.Network, dev *inventory.Device, secret SecretFunc) (*Rendered, error) {
	page, err := newPage(net, dev, e.policies)
	if err != nil {
		return nil, err
	}
	page.secret = secret
	name := folder + dev.Role + suffix
	if !slices.Contains(e.files, name) {
		return nil, fmt.Errorf("no template for role %q: there is no %s", dev.Role, name)
	}
	raw, err := e.execute(name, page)
	if err != nil {
		return nil, err
	}
	text, origin := strip(raw, e.places)
	tree, err := junos.ParseChange(dev.Name, []byte(text), nil)
	if err != nil {
		return nil, explain(err, text, origin)
	}
	if err := override(net.Overrides, dev, tree); err != nil {
		return nil, err
	}
	return &Rendered{Text: tree.Text(), Tree: tree}, nil
}

// Error is a mistake in a template, or in what a template rendered.
type Error struct {
	Template string // junos/bgp.tmpl
	Line     int    // in the template, from 1; 0: unknown
	At       string // the expression that failed; may be empty
	Message  string
	Hint     string // what to do; may be empty
	Excerpt  string // lines of the rendered text around the mistake; empty when nothing was rendered
	err      error
}

// Error gives `template FILE:LINE: at <EXPRESSION>: MESSAGE (HINT)` and the excerpt, if any, on lines of its own.
func (e *Error) Error() string {
	s := "template " + e.Template
	if e.Line > 0 {
		s += fmt.Sprintf(":%d", e.Line)
	}
	if e.At != "" {
		s += ": at <" + e.At + ">"
	}
	s += ": " + e.Message
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	if e.Excerpt != "" {
		s += "\n" + strings.TrimRight(e.Excerpt, "\n")
	}
	return s
}

// Unwrap gives what the engine or the parser said.
func (e *Error) Unwrap() error { return e.err }

// place is a line of a template.
type place struct {
	file string
	line int
}

// explain turns a complaint about the rendered text into one about the template that wrote it.
func explain(err error, text string, origin []place) error {
	var first *junos.Error
	if list, ok := errors.AsType[junos.ErrorList](err); ok && len(list) > 0 {
		first = list[0]
	} else if one, ok := errors.AsType[*junos.Error](err); ok {
		first = one
	}
	if first == nil || first.Pos.Line <= 0 || len(origin) == 0 {
		return err
	}
	line := min(int(first.Pos.Line), len(origin))
	at := origin[line-1]
	bare := *first
	bare.File, bare.Pos, bare.Expected = "", junos.Pos{}, ""
	e := &Error{
		Template: at.file, Line: at.line, Message: fmt.Sprintf("rendered line %d: %s", line, bare.Error()),
		Hint: first.Expected, Excerpt: excerpt(text, line), err: err,
	}
	if file, what := unbalanced(text, origin); file != "" {
		if file != at.file {
			e.Template, e.Line = file, 0
		}
		e.Message, e.Hint = what+", noticed at "+e.Message, ""
	}
	return e
}

// excerpt shows a line with two before and after it.
func excerpt(text string, line int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	line = min(line, len(lines)) // the end of the text is behind its last line
	var b strings.Builder
	for i := max(1, line-2); i <= min(len(lines), line+2); i++ {
		mark := ' '
		if i == line {
			mark = '>'
		}
		fmt.Fprintf(&b, "  %c %4d | %s\n", mark, i, strings.TrimRight(lines[i-1], " \t"))
	}
	return b.String()
}

// unbalanced names the first template whose rendered lines open and close braces unequally: with one missing, a parser
// complains far from the place.
func unbalanced(text string, origin []place) (file, what string) {
	depth := map[string]int{}
	var files []string
	for i, l := range strings.Split(text, "\n") {
		if i >= len(origin) {
			break
		}
		f := origin[i].file
		if !slices.Contains(files, f) {
			files = append(files, f)
		}
		depth[f] += braces(l)
	}
	for _, f := range files {
		switch n := depth[f]; {
		case n > 0:
			return f, fmt.Sprintf("%d { not closed", n)
		case n < 0:
			return f, fmt.Sprintf("%d } too many", -n)
		}
	}
	return "", ""
}

// braces counts { minus } in a line; those in quotes and comments are left out.
func braces(line string) int {
	n, quoted := 0, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '#':
			return n
		case c == '{':
			n++
		case c == '}':
			n--
		}
	}
	return n
}
