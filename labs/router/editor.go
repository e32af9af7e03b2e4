package router

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"rhapsode/diffs/junos"
)

// maxCommandLine is the longest line that the line editor takes, in characters; it would drop what comes after.
const maxCommandLine = 4000

// The keys that the line editor leaves to us, and those that stand for ^C and ^D behind the keyboard: control
// characters that no terminal sends for a line.
const (
	keyTab    = '\t'
	keySearch = 0x12 // ^R
	keyAbort  = 0x1e
	keyEnd    = 0x1f
)

// terminalLines is a person at a terminal: a line editor that completes and helps, and a pager for what is shown.
type terminalLines struct {
	t     *term.Terminal
	keys  *keyboard
	raw   io.Writer // the terminal without the editor
	pager *pager

	complete func(string) completion // nil: the line is no command
	onSpace  bool                    // the space bar completes
	prompt   string
	eot      bool
	aborted  bool
	history  *lineHistory
	search   searchState
}

func newTerminalLines(ch io.ReadWriter) *terminalLines {
	l := &terminalLines{keys: &keyboard{r: ch}, raw: ch, onSpace: true, history: &lineHistory{}}
	l.t = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{editorKeys{l.keys}, ch}, "")
	l.t.History = l.history
	l.t.AutoCompleteCallback = l.key
	l.pager = &pager{out: l.t, key: l.keys.next, raw: ch}
	return l
}

// next reads a command.
func (l *terminalLines) next(prompt string) (string, bool, error) {
	l.history.off = false
	defer func() { l.history.off = true }()
	return l.read(prompt)
}

// ask reads the answer to a question, which is no command: nothing is completed, and it is not in the history.
func (l *terminalLines) ask(question string) (string, error) {
	complete := l.complete
	l.complete = nil
	defer func() { l.complete = complete }()
	line, _, err := l.read(question)
	return line, err
}

func (l *terminalLines) read(prompt string) (string, bool, error) {
	l.eot, l.aborted, l.prompt, l.search = false, false, prompt, searchState{}
	l.pager.begin()
	l.t.SetPrompt(prompt)
	line, err := l.t.ReadLine()
	if errors.Is(err, term.ErrPasteIndicator) {
		err = nil
	}
	if l.aborted {
		return "", false, err
	}
	if err == nil && utf8.RuneCountInString(line) >= maxCommandLine {
		return "", false, errLineTooLong
	}
	return line, l.eot, err
}

// errLineTooLong is a line that the editor has cut.
var errLineTooLong = fmt.Errorf("command line is longer than %d characters", maxCommandLine)

// errInterrupted is ^C where text is read.
var errInterrupted = errors.New("interrupted")

// text reads a line of a text that is typed or pasted. It has no editor, which would drop tabs and long lines.
func (l *terminalLines) text() (line string, eot bool, err error) {
	l.pager.begin()
	var b []byte
	shown := 0
	echo := func(more string) { // what was pasted is shown in few pieces
		_, _ = io.WriteString(l.raw, string(b[shown:])+more) // a broken channel shows at the next key
		shown = len(b)
	}
	for {
		c, err := l.keys.next()
		second := l.keys.afterCR && c == '\n'
		l.keys.afterCR = c == '\r'
		switch {
		case err != nil:
			return string(b), false, err
		case second: // of a CRLF
		case c == '\r' || c == '\n':
			echo("\r\n")
			return string(b), false, nil
		case c == 0x03:
			echo("^C\r\n")
			return "", false, errInterrupted
		case c == 0x04:
			if len(b) > 0 {
				echo("\r\n")
			}
			return string(b), true, nil
		case c == 0x7f || c == '\b':
			if len(b) > 0 {
				echo("\b \b")
				_, n := utf8.DecodeLastRune(b)
				b = b[:len(b)-n]
				shown = len(b)
			}
		case c == 0x1b:
			l.keys.dropSequence()
		case c >= ' ' || c == '\t':
			b = append(b, c)
			if l.keys.pending() == 0 {
				echo("")
			}
		}
	}
}

// key is called for what the editor does not know itself. It returns the line as it is to be, and whether that key is
// done with.
func (l *terminalLines) key(line string, pos int, key rune) (string, int, bool) {
	if key != keySearch {
		l.search = searchState{}
	}
	switch key {
	case keyEnd:
		l.eot = true
		return line, pos, true
	case keyAbort:
		l.aborted = true
		return line, pos, true
	case keySearch:
		return l.searchBack(line, pos)
	}
	if l.complete == nil || inQuotes(line[:pos]) || strings.HasPrefix(strings.TrimLeft(line, " "), "#") {
		return line, pos, false
	}
	switch {
	case key == '?':
		c := l.complete(line[:pos])
		if c.err != nil || len(c.list) == 0 && !c.enter {
			l.complain(line, pos, c)
		} else {
			l.show(line, pos, c.table())
		}
		return line, pos, true
	case key == keyTab:
		return l.tab(line, pos)
	case key == ' ' && l.onSpace && pos == len(line) && line != "" && !strings.HasSuffix(line, " "):
		return l.space(line, pos)
	}
	return line, pos, false
}

