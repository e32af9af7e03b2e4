package router

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"rhapsode/diffs/junos"
)

// terminalName is the source of a load that is typed or pasted; complaints name it.
const terminalName = "terminal"

func loadCommands() []*command {
	loads := func(mode junos.Mode, help string) *command {
		return &command{word: mode.String(), help: help, args: argsLoad, run: func(sh *shell, inv invocation) error {
			return sh.load(inv, mode)
		}}
	}
	return []*command{
		loads(junos.Merge, "Merge contents with existing configuration"),
		loads(junos.Override, "Override existing configuration"),
		loads(junos.Patch, "Load patch file into configuration"),
		loads(junos.Replace, "Replace configuration data"),
		loads(junos.Set, "Execute set of commands on existing configuration"),
		loads(junos.Update, "Update existing configuration"),
	}
}

// load is `load MODE FILE|terminal [relative]`.
func (sh *shell) load(inv invocation, mode junos.Mode) error {
	relative := false
	switch {
	case len(inv.args) == 0:
		return faultf("missing argument: a file name or `terminal`")
	case len(inv.args) == 2 && inv.args[1] != "" && strings.HasPrefix("relative", inv.args[1]):
		relative = true
	case len(inv.args) > 1:
		return noArguments(invocation{args: inv.args[1:]})
	}
	name := inv.args[0]
	text, err := sh.loadText(name)
	if err != nil {
		return err
	}
	if name != "" && strings.HasPrefix(terminalName, name) && len(name) > 2 {
		name = terminalName
	}
	where := place{}
	loaded := text
	if relative && len(sh.path) > 0 {
		if where, err = sh.placeOf(mode); err != nil {
			return err
		}
		loaded, mode = where.before+text+where.after, where.mode
	}
	warnings, err := sh.r.db.load(sh.s, name, []byte(loaded), mode)
	return sh.showLoaded(loadReport{name: name, text: loaded, set: mode == junos.Set, skip: strings.Count(where.before, "\n"), lines: strings.Count(text, "\n")}, warnings, err)
}

// loadText is what is to be loaded: a file of the router, or what comes up to ^D.
func (sh *shell) loadText(name string) (string, error) {
	if len(name) < 3 || !strings.HasPrefix(terminalName, name) {
		data, err := sh.r.files.read(name)
		if err != nil {
			return "", fileFault(sh.r.files.absolute(name), err)
		}
		if !utf8.Valid(data) {
			return "", faultf("%s: not a text file", sh.r.files.absolute(name))
		}
		return string(data), nil
	}
	if sh.in == nil {
		return "", faultf("no terminal to load from")
	}
	if sh.pty {
		sh.printf("[Type ^D at a new line to end input]\n")
	}
	var text strings.Builder
	for {
		line, eot, err := sh.in.text()
		if errors.Is(err, errInterrupted) {
			return "", faultf("interrupted, nothing was loaded")
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		text.WriteString(line + "\n")
		if eot || err != nil {
			return text.String(), nil
		}
	}
}

// place is what stands around a text that is relative to the place in the configuration where the user is.
type place struct {
	before, after string
	mode          junos.Mode
}

// placeOf makes the way to here as a text, on a line of its own in front of what is loaded.
func (sh *shell) placeOf(mode junos.Mode) (place, error) {
	switch mode {
	case junos.Override, junos.Patch:
		return place{}, faultf("load %s relative is not supported: go to the top and load the whole path", mode)
	case junos.Set:
		words := make([]string, len(sh.path))
		for i, w := range sh.path {
			words[i] = junos.Quote(w)
		}
		return place{before: "edit " + strings.Join(words, " ") + "\n", mode: mode}, nil
	}
	// What statements the words are, only a tree knows that has them.
	t := sh.r.db.candidateOf(sh.s).Clone()
	line := "set"
	for _, w := range sh.path {
		line += " " + junos.Quote(w)
	}
	if _, err := t.Load("", []byte(line+"\n"), junos.Set); err != nil {
		return place{}, faultf("no place to load to: %s", err)
	}
	out := place{mode: mode}
	n := t.Root
	for i := 1; i <= len(sh.path); i++ {
		next := t.Lookup(sh.path[:i]...)
		if next == nil || next == n {
			continue // in the middle of a statement's words
		}
		tag := ""
		if mode == junos.Update && i == len(sh.path) { // everything here is replaced, and nothing beside it
			tag, out.mode = "replace: ", junos.Replace
		}
		out.before += tag + junos.Head(next, junos.Style{}) + " { "
		out.after += "}"
		n = next
	}
	if t.Lookup(sh.path...) == nil {
		return place{}, faultf("no place to load to: %s", editPath(sh.path))
	}
	out.before, out.after = strings.TrimSuffix(out.before, " ")+"\n", out.after+"\n"
	return out, nil
}

// loadReport says how the complaints about a text are shown.
type loadReport struct {
	name, text string
	set        bool // set lines: without the statement around the word
	skip       int  // lines in front of the text that the user did not write
	lines      int  // lines of the text
}

// showLoaded prints what a load came to, in the form of a device: the place and the word of a mistake, for curly text
// also the path and the statement; then that the load is complete, with the number of errors. A load of set lines has
// no number, and a device, unlike this one, keeps what was right.
func (sh *shell) showLoaded(report loadReport, warnings faults, err error) error {
	found, failed := warnings, faultsOf(err)
	if len(failed) > 0 && failed[0].Pos.Line == 0 {
		return err // it never came to reading the text
	}
	for _, f := range append(found, failed...) {
		sh.printf("%s", report.complaint(f))
	}
	if err != nil {
		sh.printf("warning: nothing was changed: the lab router loads all of a text or nothing\n")
	}
	if count := len(failed); count > 0 && !report.set {
		sh.printf("load complete (%d errors)\n", count)
		return errShown
	}
	sh.printf("load complete\n")
	if err != nil {
		return errShown
	}
	return nil
}

// complaint is how one fault of a text is shown.
func (r loadReport) complaint(f fault) string {
	if f.Warning {
		return faults{f}.text()
	}
	word := wordAt(r.text, f.Pos)
	column := int(f.Pos.Col) - 1
	if !r.set {
		column += len(word)
	}
	line := min(max(1, int(f.Pos.Line)-r.skip), max(1, r.lines)) // what is not closed shows behind the end
	head := fmt.Sprintf("%s:%d:(%d) %s", r.name, line, column, f.Message)
	if word != "" {
		head += ": " + word
	}
	if r.set {
		return head + "\n"
	}
	path := f.Path
	if path == "" {
		path = "[edit]"
	}
	return fmt.Sprintf("%s\n  %s\n    '%s'\n      %s\n", head, path, statementAt(r.text, f.Pos), f.Message)
}

// statementAt is the statement of a curly text that a place is in, as far as it stands on that line.
func statementAt(text string, at junos.Pos) string {
	lines := strings.Split(text, "\n")
	if at.Line < 1 || int(at.Line) > len(lines) {
		return ""
	}
	line := strings.TrimRight(lines[at.Line-1], "\r")
	col := min(max(0, int(at.Col)-1), len(line))
	from := strings.LastIndexAny(line[:col], ";{}") + 1
	to := len(line)
	if end := strings.IndexAny(line[col:], ";{}"); end >= 0 {
		to = col + end + 1
	}
	return strings.TrimSpace(line[from:to])
}
