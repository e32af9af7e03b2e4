package templates

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"go.yaml.in/yaml/v3"

	"rhapsode/diffs/junos"
	"rhapsode/inventory"
)

// hostile are texts that mean something to the configuration language, to YAML, to a template or to a terminal.
var hostile = []string{
	"", " ", "x ", " x", `a"b`, `"`, `'`, "a;b", "{", "}", "a{b}", "[ a b ]", "a b", "a\nb", "a\tb", "a\rb", "a\x00b", "a\x7fb", "a\x1bb",
	"/* x */", "/*", "*/", "# x", "## x", "a#b", `a\b`, `\`, `a\`, `\"`, `\n`, "täst", "日本", "a\u2028b", "a\u202eb", "\ufeffx",
	"replace:", "inactive:", "protect:", "delete:", "replace: x", "apply-groups", "<*>", "$junos-x", "{{ .X }}", "%s", "\x010\x02", "-", "--", ".", "..", "a/b", "../x",
	"a|b", "a*b", "a?b", "a&b", "a<b", "a=b", "a,b", "a:b", "a(b)", "a$b", "a!b", "a@b", "unit", "any", "all", "none", "default",
	strings.Repeat("x", 64), strings.Repeat("x", 300), strings.Repeat("word ", 2000) + "x",
	"0", "-1", "1.5", "99999999999999999999", "0x10", "1_000", "٣",
}

// traps are values that YAML reads as something else than they look like, as they stand in a file.
var traps = []string{
	"12:34", "0777", "0o17", "yes", "no", "on", "1e3", ".inf", ".nan", "2001:db8::/32", "~", "null", "2026-03-09", "!!binary eA==", "!!str 1", "!x y", "&a b", "*a",
	"[]", "{}", "[a, b]", "{a: b}", "|", "> x", "`x`", "@x", "%x", "a: b", "- a", "0x1F", "+1", "1_000", "=", "<<",
}

func wordsOf(t *junos.Tree) map[string]int {
	out := map[string]int{}
	var walk func(*junos.Node)
	walk = func(n *junos.Node) {
		for _, v := range n.Values {
			out[v]++
		}
		for _, c := range n.Children {
			walk(c)
		}
	}
	walk(t.Root)
	return out
}

