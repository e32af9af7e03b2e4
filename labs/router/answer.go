package router

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// canonical is the words of a command in full.
func canonical(grammar []*command, words []token) string {
	var full []string
	for i, w := range words {
		c, err := pick(grammar, w.text, i)
		if err != nil {
			break // the caller has found the command by these very words
		}
		full, grammar = append(full, c.word), c.sub
	}
	return strings.Join(full, " ")
}

// errNoAnswer says that a command has text alone.
var errNoAnswer = errors.New("the command has no answer in XML")

// answer is what a command answers in XML: its own answer, or that of structured by its name; errNoAnswer when it has
// but text. A NETCONF <command> and `| display xml` have the same.
func (sh *shell) answer(c *command, name string, inv invocation) (string, error) {
	if c.answer != nil {
		return c.answer(sh, inv)
	}
	if len(inv.args) > 0 {
		name += " " + strings.Join(inv.args, " ")
	}
	if run := structured[name]; run != nil {
		return run(&netconf{r: sh.r, s: sh.s}, &element{name: "command"})
	}
	return "", errNoAnswer
}

// answerLine is what a whole command line answers in XML. With errNoAnswer it is a line to run: it has but text, or it is
// wrong, which running it tells.
func (sh *shell) answerLine(line string) (string, error) {
	words, err := tokens(line)
	if err != nil {
		return "", errNoAnswer
	}
	stages := splitPipes(words)
	c, n, err := find(sh.r.operational, texts(stages[0]))
	if err != nil || len(stages) > 1 || c.shows || c.literal || c.interactive {
		return "", errNoAnswer
	}
	inv := invocation{args: texts(stages[0][n:])}
	if n < len(words) {
		inv.rest = line[words[n].at:]
	}
	return sh.answer(c, canonical(sh.r.operational, stages[0][:n]), inv)
}

// showAnswer is a command with `| display xml` or `| display json`: its answer as a reply, text where it has nothing
// else.
func (sh *shell) showAnswer(c *command, name string, inv invocation) error {
	content, err := sh.answer(c, name, inv)
	if errors.Is(err, errNoAnswer) {
		var text string
		if text, err = sh.capture(func() error { return c.run(sh, inv) }); err == nil {
			content = "<output>\n" + junos.EscapeText(text) + "</output>\n"
		}
	}
	if err != nil {
		return err
	}
	e, err := parseXML([]byte("<rpc-reply>" + content + "</rpc-reply>"))
	if err != nil {
		return fmt.Errorf("answer in xml: %w", err)
	}
	if inv.display.Format == junos.FormatJSON {
		text, err := json.MarshalIndent(jsonOf(e), "", "    ")
		if err != nil {
			return fmt.Errorf("answer in json: %w", err)
		}
		sh.printf("%s\n", text)
		return nil
	}
	var b strings.Builder
	b.WriteString("<rpc-reply xmlns:junos=\"" + junosNS + "\">\n")
	for _, child := range e.children {
		writeElement(&b, child, 1)
	}
	place := sh.banner("", "")
	if sh.config {
		place = editPath(sh.path)
	}
	b.WriteString("    <cli>\n        <banner>" + junos.EscapeText(place) + "</banner>\n    </cli>\n</rpc-reply>\n")
	sh.printf("%s", b.String())
	return nil
}

// writeElement lays an element out as the CLI does: four blanks a level, text on the line of its element.
func writeElement(b *strings.Builder, e *element, depth int) {
	indent := strings.Repeat("    ", depth)
	b.WriteString(indent + "<" + e.name)
	for _, a := range e.attrs {
		name := a.Name.Local
		if a.Name.Space != "" {
			name = a.Name.Space + ":" + name
		}
		b.WriteString(" " + name + "=\"" + junos.EscapeXML(a.Value) + "\"")
	}
	text := strings.TrimSpace(e.text)
	switch {
	case len(e.children) > 0:
		b.WriteString(">\n")
		for _, c := range e.children {
			writeElement(b, c, depth+1)
		}
		b.WriteString(indent + "</" + e.name + ">\n")
	case text == "":
		b.WriteString("/>\n")
	case strings.Contains(text, "\n"):
		b.WriteString(">\n" + junos.EscapeText(strings.Trim(e.text, "\n")) + "\n" + indent + "</" + e.name + ">\n")
	default:
		b.WriteString(">" + junos.EscapeText(text) + "</" + e.name + ">\n")
	}
}

// jsonOf is an element as Junos has operational answers in JSON: each child is an array, text is a member `data`,
// attributes are a member `attributes`.
func jsonOf(e *element) any {
	out := orderedObject{}
	if len(e.attrs) > 0 {
		attrs := orderedObject{}
		for _, a := range e.attrs {
			name := a.Name.Local
			if a.Name.Space != "" {
				name = a.Name.Space + ":" + name
			}
			attrs = append(attrs, member{name, a.Value})
		}
		out = append(out, member{"attributes", attrs})
	}
	if text := strings.TrimSpace(e.text); text != "" {
		out = append(out, member{"data", text})
	}
	if len(out) == 0 && len(e.children) == 0 {
		out = append(out, member{"data", nil})
	}
	for _, c := range e.children {
		at := slices.IndexFunc(out, func(m member) bool { return m.name == c.name })
		if at < 0 {
			at = len(out)
			out = append(out, member{c.name, []any(nil)})
		}
		list, _ := out[at].value.([]any)
		out[at].value = append(list, jsonOf(c))
	}
	return out
}

// orderedObject is a JSON object whose members keep their order.
type orderedObject []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in their order.
func (o orderedObject) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, fmt.Errorf("encode name: %w", err)
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", m.name, err)
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}