// inQuotes tells whether a line ends inside of a quoted word.
func inQuotes(line string) bool {
	_, err := tokens(line)
	return err != nil
}

// space completes a keyword when there is but one that fits, and says so when there are several or none.
func (l *terminalLines) space(line string, pos int) (string, int, bool) {
	c := l.complete(line)
	found := c.keywords()
	for _, x := range c.list {
		if x.word == c.word {
			return line, pos, false
		}
	}
	switch {
	case c.err == nil && c.word == "":
		return line, pos, false
	case c.err == nil && len(found) == 1:
		line = line[:c.from] + found[0].word + " "
		return line, len(line), true
	case c.err == nil && c.free:
		return line, pos, false
	case c.err == nil && len(found) > 1:
		l.complain(line, pos, c)
		return line, pos, true
	}
	if named := c.words(); c.err == nil && len(named) > 0 {
		return line, pos, false
	}
	if c.err == nil || c.at >= c.from { // what is wrong further in front was said when it was typed
		l.complain(line, pos, c)
	}
	return line, pos, false
}

// tab completes what is being typed as far as it goes, names too; when that is nowhere it shows what there is.
func (l *terminalLines) tab(line string, pos int) (string, int, bool) {
	c := l.complete(line[:pos])
	found := c.words()
	if c.err != nil || len(found) == 0 {
		switch {
		case c.err == nil && c.enter && len(c.list) == 0:
		case c.err == nil && c.free && c.word != "":
		case c.err == nil && len(c.list) > 0:
			l.show(line, pos, c.table())
		default:
			l.complain(line, pos, c)
		}
		return line, pos, true
	}
	common := found[0].spelled()
	for _, x := range found[1:] {
		for !strings.HasPrefix(x.spelled(), common) {
			common = common[:len(common)-1]
		}
	}
	full := len(found) == 1 && (pos == len(line) || line[pos] != ' ')
	if len(common) <= len(c.word) && !full {
		l.show(line, pos, c.table())
		return line, pos, true
	}
	for !utf8.ValidString(common) {
		common = common[:len(common)-1]
	}
	if full {
		common += " "
	}
	return line[:c.from] + common + line[pos:], c.from + len(common), true
}

// complain shows why a line cannot go on, as Junos does: a caret under the word, the reason, what there is, and the line
// anew.
func (l *terminalLines) complain(line string, pos int, c completion) {
	at := c.from
	if c.err != nil {
		at = c.at
	}
	caret := utf8.RuneCountInString(l.prompt) + utf8.RuneCountInString(line[:min(at, len(line))])
	text := strings.Repeat(" ", caret) + "^\n" + c.message() + "\n"
	if c.err == nil && len(c.keywords()) > 1 {
		text += c.table()
	} else {
		text += "\n"
	}
	l.show(line, pos, text)
}

// spelled is a candidate as it is typed.
func (c candidate) spelled() string {
	if c.name {
		return junos.Quote(c.word)
	}
	return c.word
}

// show writes a text below the line that is being edited, and the line anew below it, as the editor believes it to be.
func (l *terminalLines) show(line string, pos int, text string) {
	behind := utf8.RuneCountInString(line[pos:])
	var b strings.Builder
	if behind > 0 {
		b.WriteString(line[pos:])
	}
	b.WriteString("\n")
	p := pager{out: crlfWriter{l.raw}, raw: l.raw, key: l.keys.next}
	p.length.Store(l.pager.length.Load())
	_, _ = io.WriteString(&p, b.String()+text) // a broken channel shows at the next key
	_, _ = io.WriteString(l.raw, l.prompt+line)
	if behind > 0 {
		_, _ = fmt.Fprintf(l.raw, "\x1b[%dD", behind)
	}
}

// searchState is where ^R is in the history.
type searchState struct {
	on      bool
	pattern string
	at      int
}

// searchBack puts the last line of the history that holds what was typed in its place; again, the one before that.
func (l *terminalLines) searchBack(line string, pos int) (string, int, bool) {
	if l.complete == nil {
		return line, pos, true
	}
	if !l.search.on {
		l.search = searchState{on: true, pattern: line}
	}
	for ; l.search.at < l.history.Len(); l.search.at++ {
		if found := l.history.At(l.search.at); strings.Contains(found, l.search.pattern) && found != line {
			l.search.at++
			return found, len(found), true
		}
	}
	return line, pos, true
}

// maxHistory is how many lines the editor remembers.
const maxHistory = 200

// lineHistory is the history of commands: no answers to questions, no empty lines, nothing twice in a row.
type lineHistory struct {
	lines []string // the newest last
	off   bool
}

// Add remembers a line.
func (h *lineHistory) Add(line string) {
	if h.off || strings.TrimSpace(line) == "" || len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return
	}
	h.lines = append(h.lines, line)
	if len(h.lines) > maxHistory {
		h.lines = h.lines[1:]
	}
}

// Len is how many lines there are.
func (h *lineHistory) Len() int { return len(h.lines) }

// At returns a line, 0 being the newest.
func (h *lineHistory) At(i int) string { return h.lines[len(h.lines)-1-i] }