// held are the words of everything that is rendered of an inventory, by name of the device; what is not the text that it should be
// is an error of the test.
func held(t *testing.T, net *inventory.Network) (map[string]map[string]int, error) {
	t.Helper()
	r, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Secret = StandIn
	out := map[string]map[string]int{}
	for _, d := range net.Devices {
		got, err := r.Render(net, d)
		if err != nil {
			return nil, err
		}
		again, err := r.Render(net, d)
		if err != nil || again.Text != got.Text {
			t.Errorf("%s: a second render differs: %v", d.Name, err)
		}
		read, err := junos.ParseChange(d.Name, []byte(got.Text), nil)
		if err != nil || read.Text() != got.Text {
			return nil, fmt.Errorf("%s: the text is not read as it was written: %w", d.Name, err)
		}
		if guesses := junos.Guesses(read); len(guesses) > 0 {
			return nil, fmt.Errorf("%s: our table does not know %v", d.Name, guesses)
		}
		out[d.Name] = wordsOf(read)
	}
	for _, h := range net.Hosts {
		if _, err := RenderHost(net, h); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// quoted writes a value as a YAML scalar in double quotes.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f || r == 0x2028 || r == 0xfeff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// put writes YAML in the place of a leaf.
func put(data []byte, l leaf, text string) []byte {
	old := l.node.Value
	switch l.node.Style {
	case yaml.DoubleQuotedStyle:
		old = `"` + old + `"`
	case yaml.SingleQuotedStyle:
		old = `'` + old + `'`
	}
	lines := strings.Split(string(data), "\n")
	at := &lines[l.node.Line-1]
	from := l.node.Column - 1
	if !strings.HasPrefix((*at)[from:], old) {
		return nil
	}
	*at = (*at)[:from] + text + (*at)[from+len(old):]
	return []byte(strings.Join(lines, "\n"))
}

// TestHostileValues writes hostile values in the place of the example's, of each kind of place. Either the inventory is
// refused, at that place; or every device is rendered, to a text that our engine reads as it was written, with no
// statement that it has to guess, and with the value as it stands in the inventory.
func TestHostileValues(t *testing.T) {
	files := tree(t, "../inventory/example")
	net, err := loadTree(files)
	if err != nil {
		t.Fatal(err)
	}
	before, err := held(t, net)
	if err != nil {
		t.Fatal(err)
	}
	h := hostileTest{files: files, before: before}
	done := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if folder, _, _ := strings.Cut(name, "/"); folder == "policies" || folder == "definitions" {
			continue
		}
		for _, l := range leaves(t, name, files[name]) {
			kind := strings.SplitN(name, "/", 2)[0] + " " + anyName.ReplaceAllString(l.path, "#")
			if !done[kind] {
				h.leaf(t, l, len(done))
			}
			done[kind] = true
		}
	}
	t.Logf("%d kinds of places, %d values refused, %d rendered", len(done), h.refused, h.rendered)
	if len(done) < 60 || h.refused < 200 || h.rendered < 60 {
		t.Errorf("%d kinds of places, %d values refused, %d rendered", len(done), h.refused, h.rendered)
	}
}

// anyName are the words of a path that are names or numbers: what stands below one is as below another.
var anyName = regexp.MustCompile(`\d[\w:./]*|\b(cr|lb|ping|[xe]e-|et-)[\w/-]+|\b(ams|fra|ada|grace|noc|rhapsode|text-http|text|upload|dns|api|thumbs|northwind|eastlink|southport|westbridge)\b`)

type hostileTest struct {
	files             map[string][]byte
	before            map[string]map[string]int
	refused, rendered int
	free              int // places where any text may stand, so far
}

// leaf tries values at a place: all of them at the first where any text may stand, a few of them elsewhere, others at each place.
func (h *hostileTest) leaf(t *testing.T, l leaf, turn int) {
	t.Helper()
	_, err := h.load(l, quoted("any {text}"))
	free := err == nil && h.free < 3
	if free {
		h.free++
	}
	for i, v := range hostile {
		if free || i%17 == turn%17 {
			h.value(t, l, quoted(v), &v)
		}
	}
	for i, v := range traps {
		if free || i%17 == turn%17 {
			h.value(t, l, v, nil)
		}
	}
}

func (h *hostileTest) load(l leaf, text string) (*inventory.Network, error) {
	changed := maps.Clone(h.files)
	changed[l.file] = put(h.files[l.file], l, text)
	return loadTree(changed)
}

// value tries YAML at a place; exact is the value that it says, nil where YAML may read another.
func (h *hostileTest) value(t *testing.T, l leaf, text string, exact *string) {
	t.Helper()
	at := fmt.Sprintf("%s:%d", l.file, l.node.Line)
	what := fmt.Sprintf("%s: %s: %.40s", at, l.path, text)
	net, err := h.load(l, text)
	if err != nil {
		h.refused++
		list, ok := errors.AsType[inventory.Problems](err)
		switch {
		case !ok || slices.ContainsFunc(list, func(p inventory.Problem) bool { return p.Line == 0 }):
			t.Errorf("%s: the error has no line: %v", what, err)
		case strings.ContainsFunc(strings.ReplaceAll(err.Error(), "\n  ", ""), unicode.IsControl):
			t.Errorf("%s: the error holds control characters: %q", what, err)
		case text == "2001:db8::/32":
			// a network like any other, which may clash with those of other places
		case !strings.Contains(err.Error(), at) || len(list) > 2:
			t.Errorf("%s: not one error at that place: %v", what, err)
		}
		return
	}
	after, err := held(t, net)
	if err != nil {
		h.refused++
		if !strings.Contains(err.Error(), ": "+at+":") {
			t.Errorf("%s: the render's error does not name the place: %v", what, err)
		}
		return
	}
	h.rendered++
	for dev, words := range h.before {
		if exact != nil && words[l.node.Value] > after[dev][l.node.Value] && after[dev][*exact] <= words[*exact] {
			t.Errorf("%s: %s does not hold it", what, dev)
		}
	}
}

// TestRandomTemplates renders templates that are put together by chance. What goes wrong is said with the template's
// line; what does not go wrong is a text that our engine reads.
func TestRandomTemplates(t *testing.T) {
	pieces := []string{
		"system { host-name x; }\n", "system {\n", "}\n", "host-name", ";\n", " a b c;\n", "\"", "\"a b\";\n", "/* note */\n", "/*\n", "*/\n", "# note\n",
		"replace: ", "replace:\n", "inactive: ", "[ a b ];\n", "[ a\n", "];\n", "{{ .Device.Name }}", "{{ quote .Device.Name }};\n", "{{ .Device.Nobody }}\n",
		"{{ .Site.PingOffload.Redirect4.Addr4 }};\n", "{{ if .V6 }}\n", "{{ end }}\n", "{{ range .Device.Interfaces }}{{ quote .Name }} {\n", "{{ else }}", "{{ filter \"border-in4\" }}\n",
		"{{ filter \"nobody\" }}\n", "{{ fail \"x\" }}", "{{ nothing }}", "{{", "}}", "{{/* x */}}", "{{ template \"junos/lldp.tmpl\" . }}\n", "{{ template \"nobody\" . }}",
		"{{ define \"area\" }}x{{ end }}", "\x01" + "3\x02", "\x00", "\\", "é\n", "set system host-name x\n", "delete: a;\n", "firewall { family inet { replace: {{ filter \"border-in4\" }} } }\n",
		"{{ index .Device.Interfaces 99 }}", "{{ secret .Device.RootPassword }};\n", "{{ with .Device.SNMP }}a b;{{ end }}\n", "\n", "  ", "protocols { bgp { group {{ .Device.Name }} { type internal; } } }\n",
	}
	net, dev := small()
	dev.Role = "mine"
	chance := rand.New(rand.NewPCG(1, 2))
	rendered := 0
	for range 600 {
		var b strings.Builder
		for range 1 + chance.IntN(6) {
			b.WriteString(pieces[chance.IntN(len(pieces))])
		}
		var got *Rendered
		r, err := New(fstest.MapFS{"junos/mine.tmpl": {Data: []byte(b.String())}})
		if err == nil {
			r.Secret = StandIn
			got, err = r.Render(net, dev)
		}
		if err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || e.Template == "" || e.Line == 0 || e.Message == "" {
				t.Errorf("%q: the error names no line of a template: %v", b.String(), err)
			}
			continue
		}
		rendered++
		if read, err := junos.ParseChange("", []byte(got.Text), nil); err != nil || read.Text() != got.Text {
			t.Errorf("%q is rendered as what is not read: %v\n%s", b.String(), err, got.Text)
		}
	}
	if rendered < 40 {
		t.Errorf("%d of the templates render", rendered)
	}
}
